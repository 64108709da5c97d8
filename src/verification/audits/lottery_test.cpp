// REQ: VER-1
#include "verification/audits/lottery.h"

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "verification/audits/rational.h"
#include "verification/audits/segments.h"

namespace starminer::verification {
namespace {

LotterySeeds seeds_of(std::uint64_t number) {
  LotterySeeds seeds;
  for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = sha256(std::to_string(number) + "/" + std::to_string(i));
  return seeds;
}

/// By a list of what is left, and the words as they come.
std::vector<DrawnSegment> slow_draw(const LotterySeeds& seeds, const JobId& job, std::uint64_t segments,
                                    std::uint64_t drawn) {
  std::vector<std::uint64_t> left;
  for (std::uint64_t i = 0; i < segments; ++i) left.push_back(i);
  std::array<std::uint64_t, 4> counters{};
  std::vector<DrawnSegment> result;
  for (std::uint64_t k = 0; k < drawn; ++k) {
    const std::size_t block = k % 4;
    for (;;) {
      const u128 word = protocol::draw_word({seeds[block], protocol::DrawPurpose::Segment, job}, counters[block]++);
      const u128 runs = (u128{1} << 64) / left.size();
      if (word >= runs * left.size()) continue;
      const auto at = static_cast<std::ptrdiff_t>(word % left.size());
      result.push_back({left[static_cast<std::size_t>(at)], static_cast<std::uint8_t>(block)});
      left.erase(left.begin() + at);
      break;
    }
  }
  return result;
}

RC_GTEST_PROP(Lottery, DrawsWithoutReplacement, (std::uint64_t number)) {
  const auto segments = *rc::gen::inRange<std::uint64_t>(0, 200);
  const auto drawn = *rc::gen::inRange<std::uint64_t>(0, segments + 1);
  const JobId job = job_id_of({}, number % 7);
  const auto found = draw_segments(seeds_of(number), job, segments, drawn);
  RC_ASSERT(found == slow_draw(seeds_of(number), job, segments, drawn));
  std::set<std::uint64_t> seen;
  for (const DrawnSegment& one : found) seen.insert(one.index);
  RC_ASSERT(seen.size() == drawn);
  if (drawn == segments && segments > 0) RC_ASSERT(*seen.rbegin() == segments - 1);
}

// Every ordered pair of 5 segments equally often: 20 pairs, 40,000 lotteries, six standard deviations.
TEST(Lottery, EveryPairIsAsLikely) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, unsigned> counts;
  for (std::uint64_t number = 0; number < 40'000; ++number) {
    const auto drawn = draw_segments(seeds_of(number), job_id_of({}, 1), 5, 2);
    ++counts[{drawn[0].index, drawn[1].index}];
  }
  ASSERT_EQ(counts.size(), 20U);
  for (const auto& [pair, count] : counts) {
    EXPECT_GT(count, 2'000U - 262U);
    EXPECT_LT(count, 2'000U + 262U);
  }
}

// Who chooses one seed at will still cannot keep another block's draw away from a segment.
TEST(Lottery, OneSeedDecidesOnlyItsOwnDraws) {
  const JobId job = job_id_of({}, 3);
  for (std::uint64_t number = 0; number < 50; ++number) {
    const LotterySeeds seeds = seeds_of(number);
    LotterySeeds bent = seeds;
    bent[3] = sha256("chosen");
    const auto honest = draw_segments(seeds, job, 100, 4);
    const auto other = draw_segments(bent, job, 100, 4);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(honest[i], other[i]);
  }
}

RC_GTEST_PROP(Lottery, SegmentsToDrawAreTheFormula, ()) {
  const auto segments = *rc::gen::inRange<std::uint64_t>(1, kSegmentsMax + 1);
  const Ppm q{*rc::gen::inRange<std::uint64_t>(0, kPpm + 1)};
  const auto trust = *rc::gen::inRange<std::uint64_t>(0, 100);
  const std::uint64_t found = segments_to_draw(segments, q, trust);
  if (trust < 3) {
    RC_ASSERT(found == segments);
    return;
  }
  const Whole wanted = ceil_of(Rational(segments) * share(q) / 10);
  const Whole least = std::min<std::uint64_t>(2, segments);
  RC_ASSERT(Whole(found) == std::min(Whole(segments), std::max(least, wanted)));
}

TEST(Lottery, ExamplesOfTheDesign) {
  EXPECT_EQ(segments_to_draw(400, {kPpm}, 10), 40U);
  EXPECT_EQ(segments_to_draw(400, {100'000}, 10), 4U);
  EXPECT_EQ(segments_to_draw(400, {20'000}, 1'000), 2U);
  EXPECT_EQ(segments_to_draw(1, {kPpm}, 10), 1U);
  EXPECT_EQ(audit_rate(0).value, kPpm);
  EXPECT_EQ(audit_rate(9).value, kPpm);
  EXPECT_EQ(audit_rate(10).value, 100'000U);
  EXPECT_EQ(audit_rate(30).value, 33'334U);
  EXPECT_EQ(audit_rate(50).value, 20'000U);
  EXPECT_EQ(audit_rate(~std::uint64_t{0}).value, 20'000U);
}

}  // namespace
}  // namespace starminer::verification
