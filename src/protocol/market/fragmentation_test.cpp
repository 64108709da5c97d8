#include "protocol/market/fragmentation.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

using Demand = std::vector<std::pair<ShapeKey, std::uint64_t>>;

ShapeKey share(std::uint32_t milli, std::uint32_t threads = 0) { return {1, milli, threads * 1000}; }
ShapeKey whole(std::uint32_t gpus, std::uint32_t threads = 0) { return {gpus, 0, threads * 1000}; }

CapacityRow free_of(std::vector<std::uint16_t> devices, std::uint32_t threads) {
  CapacityRow row;
  row.device_free_milli = std::move(devices);
  row.cpu_free_milli = threads * 1000;
  return row;
}

Fragmentation of(const Demand& demand) {
  std::uint64_t total = 0;
  for (const auto& [shape, count] : demand) total += count;
  return {demand, total};
}

TEST(Fragmentation, WithoutDemandOneWholeGpuIsTypical) {
  const Fragmentation none = of({});
  ASSERT_EQ(none.typical().size(), 1U);
  EXPECT_EQ(none.typical()[0].shape, whole(1));
  EXPECT_EQ(none.typical()[0].weight, 1024U);
  EXPECT_EQ(none.levels(), (std::vector<std::uint16_t>{0, 10, 50, 1000}));
}

TEST(Fragmentation, TypicalShapesAreTheMostCommon95Percent) {
  const Fragmentation found = of({{whole(1), 60}, {share(250), 30}, {whole(8), 5}, {share(500), 5}});
  ASSERT_EQ(found.typical().size(), 3U) << "60 + 30 + 5 are 95 %";
  EXPECT_EQ(found.typical()[0].weight, 647U) << "60 / 95 of 1024 is 646.7";
  EXPECT_EQ(found.typical()[1].weight, 323U);
  EXPECT_EQ(found.typical()[2].weight, 54U);
  EXPECT_EQ(found.levels(), (std::vector<std::uint16_t>{0, 10, 50, 250, 500, 750, 1000}))
      << "the ask, and what one and two of it leave";
}

TEST(Fragmentation, AtMost31Shapes) {
  Demand demand;
  for (std::uint32_t i = 0; i < 60; ++i) demand.emplace_back(share(10 + 10 * i), 1);
  EXPECT_EQ(of(demand).typical().size(), kTypicalShapesMax);
}

// One typical shape, a whole GPU: a share on a free device makes the rest of it unusable.
TEST(Fragmentation, FitByHand) {
  const Fragmentation one = of({});
  // before: nothing unusable (2 whole devices usable); after: 1000 - 50 = 950 rounds down to 50: 50 unusable.
  // delta -50: level 8 + floor(-50 / 125) = 7. Spare: 1050 milli are 8 eighths, 32; 16 vCPU give 4: 36 / 20 = 1.
  EXPECT_EQ(one.fit(free_of({1000, 1000}, 16), share(50)), 1 + 15 * 7 + 13);
  // A second share beside the first: 50 -> 0, so 50 unusable before and none after: delta 50, floor(50 / 125) = 0.
  EXPECT_EQ(one.fit(free_of({50, 1000}, 16), share(50)), 1 + 15 * 8 + 13);
  // A whole device from the two: nothing unusable before or after. Spare: 8 eighths and 16 vCPU.
  EXPECT_EQ(one.fit(free_of({1000, 1000}, 16), whole(1)), 1 + 15 * 8 + 13);
  // The last device: nothing is left, so it is the best of its level.
  EXPECT_EQ(one.fit(free_of({1000}, 0), whole(1)), 1 + 15 * 8 + 14);
  EXPECT_EQ(one.fit(free_of({999}, 16), whole(1)), 0) << "does not fit";
  EXPECT_EQ(one.fit(free_of({}, 16), whole(1)), 0);
}

// Demand for pairs makes single free devices worthless: taking the odd one removes waste, splitting a pair makes some.
TEST(Fragmentation, SeesWhatThePairsNeed) {
  const Fragmentation pairs = of({{whole(2), 1}});
  EXPECT_EQ(pairs.unusable(pairs.round(free_of({1000}, 8))), 1024U * 1000);
  EXPECT_EQ(pairs.unusable(pairs.round(free_of({1000, 1000}, 8))), 0U);
  // The odd device: 1000 unusable before, 0 after: level 8 + 8 clamped to 15.
  EXPECT_EQ(pairs.fit(free_of({1000}, 8), whole(1)), 1 + 15 * 15 + 14);
  // Half of a pair: 0 before, 1000 after: level 8 - 8 = 0.
  EXPECT_EQ(pairs.fit(free_of({1000, 1000}, 8), whole(1)), 1 + 15 * 0 + 13);
}

// A node whose CPU is gone has no use for its GPUs.
TEST(Fragmentation, CountsDevicesThatLackCpu) {
  const Fragmentation hungry = of({{whole(1, 8), 1}});
  EXPECT_EQ(hungry.unusable(hungry.round(free_of({1000, 1000}, 9))), 0U);
  EXPECT_EQ(hungry.unusable(hungry.round(free_of({1000, 1000}, 7))), 1024U * 2000) << "7 vCPU round down to 6";
  // A job without a GPU that takes the CPU away: 16 -> 0 vCPU.
  EXPECT_EQ(hungry.fit(free_of({1000}, 16), ShapeKey{0, 0, 16'000}), 1 + 15 * 0 + 13);
}

TEST(Fragmentation, RareShapesCountAsAStandInThatAsksNoMore) {
  const Fragmentation found = of({{share(250, 4), 50}, {share(500, 8), 30}, {whole(1, 12), 20}});
  EXPECT_EQ(found.stand_in(share(250, 4)), share(250, 4));
  EXPECT_EQ(found.stand_in(share(490, 1)), share(250, 4));
  EXPECT_EQ(found.stand_in(share(990, 1)), share(500, 8));
  EXPECT_EQ(found.stand_in(share(200, 1)), share(50));
  EXPECT_EQ(found.stand_in(share(40, 1)), share(10));
  EXPECT_EQ(found.stand_in(whole(1, 12)), whole(1, 12));
  EXPECT_EQ(found.stand_in(whole(1, 7)), whole(1, 0));
  EXPECT_EQ(found.stand_in(whole(1, 31)), whole(1, 16));
  EXPECT_EQ(found.stand_in(whole(1, 200)), whole(1, 32));
  EXPECT_EQ(found.stand_in(whole(2, 20)), whole(2, 16));
  EXPECT_EQ(found.stand_in(whole(5, 64)), whole(5, 0));
  EXPECT_EQ(found.stand_in(whole(16, 64)), whole(8, 0));
}

rc::Gen<ShapeKey> any_shape() {
  return rc::gen::map(rc::gen::tuple(rc::gen::inRange<std::uint32_t>(0, 9), rc::gen::inRange<std::uint32_t>(0, 100),
                                     rc::gen::inRange<std::uint32_t>(0, 64)),
                      [](const std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>& drawn) {
                        const auto [gpus, hundredths, threads] = drawn;
                        return hundredths > 0 && hundredths < 100 && gpus == 1 ? share(hundredths * 10, threads)
                                                                               : whole(gpus, threads);
                      });
}

Demand draw_demand() {
  Demand demand;
  std::uint64_t count = 1'000;
  for (const ShapeKey& shape : *rc::gen::unique<std::vector<ShapeKey>>(any_shape())) {
    if (shape.gpus == 0) continue;
    count -= count / 4;
    demand.emplace_back(shape, count);
  }
  return demand;
}

CapacityRow draw_free() {
  std::vector<std::uint16_t> devices;
  for (const int hundredths : *rc::gen::container<std::vector<int>>(8, rc::gen::inRange(0, 101))) {
    devices.push_back(static_cast<std::uint16_t>(hundredths * 10));
  }
  return free_of(std::move(devices), *rc::gen::inRange<std::uint32_t>(0, 256));
}

// What really fits has a fit term, and every term is within its range.
RC_GTEST_PROP(Fragmentation, WhatFitsHasATerm, ()) {
  const Fragmentation found = of(draw_demand());
  const CapacityRow free = draw_free();
  const ShapeKey shape = *any_shape();
  const std::uint32_t ask = shape.share_milli != 0 ? shape.share_milli : 1000;
  const auto holds = std::count_if(free.device_free_milli.begin(), free.device_free_milli.end(),
                                   [&](auto milli) { return milli >= ask; });
  const bool fits = static_cast<std::uint32_t>(holds) >= shape.gpus && free.cpu_free_milli >= shape.cpu_milli;
  const std::uint16_t fit = found.fit(free, shape);
  RC_ASSERT(fit <= 240);
  RC_ASSERT(!fits || fit >= 1);
  RC_CLASSIFY(fits);
}

// Never more is unusable than is free, and the order of the devices says nothing.
RC_GTEST_PROP(Fragmentation, UnusableIsBoundedAndSymmetric, ()) {
  const Fragmentation found = of(draw_demand());
  CapacityRow free = draw_free();
  const auto unusable = found.unusable(found.round(free));
  std::uint64_t weights = 0;
  for (const auto& typical : found.typical()) weights += typical.weight;
  std::uint64_t sum = 0;
  for (const auto milli : found.round(free).device_milli) sum += milli;
  RC_ASSERT(unusable <= sum * weights);
  RC_ASSERT(weights >= 1024 - 16 && weights <= 1024 + 16);
  std::reverse(free.device_free_milli.begin(), free.device_free_milli.end());
  RC_ASSERT(found.unusable(found.round(free)) == unusable);
}

}  // namespace
}  // namespace starminer::protocol
