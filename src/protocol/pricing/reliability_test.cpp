#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

constexpr NodeId kNode{{5}};
constexpr std::uint64_t kDayMs = 86'400'000;

std::uint64_t reliability(const Market& market, const NodeRow& row, TimeMs now) {
  return market.pricing.reliability(kNode, row, market.reputation, now).value;
}

NodeRow new_node() {
  NodeRow row;
  row.registered = kNow;
  return row;
}

void record(Market& market, Outcome outcome, std::uint64_t times, TimeMs now) {
  for (std::uint64_t i = 0; i < times; ++i) market.reputation.record(kNode, 0, outcome, 1'000, now);
}

// REQ: MTP-10
TEST(Reliability, NewNodesStartAtFourFifths) {
  const Market market;
  EXPECT_EQ(reliability(market, new_node(), kNow), 800'000U);
}

TEST(Reliability, ALongGoodRecordReachesTheTopABadOneTheBottom) {
  Market market;
  const TimeMs later = kNow + DurationMs{400 * kDayMs};
  record(market, Outcome::Success, 20'000, later);
  EXPECT_GE(reliability(market, new_node(), later), 1'190'000U);
  Market bad;
  record(bad, Outcome::Failure, 5'000, later);
  record(bad, Outcome::Late, 5'000, later);
  NodeRow silent = new_node();
  silent.suspect_ms = 200 * kDayMs;
  EXPECT_EQ(reliability(bad, silent, later), 125'000U) << "the on-time curve ends at 0.5, the others at 0";
}

TEST(Reliability, SilenceThatLastsCounts) {
  const Market market;
  const TimeMs later = kNow + DurationMs{30 * kDayMs};
  const NodeRow heard = new_node();
  NodeRow silent = heard;
  silent.silent_since = kNow + DurationMs{20 * kDayMs};
  EXPECT_LT(reliability(market, silent, later), reliability(market, heard, later));
}

// REQ: MTP-10
RC_GTEST_PROP(Reliability, IsBoundedAndMonotone, ()) {
  Market market;
  const TimeMs now = kNow + DurationMs{*rc::gen::inRange<std::uint64_t>(0, 400 * kDayMs)};
  for (std::uint8_t i = 0; i < kOutcomeCount; ++i) {
    market.reputation.record(kNode, *rc::gen::inRange<std::uint8_t>(0, 4), static_cast<Outcome>(i),
                             *rc::gen::inRange<std::uint64_t>(0, 500'000), now);
  }
  NodeRow row = new_node();
  row.suspect_ms = *rc::gen::inRange<std::uint64_t>(0, elapsed(now, kNow).ms + 1);
  const std::uint64_t before = reliability(market, row, now);
  RC_ASSERT(before <= 1'200'000U);
  NodeRow quieter = row;
  quieter.suspect_ms = *rc::gen::inRange<std::uint64_t>(row.suspect_ms, elapsed(now, kNow).ms + 2);
  RC_ASSERT(reliability(market, quieter, now) <= before);
  const auto outcome = static_cast<Outcome>(*rc::gen::inRange(0, 4));
  market.reputation.record(kNode, 0, outcome, *rc::gen::inRange<std::uint64_t>(0, 50'000), now);
  const std::uint64_t after = reliability(market, row, now);
  RC_ASSERT((outcome == Outcome::Success ? after >= before : after <= before));
}

}  // namespace
}  // namespace starminer::protocol
