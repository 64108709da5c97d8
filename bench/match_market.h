// A market for the benches of the match index, drawn as the design's "matching" section 1 says: sizes of nodes and jobs
// from openb, classes, regions, providers, tags and constraints random. It keeps every node three times: in the index,
// as a row for the plain scan, and as what is free on it. One thread.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "protocol/market/fit_table.h"
#include "protocol/matching/match_index.h"

namespace starminer::bench {

/// What is unusual about the nodes of a market.
/// `Pairs`: as many nodes in every class of every region, so that blocks are as empty as can be.
enum class Kind { Drawn, AllEqual, OneGpu, OnePlace, Pairs };

struct MatchJob {
  protocol::MatchRequest request;
  protocol::ShapeKey shape;
  std::uint64_t cap = 0;
  std::uint64_t hours_milli = 0;  // expected, on the fastest class
  std::uint8_t home = 0;
  bool names_classes = false;
  std::vector<std::uint32_t> excluded;
};

class MatchMarket {
 public:
  /// At least so many GPUs.
  MatchMarket(std::uint64_t gpus, Kind kind);

  [[nodiscard]] MatchJob draw_job();
  /// A job that every node would take but for what no bound of many nodes tells: more disk than any has.
  [[nodiscard]] MatchJob draw_hopeless_job();
  /// The decision: what a place brings is computed in it, as far as it is asked for.
  [[nodiscard]] std::optional<protocol::MatchIndex::Choice> choose(const MatchJob& job);
  [[nodiscard]] std::optional<protocol::MatchIndex::Choice> choose_by_blocks(const MatchJob& job);
  [[nodiscard]] std::optional<protocol::MatchIndex::Choice> choose_by_rows(const MatchJob& job) const;
  void place(std::uint32_t node, const MatchJob& job);
  /// Ends a random running job. Requires: one runs.
  void release();
  /// One node's reputation moves.
  void change_reputation();
  /// Places jobs until this share of all GPUs is taken, in percent.
  void fill(std::uint64_t percent);

  [[nodiscard]] std::size_t nodes() const { return rows_.size(); }
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] bool is_above(std::uint64_t percent) const { return taken_milli_ * 100 > total_milli_ * percent; }
  [[nodiscard]] protocol::MatchIndex& index() { return *index_; }

 private:
  class Judge;
  struct Running {
    std::uint32_t node = 0;
    std::vector<std::uint8_t> devices;
    std::uint32_t milli = 0;
    std::uint32_t cpu_milli = 0;
    std::uint64_t ram = 0;
  };

  std::uint32_t upto(std::uint32_t most) { return static_cast<std::uint32_t>(random_() % (std::uint64_t{most} + 1)); }
  bool percent(std::uint32_t of_hundred) { return upto(99) < of_hundred; }
  std::uint32_t skewed(std::uint32_t count);
  void draw_providers(std::uint32_t count);
  protocol::NodeFacts draw_node(std::uint32_t id, Kind kind);
  void set_quality(protocol::NodeFacts& node);
  void update(std::uint32_t node);
  [[nodiscard]] protocol::MatchRequest ready(const MatchJob& job) const;

  std::mt19937_64 random_;
  protocol::FitTable fit_;
  std::unique_ptr<protocol::MatchIndex> index_;
  std::vector<protocol::NodeFacts> rows_;
  std::vector<protocol::CapacityRow> free_;
  std::vector<Running> running_;
  struct Provider {
    std::vector<std::uint8_t> classes;
    std::vector<std::uint8_t> regions;
  };
  std::vector<Provider> providers_;
  std::vector<std::vector<std::uint32_t>> latency_ms_;
  std::uint64_t total_milli_ = 0;
  std::uint64_t taken_milli_ = 0;
};

}  // namespace starminer::bench
