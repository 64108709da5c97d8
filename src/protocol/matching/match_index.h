// The best node for a job without a look at every node (design "matching" section 3). Nodes of one place, a class and a
// region, lie in blocks of up to 64 (those that stand by in its reserve in blocks of their own), blocks in groups of up
// to
// 32. Every block and every place keeps, for each tier,
// kind and shape, the most that one of its nodes could score. A decision ranks the places, class by class in one row,
// then looks only into places, groups and blocks that could hold the winner. Invariants: these memos are exact; other
// bounds may be too wide; the answer is that of a look at every node, ties included, whatever the layout. Integers
// only. One writer; a decision counts as a write.
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
  /// Gives the number of a state to another. Requires: no node is in it.
  void set_state(std::uint32_t state, const FitRow& row);
  [[nodiscard]] std::size_t states() const { return rows_.size(); }
  [[nodiscard]] std::uint32_t nodes_in_state(std::uint32_t state) const { return nodes_in_state_[state]; }
  [[nodiscard]] const FitRow& row(std::uint32_t state) const { return rows_[state]; }

  /// Inserts a node or changes it. Requires: its state exists.
  void put(const NodeFacts& facts);
  /// The same where only what is free on it changed. Requires: it contains the id.
  void put_room(const NodeRoom& room);
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
  /// Bounds over nodes, which may be too wide: they only spare visits.
  struct Union {
    std::uint32_t id_low = kNone;
    std::uint32_t id_high = 0;
    StandingBits standing = 0;
    std::uint64_t device_memory = 0;
    RuntimeBits runtimes;
    ImageBits images;

    void add(const Union& other);
  };
  struct Column {
    std::uint32_t number = 0;  // of the block
    Union any;
  };
  struct Group {
    MatchPlace place;
    std::vector<Column> columns;
    std::size_t capacity = 0;
    std::vector<std::uint16_t> memo;  // [cell][column]
    Union any;
  };
  struct Place {
    std::vector<std::uint32_t> groups;
    std::array<std::uint32_t, 2> room{};  // free slots in blocks of nodes that do not stand by, and of those that do
    Union any;
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
    bool is_group = false;

    [[nodiscard]] std::uint32_t score() const { return static_cast<std::uint32_t>(rank >> 32); }
    bool operator<(const Bound& other) const { return rank < other.rank; }
  };
  /// A decision on its way.
  struct Search;

  [[nodiscard]] std::size_t cells() const { return lane_count_ * kMatchShapes; }
  // Layout (match_layout.cpp)
  [[nodiscard]] Spot find_room(const MatchPlace& place, bool pooled);
  [[nodiscard]] std::uint32_t open_block(const MatchPlace& place, bool pooled);
  [[nodiscard]] std::uint32_t open_group(const MatchPlace& place);
  void close_block(std::uint32_t number);
  void close_group(std::uint32_t number);
  void widen(Group& group, std::size_t capacity);
  void reserve_tops(const MatchPlace& place);
  void merge_sparse(std::uint32_t number);
  // Columns and memos (match_index.cpp)
  void insert(Spot spot, const NodeFacts& facts);
  void take_out(Spot spot);
  void write(MatchBlock& block, std::size_t slot, const NodeFacts& facts);
  [[nodiscard]] NodeFacts read(const MatchBlock& block, std::size_t slot) const;
  [[nodiscard]] static Union union_of(const MatchBlock& block);
  [[nodiscard]] static Union union_of(const MatchBlock& block, std::size_t slot);
  void widen_unions(const MatchBlock& block, std::size_t slot);
  void refresh_unions(const MatchBlock& block);
  /// What a slot was worth before a change.
  struct Before {
    std::uint8_t kinds = 0;
    std::uint32_t state = 0;
    std::array<std::uint16_t, kMatchLanes> quality{};
  };
  [[nodiscard]] Before before_change(const MatchBlock& block, std::size_t slot) const;
  void update_memos(MatchBlock& block, std::size_t slot, const Before& before);
  void publish(const MatchBlock& block, std::size_t lane, std::uint64_t shapes, const MemoRow& before);
  [[nodiscard]] std::uint16_t most_of_place(const Place& place, std::size_t cell) const;
  [[nodiscard]] std::uint16_t* tops(std::size_t cell, std::size_t hardware_class);
  [[nodiscard]] const std::uint16_t* tops(std::size_t cell, std::size_t hardware_class) const;
  [[nodiscard]] bool block_is_consistent(std::uint32_t number) const;
  [[nodiscard]] bool place_is_consistent(std::size_t place) const;
  // Decisions (match_choose.cpp)
  void rank_places(Search& search);
  [[nodiscard]] std::uint32_t look_at_place(const Search& search, MatchPlace place, std::uint32_t score);
  void look_into_place(Search& search, MatchPlace place);
  void push_group(Search& search, const PlaceTerms& terms, std::uint32_t number);
  void look_into_group(Search& search, const Group& group);
  void visit_block(Search& search, const PlaceTerms& terms, const MatchBlock& block, std::uint32_t memo);
  [[nodiscard]] const PlaceTerms& terms_of(const MatchRequest& request, MatchPlace place);
  [[nodiscard]] std::uint64_t survivors(const Search& search, const MatchBlock& block) const;
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
  // [cell][class][region]: the most that a node of the place brings, exact. Rows hold a multiple of 16 regions.
  std::vector<std::uint16_t> tops_;
  std::size_t tops_classes_ = 0;
  std::size_t tops_regions_ = 0;
  std::vector<std::uint32_t> nodes_in_state_;
  std::vector<Place> places_ = std::vector<Place>(kMatchPlaces);  // by number
  std::array<std::uint64_t, kClassesMax> regions_{};              // in which a class has nodes
  std::size_t size_ = 0;
  std::uint64_t visited_ = 0;
  std::vector<PlaceTerms> terms_ = std::vector<PlaceTerms>(kMatchPlaces);           // by place
  std::vector<std::uint64_t> terms_of_ = std::vector<std::uint64_t>(kMatchPlaces);  // the decision that asked for them
  std::uint64_t decision_ = 0;
  std::vector<Bound> bounds_;                    // of the decision that runs
  std::array<PlaceKeys, kClassesMax> keys_{};    // by class
  std::array<MemoRow, kMatchLanes> replaced_{};  // memos before the change that runs
};

/// Steps from the start of the tie order to an id.
[[nodiscard]] constexpr std::uint32_t tie_distance(std::uint32_t id, std::uint32_t start, std::uint32_t total) {
  return id >= start ? id - start : id + (total - start);
}

}  // namespace starminer::protocol
