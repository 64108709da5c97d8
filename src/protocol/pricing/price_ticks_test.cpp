// What a tick does to prices, bands and history.
#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

constexpr std::uint64_t kSlew = 126'954'088;
constexpr std::uint64_t kLogMax = 14'885'222'359;

/// A market whose loads are said.
struct Ticking : Market {
  std::uint64_t tick = 0;
  Loads loads;

  void load(TierId tier, std::uint64_t online_gpus, std::uint64_t ppm) {
    loads[{tier, a100()}] = {online_gpus * 1000, online_gpus * ppm / 1000, 0};
  }
  void pass(std::uint64_t ticks = 1) {
    for (std::uint64_t i = 0; i < ticks; ++i) {
      ++tick;
      pricing.on_tick(loads, tick, kNow + DurationMs{tick * 60'000});
    }
  }
  [[nodiscard]] const PriceRow& row(TierId tier) const { return pricing.price_row(tier, a100()); }
  [[nodiscard]] std::uint64_t price(TierId tier = kStandard) const { return row(tier).price.nagpu_per_gpu_hour; }
};

// REQ: MTP-3
TEST(PriceTicks, FullRaisesEmptyLowersAndTheNextPriceIsKnownATickAhead) {
  Ticking market;
  market.load(kStandard, 2'000, 1'000'000);
  market.load(kEconomy, 2'000, 100'000);
  std::uint64_t before = market.price();
  const std::uint64_t economy = market.price(kEconomy);
  market.pass();
  EXPECT_EQ(market.price(), before) << "what the load of this tick moves is the price of the next";
  for (int i = 0; i < 30; ++i) {
    const Price next = market.row(kStandard).next_price;
    market.pass();
    EXPECT_EQ(market.row(kStandard).price, next);
    EXPECT_GT(market.price(), before);
    before = market.price();
  }
  EXPECT_LT(market.price(kEconomy), economy);
  EXPECT_TRUE(market.pricing.invariants_hold());
}

// P7 and P6
TEST(PriceTicks, NothingOnlineFreezesEverything) {
  Ticking market;
  market.load(kStandard, 100, 1'300'000);
  market.pass(10);
  market.loads.clear();
  market.pass();
  const PriceRow frozen = market.row(kStandard);
  const std::size_t points = market.pricing.points().size();
  EXPECT_EQ(frozen.load, Load{}) << "it says that nothing can be had";
  market.pass(100);
  EXPECT_TRUE(market.row(kStandard) == frozen);
  EXPECT_EQ(market.pricing.points().size(), points) << "and has no history";
  market.loads[{kStandard, market.a100()}] = {};
  market.pass();
  EXPECT_TRUE(market.row(kStandard) == frozen) << "said or left out";
}

TEST(PriceTicks, ATierIsHeldUpByTheOneBelowAndItsSurgeCountsThat) {
  Ticking market;
  market.load(kEconomy, 2'000, 2'000'000);
  market.load(kStandard, 2'000, 300'000);
  market.load(kPremium, 2'000, 300'000);
  market.pass(120);
  EXPECT_EQ(market.price(kStandard), (market.price(kEconomy) * 110 + 99) / 100);
  EXPECT_EQ(market.price(kPremium), (market.price(kStandard) * 115 + 99) / 100);
  const PriceRow& held_up = market.row(kStandard);
  EXPECT_LT(held_up.controller.log_price, held_up.log_price) << "its own controller would ask less";
  EXPECT_LE(price_of(held_up.floor, held_up.log_price), held_up.price);
  EXPECT_GE(price_of(held_up.floor, held_up.log_price + 64), held_up.price) << "but the log-price is that of the price";
  EXPECT_GT(held_up.log_price, held_up.slow_log_price);
  EXPECT_TRUE(market.pricing.invariants_hold());
}

/// Ticks until the floor has moved, at most `most`.
std::uint64_t ticks_to_reanchor(Ticking& market, std::uint64_t most) {
  const Price floor = market.row(kStandard).floor;
  for (std::uint64_t i = 1; i <= most; ++i) {
    const std::uint64_t before = market.price();
    market.pass();
    EXPECT_LE(market.price(), before * 1'031 / 1'000);
    EXPECT_GE(market.price(), before * 969 / 1'000);
    if (market.row(kStandard).floor != floor) return i;
  }
  return 0;
}

// A price that stays at an end of its range for a day moves its floor by 5 %, and itself does not jump.
TEST(PriceTicks, APinnedPriceMovesItsFloor) {
  for (const bool up : {true, false}) {
    Ticking market;
    market.load(kStandard, 2'000, up ? 3'000'000 : 0);
    const std::uint64_t floor = market.row(kStandard).floor.nagpu_per_gpu_hour;
    const std::uint64_t first = ticks_to_reanchor(market, 4'000);
    ASSERT_GT(first, 1'440U) << up;
    const PriceRow moved = market.row(kStandard);
    EXPECT_EQ(moved.floor.nagpu_per_gpu_hour, up ? floor * 105 / 100 : (floor * 100 + 104) / 105);
    const std::uint64_t last = market.price();
    EXPECT_NEAR(static_cast<double>(moved.next_price.nagpu_per_gpu_hour), static_cast<double>(last), 10.0)
        << "rescaled, not moved";
    EXPECT_EQ(ticks_to_reanchor(market, 4'000), 1'441U) << "a day later the next step";
    if (up) {
      EXPECT_GT(market.price(), floor * 32) << "so a market is never pinned for good";
    }
    EXPECT_TRUE(market.pricing.invariants_hold());
  }
}

TEST(PriceTicks, TheHistoryHasTheLastSixtyTicks) {
  Ticking market;
  market.load(kStandard, 500, 950'000);
  market.pass(75);
  const auto history = market.pricing.history(kStandard, market.a100());
  ASSERT_EQ(history.size(), 60U);
  for (std::size_t i = 0; i < history.size(); ++i) {
    EXPECT_EQ(history[i].tick, 16 + i);
    EXPECT_EQ(history[i].time, kNow + DurationMs{(16 + i) * 60'000});
    EXPECT_EQ(history[i].load_ppm, 950'000U);
    EXPECT_GT(history[i].price, i > 0 ? history[i - 1].price : Price{}) << i;
  }
  EXPECT_EQ(history.back().price, market.row(kStandard).price);
  EXPECT_TRUE(market.pricing.history(kEconomy, market.a100()).empty());
}

/// What a tick published, remembered without the ring.
struct Published {
  Price price;
  std::array<Envelope, kBandCount> bands;
  std::array<Envelope, kBandCount> envelopes;
};

// REQ: MTP-3, MTP-7
// F1, F2, P1, P3 and P6 on any path of loads, with all tiers, and what the bands count against a count of its own.
RC_GTEST_PROP(PriceTicks, NoPathBreaksAPromise, ()) {
  Ticking market;
  std::map<std::uint64_t, std::map<TierId, Published>> published;
  std::map<TierId, std::array<std::uint64_t, kBandCount>> matured;
  std::map<TierId, std::array<std::uint64_t, kBandCount>> inside;
  const auto phases = *rc::gen::inRange<int>(1, 5);
  for (int phase = 0; phase < phases; ++phase) {
    for (TierId tier = 0; tier < 3; ++tier) {
      market.load(tier, *rc::gen::element<std::uint64_t>(1, 50, 3'000),
                  *rc::gen::element<std::uint64_t>(0, 650'000, 1'200'000, 4'000'000));
    }
    const auto ticks = *rc::gen::inRange<std::uint64_t>(1, 60);
    for (std::uint64_t i = 0; i < ticks; ++i) {
      market.pass();
      for (TierId tier = 0; tier < 3; ++tier) {
        const PriceRow& row = market.row(tier);
        Published& now = published[market.tick][tier];
        now.price = row.price;
        for (std::size_t h = 0; h < kBandCount; ++h) {
          now.bands[h] = market.pricing.band(tier, market.a100(), h);
          now.envelopes[h] = market.pricing.envelope(tier, market.a100(), kBandTicks[h]);
          RC_ASSERT(now.envelopes[h].low <= now.bands[h].low);
          RC_ASSERT(now.bands[h].low <= now.price);
          RC_ASSERT(now.price <= now.bands[h].high);
          RC_ASSERT(now.bands[h].high <= now.envelopes[h].high);
          if (market.tick <= kBandTicks[h]) continue;
          const Published& then = published[market.tick - kBandTicks[h]][tier];
          RC_ASSERT(then.envelopes[h].low <= now.price);
          RC_ASSERT(now.price <= then.envelopes[h].high);
          ++matured[tier][h];
          inside[tier][h] += then.bands[h].low <= now.price && now.price <= then.bands[h].high ? 1 : 0;
        }
        RC_ASSERT(row.floor <= row.price);
        if (market.tick > 1) {
          const std::uint64_t last = published[market.tick - 1][tier].price.nagpu_per_gpu_hour;
          RC_ASSERT(row.price.nagpu_per_gpu_hour <= last * 103 / 100 + 2);
          RC_ASSERT(row.price.nagpu_per_gpu_hour + 2 >= last * 100 / 103);
        }
      }
      RC_ASSERT(market.pricing.invariants_hold());
    }
  }
  for (TierId tier = 0; tier < 3; ++tier) {
    const BandRow& counted = market.pricing.bands().get({tier, market.a100()});
    RC_ASSERT(counted.matured == matured[tier]);
    RC_ASSERT(counted.inside == inside[tier]);
  }
}

// The envelope holds through the moves of floors, too: a price at an end of its range, with a day behind it.
RC_GTEST_PROP(PriceTicks, TheEnvelopeHoldsWhereFloorsMove, ()) {
  Ticking market;
  const bool up = *rc::gen::arbitrary<bool>();
  market.load(kStandard, 2'000, up ? 3'000'000 : 0);
  const auto before = *rc::gen::inRange<std::uint64_t>(1'380, 1'700);
  market.pass(before);
  const Envelope promised = market.pricing.envelope(kStandard, market.a100(), 60);
  for (int i = 0; i < 60; ++i) {
    if (*rc::gen::inRange<int>(0, 10) == 0)
      market.load(kStandard, 2'000, *rc::gen::element<std::uint64_t>(0, 3'000'000));
    market.pass();
    RC_ASSERT(promised.low <= market.row(kStandard).price);
    RC_ASSERT(market.row(kStandard).price <= promised.high);
  }
}

// F4: what bands learn moves no price.
TEST(PriceTicks, BandsNeverMoveAPrice) {
  Ticking market;
  Ticking other;
  ASSERT_TRUE(other.params.set(Parameter::BandStepQ32, 85'899'345));
  ASSERT_TRUE(other.params.set(Parameter::BandCoveragePpm, 800'000));
  std::uint64_t seed = 1;
  for (int i = 0; i < 300; ++i) {
    seed = seed * 6'364'136'223'846'793'005U + 1;
    for (Ticking* each : {&market, &other}) {
      each->load(kStandard, 2'000, (seed >> 40U) % 1'600'000);
      each->pass();
    }
    ASSERT_TRUE(market.row(kStandard) == other.row(kStandard));
  }
  EXPECT_NE(market.pricing.bands().get({kStandard, market.a100()}).half_width,
            other.pricing.bands().get({kStandard, other.a100()}).half_width);
}

TEST(PriceTicks, AHitNarrowsAndAMissWidensByTheLearningStep) {
  Ticking market;
  market.load(kStandard, 2'000, 800'000);
  market.pass(5);
  const PriceKey key{kStandard, market.a100()};
  const std::uint64_t first = market.pricing.bands().get(key).half_width[0];
  market.pass();
  EXPECT_EQ(market.pricing.bands().get(key).half_width[0], first - 858'993) << "a tenth of the step";
  EXPECT_EQ(market.pricing.bands().get(key).half_width[1], 274'877'906U) << "nothing of that horizon is due";
  EXPECT_EQ(market.pricing.bands().get(key).matured[0], 1U);
  market.load(kStandard, 2'000, 4'000'000);
  const std::uint64_t before_jump = market.pricing.bands().get(key).half_width[0];
  market.pass(7);
  const BandRow& row = market.pricing.bands().get(key);
  EXPECT_LT(row.inside[0], row.matured[0]);
  EXPECT_GT(row.half_width[0], before_jump) << "five ticks of 3 % leave a band of 2.7 %";
}

TEST(PriceTicks, ALowFloorStopsAndOverflowsNothing) {
  Ticking market;
  market.load(kStandard, 1, 4'000'000);
  market.loads[{kStandard, market.a100()}].busy_milli = ~std::uint64_t{0};
  market.loads[{kStandard, market.a100()}].queued_milli = ~std::uint64_t{0};
  market.pass(3'000);
  EXPECT_TRUE(market.pricing.invariants_hold());
  EXPECT_LE(market.row(kStandard).controller.log_price, kLogMax);
  EXPECT_GE(market.row(kStandard).controller.log_price + kSlew, kLogMax - kSlew);
}

}  // namespace
}  // namespace starminer::protocol
