#include "protocol/reputation/reputation.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

constexpr NodeId kNode{{7}};
constexpr std::uint8_t kKind = 2;
constexpr TimeMs kStart{1'700'000'000'000};
constexpr std::uint64_t kHalfLife = 2'592'000'000;

struct Market {
  state::Store store;
  Params params{store};
  Reputation reputation{store, params};

  Market() { params.write_genesis(Preset::Main); }
  void record(Outcome outcome, std::uint64_t times, TimeMs now = kStart) {
    for (std::uint64_t i = 0; i < times; ++i) reputation.record(kNode, kKind, outcome, 1'000, now);
  }
  [[nodiscard]] std::uint8_t score(TimeMs now = kStart) const { return reputation.score(kNode, kKind, now); }
};

// The textbook formula, in the arithmetic that the protocol does without.
double wilson(double good, double all) {
  const double z2 = 1.96 * 1.96;
  const double root = std::sqrt(1.96 * 1.96 * good * (all - good) / all + z2 * z2 / 4);
  return (good + z2 / 2 - root) / (all + z2);
}

// REQ: REG-6
TEST(Reputation, AFreshIdentityHasThePriorsBound) {
  const Market market;
  EXPECT_EQ(market.score(), 90);  // Wilson(4 of 5) = 0.3755
  EXPECT_EQ(market.reputation.success_share(kNode, kStart).value, 800'000U);
  EXPECT_EQ(market.reputation.total(kNode, kStart).milli, (std::array<std::uint64_t, kOutcomeCount>{}));
}

TEST(Reputation, KnownScores) {
  struct Row {
    std::uint64_t good, bad;
    std::uint8_t score;
  };
  for (const Row& row : {Row{1, 0, 104}, Row{10, 0, 168}, Row{100, 0, 227}, Row{0, 1, 71}, Row{0, 10, 26},
                         Row{50, 50, 100}, Row{1'000, 0, 238}}) {
    Market market;
    market.record(Outcome::Success, row.good);
    market.record(Outcome::Failure, row.bad);
    EXPECT_EQ(market.score(), row.score) << row.good << " good, " << row.bad << " bad";
  }
}

// REQ: REG-6
RC_GTEST_PROP(Reputation, AgreesWithTheFloatingReference, ()) {
  Market market;
  for (std::uint8_t i = 0; i < kOutcomeCount; ++i) {
    const auto weight = *rc::gen::weightedOneOf<std::uint64_t>(
        {{3, rc::gen::inRange<std::uint64_t>(0, 40'000)}, {1, rc::gen::inRange<std::uint64_t>(0, 10'000'000'000)}});
    market.reputation.record(kNode, kKind, static_cast<Outcome>(i), weight, kStart);
  }
  const auto counts = market.reputation.counts(kNode, kKind, kStart).milli;
  const double good = 4 + static_cast<double>(counts[0]) / 1000;
  const double all = 5 + static_cast<double>(counts[0] + counts[1] + counts[2] + counts[3]) / 1000;
  const double exact = 240 * wilson(good, all);
  const double score = market.score();
  RC_ASSERT(score <= exact + 1e-4);
  RC_ASSERT(score + 1 > exact - 1e-4);
}

// REQ: REG-6
RC_GTEST_PROP(Reputation, ASuccessNeverLowersAndAFaultNeverRaises, ()) {
  Market market;
  TimeMs now = kStart;
  const auto steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    now = now + DurationMs{*rc::gen::inRange<std::uint64_t>(0, kHalfLife / 4)};
    const auto outcome = static_cast<Outcome>(*rc::gen::inRange(0, 4));
    const std::uint8_t before = market.score(now);
    const Ppm share = market.reputation.success_share(kNode, now);
    market.reputation.record(kNode, kKind, outcome, *rc::gen::inRange<std::uint64_t>(0, 3'000), now);
    const std::uint8_t after = market.score(now);
    RC_ASSERT(after <= kReputationMax);
    if (outcome == Outcome::Success) {
      RC_ASSERT(after >= before);
      RC_ASSERT(market.reputation.success_share(kNode, now) >= share);
    } else {
      RC_ASSERT(after <= before);
      RC_ASSERT(market.reputation.success_share(kNode, now) <= share);
    }
  }
}

TEST(Reputation, EveryOutcomeButSuccessCountsAgainst) {
  for (const Outcome outcome : {Outcome::Failure, Outcome::Late, Outcome::Disputed}) {
    Market market;
    market.record(outcome, 3);
    EXPECT_LT(market.score(), 90);
    EXPECT_EQ(market.reputation.counts(kNode, kKind, kStart).milli[static_cast<std::size_t>(outcome)], 3'000U);
  }
}

TEST(Reputation, HalvesInOneHalfLife) {
  Market market;
  market.record(Outcome::Success, 8);
  for (const auto& [half_lives, milli] :
       {std::pair<std::uint64_t, std::uint64_t>{0, 8'000}, {1, 4'000}, {3, 1'000}, {13, 0}, {70, 0}}) {
    const TimeMs now = kStart + DurationMs{half_lives * kHalfLife};
    EXPECT_EQ(market.reputation.counts(kNode, kKind, now).milli[0], milli) << half_lives;
  }
  EXPECT_EQ(market.score(kStart + DurationMs{70 * kHalfLife}), 90);
}

// REQ: REG-6
RC_GTEST_PROP(Reputation, DecaysLikeAPowerOfTwo, ()) {
  Market market;
  const auto count = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  market.reputation.record(kNode, kKind, Outcome::Failure, count * 1'000, kStart);
  const auto passed = *rc::gen::inRange<std::uint64_t>(0, 5 * kHalfLife);
  const auto later = *rc::gen::inRange<std::uint64_t>(0, kHalfLife);
  const auto at = [&market](std::uint64_t ms) {
    return market.reputation.counts(kNode, kKind, kStart + DurationMs{ms}).milli[1];
  };
  const double expected =
      static_cast<double>(count) * 1'000 * std::exp2(-static_cast<double>(passed) / static_cast<double>(kHalfLife));
  RC_ASSERT(std::abs(static_cast<double>(at(passed)) - expected) <= 1.0 + expected * 1e-9);
  RC_ASSERT(at(passed + later) <= at(passed));
}

// A node that is touched every minute must not lose outcomes faster than one that is left alone.
TEST(Reputation, TouchingOftenWearsNothingOff) {
  Market market;
  market.record(Outcome::Failure, 5);
  constexpr std::uint64_t kTouches = 20'000;
  for (std::uint64_t i = 1; i <= kTouches; ++i) {
    market.reputation.record(kNode, kKind, Outcome::Success, 0, kStart + DurationMs{i * kHalfLife / kTouches});
  }
  EXPECT_EQ(market.reputation.counts(kNode, kKind, kStart + DurationMs{kHalfLife}).milli[1], 2'500U);
}

TEST(Reputation, AnOutcomeReadsBackExactlyAtAnyTime) {
  Market market;
  market.record(Outcome::Success, 1);
  const TimeMs now = kStart + DurationMs{kHalfLife * 3 / 4};
  market.reputation.record(kNode, kKind, Outcome::Late, 1'000, now);
  EXPECT_EQ(market.reputation.counts(kNode, kKind, now).milli[2], 1'000U);
}

TEST(Reputation, KindsAndNodesStandAlone) {
  Market market;
  market.record(Outcome::Failure, 20);
  EXPECT_EQ(market.reputation.score(kNode, 0, kStart), 90);
  EXPECT_EQ(market.reputation.score(NodeId{{8}}, kKind, kStart), 90);
  EXPECT_LT(market.reputation.success_share(kNode, kStart).value, 800'000U);
  EXPECT_EQ(market.reputation.success_share(NodeId{{8}}, kStart).value, 800'000U);
}

TEST(Reputation, StaysInBoundsAtTheLargestCounts) {
  Market market;
  for (int i = 0; i < 4; ++i) {
    market.reputation.record(kNode, kKind, Outcome::Success, ~std::uint64_t{0}, kStart + DurationMs{kHalfLife - 1});
  }
  EXPECT_EQ(market.score(kStart + DurationMs{kHalfLife - 1}), 239);
  market.reputation.record(kNode, kKind, Outcome::Failure, ~std::uint64_t{0}, kStart + DurationMs{kHalfLife - 1});
  EXPECT_EQ(market.score(kStart + DurationMs{kHalfLife - 1}), 119);
}

TEST(Reputation, APriorWithoutFaultsReachesTheTop) {
  Market market;
  ASSERT_TRUE(market.params.set(Parameter::ReputationPriorGood, 100));  // above the prior's total: cut to it
  market.reputation.record(kNode, kKind, Outcome::Success, 10'000'000'000, kStart);
  EXPECT_EQ(market.score(), 239);
  EXPECT_EQ(market.reputation.success_share(kNode, kStart).value, kPpm);
}

TEST(Reputation, RowsEncodeToOneForm) {
  Market market;
  market.record(Outcome::Success, 2);
  const auto& [key, row] = *market.reputation.table().begin();
  const auto decoded = decode<ReputationRow>(encode(row));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->milli, row.milli);
  EXPECT_EQ(decode<ReputationKey>(encode(key)), key);
}

// REQ: MAT-2. An index of nodes may keep a score until then.
TEST(Reputation, AScoreHoldsThroughItsSpan) {
  Market market;
  std::uint64_t lasting = 0;
  for (std::uint8_t node = 0; node < 60; ++node) {
    const NodeId id{{node}};
    TimeMs now{1'000'000};
    for (std::uint8_t i = 0; i <= node % 7; ++i) {
      const Outcome outcome = (node + i) % 3 == 0 ? Outcome::Failure : Outcome::Success;
      market.reputation.record(id, 0, outcome, 700 * (std::uint64_t{node} + 1), now);
      now = now + DurationMs{(std::uint64_t{node} + 3) * 40'000'000};
    }
    for (int step = 0; step < 30; ++step) {
      const Reputation::Span span = market.reputation.score_span(id, 0, now);
      ASSERT_GT(span.until, now);
      ASSERT_EQ(span.score, market.reputation.score(id, 0, now));
      const std::uint64_t length = elapsed(span.until, now).ms;
      if (length > 60'000) ++lasting;
      for (const std::uint64_t part : {length - 1, length / 2, length / 3}) {
        ASSERT_EQ(market.reputation.score(id, 0, now + DurationMs{part}), span.score);
      }
      now = span.until;
    }
  }
  EXPECT_GT(lasting, 1'000U) << "most spans must be worth keeping";
  EXPECT_EQ(market.reputation.score_span(NodeId{{200}}, 0, TimeMs{5}).until.ms, ~std::uint64_t{0});
}

}  // namespace
}  // namespace starminer::protocol
