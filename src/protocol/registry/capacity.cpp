// Free capacity: what a job would get, takes and gives back.
#include <algorithm>

#include "base/check.h"
#include "protocol/registry/registry.h"

namespace starminer::protocol {
namespace {

constexpr std::uint16_t kDeviceMilli = 1000;
constexpr std::uint64_t kThreadMilli = 1000;

/// The device with the least free share that still holds the ask; the first of equals.
std::optional<std::uint8_t> find_tightest(const std::vector<std::uint16_t>& free_milli, std::uint32_t ask) {
  std::optional<std::uint8_t> best;
  for (std::size_t i = 0; i < free_milli.size(); ++i) {
    if (free_milli[i] < ask || (best && free_milli[i] >= free_milli[*best])) continue;
    best = static_cast<std::uint8_t>(i);
  }
  return best;
}

std::vector<std::uint8_t> first_whole(const std::vector<std::uint16_t>& free_milli, std::uint32_t count) {
  std::vector<std::uint8_t> devices;
  for (std::size_t i = 0; i < free_milli.size() && devices.size() < count; ++i) {
    if (free_milli[i] == kDeviceMilli) devices.push_back(static_cast<std::uint8_t>(i));
  }
  return devices;
}

}  // namespace

std::uint64_t Registry::device_memory_needed(const Resources& resources) {
  if (resources.share_milli == 0) return resources.gpu_memory_bytes;
  const auto needed = mul_div(resources.gpu_memory_bytes, kDeviceMilli, resources.share_milli, Rounding::Ceil);
  return needed.value_or(~std::uint64_t{0});
}

bool Registry::fits_empty(const NodeRow& node, const Resources& resources) {
  const Hardware& has = node.hardware;
  const bool devices_fit = resources.gpus <= has.devices &&
                           (resources.gpus == 0 || device_memory_needed(resources) <= has.device_memory_bytes) &&
                           (resources.gpus <= 1 || resources.interconnect <= has.interconnect);
  return devices_fit && resources.cpu_milli <= has.cpu_threads * kThreadMilli && resources.ram_bytes <= has.ram_bytes &&
         resources.disk_bytes <= has.disk_bytes;
}

std::optional<Allocation> Registry::find_allocation(const NodeId& node, const Resources& resources) const {
  const NodeRow* const row = nodes_.find(node);
  if (row == nullptr || !fits_empty(*row, resources)) return std::nullopt;
  const CapacityRow& free = capacity_.get(node);
  if (resources.cpu_milli > free.cpu_free_milli || resources.ram_bytes > free.ram_free_bytes ||
      resources.disk_bytes > free.disk_free_bytes) {
    return std::nullopt;
  }
  Allocation allocation{{}, 0, resources.cpu_milli, resources.ram_bytes, resources.disk_bytes};
  if (resources.gpus == 0) return allocation;
  if (resources.share_milli != 0) {
    const auto device = find_tightest(free.device_free_milli, resources.share_milli);
    if (!device) return std::nullopt;
    allocation.devices = {*device};
    allocation.milli_per_device = static_cast<std::uint16_t>(resources.share_milli);
    return allocation;
  }
  allocation.devices = first_whole(free.device_free_milli, resources.gpus);
  if (allocation.devices.size() < resources.gpus) return std::nullopt;
  allocation.milli_per_device = kDeviceMilli;
  return allocation;
}

void Registry::allocate(const NodeId& node, const Allocation& allocation) {
  capacity_.update(node, [&allocation](CapacityRow& free) {
    for (const std::uint8_t device : allocation.devices) {
      STARMINER_CHECK(device < free.device_free_milli.size());
      STARMINER_CHECK(free.device_free_milli[device] >= allocation.milli_per_device);
      free.device_free_milli[device] =
          static_cast<std::uint16_t>(free.device_free_milli[device] - allocation.milli_per_device);
    }
    STARMINER_CHECK(free.cpu_free_milli >= allocation.cpu_milli);
    STARMINER_CHECK(free.ram_free_bytes >= allocation.ram_bytes);
    STARMINER_CHECK(free.disk_free_bytes >= allocation.disk_bytes);
    free.cpu_free_milli -= allocation.cpu_milli;
    free.ram_free_bytes -= allocation.ram_bytes;
    free.disk_free_bytes -= allocation.disk_bytes;
    ++free.jobs;
  });
}

void Registry::release(const NodeId& node, const Allocation& allocation, const BlockContext& context) {
  const Hardware& has = nodes_.get(node).hardware;
  capacity_.update(node, [&allocation, &has](CapacityRow& free) {
    STARMINER_CHECK(free.jobs > 0);
    for (const std::uint8_t device : allocation.devices) {
      STARMINER_CHECK(device < free.device_free_milli.size());
      STARMINER_CHECK(free.device_free_milli[device] + allocation.milli_per_device <= kDeviceMilli);
      free.device_free_milli[device] =
          static_cast<std::uint16_t>(free.device_free_milli[device] + allocation.milli_per_device);
    }
    STARMINER_CHECK(free.cpu_free_milli + std::uint64_t{allocation.cpu_milli} <= has.cpu_threads * kThreadMilli);
    STARMINER_CHECK(allocation.ram_bytes <= has.ram_bytes - free.ram_free_bytes);
    STARMINER_CHECK(allocation.disk_bytes <= has.disk_bytes - free.disk_free_bytes);
    free.cpu_free_milli += allocation.cpu_milli;
    free.ram_free_bytes += allocation.ram_bytes;
    free.disk_free_bytes += allocation.disk_bytes;
    --free.jobs;
  });
  const NodeRow& row = nodes_.get(node);
  if (row.leaving && capacity_.get(node).jobs == 0) leave_now(node, row, context);
}

}  // namespace starminer::protocol
