// REQ: VER-4
#include "verification/audits/detection.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/audits/lottery.h"
#include "verification/audits/rational.h"
#include "verification/audits/segments.h"

namespace starminer::verification {
namespace {

/// By binomial coefficients.
Rational exact_detection(const SegmentAudit& audit) {
  const auto choose = [](std::uint64_t n, std::uint64_t k) {
    Whole result = 1;
    if (k > n) return Whole(0);
    for (std::uint64_t i = 0; i < k; ++i) result = result * (n - i) / (i + 1);
    return result;
  };
  return 1 - Rational(choose(audit.segments - audit.skipped, audit.drawn), choose(audit.segments, audit.drawn));
}

void holds_against_exact(const SegmentAudit& audit) {
  const Rational exact = exact_detection(audit) * kPpm;
  const Rational found = segment_detection(audit).value;
  RC_ASSERT(found <= exact);
  RC_ASSERT(exact < found + 1 + Rational(1, Whole(1) << 40));
}

RC_GTEST_PROP(Detection, IsTheHypergeometricRoundedDown, ()) {
  SegmentAudit audit;
  audit.segments = *rc::gen::inRange<std::uint64_t>(1, 400);
  audit.skipped = *rc::gen::inRange<std::uint64_t>(0, audit.segments + 1);
  audit.drawn = *rc::gen::inRange<std::uint64_t>(0, audit.segments + 1);
  holds_against_exact(audit);
  if (audit.drawn > 0) {
    SegmentAudit less = audit;
    --less.drawn;
    RC_ASSERT(segment_detection_biased(audit) == segment_detection(less));
  }
}

RC_GTEST_PROP(Detection, OfLargeJobs, ()) {
  SegmentAudit audit;
  audit.segments = *rc::gen::inRange<std::uint64_t>(10'000, kSegmentsMax + 1);
  audit.skipped = *rc::gen::inRange<std::uint64_t>(0, audit.segments + 1);
  audit.drawn = *rc::gen::inRange<std::uint64_t>(0, 40);
  holds_against_exact(audit);
}

// The figures of the design's table, which draws with replacement from very many segments.
TEST(Detection, FiguresOfTheDesign) {
  const auto percent = [](std::uint64_t skipped, std::uint64_t drawn) {
    return (segment_detection({10'000, skipped, drawn}).value + 5'000) / 10'000;
  };
  EXPECT_EQ(percent(1'000, 4), 34U);
  EXPECT_EQ(percent(1'000, 8), 57U);
  EXPECT_EQ(percent(1'000, 32), 97U);
  EXPECT_EQ(percent(5'000, 4), 94U);
  EXPECT_EQ(segment_detection({16, 16, 1}).value, kPpm);
  EXPECT_EQ(segment_detection({16, 0, 16}).value, 0U);
  EXPECT_EQ(segment_detection({16, 1, 16}).value, kPpm);
}

// What the formula says is what the lottery does: 20,000 draws, six standard deviations.
TEST(Detection, IsHowOftenTheLotteryMeetsACheat) {
  const SegmentAudit audit{20, 5, 3};
  unsigned met = 0;
  constexpr unsigned kDraws = 20'000;
  for (unsigned number = 0; number < kDraws; ++number) {
    LotterySeeds seeds;
    for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = sha256(std::to_string(4 * number + i));
    bool found = false;
    for (const DrawnSegment& one : draw_segments(seeds, job_id_of({}, 1), audit.segments, audit.drawn))
      found = found || one.index < audit.skipped;
    met += found ? 1U : 0U;
  }
  const double expected = static_cast<double>(segment_detection(audit).value) / kPpm * kDraws;
  EXPECT_NEAR(met, expected, 6 * 71);
}

RC_GTEST_PROP(Detection, OfWholeJobsIsAProduct, ()) {
  const auto any = rc::gen::map(rc::gen::inRange<std::uint64_t>(0, kPpm + 1), [](std::uint64_t v) { return Ppm{v}; });
  const WholeAudit audit{*any, *any, *any};
  RC_ASSERT(Whole(whole_detection(audit).value) ==
            floor_of(share(audit.audited) * share(audit.judged_right) * share(audit.unbiased) * kPpm));
}

Rational exact_majority(std::uint64_t members, Ppm dishonest) {
  Rational sum = 0;
  for (std::uint64_t wrong = members / 2 + 1; wrong <= members; ++wrong) {
    Rational term = 1;
    for (std::uint64_t i = 0; i < wrong; ++i) term *= share(dishonest) * Rational(members - i, i + 1);
    for (std::uint64_t i = wrong; i < members; ++i) term *= 1 - share(dishonest);
    sum += term;
  }
  return sum;
}

RC_GTEST_PROP(WrongMajority, IsTheBinomialRoundedUp, ()) {
  const std::uint64_t members = 2 * *rc::gen::inRange<std::uint64_t>(0, 24) + 1;
  const Ppm dishonest{*rc::gen::inRange<std::uint64_t>(0, kPpm + 1)};
  const Rational exact = exact_majority(members, dishonest) * (Whole(1) << 64);
  const Rational found = wrong_majority(members, dishonest);
  RC_ASSERT(found >= std::min(exact, Rational((Whole(1) << 64) - 1)));
  RC_ASSERT(found <= exact + 200'000);  // of 2^64
}

TEST(WrongMajority, TableOfTheDesign) {
  const auto chance = [](std::uint64_t members, std::uint64_t percent) {
    return static_cast<double>(wrong_majority(members, {percent * 10'000})) * 0x1p-64;
  };
  EXPECT_NEAR(chance(3, 10), 2.8e-2, 5e-4);
  EXPECT_NEAR(chance(5, 20), 5.8e-2, 5e-4);
  EXPECT_NEAR(chance(11, 30), 7.8e-2, 5e-4);
  EXPECT_NEAR(chance(23, 33), 4.5e-2, 5e-4);
  EXPECT_NEAR(chance(47, 20), 2.1e-6, 5e-8);
  EXPECT_NEAR(chance(95, 30), 2.2e-5, 5e-7);
}

}  // namespace
}  // namespace starminer::verification
