// The best node for a job without a look at every node (design "matching" section 3). Nodes of one class and region lie
// in blocks of up to 64, blocks in groups of up to 32; each keeps, for every tier, kind and shape, the most that one of
// its nodes could score. A decision looks at the groups, then only at blocks that could hold the winner.
// Invariants: the memo of a block is exact, that of a group at least its blocks'; the answer is that of a look at every
// node, ties included, whatever the layout. Integers only. One writer; decisions tidy bounds, so they count as writes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/matching/match_block.h"

namespace starminer::protocol {

class MatchIndex {
 public:
  struct Layout {
    std::size_t block_nodes = kBlockNodes;  // 1..64
    std::size_t group_blocks = 32;          // 1..32
    const MatchKernels* kernels = &best_kernels();
  };
  /// Weights of the fit term by tier; lanes of tiers beyond them are not kept. Requires: at most kMatchTiers.
  MatchIndex(std::vector<std::uint16_t> fit_weights, Layout layout);
  explicit MatchIndex(std::vector<std::uint16_t> fit_weights) : MatchIndex(std::move(fit_weights), Layout{}) {}

  /// The row of the fit term of a new state, which is numbered from 0 in the order of calls.
  std::uint32_t add_state(const FitRow& row);
  [[nodiscard]] std::size_t states() const { return rows_.size(); }
  [[nodiscard]] const FitRow& row(std::uint32_t state) const { return rows_[state]; }

  /// Inserts a node or changes it. Requires: its state exists.
  void put(const NodeFacts& facts);
  /// Of an unknown id: nothing.
  void erase(std::uint32_t id);
  [[nodiscard]] bool contains(std::uint32_t id) const;
  /// Requires: it contains the id.
  [[nodiscard]] NodeFacts facts(std::uint32_t id) const;

  struct Choice {
    std::uint32_t id = 0;
    std::uint32_t score = 0;

    bool operator==(const Choice&) const = default;
  };
  /// The node with the highest score that passes; of equals the first id from `tie_start`, cyclically.
  [[nodiscard]] std::optional<Choice> choose(const MatchRequest& request);
  /// The same by a look at every block of the allowed places: what benches compare with.
  [[nodiscard]] std::optional<Choice> choose_by_scan(const MatchRequest& request);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t blocks() const { return blocks_.size() - free_blocks_.size(); }
  /// Blocks looked into by decisions so far.
  [[nodiscard]] std::uint64_t blocks_visited() const { return visited_; }
  [[nodiscard]] std::uint64_t memory_bytes() const;
  /// Regions in which a class has nodes, as bits.
  [[nodiscard]] std::uint64_t regions_of(std::uint8_t hardware_class) const { return regions_[hardware_class]; }
  /// Every memo, bound and link is what a fresh computation gives (of bounds: at least). For tests: slow.
  [[nodiscard]] bool is_consistent() const;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::size_t kSparse = 24;  // a block with fewer nodes gives them to another, where there is room

  struct Spot {
    std::uint32_t block = kNone;
    std::uint32_t slot = 0;
  };
  struct Group {
    MatchPlace place;
    std::vector<std::uint32_t> blocks;  // by column
    std::size_t capacity = 0;
    std::vector<std::uint16_t> memo;  // [cell][column]
    std::uint32_t id_low = kNone;
    std::uint32_t id_high = 0;
    ImageBits images_any;
  };
  [[nodiscard]] static constexpr std::uint64_t rank_of(std::uint32_t score, std::uint32_t distance) {
    return std::uint64_t{score} << 32 | ~distance;
  }
  struct Best {
    bool found = false;
    std::uint32_t score = 0;
    std::uint32_t distance = 0;
    std::uint32_t id = 0;

    [[nodiscard]] std::uint64_t rank() const { return rank_of(score, distance); }
  };
  struct Bound {
    std::uint64_t rank = 0;    // score, then nearness in the order of ties: the highest is looked into first
    std::uint32_t number = 0;  // of a group or block
    bool exact = false;        // the terms of its place are in

    [[nodiscard]] std::uint32_t score() const { return static_cast<std::uint32_t>(rank >> 32); }
    bool operator<(const Bound& other) const { return rank < other.rank; }
  };

  [[nodiscard]] std::size_t cells() const { return lane_count_ * kMatchShapes; }
  // Layout (match_layout.cpp)
  [[nodiscard]] Spot find_room(const MatchPlace& place);
  [[nodiscard]] std::uint32_t open_block(const MatchPlace& place);
  [[nodiscard]] std::uint32_t open_group(const MatchPlace& place);
  void close_block(std::uint32_t number);
  void close_group(std::uint32_t number);
  void widen(Group& group, std::size_t capacity);
  void merge_sparse(std::uint32_t number);
  // Columns and memos (match_index.cpp)
  void insert(Spot spot, const NodeFacts& facts);
  void take_out(Spot spot);
  void write(MatchBlock& block, std::size_t slot, const NodeFacts& facts);
  [[nodiscard]] NodeFacts read(const MatchBlock& block, std::size_t slot) const;
  void change(Spot spot, const NodeFacts& facts);
  void publish(const MatchBlock& block, std::size_t lane, const MemoRow& before);
  [[nodiscard]] bool block_is_consistent(std::uint32_t number) const;
  // Decisions (match_choose.cpp)
  void collect(const MatchRequest& request);
  [[nodiscard]] const PlaceTerms& terms_of(const MatchRequest& request, MatchPlace place);
  void visit_group(const MatchRequest& request, std::uint32_t number, Best& best);
  void visit_block(const MatchRequest& request, const PlaceTerms& terms, const MatchBlock& block, Best& best);
  [[nodiscard]] std::uint64_t survivors(const MatchRequest& request, const MatchBlock& block) const;
  [[nodiscard]] bool passes(const MatchRequest& request, const PlaceTerms& terms, const MatchBlock& block,
                            std::size_t slot) const;

  Layout layout_;
  std::size_t tiers_;
  std::size_t lane_count_;
  std::array<std::uint16_t, kMatchTiers> weights_{};
  std::vector<FitRow> rows_;
  std::vector<Spot> spots_;  // by id
  std::vector<std::unique_ptr<MatchBlock>> blocks_;
  std::vector<std::uint32_t> free_blocks_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<std::uint32_t> free_groups_;
  std::vector<std::uint16_t> tops_;                                // [cell][group]: at least the memos of the group
  std::size_t tops_capacity_ = 0;                                  // groups per cell
  std::array<std::vector<std::uint32_t>, kMatchPlaces> of_place_;  // groups
  std::array<std::vector<std::uint32_t>, kClassesMax> of_class_;   // groups
  std::array<std::uint32_t, kMatchPlaces> room_{};                 // free slots in blocks
  std::array<std::uint64_t, kClassesMax> regions_{};
  std::size_t size_ = 0;
  std::uint64_t visited_ = 0;
  std::vector<PlaceTerms> terms_ = std::vector<PlaceTerms>(kMatchPlaces);           // by place
  std::vector<std::uint64_t> terms_of_ = std::vector<std::uint64_t>(kMatchPlaces);  // the decision that asked for them
  std::uint64_t decision_ = 0;
  std::vector<Bound> bounds_;                  // of the decision that runs
  std::vector<Bound> block_bounds_;            // of the group that it looks into
  std::array<MemoRow, kMatchLanes> before_{};  // of the change that runs
};

/// Steps from the start of the tie order to an id.
[[nodiscard]] constexpr std::uint32_t tie_distance(std::uint32_t id, std::uint32_t start, std::uint32_t total) {
  return id >= start ? id - start : id + (total - start);
}

}  // namespace starminer::protocol
