#include <set>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

// REQ: MTP-8
TEST(AutomaticTier, EveryRowOfTheRule) {
  const Market market;
  struct Row {
    std::string_view what;
    void (*wish)(JobSpec&);
    bool can_start_now;
    TierId tier;
    TierReason reason;
  };
  const std::initializer_list<Row> rows = {
      {"nothing", [](JobSpec&) {}, true, kEconomy, TierReason::NothingPresses},
      {"latency 50", [](JobSpec& s) { s.latency_ms = 50; }, true, kPremium, TierReason::Latency},
      {"latency 50, busy", [](JobSpec& s) { s.latency_ms = 50; }, false, kStandard, TierReason::Latency},
      {"latency 51", [](JobSpec& s) { s.latency_ms = 51; }, true, kStandard, TierReason::Latency},
      {"latency 200", [](JobSpec& s) { s.latency_ms = 200; }, true, kStandard, TierReason::Latency},
      {"latency 201", [](JobSpec& s) { s.latency_ms = 201; }, true, kEconomy, TierReason::NothingPresses},
      {"start 60 s", [](JobSpec& s) { s.start_within = seconds(60); }, true, kPremium, TierReason::StartWithin},
      {"start 60 s, busy", [](JobSpec& s) { s.start_within = seconds(60); }, false, kStandard, TierReason::StartWithin},
      {"start 61 s", [](JobSpec& s) { s.start_within = seconds(61); }, true, kStandard, TierReason::StartWithin},
      {"start 1800 s", [](JobSpec& s) { s.start_within = seconds(1'800); }, true, kStandard, TierReason::StartWithin},
      {"start 1801 s", [](JobSpec& s) { s.start_within = seconds(1'801); }, true, kEconomy, TierReason::NothingPresses},
      {"dedicated", [](JobSpec& s) { s.dedicated = true; }, true, kPremium, TierReason::Dedicated},
      {"dedicated, busy", [](JobSpec& s) { s.dedicated = true; }, false, kEconomy, TierReason::NothingPresses},
      {"slack below max", [](JobSpec& s) { s.deadline = in_seconds(7'199); }, true, kStandard, TierReason::Slack},
      {"slack of max", [](JobSpec& s) { s.deadline = in_seconds(7'200); }, true, kEconomy, TierReason::NothingPresses},
      {"deadline over", [](JobSpec& s) { s.deadline = {1}; }, true, kStandard, TierReason::Slack},
      {"urgent now", [](JobSpec& s) { s.urgency = Urgency::Now; }, true, kStandard, TierReason::Slack},
      {"urgent soon", [](JobSpec& s) { s.urgency = Urgency::Soon; }, true, kEconomy, TierReason::NothingPresses},
      {"economy named", [](JobSpec& s) { s.tier = TierChoice::Economy, s.latency_ms = 1; }, true, kEconomy,
       TierReason::Explicit},
      {"standard named", [](JobSpec& s) { s.tier = TierChoice::Standard; }, true, kStandard, TierReason::Explicit},
      {"premium named", [](JobSpec& s) { s.tier = TierChoice::Premium; }, false, kPremium, TierReason::Explicit},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    JobSpec spec = plain_job();
    row.wish(spec);
    const TierDecision decision = market.pricing.tier_of(spec, kNow, row.can_start_now);
    EXPECT_EQ(decision.tier, row.tier);
    EXPECT_EQ(decision.reason, row.reason);
  }
}

JobSpec random_wishes() {
  JobSpec spec = plain_job();
  spec.max_s = *rc::gen::inRange<std::uint64_t>(60, 10'000);
  spec.latency_ms = *rc::gen::element(0U, 10U, 50U, 51U, 200U, 201U, 5'000U);
  spec.start_within = {*rc::gen::element<std::uint64_t>(0, 1, 60'000, 60'001, 1'800'000, 1'800'001, 9'000'000)};
  if (*rc::gen::arbitrary<bool>()) spec.deadline = in_seconds(*rc::gen::inRange<std::uint64_t>(0, 40'000));
  spec.urgency = static_cast<Urgency>(*rc::gen::inRange(0, 3));
  spec.dedicated = *rc::gen::arbitrary<bool>();
  return spec;
}

/// The same job, pressed more in one respect or in none.
JobSpec more_urgent(JobSpec spec) {
  switch (*rc::gen::inRange(0, 5)) {
    case 0: spec.latency_ms = spec.latency_ms == 0 ? 5'000 : *rc::gen::inRange(1U, spec.latency_ms + 1); break;
    case 1:
      spec.start_within.ms =
          spec.start_within.ms == 0 ? 9'000'000 : *rc::gen::inRange<std::uint64_t>(1, spec.start_within.ms + 1);
      break;
    case 2:
      spec.deadline = spec.deadline.ms == 0 ? in_seconds(50'000)
                                            : TimeMs{*rc::gen::inRange<std::uint64_t>(kNow.ms, spec.deadline.ms + 1)};
      break;
    case 3: spec.dedicated = true; break;
    default: spec.urgency = static_cast<Urgency>(*rc::gen::inRange<int>(static_cast<int>(spec.urgency), 3)); break;
  }
  return spec;
}

// REQ: MTP-8
RC_GTEST_PROP(AutomaticTier, IsTotalDeterministicAndMonotone, ()) {
  const Market market;
  const JobSpec calm = random_wishes();
  const JobSpec pressed = more_urgent(calm);
  const bool now = *rc::gen::arbitrary<bool>();
  const TierDecision before = market.pricing.tier_of(calm, kNow, now);
  RC_ASSERT(before.tier <= kPremium);
  RC_ASSERT(market.pricing.tier_of(calm, kNow, now).tier == before.tier);
  RC_ASSERT(market.pricing.tier_of(calm, kNow, now).reason == before.reason);
  RC_ASSERT(market.pricing.tier_of(pressed, kNow, now).tier >= before.tier);
  RC_ASSERT(market.pricing.tier_of(calm, kNow, true).tier >= market.pricing.tier_of(calm, kNow, false).tier);
}

template <class E>
std::set<std::string> names(std::string_view (*name)(E)) {
  std::set<std::string> all;
  for (std::uint8_t i = 0; i < enum_count(E{}); ++i) all.insert(std::string(name(static_cast<E>(i))));
  all.erase("");
  return all;
}

TEST(PricingNames, AreAllDifferent) {
  EXPECT_EQ(names(factor_name).size(), kFactorCount);
  EXPECT_EQ(names(term_name).size(), kScoreTermCount);
  EXPECT_EQ(names(tier_reason_text).size(), 7U);
}

}  // namespace
}  // namespace starminer::protocol
