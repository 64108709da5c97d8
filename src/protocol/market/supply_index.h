// Which nodes could ever serve a job, and which will first have room for it, without a look at every node: rows of
// nodes by class and region in chunks of up to 64, each with what any of its nodes has. A chunk that lacks something is
// passed over; of the others nodes are asked one by one until one answers. What lasts is current at any moment; of what
// is free, the writer brings bounds up to date (`refresh`), and a node whose bounds are old is asked itself. So many
// may ask at once, at any moment. Invariants: every node that has neither left nor is leaving is in one chunk; a union
// is never less than its nodes. One writer; questions only between writes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/node_list.h"
#include "protocol/market/supply_room.h"

namespace starminer::protocol {

class SupplyIndex {
 public:
  /// A row of the registry came, changed or went; null: not there. The rows must live until their next change.
  void change(const NodeId& id, const NodeRow* before, const NodeRow* after);

  /// Places of the job's classes and regions where some node passes, each asked until the first one does. The view
  /// handed over has no capacity. `passes` must imply could_ever_run.
  template <class Passes>
  [[nodiscard]] std::vector<std::pair<ClassId, RegionId>> places_where(const Demand& demand,
                                                                       const Passes& passes) const;
  /// Whether such a place exists.
  template <class Passes>
  [[nodiscard]] bool any_node(const Demand& demand, const Passes& passes) const;

  /// What is free on a node, or who holds it until when, may have changed. Of an unknown id: nothing.
  void mark(std::uint32_t dense_id);
  /// Bounds of marked nodes are made anew.
  void refresh(const MarketView& market);
  [[nodiscard]] std::size_t marked() const { return stale_.size(); }

  /// Shows `look` nodes of these classes until `is_enough` says that no other can matter, the lowest bound first.
  /// `bound` is asked of the room of a node or of many together and must not be above what a node is worth; empty: none
  /// with this room matters. A node that is not shown fails a constraint that is not in `ignored`, or its bound is too
  /// high. The view handed over has no capacity.
  template <class Bound, class IsEnough, class Look>
  void visit(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
             const IsEnough& is_enough, const Look& look) const;

  /// Whether `passes` says so of a node of these classes. Nodes are left out as in `visit`, whatever their bounds.
  template <class Bound, class Passes>
  [[nodiscard]] bool any_active(const Demand& demand, const ClassSet& classes, ConstraintSet ignored,
                                const Bound& bound, const Passes& passes) const;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint64_t memory_bytes() const;
  /// Every node is found again, and every union holds its nodes. For tests: slow.
  [[nodiscard]] bool is_consistent() const;
  /// The same of bounds, of nodes that are not marked: they are what a fresh look gives.
  [[nodiscard]] bool rooms_are_consistent(const MarketView& market) const;

 private:
  static constexpr std::size_t kChunkNodes = 64;
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
  struct Union {
    std::uint32_t devices = 0;
    std::uint32_t cpu_threads = 0;
    std::uint64_t device_memory = 0;
    std::uint64_t ram = 0;
    std::uint64_t disk = 0;
    std::uint64_t runtimes = 0;   // a bit for several tags
    std::uint64_t countries = 0;  // a bit for several
    std::uint8_t floors = 0;      // 255 less the lowest floor
    bool active = false;
    std::uint8_t interconnect = 0;
    std::uint8_t site_tier = 0;
    std::uint8_t sandbox_tier = 0;
    std::uint8_t kinds = 0;

    void add(const Union& other);
    bool operator==(const Union&) const = default;
  };
  struct Member {
    NodeId id;
    const NodeRow* row = nullptr;
    SupplyRoom room{};
    bool stale = true;
  };
  struct Chunk {
    Union any;
    SupplyRoom room;             // of members that are not stale
    std::uint32_t stale = 0;     // members
    std::uint32_t first_id = 0;  // the least that a member had
    std::vector<Member> members;
  };
  using Key = std::pair<ClassId, RegionId>;
  struct Spot {
    Key place;
    std::uint32_t chunk = kNowhere;
    std::uint32_t member = 0;
  };
  /// Where something may be found.
  struct Hope {
    std::uint64_t bound = 0;
    std::uint32_t first_id = 0;
    const Chunk* chunk = nullptr;

    [[nodiscard]] bool operator<(const Hope& other) const {  // heaps give the largest
      return bound != other.bound ? bound > other.bound : first_id > other.first_id;
    }
  };

  [[nodiscard]] static Union union_of(const NodeRow& row);
  [[nodiscard]] static Union union_of(const Chunk& chunk);
  [[nodiscard]] static SupplyRoom room_of_members(const Chunk& chunk);
  [[nodiscard]] static bool may_serve(const Union& any, const Demand& demand);
  /// The same now, by what a whole place or chunk says of status, prices and floors.
  [[nodiscard]] static bool may_serve_now(const Key& place, const Demand& demand, ConstraintSet ignored);
  [[nodiscard]] Spot* find(std::uint32_t dense_id);
  [[nodiscard]] Chunk& chunk_at(const Spot& spot) { return places_[spot.place][spot.chunk]; }
  /// Chunks that may have what the job asks, with their bounds, until `stops` says so.
  template <class Bound, class Stops>
  void each_chunk(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                  const Stops& stops) const;
  template <class Bound, class Show>
  static void each_member(const Chunk& chunk, const Bound& bound, const Show& show);
  void mark(Chunk& chunk, Member& member);
  static void sum_up(Chunk& chunk);
  void insert(const NodeId& id, const NodeRow& row);
  void erase(std::uint32_t dense_id);
  template <class Passes>
  [[nodiscard]] static bool any_of(const std::vector<Chunk>& chunks, const Demand& demand, const Passes& passes);

  std::map<Key, std::vector<Chunk>> places_;  // all chunks but the last are full
  std::vector<Spot> spots_;                   // by dense id
  std::size_t size_ = 0;
  std::vector<std::uint32_t> stale_;  // dense ids
};

template <class Passes>
bool SupplyIndex::any_of(const std::vector<Chunk>& chunks, const Demand& demand, const Passes& passes) {
  for (const Chunk& chunk : chunks) {
    if (!may_serve(chunk.any, demand)) continue;
    for (const Member& member : chunk.members) {
      if (passes(NodeView{member.id, member.row, nullptr, false, {}})) return true;
    }
  }
  return false;
}

template <class Passes>
std::vector<std::pair<ClassId, RegionId>> SupplyIndex::places_where(const Demand& demand, const Passes& passes) const {
  std::vector<Key> found;
  for (const auto& [place, chunks] : places_) {
    if (!demand.classes().test(place.first) || !demand.allows_region(place.second)) continue;
    if (any_of(chunks, demand, passes)) found.push_back(place);
  }
  return found;
}

template <class Passes>
bool SupplyIndex::any_node(const Demand& demand, const Passes& passes) const {
  for (const auto& [place, chunks] : places_) {
    if (!demand.classes().test(place.first) || !demand.allows_region(place.second)) continue;
    if (any_of(chunks, demand, passes)) return true;
  }
  return false;
}

template <class Bound, class Stops>
void SupplyIndex::each_chunk(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                             const Stops& stops) const {
  const bool floor_counts = (ignored & constraint_set(Constraint::Floor)) == 0;
  for (const auto& [place, chunks] : places_) {
    if (!classes.test(place.first) || !demand.classes().test(place.first) || !demand.allows_region(place.second)) {
      continue;
    }
    std::optional<std::uint8_t> floor_most;  // prices are dear to find, so they come last
    for (const Chunk& chunk : chunks) {
      const std::optional<std::uint64_t> least = chunk.stale > 0 ? 0 : bound(chunk.room);
      if (!least || !chunk.any.active || !may_serve(chunk.any, demand)) continue;
      if (!floor_most) {
        if (!may_serve_now(place, demand, ignored)) break;
        floor_most = floor_counts ? highest_floor(demand, place.first) : std::uint8_t{0xff};
      }
      if (0xff - chunk.any.floors <= *floor_most && stops(*least, chunk)) return;
    }
  }
}

template <class Bound, class Show>
void SupplyIndex::each_member(const Chunk& chunk, const Bound& bound, const Show& show) {
  for (const Member& member : chunk.members) {
    if (member.row->status != NodeStatus::Active) continue;
    const std::optional<std::uint64_t> least = member.stale ? 0 : bound(member.room);
    if (least) show(*least, NodeView{member.id, member.row, nullptr, false, {}});
  }
}

template <class Bound, class IsEnough, class Look>
void SupplyIndex::visit(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                        const IsEnough& is_enough, const Look& look) const {
  std::vector<Hope> hopes;
  each_chunk(demand, classes, ignored, bound, [&](std::uint64_t least, const Chunk& chunk) {
    if (!is_enough(least, chunk.first_id)) hopes.push_back({least, chunk.first_id, &chunk});
    return false;
  });
  std::make_heap(hopes.begin(), hopes.end());
  while (!hopes.empty() && !is_enough(hopes.front().bound, hopes.front().first_id)) {
    std::pop_heap(hopes.begin(), hopes.end());
    const Chunk& chunk = *hopes.back().chunk;
    hopes.pop_back();
    each_member(chunk, bound, [&](std::uint64_t least, const NodeView& node) {
      if (!is_enough(least, node.node->dense_id)) look(node);
    });
  }
}

template <class Bound, class Passes>
bool SupplyIndex::any_active(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                             const Passes& passes) const {
  bool found = false;
  each_chunk(demand, classes, ignored, bound, [&](std::uint64_t /*of_chunk*/, const Chunk& chunk) {
    each_member(chunk, bound, [&](std::uint64_t /*least*/, const NodeView& node) { found = found || passes(node); });
    return found;
  });
  return found;
}

}  // namespace starminer::protocol
