#include "protocol/pricing/pricing.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

constexpr std::uint64_t kLogOfAnchor = 5'954'088'943;  // ln 4
constexpr std::uint64_t kSlew = 126'954'088;
constexpr std::uint64_t kLogMax = 14'885'222'359;

// REQ: MTP-1, TOK-2
TEST(Pricing, StartsAtTheAnchors) {
  const Market market;
  // One AGPU buys an hour of an A100 in Standard: floor(250000000 * e^(ln 4)), one base unit below by the floor.
  EXPECT_EQ(market.pricing.price(kStandard, market.a100()).nagpu_per_gpu_hour, 999'999'999U);
  EXPECT_EQ(market.pricing.price(kEconomy, market.a100()).nagpu_per_gpu_hour, 599'999'999U);
  EXPECT_EQ(market.pricing.price(kPremium, market.a100()).nagpu_per_gpu_hour, 1'599'999'999U);
  const PriceRow& row = market.pricing.price_row(kStandard, market.a100());
  EXPECT_EQ(row.floor.nagpu_per_gpu_hour, 250'000'000U);
  EXPECT_EQ(row.log_price, kLogOfAnchor);
  EXPECT_EQ(row.slow_log_price, kLogOfAnchor);
  EXPECT_EQ(market.pricing.prices().size(), 3 * market.registry.classes().size());
  for (const auto& [key, price] : market.pricing.prices()) {
    const std::uint64_t anchor = market.registry.classes().get(key.hardware_class).anchor.nagpu_per_gpu_hour;
    const std::uint64_t ratio = market.pricing.tier(key.tier).price_ratio.value;
    const std::uint64_t wanted = anchor * ratio / kPpm;
    EXPECT_LE(price.price.nagpu_per_gpu_hour, wanted);
    EXPECT_GE(price.price.nagpu_per_gpu_hour + 8, wanted) << "anchor within the rounding of floor and exponential";
  }
}

// REQ: MTP-6
TEST(Pricing, TiersAreRows) {
  const Market market;
  ASSERT_EQ(market.pricing.tiers().size(), 3U);
  std::uint64_t shares = 0;
  for (const auto& [id, tier] : market.pricing.tiers()) {
    unsigned weights = 0;
    for (const std::uint8_t weight : tier.weights) weights += weight;
    EXPECT_EQ(weights, 100U) << tier.name;
    shares += tier.capacity_share.value;
  }
  EXPECT_EQ(shares, kPpm);
  EXPECT_EQ(market.pricing.find_tier("Standard"), kStandard);
  EXPECT_EQ(market.pricing.find_tier("premium"), kPremium);
  EXPECT_FALSE(market.pricing.find_tier("Prem").has_value());
  EXPECT_FALSE(market.pricing.find_tier("").has_value());
  EXPECT_TRUE(market.pricing.tier(kEconomy).preemptible);
  EXPECT_EQ(market.pricing.tier(kPremium).target_load.value, 650'000U);
  EXPECT_EQ(market.pricing.tier(kStandard).queue_offset.ms, 300'000U);
  EXPECT_EQ(market.pricing.tier(kPremium).queue_offset.ms, 900'000U);
  const Market dev(Preset::Dev);
  EXPECT_EQ(dev.pricing.tier(kPremium).queue_offset.ms, 900'000U / preset_time_divisor(Preset::Dev));
  EXPECT_EQ(dev.pricing.price(kStandard, dev.a100()).nagpu_per_gpu_hour, 999'999'999'825U);
  EXPECT_EQ(Pricing::downgrade(kPremium), kStandard);
  EXPECT_EQ(Pricing::downgrade(kStandard), kEconomy);
  EXPECT_FALSE(Pricing::downgrade(kEconomy).has_value());
}

TEST(Pricing, EveryBoundOfTheAnchorRatioStartsAtTheAnchor) {
  for (std::uint64_t ratio = 2; ratio <= 8; ++ratio) {
    state::Store store;
    Params params(store);
    params.write_genesis(Preset::Main);
    ASSERT_TRUE(params.set(Parameter::AnchorOverFloor, ratio));
    Ledger ledger(store, params);
    Reputation reputation(store, params);
    Timers timers(store);
    Registry registry(store, params, ledger, reputation, timers);
    registry.write_genesis({});
    Pricing pricing(store, params, registry);
    pricing.write_genesis(Preset::Main);
    const std::uint64_t price = pricing.price(kStandard, *registry.find_class("A100")).nagpu_per_gpu_hour;
    EXPECT_LE(price, 1'000'000'000U);
    EXPECT_GE(price, 999'999'980U) << ratio;
  }
}

/// Rows with log-prices of our choice, as they come from storage.
struct Moved {
  state::Store store;
  Params params{store};
  Ledger ledger{store, params};
  Reputation reputation{store, params};
  Timers timers{store};
  Registry registry{store, params, ledger, reputation, timers};
  Pricing pricing{store, params, registry};

  Moved(const std::array<std::uint64_t, 3>& floors, const std::array<std::uint64_t, 3>& log_prices) {
    params.write_genesis(Preset::Main);
    for (TierId tier = 0; tier < 3; ++tier) {
      // The next price is that of the log-price, and so is the one in force.
      const Price own = price_of({floors[tier]}, log_prices[tier]);
      price = at_least_over(own, price, tier);
      const ControllerState controller{0, log_prices[tier], log_prices[tier], log_prices[tier]};
      const PriceRow row{{floors[tier]}, log_prices[tier], log_prices[tier], price, price, controller, {}, 0};
      EXPECT_TRUE(store.load(state::TableId::Prices, encode(PriceKey{tier, 0}), encode(row)));
    }
  }

  Price price;
};

// Vector of economics 2.3: floor 550000 and these log-prices.
TEST(Pricing, PriceOfALogPriceMatchesTheVector) {
  for (const auto& [log_price, price] : {std::pair<std::uint64_t, std::uint64_t>{5'954'088'943, 2'199'999},
                                         {6'034'992'406, 2'241'833},
                                         {6'161'946'494, 2'309'088},
                                         {6'288'900'582, 2'378'361},
                                         {6'415'854'670, 2'449'712},
                                         {6'324'713'240, 2'398'275},
                                         {6'197'759'152, 2'328'423},
                                         {0, 550'000},
                                         {kLogMax, 17'599'999}}) {
    const Moved market({1, 550'000, 1}, {0, log_price, 0});
    const Envelope now = market.pricing.envelope(kStandard, 0, 0);
    EXPECT_EQ(now.low.nagpu_per_gpu_hour, price);
    EXPECT_EQ(now.high.nagpu_per_gpu_hour, price);
  }
}

// REQ: MTP-6
TEST(Pricing, ACheaperTierCannotInvertTheOrder) {
  const Moved market({1'000, 1'000, 1'000}, {kLogOfAnchor, 0, 0});
  EXPECT_EQ(market.pricing.envelope(kEconomy, 0, 0).low.nagpu_per_gpu_hour, 3'999U);
  EXPECT_EQ(market.pricing.envelope(kStandard, 0, 0).low.nagpu_per_gpu_hour, 4'399U) << "ceil(1.10 x 3999)";
  EXPECT_EQ(market.pricing.envelope(kPremium, 0, 0).low.nagpu_per_gpu_hour, 5'059U) << "ceil(1.15 x 4399)";
}

TEST(Pricing, TheEnvelopeEndsAtFloorAndCeiling) {
  const Market market;
  const Envelope far = market.pricing.envelope(kStandard, market.a100(), 1'000);
  EXPECT_EQ(far.low.nagpu_per_gpu_hour, 250'000'000U);
  EXPECT_EQ(far.high.nagpu_per_gpu_hour, mul_div(250'000'000, exp_q32(kLogMax), kQ32, Rounding::Floor));
  const Envelope now = market.pricing.envelope(kStandard, market.a100(), 0);
  EXPECT_EQ(now.low, market.pricing.price(kStandard, market.a100()));
  EXPECT_EQ(now.high, now.low);
}

// No price may leave the envelope given ticks ago, however every tier's log-price moves within its slew.
RC_GTEST_PROP(Pricing, NoPathOfPricesLeavesTheEnvelope, ()) {
  std::array<std::uint64_t, 3> floors{};
  std::array<std::uint64_t, 3> logs{};
  for (std::size_t i = 0; i < 3; ++i) {
    floors[i] = *rc::gen::inRange<std::uint64_t>(1, 10'000'000'000);
    logs[i] = *rc::gen::inRange<std::uint64_t>(0, kLogMax + 1);
  }
  const auto ticks = *rc::gen::inRange<std::uint32_t>(0, 80);
  const Moved before(floors, logs);
  std::array<Envelope, 3> promised{};
  for (TierId tier = 0; tier < 3; ++tier) promised[tier] = before.pricing.envelope(tier, 0, ticks);
  for (std::uint64_t& log : logs) {
    // The next price is decided already, so so many ticks leave one slew less.
    const auto drift = *rc::gen::inRange<std::uint64_t>(0, (ticks == 0 ? 0 : ticks - 1) * kSlew + 1);
    log = *rc::gen::arbitrary<bool>() ? std::min(log + drift, kLogMax) : saturating_sub(log, drift);
  }
  const Moved after(floors, logs);
  Price below;
  for (TierId tier = 0; tier < 3; ++tier) {
    const Price price = after.pricing.envelope(tier, 0, 0).low;
    RC_ASSERT(promised[tier].low <= price);
    RC_ASSERT(price <= promised[tier].high);
    RC_ASSERT(price >= below);
    below = price;
  }
}

// REQ: WRK-4
TEST(Pricing, UnitPriceAndCostMatchTheWorkedExample) {
  Factors factors;
  factors.product_ppm = 1'634'708;
  const Price unit = Pricing::unit_price({2'199'999}, factors);
  EXPECT_EQ(unit.nagpu_per_gpu_hour, 3'596'356U);
  EXPECT_EQ(Pricing::cost(unit, 8'000, 7'200'000, Rounding::Ceil).base, 57'541'696U);
}

RC_GTEST_PROP(Pricing, CostIsExact, ()) {
  const auto unit = *rc::gen::inRange<std::uint64_t>(0, 1'000'000'000'000'000);
  const auto milli = *rc::gen::inRange<std::uint64_t>(0, 4'096'001);
  const auto ms = *rc::gen::inRange<std::uint64_t>(0, 31'536'000'001);
  const u128 product = u128{unit} * milli * ms;
  const u128 most = u128{kAmountMax};
  const auto expected = [&](u128 value) { return static_cast<std::uint64_t>(std::min(value, most)); };
  RC_ASSERT(Pricing::cost({unit}, milli, ms, Rounding::Floor).base == expected(product / 3'600'000'000U));
  RC_ASSERT(Pricing::cost({unit}, milli, ms, Rounding::Ceil).base ==
            expected((product + 3'599'999'999U) / 3'600'000'000U));
}

TEST(Pricing, NothingOverflows) {
  EXPECT_EQ(Pricing::cost({kAmountMax}, ~std::uint64_t{0}, ~std::uint64_t{0}, Rounding::Floor).base, kAmountMax);
  Factors factors;
  factors.product_ppm = 8'000'000;
  EXPECT_EQ(Pricing::unit_price({kAmountMax}, factors).nagpu_per_gpu_hour, kAmountMax);
}

TEST(Pricing, AJobWithoutGpuIsPricedByCpuAndMemory) {
  const Market market;
  const std::uint64_t gib = std::uint64_t{1} << 30;
  EXPECT_EQ(market.pricing.side_price({{}, 0, 0, 0, 4'000, 8 * gib, 0, 0}).nagpu_per_gpu_hour, 12'000'000U);
  EXPECT_EQ(market.pricing.side_price({{}, 0, 0, 0, 1, 1, 0, 0}).nagpu_per_gpu_hour, 2'001U)
      << "each part is rounded up";
  const Market dev(Preset::Dev);
  EXPECT_EQ(dev.pricing.side_price({{}, 0, 0, 0, 4'000, 8 * gib, 0, 0}).nagpu_per_gpu_hour, 12'000'000'000U);
  EXPECT_EQ(dev.pricing.side_price({{}, 0, 0, 0, 0xffff'ffff, ~std::uint64_t{0}, 0, 0}).nagpu_per_gpu_hour,
            (std::uint64_t{8'589'934'590'000} + 8'589'934'592'000'000) * 1'000);
}

}  // namespace
}  // namespace starminer::protocol
