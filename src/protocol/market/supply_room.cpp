#include "protocol/market/supply_room.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kRoomGib = std::uint64_t{1} << 30;
constexpr std::uint64_t kMsOfSecond = 1000;
constexpr std::uint64_t kMilliOfThread = 1000;
constexpr std::array<std::uint32_t, 8> kShares = {10, 125, 250, 375, 500, 625, 750, 875};
constexpr std::uint32_t kDevices = 8;  // steps of one whole device each
constexpr std::array<std::uint32_t, 8> kCpuThreads = {1, 2, 4, 8, 16, 32, 64, 96};
constexpr std::array<std::uint64_t, 7> kRamGib = {8, 16, 32, 64, 128, 256, 512};
constexpr std::size_t kFirstDevices = kShares.size();
constexpr std::size_t kFirstCpu = kFirstDevices + kDevices;
constexpr std::size_t kFirstRam = kFirstCpu + kCpuThreads.size();
constexpr std::size_t kEmpty = kFirstRam + kRamGib.size();
static_assert(kEmpty + 1 == SupplyRoom::kSteps);

using RoomSteps = std::array<bool, SupplyRoom::kSteps>;

/// Which steps are free.
RoomSteps room_steps_of(const CapacityRow& free) {
  RoomSteps steps{};
  const std::uint32_t share = largest_share(free);
  const std::uint32_t devices = whole_devices(free);
  for (std::size_t i = 0; i < kShares.size(); ++i) steps[i] = share >= kShares[i];
  for (std::size_t i = 0; i < kDevices; ++i) steps[kFirstDevices + i] = devices > i;
  for (std::size_t i = 0; i < kCpuThreads.size(); ++i) {
    steps[kFirstCpu + i] = free.cpu_free_milli >= kCpuThreads[i] * kMilliOfThread;
  }
  for (std::size_t i = 0; i < kRamGib.size(); ++i) steps[kFirstRam + i] = free.ram_free_bytes >= kRamGib[i] * kRoomGib;
  steps[kEmpty] = free.jobs == 0;
  return steps;
}

/// The highest step that does not ask for more than is needed; the number of steps where every one does.
template <class Values>
std::size_t step_below(const Values& values, std::uint64_t needed, std::uint64_t unit) {
  std::size_t step = values.size();
  for (std::size_t i = 0; i < values.size() && values[i] * unit <= needed; ++i) step = i;
  return step;
}

void free_from(SupplyRoom& room, const CapacityRow& free, std::uint32_t second) {
  const RoomSteps steps = room_steps_of(free);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i]) room.from[i] = std::min(room.from[i], second);
  }
}

}  // namespace

void SupplyRoom::add(const SupplyRoom& other) {
  for (std::size_t i = 0; i < kSteps; ++i) from[i] = std::min(from[i], other.from[i]);
  newest = std::max(newest, other.newest);
  cpu_milli_then = std::max(cpu_milli_then, other.cpu_milli_then);
  share_then = std::max(share_then, other.share_then);
  devices_then = std::max(devices_then, other.devices_then);
}

SupplyRoom room_of(const MarketView& market, const NodeId& node) {
  SupplyRoom room;
  CapacityRow free = market.registry.capacity().get(node);
  CapacityRow then = free;
  const auto* occupants = market.index.occupants(node);
  if (!is_held_whole(market, node, free)) free_from(room, free, 0);
  if (occupants == nullptr) return room;
  for (const auto& [end, job] : *occupants) {
    const AssignmentRow& held = market.assignments.get(job);
    const Allocation& allocation = allocation_on(held, node);
    give_back(free, allocation);
    free_from(room, free,
              static_cast<std::uint32_t>(std::min<std::uint64_t>(end.ms / kMsOfSecond, SupplyRoom::kNever - 1)));
    if (!held.preempted_by.is_zero() || !market.jobs.get(job).spec.preemptible) continue;
    give_back(then, allocation);
    room.newest = std::max(room.newest, held.matched);
  }
  if (room.newest.ms == 0) return room;
  room.cpu_milli_then = then.cpu_free_milli;
  room.share_then = static_cast<std::uint16_t>(largest_share(then));
  room.devices_then = static_cast<std::uint16_t>(whole_devices(then));
  return room;
}

RoomNeeds::RoomNeeds(const Demand& demand) : now_(demand.now()) {
  const Resources& needs = demand.spec().resources;
  cpu_milli_ = needs.cpu_milli;
  if (needs.gpus > 0 && needs.share_milli != 0) {
    share_ = needs.share_milli;
    if (const std::size_t step = step_below(kShares, share_, 1); step < kShares.size()) need(step);
  } else if (needs.gpus > 0) {
    devices_ = needs.gpus;
    need(kFirstDevices + std::min(devices_, kDevices) - 1);
  }
  if (const std::size_t step = step_below(kCpuThreads, cpu_milli_, kMilliOfThread); step < kCpuThreads.size()) {
    need(kFirstCpu + step);
  }
  if (const std::size_t step = step_below(kRamGib, needs.ram_bytes, kRoomGib); step < kRamGib.size()) {
    need(kFirstRam + step);
  }
  if (demand.spec().dedicated) need(kEmpty);
}

std::optional<TimeMs> RoomNeeds::earliest(const SupplyRoom& room) const {
  std::uint32_t from = 0;
  for (std::size_t i = 0; i < count_; ++i) from = std::max(from, room.from[steps_[i]]);
  if (from == SupplyRoom::kNever) return std::nullopt;
  return std::max(now_, TimeMs{from * kMsOfSecond});
}

bool RoomNeeds::may_fit_now(const SupplyRoom& room) const {
  return std::all_of(steps_.begin(), steps_.begin() + count_,
                     [&room](std::uint8_t step) { return room.from[step] == 0; });
}

bool RoomNeeds::may_fit_by_notice(const SupplyRoom& room) const {
  return room.newest.ms != 0 && room.cpu_milli_then >= cpu_milli_ && room.share_then >= share_ &&
         room.devices_then >= devices_;
}

}  // namespace starminer::protocol
