// How a small whole market answers: its figures add up, and prices go where demand and supply send them.
#include "sim/response.h"

#include <gtest/gtest.h>

namespace starminer::sim {
namespace {

ResponseOptions small_market() {
  ResponseOptions options;
  options.nodes = 30;
  options.hours_before = 24;
  options.hours_after = 24;
  options.paths = 1;
  return options;
}

// REQ: MTP-3
TEST(Response, PricesRiseWhereDemandDoublesAndLoadComesBackToItsTarget) {
  ResponseOptions options = small_market();
  options.demand_times = 2;
  const auto result = respond(options);
  ASSERT_TRUE(result.has_value()) << result.error();
  ASSERT_EQ(result->tiers.size(), 3U);
  const TierResponse& standard = result->tiers[1];
  EXPECT_EQ(standard.tier, "Standard");
  EXPECT_GE(standard.hours_to_85, 0) << "85 % of the move are reached at some time";
  EXPECT_NEAR(standard.load_at_end, 0.8, 0.2);
  EXPECT_LE(standard.largest_step, 0.03 + 1e-6);
  EXPECT_EQ(result->envelopes_broken, 0U);
  EXPECT_EQ(result->refused, 0U);
  EXPECT_GT(result->submitted, 1'000U);
  EXPECT_GT(result->used_after, 0.6);
  EXPECT_LE(result->used_after, 1.0);
  EXPECT_GT(result->revenue_agpu_per_gpu_hour, 0.0);
  EXPECT_GE(result->burned_share, 0.05) << "the base burn, and the surge part above it";
  const auto again = respond(options);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->paths[0][1].ticks.back().price, result->paths[0][1].ticks.back().price);
}

TEST(Response, PricesRiseWhereHalfOfTheNodesFallSilent) {
  ResponseOptions options = small_market();
  options.supply_times = 0.5;
  const auto result = respond(options);
  ASSERT_TRUE(result.has_value()) << result.error();
  const PriceCourse& standard = result->mean_paths[1];
  EXPECT_GT(standard.ticks.back().price, 1.3 * standard.ticks[24 * 60 - 1].price);
  EXPECT_LE(result->used_after, 1.0) << "of the nodes that are left";
  EXPECT_GT(result->used_after, 0.6);
}

TEST(Response, DemandThatStaysLeavesThePriceWhereItBegan) {
  const auto result = respond(small_market());
  ASSERT_TRUE(result.has_value()) << result.error();
  const PriceCourse& standard = result->mean_paths[1];
  EXPECT_NEAR(standard.mean() / standard.ticks.front().price, 1.0, 0.35);
  EXPECT_DOUBLE_EQ(result->tiers[1].overshoot, 0) << "of no move there is none";
}

}  // namespace
}  // namespace starminer::sim
