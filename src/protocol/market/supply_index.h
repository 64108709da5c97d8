// Which nodes could ever serve a job, without a look at every node: rows of nodes by class and region in chunks of up
// to 64, each with what any of its nodes has. A chunk that lacks something is passed over; of the others nodes are
// asked one by one until one answers. It holds what lasts, free or not, so it is current at any moment and many may ask
// at once. Invariants: every node that has neither left nor is leaving is in one chunk; a union is never less than its
// nodes. One writer; questions only between writes.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/node_list.h"

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

  [[nodiscard]] std::size_t size() const { return spots_.size(); }
  /// Every node is found again, and every union holds its nodes. For tests: slow.
  [[nodiscard]] bool is_consistent() const;

 private:
  static constexpr std::size_t kChunkNodes = 64;
  struct Union {
    std::uint32_t devices = 0;
    std::uint32_t cpu_threads = 0;
    std::uint64_t device_memory = 0;
    std::uint64_t ram = 0;
    std::uint64_t disk = 0;
    std::uint64_t runtimes = 0;  // a bit for several tags
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
  };
  struct Chunk {
    Union any;
    std::vector<Member> members;
  };
  using Key = std::pair<ClassId, RegionId>;
  struct Spot {
    Key place;
    std::size_t chunk = 0;
    std::size_t member = 0;
  };

  [[nodiscard]] static Union union_of(const NodeRow& row);
  [[nodiscard]] static Union union_of(const Chunk& chunk);
  [[nodiscard]] static bool may_serve(const Union& any, const Demand& demand);
  void insert(const NodeId& id, const NodeRow& row);
  void erase(std::uint32_t dense_id);
  template <class Passes>
  [[nodiscard]] static bool any_of(const std::vector<Chunk>& chunks, const Demand& demand, const Passes& passes);

  std::map<Key, std::vector<Chunk>> places_;  // all chunks but the last are full
  std::map<std::uint32_t, Spot> spots_;       // by dense id
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

}  // namespace starminer::protocol
