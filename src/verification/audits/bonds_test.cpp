// Each bound against its inequality in exact fractions: it holds at the bound and not one unit below.
// REQ: VER-4
#include "verification/audits/bonds.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/audits/detection.h"
#include "verification/audits/rational.h"
#include "verification/audits/segments.h"

namespace starminer::verification {
namespace {

rc::Gen<Agpu> any_amount() {
  return rc::gen::map(
      rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 100), rc::gen::inRange<std::uint64_t>(0, kAmountMax),
                     rc::gen::inRange<std::uint64_t>(0, 1'000'000'000'000)),
      [](std::uint64_t base) { return Agpu{base}; });
}
rc::Gen<Ppm> any_share() {
  return rc::gen::map(rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, kPpm + 1),
                                     rc::gen::elementOf(std::vector<std::uint64_t>{0, 1, kPpm - 1, kPpm})),
                      [](std::uint64_t value) { return Ppm{value}; });
}

/// `enough(B)` is true from the bound on and false below; where there is none, it is false for every amount.
template <class Enough>
void is_least(const std::optional<Agpu>& bound, Enough enough) {
  if (!bound) {
    RC_ASSERT(!enough(Rational(kAmountMax)));
    return;
  }
  RC_ASSERT(enough(of(*bound)));
  if (!bound->is_zero()) RC_ASSERT(!enough(of(*bound) - 1));
}

RC_GTEST_PROP(Bond, OfAWholeJob, ()) {
  const WholeJob job{*any_amount(), *any_amount(), *any_share(), *any_share()};
  const Rational at_risk = of(job.price) + of(job.value);
  is_least(whole_job_bond(job), [&](const Rational& bond) {
    return share(job.detection) * bond * (1 - share(job.finder)) >= (1 - share(job.detection)) * at_risk;
  });
}

RC_GTEST_PROP(Bond, LeastDetectionIsItsInverse, ()) {
  const WholeJob job{*any_amount(), *any_amount(), {}, *any_share()};
  const Agpu bond = *any_amount();
  const Rational at_risk = of(job.price) + of(job.value);
  const Rational lost = bond.base * (1 - share(job.finder));
  const auto found = least_detection(job, bond);
  RC_ASSERT(found.has_value() == (at_risk + lost != 0));
  if (!found) return;
  RC_ASSERT(Whole(found->value) == ceil_of(kPpm * at_risk / (at_risk + lost)));
  const auto needed = whole_job_bond({job.price, job.value, *found, job.finder});
  RC_ASSERT(needed.has_value());
  RC_ASSERT(*needed <= bond);
}

RC_GTEST_PROP(Bond, OfSegments, ()) {
  const SegmentedJob job{*any_amount(), *any_amount(), *any_amount(), *any_share(), *any_share()};
  is_least(segment_bond(job), [&](const Rational& bond) {
    return share(job.judged_right) * (of(job.price) + bond * (1 - share(job.finder))) >=
           of(job.cost) + of(job.lazy_value);
  });
}

// What the bound of segments is for: with it no share of the work is worth skipping.
RC_GTEST_PROP(Bond, OfSegmentsLeavesNoShareWorthSkipping, ()) {
  SegmentedJob job{*any_amount(), {}, {}};
  job.cost = {*rc::gen::inRange<std::uint64_t>(0, job.price.base + 1)};
  const auto bond = segment_bond(job);
  RC_PRE(bond.has_value());
  const auto segments = *rc::gen::inRange<std::uint64_t>(2, 60);
  const auto drawn = *rc::gen::inRange<std::uint64_t>(2, segments + 1);
  const auto skipped = *rc::gen::inRange<std::uint64_t>(1, segments + 1);
  // One draw less, as one proposer may be biased; a rounding of the detection by a millionth is left to the price.
  const Rational caught = share(job.judged_right) * share(segment_detection_biased({segments, skipped, drawn}));
  const Rational saved = of(job.cost) * Rational(skipped, segments);
  const Rational lost = of(job.price) + of(*bond) * (1 - share(job.finder));
  RC_ASSERT(saved <= (caught + Rational(1, kPpm)) * lost);
}

RC_GTEST_PROP(Bond, OfATarget, ()) {
  TargetedJob job{*any_amount()};
  job.segments = *rc::gen::inRange<std::uint64_t>(0, kSegmentsMax + 1);
  job.drawn = *rc::gen::inRange<std::uint64_t>(0, job.segments + 1);
  job.judged_right = *any_share();
  job.finder = *any_share();
  const auto bound = targeted_bond(job);
  if (job.gain.is_zero()) {
    RC_ASSERT(bound->is_zero());
    return;
  }
  const Rational met = share(job.judged_right) * job.drawn;
  is_least(bound, [&](const Rational& bond) {
    return bond * (1 - share(job.finder)) * met > of(job.gain) * (job.segments - met);
  });
}

RC_GTEST_PROP(Bond, OfADispute, ()) {
  const Dispute dispute{*rc::gen::inRange<std::uint64_t>(0, 50), *any_amount(), *any_share(), *any_share(),
                        *any_share()};
  const Rational rest = 1 - share(dispute.finder) - share(dispute.restitution) - share(dispute.floor);
  const auto bound = solvency_bond(dispute);
  if (rest < 0) {
    RC_ASSERT(!bound.has_value());
    return;
  }
  is_least(bound, [&](const Rational& bond) { return bond * rest >= dispute.verifiers * of(dispute.fee); });
}

RC_GTEST_PROP(Bond, OfAVerifier, ()) {
  const VerifierStake stake{*any_amount(), *any_amount(), *any_share(), *any_share()};
  const Rational t = share(stake.trap);
  const Rational g = share(stake.leak);
  const auto bound = verifier_bond(stake);
  // Honest work pays as well as repeating what leaks and losing the bond where it is a trap or does not leak.
  const Rational excess = of(stake.cost) - of(stake.fee) * (1 - (1 - t) * g);
  if (excess < 0) {
    RC_ASSERT(bound->is_zero());
    return;
  }
  is_least(bound, [&](const Rational& bond) { return bond * (t + (1 - t) * (1 - g)) > excess; });
}

RC_GTEST_PROP(Bond, OfAChallenge, ()) {
  const Challenge challenge{*rc::gen::inRange<std::uint64_t>(0, 50),
                            *any_amount(),
                            *any_amount(),
                            {*rc::gen::inRange<std::uint64_t>(0, 86'400'001)},
                            *any_share()};
  const Rational years = Rational(challenge.window.ms, std::uint64_t{365} * 86'400'000);
  const Whole exact = challenge.verifiers * Whole(challenge.fee.base) +
                      ceil_of(of(challenge.price) * years * share(challenge.yearly_rate));
  const auto bound = challenge_bond(challenge);
  RC_ASSERT(bound.has_value() == (exact <= kAmountMax));
  if (bound) RC_ASSERT(Whole(bound->base) == exact);
}

// The figures of the design, of a price of 10^9.
TEST(Bond, FiguresOfTheDesign) {
  constexpr Agpu kPrice{1'000'000'000};
  const auto multiple = [&](std::uint64_t percent, std::uint64_t finder) {
    return static_cast<double>(whole_job_bond({kPrice, {}, {percent * 10'000}, {finder}})->base) / 1e9;
  };
  EXPECT_NEAR(multiple(5, 0), 19, 1e-6);
  EXPECT_NEAR(multiple(5, 200'000), 23.75, 1e-6);
  EXPECT_NEAR(multiple(10, 200'000), 11.25, 1e-6);
  EXPECT_NEAR(multiple(50, 200'000), 1.25, 1e-6);
  // B >= (5/16) P + (25/16) V_lazy where the cost is the whole price.
  EXPECT_EQ(segment_bond({kPrice, kPrice, {}})->base, 312'500'000U);
  EXPECT_EQ(segment_bond({kPrice, kPrice, {1'000'000'000}})->base, 1'875'000'000U);
  EXPECT_EQ(segment_bond({kPrice, {800'000'000}, {}})->base, 0U);
  EXPECT_EQ(solvency_bond({5, {100}})->base, 2'500U);
  // t = 5 %: more than 20 K - fee.
  EXPECT_EQ(verifier_bond({{1'000}, {1'250}})->base, 20 * 1'000 - 1'250 + 1U);
  EXPECT_FALSE(whole_job_bond({kPrice, {}, {0}}).has_value());
}

TEST(Bond, TheLargestBindsAndTheFirstOfEqualOnes) {
  Bounds bounds{Agpu{5}, Agpu{7}, Agpu{7}, Agpu{1}};
  const auto largest = largest_bound(bounds);
  ASSERT_TRUE(largest.has_value());
  EXPECT_EQ(largest->bond.base, 7U);
  EXPECT_EQ(bound_name(largest->binds), "segments");
  bounds.solvency = Agpu{8};
  EXPECT_EQ(bound_name(largest_bound(bounds)->binds), "solvency");
  bounds.targeted.reset();
  EXPECT_FALSE(largest_bound(bounds).has_value());
}

// Over the grid of all parameters in their governed ranges: who cheats and finds itself loses.
TEST(Bond, TheFindersOwnCheatLosesOverTheGrid) {
  unsigned points = 0;
  for (const std::uint64_t finder : {100'000U, 150'000U, 200'000U, 250'000U, 300'000U}) {
    for (std::uint64_t percent = 1; percent < 100; ++percent) {
      for (const std::uint64_t price : {1U, 7U, 1'000'000U, 4'000'000'000U}) {
        for (const std::uint64_t value : {0U, 1U, 1'000'000'000U}) {
          const WholeJob job{{price}, {value}, {percent * 10'000}, {finder}};
          const Agpu bond = whole_job_bond(job).value();
          const Rational gain = (1 - share(job.detection)) * (of(job.price) + of(job.value));
          EXPECT_LE(gain, share(job.detection) * of(bond) * (1 - share(job.finder)));
          ++points;
        }
      }
    }
  }
  EXPECT_EQ(points, 5U * 99 * 4 * 3);
}

}  // namespace
}  // namespace starminer::verification
