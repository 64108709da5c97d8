#include "protocol/market/node_list.h"

#include <algorithm>

namespace starminer::protocol {
namespace {

constexpr std::uint16_t kDeviceMilli = 1000;

bool fits_devices(const Resources& resources, std::uint32_t whole, std::uint32_t largest) {
  if (resources.gpus == 0) return true;
  return resources.share_milli != 0 ? resources.share_milli <= largest : resources.gpus <= whole;
}

}  // namespace

std::uint32_t whole_devices(const CapacityRow& free) {
  return static_cast<std::uint32_t>(
      std::count(free.device_free_milli.begin(), free.device_free_milli.end(), kDeviceMilli));
}

std::uint32_t largest_share(const CapacityRow& free) {
  const auto largest = std::max_element(free.device_free_milli.begin(), free.device_free_milli.end());
  return largest != free.device_free_milli.end() ? *largest : 0;
}

bool is_held_whole(const MarketView& market, const NodeId& node, const CapacityRow& capacity) {
  if (capacity.jobs != 1) return false;
  const auto* occupants = market.index.occupants(node);
  return occupants != nullptr && market.jobs.get(occupants->begin()->second).spec.dedicated;
}

void give_back(CapacityRow& free, const Allocation& allocation) {
  for (const std::uint8_t device : allocation.devices) {
    free.device_free_milli[device] =
        static_cast<std::uint16_t>(free.device_free_milli[device] + allocation.milli_per_device);
  }
  free.cpu_free_milli += allocation.cpu_milli;
  free.ram_free_bytes += allocation.ram_bytes;
  free.disk_free_bytes += allocation.disk_bytes;
  --free.jobs;
}

bool fits_free(const CapacityRow& free, const Resources& resources) {
  return resources.cpu_milli <= free.cpu_free_milli && resources.ram_bytes <= free.ram_free_bytes &&
         resources.disk_bytes <= free.disk_free_bytes &&
         (resources.gpus == 0 || fits_devices(resources, whole_devices(free), largest_share(free)));
}

NodeList::NodeList(const MarketView& market) {
  nodes_.reserve(market.registry.nodes().size());
  auto capacity = market.registry.capacity().begin();
  for (const auto& [id, row] : market.registry.nodes()) {
    // Both tables have the same keys, so they are walked together.
    while (capacity->first < id) ++capacity;
    if (row.status == NodeStatus::Left) continue;
    const CapacityRow& free = capacity->second;
    const bool held_whole = is_held_whole(market, id, free);
    nodes_.push_back({id, &row, &free, held_whole, std::nullopt});
    PlaceNodes& place = places_[{row.hardware_class, row.offer.region}];
    ++place.all;
    if (!row.offer.region_verified) ++place.unconfirmed;
    if (row.status != NodeStatus::Active) continue;
    ClassRoom& room = rooms_[row.hardware_class];
    room.total_milli += std::uint64_t{row.hardware.devices} * kDeviceMilli;
    if (held_whole) continue;
    room.whole_devices_max = std::max(room.whole_devices_max, whole_devices(free));
    room.device_milli_max = std::max(room.device_milli_max, largest_share(free));
    room.cpu_milli_max = std::max(room.cpu_milli_max, free.cpu_free_milli);
  }
}

void NodeList::reserve(const NodeId& node, TimeMs from) {
  const auto at = std::lower_bound(nodes_.begin(), nodes_.end(), node,
                                   [](const NodeView& view, const NodeId& id) { return view.id < id; });
  if (at != nodes_.end() && at->id == node) at->reserved_from = from;
}

bool NodeList::may_fit(const Resources& resources, const ClassSet& classes) const {
  for (std::size_t i = 0; i < rooms_.size(); ++i) {
    const ClassRoom& room = rooms_[i];
    if (classes.test(i) && resources.cpu_milli <= room.cpu_milli_max &&
        fits_devices(resources, room.whole_devices_max, room.device_milli_max)) {
      return true;
    }
  }
  return false;
}

}  // namespace starminer::protocol
