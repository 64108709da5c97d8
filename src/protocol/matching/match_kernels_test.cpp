#include "protocol/matching/match_kernels.h"

#include <gtest/gtest.h>

#include "protocol/matching/test_market.h"

namespace starminer::protocol {
namespace {

using matching_test::Draw;

FitRow draw_fit(Draw& draw) {
  FitRow row;
  for (auto& fit : row.fit) fit = static_cast<std::uint8_t>(draw.one_in(3) ? 0 : draw.upto(240));
  return row;
}

// Every form of a loop gives the same integers as one written down a second time.
TEST(MatchKernels, AllFormsAgreeWithTheDefinition) {
  Draw draw(1);
  for (int round = 0; round < 2'000; ++round) {
    alignas(64) std::array<std::uint8_t, kBlockNodes> bytes;
    alignas(64) std::array<std::uint16_t, kBlockNodes> shorts;
    alignas(64) std::array<std::uint32_t, kBlockNodes> words;
    for (std::size_t i = 0; i < kBlockNodes; ++i) {
      bytes[i] = static_cast<std::uint8_t>(draw.upto(255));
      shorts[i] = static_cast<std::uint16_t>(draw.upto(65'535));
      words[i] = draw.upto(~std::uint32_t{0});
    }
    const std::uint8_t byte = bytes[draw.upto(63)];
    const std::uint16_t half = shorts[draw.upto(63)];
    const std::uint32_t word = words[draw.upto(63)];
    const FitRow old_fit = draw_fit(draw);
    const FitRow new_fit = draw_fit(draw);
    const auto weight = static_cast<std::uint16_t>(draw.upto(100));
    const auto old_quality = static_cast<std::uint16_t>(draw.upto(24'000U - 240U * weight));
    const auto new_quality = static_cast<std::uint16_t>(draw.upto(24'000U - 240U * weight));
    MemoRow memo{};
    for (std::size_t s = 0; s < kMatchShapes; ++s) {
      memo[s] = match_worth(old_fit.fit[s], old_quality, weight);
      if (draw.one_in(2)) memo[s] = static_cast<std::uint16_t>(std::max<std::uint32_t>(memo[s], draw.upto(24'001)));
    }
    std::array<std::uint64_t, 5> bits{};
    MemoRow raised = memo;
    for (std::size_t i = 0; i < kBlockNodes; ++i) {
      if (bytes[i] >= byte) bits[0] |= std::uint64_t{1} << i;
      if (shorts[i] >= half) bits[1] |= std::uint64_t{1} << i;
      if (words[i] >= word) bits[2] |= std::uint64_t{1} << i;
      const unsigned was = old_fit.fit[i] == 0 ? 0U : 1U + old_quality + weight * old_fit.fit[i];
      const unsigned is = new_fit.fit[i] == 0 ? 0U : 1U + new_quality + weight * new_fit.fit[i];
      ASSERT_LE(was, 24'001U);
      if (is < was && was == memo[i]) bits[4] |= std::uint64_t{1} << i;
      if (is > raised[i]) raised[i] = static_cast<std::uint16_t>(is);
      if (raised[i] != memo[i]) bits[3] |= std::uint64_t{1} << i;
    }
    for (const MatchKernels* kernels : {&plain_kernels(), &best_kernels()}) {
      ASSERT_EQ(kernels->at_least_8(bytes, byte), bits[0]);
      ASSERT_EQ(kernels->at_least_16(shorts, half), bits[1]);
      ASSERT_EQ(kernels->at_least_32(words, word), bits[2]);
      MemoRow changed = memo;
      const MemoChange change = kernels->replace(changed, old_fit, old_quality, new_fit, new_quality, weight);
      ASSERT_EQ(change.raised, bits[3]);
      ASSERT_EQ(change.stale, bits[4]);
      ASSERT_EQ(changed, raised);
    }
  }
}

TEST(MatchKernels, RanksOfPlacesAgreeInAllForms) {
  Draw draw(3);
  for (int round = 0; round < 2'000; ++round) {
    const std::size_t count = draw.of<std::size_t>({16, 32, 48, 64});
    std::array<std::uint16_t, 64> tops;
    PlaceKeys bounds;
    PlaceKeys masks;
    for (std::size_t i = 0; i < 64; ++i) {
      tops[i] = static_cast<std::uint16_t>(draw.one_in(2) ? 0 : draw.upto(24'001));
      bounds[i] = draw.upto(40'000);
      masks[i] = draw.one_in(3) ? 0 : ~std::uint32_t{0};
    }
    const std::uint32_t class_bound = draw.upto(40'000);
    PlaceKeys expected{};
    for (std::uint32_t i = 0; i < count; ++i) {
      if (tops[i] != 0 && masks[i] != 0) expected[i] = (class_bound + bounds[i] + tops[i]) * 64 + 63 - i;
    }
    const std::uint32_t highest = *std::max_element(expected.begin(), expected.end());
    for (const MatchKernels* kernels : {&plain_kernels(), &best_kernels()}) {
      PlaceKeys keys{};
      ASSERT_EQ(kernels->rank_places(tops.data(), class_bound, bounds, masks, count, keys), highest);
      ASSERT_EQ(keys, expected);
      ASSERT_EQ(kernels->highest_key(keys, count), highest);
    }
  }
}

TEST(MatchKernels, RecomputeAgreesInAllForms) {
  Draw draw(2);
  std::vector<FitRow> rows;
  for (int i = 0; i < 10; ++i) rows.push_back(draw_fit(draw));
  for (int round = 0; round < 200; ++round) {
    std::array<std::uint32_t, kBlockNodes> states;
    for (auto& state : states) state = draw.upto(9);
    MemoSource source{rows.data(), &states, {}, {0, 30, 60, 100, 1, 2, 3, 4}};
    for (auto& counted : source.counted)
      counted = draw.one_in(5) ? 0 : (std::uint64_t{draw.upto(~0U)} << 32) | draw.upto(~0U);
    std::vector<MatchLane> plain(kMatchLanes);
    for (std::size_t lane = 0; lane < kMatchLanes; ++lane) {
      const std::uint32_t most = 24'000U - 240U * source.weights[lane / kMatchKinds];
      for (auto& quality : plain[lane].quality) quality = static_cast<std::uint16_t>(draw.upto(most));
      plain[lane].memo.fill(7);
    }
    std::vector<MatchLane> best = plain;
    const std::uint32_t set = draw.upto(~std::uint32_t{0});
    plain_kernels().recompute(plain.data(), set, source);
    best_kernels().recompute(best.data(), set, source);
    for (std::size_t lane = 0; lane < kMatchLanes; ++lane) {
      ASSERT_EQ(plain[lane].memo, best[lane].memo);
      for (std::size_t s = 0; s < kMatchShapes; ++s) {
        unsigned most = 0;
        for (std::size_t slot = 0; slot < kBlockNodes; ++slot) {
          const unsigned fit = rows[states[slot]].fit[s];
          if (fit == 0 || (source.counted[lane % kMatchKinds] >> slot & 1) == 0) continue;
          most = std::max(most, 1U + plain[lane].quality[slot] + source.weights[lane / kMatchKinds] * fit);
        }
        ASSERT_EQ(plain[lane].memo[s], (set >> lane & 1) != 0 ? most : 7U);
      }
    }
  }
}

}  // namespace
}  // namespace starminer::protocol
