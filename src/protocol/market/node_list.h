// The nodes as one decision looks at them: rows, what is free, who holds or reserves them, and sums per class. Made for
// one pass over the state and thrown away; it points into the tables.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/market/market_view.h"

namespace starminer::protocol {

using ClassSet = std::bitset<256>;
using RegionSet = std::bitset<256>;

/// Nodes of a class in a region that have not left, and those of them whose region nobody confirmed.
struct PlaceNodes {
  std::uint32_t all = 0;
  std::uint32_t unconfirmed = 0;

  bool operator==(const PlaceNodes&) const = default;
};
/// Only where there are any.
using Places = std::map<std::pair<ClassId, RegionId>, PlaceNodes>;

struct NodeView {
  NodeId id;
  const NodeRow* node = nullptr;
  const CapacityRow* capacity = nullptr;
  bool held_whole = false;              // by a dedicated job
  std::optional<TimeMs> reserved_from;  // an earlier job that could not start counts on the node from then on
};

/// Free capacity of a class over its Active nodes, as bounds: what exceeds them fits nowhere.
struct ClassRoom {
  std::uint64_t total_milli = 0;        // of Active nodes, free or not
  std::uint32_t whole_devices_max = 0;  // fully free on one node
  std::uint32_t device_milli_max = 0;   // free on one device
  std::uint32_t cpu_milli_max = 0;      // free on one node
};

class NodeList {
 public:
  /// All nodes that have not left, in order of their ids.
  explicit NodeList(const MarketView& market);

  [[nodiscard]] const std::vector<NodeView>& all() const { return nodes_; }
  [[nodiscard]] const ClassRoom& room(ClassId hardware_class) const { return rooms_[hardware_class]; }
  /// Classes and regions in which there is a node.
  [[nodiscard]] const Places& places() const { return places_; }
  /// False only where no node of these classes has this much free.
  [[nodiscard]] bool may_fit(const Resources& resources, const ClassSet& classes) const;
  void reserve(std::size_t position, TimeMs from) { nodes_[position].reserved_from = from; }
  /// The same by id; nothing where the node has left.
  void reserve(const NodeId& node, TimeMs from);

 private:
  std::vector<NodeView> nodes_;
  std::array<ClassRoom, 256> rooms_{};
  Places places_;
};

/// Devices of a node that are fully free, and the largest share that is free on one.
[[nodiscard]] std::uint32_t whole_devices(const CapacityRow& free);
[[nodiscard]] std::uint32_t largest_share(const CapacityRow& free);
/// Whether a dedicated job holds the node.
[[nodiscard]] bool is_held_whole(const MarketView& market, const NodeId& node, const CapacityRow& capacity);

/// What is free once the holder of an allocation is gone.
void give_back(CapacityRow& free, const Allocation& allocation);
/// Whether a job of these resources fits into what is free; the node's size is no question here.
[[nodiscard]] bool fits_free(const CapacityRow& free, const Resources& resources);

}  // namespace starminer::protocol
