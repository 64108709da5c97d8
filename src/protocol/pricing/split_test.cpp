#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

u128 sum_of(const FeeSplit& split) {
  return u128{split.surge_burn.base} + split.burn.base + split.stakers.base + split.treasury.base +
         split.insurance.base + split.referrer.base + split.provider.base;
}

// REQ: WRK-4
TEST(FeeSplit, MatchesTheVectorOfTheEconomicsText) {
  const Market market;
  const FeeSplit split = market.pricing.split({420'012'379'563}, 7, 7, true);
  EXPECT_EQ(split.surge_burn.base, 0U);
  EXPECT_EQ(split.burn.base, 21'000'618'979U);
  EXPECT_EQ(split.stakers.base, 8'400'247'591U);
  EXPECT_EQ(split.treasury.base, 6'300'185'693U);
  EXPECT_EQ(split.insurance.base, 4'200'123'795U);
  EXPECT_EQ(split.referrer.base, 2'100'061'897U);
  EXPECT_EQ(split.provider.base, 378'011'141'608U);
}

TEST(FeeSplit, WithoutAReferrerTheTreasuryHasThatShare) {
  const Market market;
  const FeeSplit split = market.pricing.split({420'012'379'563}, 7, 7, false);
  EXPECT_EQ(split.referrer.base, 0U);
  EXPECT_EQ(split.treasury.base, 6'300'185'693U + 2'100'061'897U);
  EXPECT_EQ(split.provider.base, 378'011'141'608U);
}

TEST(FeeSplit, HalfOfThePriceAboveItsSlowAverageIsBurned) {
  const Market market;
  constexpr std::uint64_t kLn2 = 2'977'044'471;
  const FeeSplit split = market.pricing.split({1'000'000'000}, kLn2, 0, true);
  EXPECT_EQ(split.surge_burn.base, 250'000'000U) << "half of the price is surge, half of that is burned";
  EXPECT_EQ(split.burn.base, 37'500'000U);
  EXPECT_EQ(market.pricing.split({1'000'000'000}, 0, kLn2, true).surge_burn.base, 0U) << "no surge below the average";
}

TEST(FeeSplit, TheSmallestPaymentsAreBurnedFirst) {
  const Market market;
  const FeeSplit zero = market.pricing.split({0}, kQ32, 0, false);
  EXPECT_EQ(sum_of(zero), 0U);
  const FeeSplit one = market.pricing.split({1}, 0, 0, false);
  EXPECT_EQ(one.burn.base, 1U);
  EXPECT_EQ(one.provider.base, 0U);
  const FeeSplit ten = market.pricing.split({10}, 0, 0, false);
  EXPECT_EQ(ten.burn.base, 1U);
  EXPECT_EQ(ten.provider.base, 9U);
}

// REQ: WRK-4
RC_GTEST_PROP(FeeSplit, ThePartsSumToThePayment, ()) {
  Market market;
  if (*rc::gen::arbitrary<bool>()) {
    for (const ParameterInfo& info : parameter_registry()) {
      if (info.id < Parameter::FeeBurnPpm || info.id > Parameter::SurgeBurnBp) continue;
      RC_ASSERT(market.params.set(info.id, *rc::gen::inRange(info.min, info.max + 1)));
    }
  }
  const Agpu pay{*rc::gen::weightedOneOf<std::uint64_t>({{1, rc::gen::inRange<std::uint64_t>(0, 100)},
                                                         {3, rc::gen::inRange<std::uint64_t>(0, kAmountMax)},
                                                         {1, rc::gen::just(kAmountMax)}})};
  const auto log_price = *rc::gen::inRange<std::uint64_t>(0, 14'885'222'360);
  const auto slow = *rc::gen::inRange<std::uint64_t>(0, 14'885'222'360);
  const bool has_referrer = *rc::gen::arbitrary<bool>();
  const FeeSplit split = market.pricing.split(pay, log_price, slow, has_referrer);
  RC_ASSERT(split.pay == pay);
  RC_ASSERT(sum_of(split) == pay.base);
  RC_ASSERT(split.surge_burn.is_zero() || log_price > slow);
  RC_ASSERT(u128{split.surge_burn.base} * 10'000 <=
            u128{pay.base} * market.params.get(Parameter::SurgeBurnBp) + 10'000);
  RC_ASSERT(u128{split.burn.base} * kPpm >=
            u128{pay.base - split.surge_burn.base} * market.params.get(Parameter::FeeBurnPpm));
  RC_ASSERT(split.surge_burn.base <= pay.base);
  RC_ASSERT(has_referrer || split.referrer.is_zero());
  const FeeSplit other = market.pricing.split(pay, log_price, slow, !has_referrer);
  RC_ASSERT(other.provider == split.provider);
}

}  // namespace
}  // namespace starminer::protocol
