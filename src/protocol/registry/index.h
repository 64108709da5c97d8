// What the registry derives from its tables: ratings of active nodes in order, for medians, and what its invariants
// need. Fed by observers only, so that a rollback or a load leaves it right. One writer.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "protocol/registry/registry.h"
#include "protocol/registry/sorted_ratings.h"

namespace starminer::protocol {

class Registry::Index final : public state::Observer<NodeId, NodeRow>,
                              public state::Observer<NodeId, CapacityRow>,
                              public state::Observer<AccountId, ProviderRow>,
                              public state::Observer<NodeId, BenchmarkRow> {
 public:
  explicit Index(const Registry& registry) : registry_(registry) {}

  void on_change(const NodeId& id, const NodeRow* before, const NodeRow* after) override;
  void on_change(const NodeId& id, const CapacityRow* before, const CapacityRow* after) override;
  void on_change(const AccountId& id, const ProviderRow* before, const ProviderRow* after) override;

  void on_change(const NodeId& id, const BenchmarkRow* before, const BenchmarkRow* after) override;

  /// Ratings above 0 of the active nodes of a class for a kind; null where there is none.
  [[nodiscard]] const SortedRatings* ratings(ClassId hardware_class, JobKind kind) const;
  /// Nodes that owe the result of a benchmark.
  [[nodiscard]] std::vector<NodeId> benchmarks_due(const AccountId& provider) const;
  /// Requires: a node has this dense id.
  [[nodiscard]] const NodeId& node_at(std::uint32_t dense_id) const;
  /// Judges the nodes that changed since the last call, and the sums.
  [[nodiscard]] bool judge();

 private:
  using RatingKey = std::pair<ClassId, std::uint8_t>;

  void count(const NodeId& id, const NodeRow& row, bool enters);
  void rate(const NodeRow& row, bool enters);
  [[nodiscard]] bool is_consistent(const NodeId& id) const;

  const Registry& registry_;
  std::map<RatingKey, SortedRatings> ratings_;
  std::set<NodeId> touched_;
  std::set<NodeId> faulty_;
  std::map<AccountId, std::uint64_t> live_by_provider_;
  std::set<AccountId> touched_providers_;
  std::set<AccountId> faulty_providers_;
  std::vector<std::uint8_t> dense_uses_;  // by dense id
  std::vector<NodeId> dense_nodes_;       // by dense id
  std::map<AccountId, std::set<NodeId>> benchmarks_due_;
  std::uint64_t dense_repeats_ = 0;
};

}  // namespace starminer::protocol
