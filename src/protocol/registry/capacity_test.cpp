#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using namespace registry_test;

NodeRegister sized_node(std::uint32_t devices, std::uint32_t threads) {
  NodeRegister op = node_request();
  op.hardware.devices = devices;
  op.hardware.cpu_threads = threads;
  return op;
}

Resources share_of(std::uint32_t milli, std::uint64_t memory = 0) { return {{}, 1, milli, memory, 0, 0, 0, 0}; }
Resources whole(std::uint32_t gpus) { return {{}, gpus, 0, 0, 0, 0, 0, 0}; }

std::vector<std::uint8_t> take(Market& market, const NodeId& id, const Resources& ask) {
  const auto allocation = market.registry.find_allocation(id, ask);
  if (!allocation) return {};
  market.registry.allocate(id, *allocation);
  return allocation->devices;
}

using Devices = std::vector<std::uint8_t>;

TEST(Capacity, WholeDevicesComeInIndexOrderSharesOnTheTightestDevice) {
  Market market;
  const NodeId id = market.make_node(sized_node(4, 64));
  EXPECT_EQ(take(market, id, share_of(300)), Devices{0});
  EXPECT_EQ(take(market, id, whole(2)), (Devices{1, 2}));
  EXPECT_EQ(take(market, id, share_of(800)), Devices{3});
  EXPECT_EQ(take(market, id, share_of(200)), Devices{3}) << "200 are left of device 3, 700 of device 0";
  EXPECT_EQ(take(market, id, share_of(200)), Devices{0});
  EXPECT_EQ(take(market, id, whole(1)), Devices{}) << "no device is wholly free";
  EXPECT_EQ(take(market, id, share_of(510)), Devices{});
  EXPECT_EQ(take(market, id, share_of(500)), Devices{0});
}

TEST(Capacity, EqualDevicesAreTakenFromTheFirst) {
  Market market;
  const NodeId id = market.make_node(sized_node(2, 64));
  EXPECT_EQ(take(market, id, share_of(600)), Devices{0});
  EXPECT_EQ(take(market, id, share_of(600)), Devices{1});
  EXPECT_EQ(take(market, id, share_of(400)), Devices{0});
}

TEST(Capacity, AShareBringsItsPartOfTheMemory) {
  Market market;
  const NodeId id = market.make_node();  // 80 GiB a device
  EXPECT_TRUE(market.registry.find_allocation(id, share_of(500, 40 * kGiB)).has_value());
  EXPECT_FALSE(market.registry.find_allocation(id, share_of(500, 40 * kGiB + 1)).has_value());
  EXPECT_TRUE(market.registry.find_allocation(id, {{}, 2, 0, 80 * kGiB, 0, 0, 0, 0}).has_value());
  EXPECT_FALSE(market.registry.find_allocation(id, {{}, 2, 0, 80 * kGiB + 1, 0, 0, 0, 0}).has_value());
}

TEST(Capacity, EveryComponentMustFit) {
  Market market;
  const NodeId id = market.make_node();
  const NodeRow& row = market.node(id);
  const auto fits = [&](const Resources& ask) {
    EXPECT_EQ(Registry::fits_empty(row, ask), market.registry.find_allocation(id, ask).has_value());
    return Registry::fits_empty(row, ask);
  };
  EXPECT_TRUE(fits({{}, 2, 0, 80 * kGiB, 64'000, 256 * kGiB, 1'000 * kGiB, 1}));
  EXPECT_FALSE(fits({{}, 3, 0, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(fits({{}, 1, 0, 0, 64'001, 0, 0, 0}));
  EXPECT_FALSE(fits({{}, 1, 0, 0, 0, 256 * kGiB + 1, 0, 0}));
  EXPECT_FALSE(fits({{}, 1, 0, 0, 0, 0, 1'000 * kGiB + 1, 0}));
  EXPECT_FALSE(fits({{}, 2, 0, 0, 0, 0, 0, 2}));
  EXPECT_TRUE(fits({{}, 1, 0, 0, 0, 0, 0, 2})) << "one device needs no link";
  EXPECT_TRUE(fits({{}, 0, 0, 0, 64'000, 0, 0, 0}));
  EXPECT_FALSE(market.registry.find_allocation(kNobody, whole(1)).has_value());
}

TEST(Capacity, AJobWithoutGpuTakesNoDevice) {
  Market market;
  const NodeId id = market.make_node();
  const auto allocation = market.registry.find_allocation(id, {{}, 0, 0, 0, 3'500, kGiB, 2 * kGiB, 0});
  ASSERT_TRUE(allocation.has_value());
  market.registry.allocate(id, *allocation);
  const CapacityRow& free = market.registry.capacity().get(id);
  EXPECT_EQ(free.device_free_milli, (std::vector<std::uint16_t>{1'000, 1'000}));
  EXPECT_EQ(free.cpu_free_milli, 60'500U);
  EXPECT_EQ(free.ram_free_bytes, 255 * kGiB);
  EXPECT_EQ(free.disk_free_bytes, 998 * kGiB);
  EXPECT_EQ(free.jobs, 1U);
}

TEST(CapacityDeathTest, ReleasingWhatIsNotHeldIsOurBug) {
  Market market;
  const NodeId id = market.make_node();
  EXPECT_DEATH(market.registry.release(id, {}, market.context), "free.jobs > 0");
  const auto allocation = market.registry.find_allocation(id, whole(1));
  market.registry.allocate(id, *allocation);
  EXPECT_DEATH(market.registry.allocate(id, *allocation), "device_free_milli");
  EXPECT_DEATH(market.registry.release(id, {{1}, 1'000, 0, 0, 0}, market.context), "kDeviceMilli");
  EXPECT_DEATH(market.registry.release(id, {{}, 0, 1, 0, 0}, market.context), "cpu_free_milli");
  EXPECT_DEATH(market.registry.release(id, {{}, 0, 0, 1, 0}, market.context), "ram_bytes");
  EXPECT_DEATH(market.registry.release(id, {{}, 0, 0, 0, 1}, market.context), "disk_bytes");
}

/// What the rule says, written the slow way: try every device for a share, sort devices by what would be left.
std::optional<std::vector<std::uint8_t>> expected_devices(const CapacityRow& free, const Resources& ask) {
  std::vector<std::pair<std::uint32_t, std::uint8_t>> candidates;
  const std::uint32_t need = ask.share_milli != 0 ? ask.share_milli : 1'000;
  for (std::size_t i = 0; i < free.device_free_milli.size(); ++i) {
    if (free.device_free_milli[i] >= need) {
      candidates.emplace_back(free.device_free_milli[i] - need, static_cast<std::uint8_t>(i));
    }
  }
  std::sort(candidates.begin(), candidates.end());
  if (candidates.size() < ask.gpus) return std::nullopt;
  std::vector<std::uint8_t> devices;
  for (std::uint32_t i = 0; i < ask.gpus; ++i) devices.push_back(candidates[i].second);
  return devices;
}

// REQ: REG-4
RC_GTEST_PROP(Capacity, FreePlusAllocatedIsTotalAtEveryStep, ()) {
  Market market;
  const auto device_count = *rc::gen::inRange(1U, 9U);
  const auto threads = *rc::gen::inRange(1U, 33U);
  const NodeId id = market.make_node(sized_node(device_count, threads));
  std::vector<Allocation> held;
  const int steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    if (!held.empty() && *rc::gen::inRange(0, 3) == 0) {
      const auto at = *rc::gen::inRange<std::size_t>(0, held.size());
      market.registry.release(id, held[at], market.context);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      const bool share = *rc::gen::arbitrary<bool>();
      Resources ask = share ? share_of(*rc::gen::inRange(1U, 100U) * 10) : whole(*rc::gen::inRange(0U, 4U));
      ask.cpu_milli = *rc::gen::inRange(0U, 3'000U);
      ask.ram_bytes = *rc::gen::inRange<std::uint64_t>(0, 64 * kGiB);
      const CapacityRow& free = market.registry.capacity().get(id);
      const auto devices = expected_devices(free, ask);
      const bool fits = devices && ask.cpu_milli <= free.cpu_free_milli && ask.ram_bytes <= free.ram_free_bytes;
      const auto allocation = market.registry.find_allocation(id, ask);
      RC_ASSERT(allocation.has_value() == fits);
      if (fits) {
        RC_ASSERT(allocation->devices == *devices);
        market.registry.allocate(id, *allocation);
        held.push_back(*allocation);
      }
    }
    std::vector<std::uint64_t> used(device_count);
    std::uint64_t cpu = 0;
    std::uint64_t ram = 0;
    for (const Allocation& allocation : held) {
      for (const std::uint8_t device : allocation.devices) used[device] += allocation.milli_per_device;
      cpu += allocation.cpu_milli;
      ram += allocation.ram_bytes;
    }
    const CapacityRow& free = market.registry.capacity().get(id);
    for (std::uint32_t i = 0; i < device_count; ++i) RC_ASSERT(free.device_free_milli[i] + used[i] == 1'000U);
    RC_ASSERT(free.cpu_free_milli + cpu == threads * std::uint64_t{1'000});
    RC_ASSERT(free.ram_free_bytes + ram == 256 * kGiB);
    RC_ASSERT(free.jobs == held.size());
    RC_ASSERT(market.registry.invariants_hold());
  }
}

}  // namespace
}  // namespace starminer::protocol
