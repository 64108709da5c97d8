#include "protocol/randomness/draws.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <boost/multiprecision/cpp_int.hpp>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/arithmetic.h"
#include "base/codec.h"

namespace starminer::protocol {
namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;

Hash32 seed_of(std::uint64_t number) { return tagged_hash("test/seed", encode(number)); }
JobId job_of(std::uint64_t sequence) { return job_id_of(AccountId{}, sequence); }
AccountId account_at(std::uint8_t number) {
  AccountId account;
  account.bytes[0] = number;
  return account;
}

TEST(Draw, IsTheStartOfATaggedHash) {
  const Draw draw{seed_of(1), DrawPurpose::Committee, job_of(2)};
  Bytes bytes(draw.seed.bytes.begin(), draw.seed.bytes.end());
  bytes.push_back(2);
  bytes.insert(bytes.end(), draw.subject.bytes.begin(), draw.subject.bytes.end());
  bytes.insert(bytes.end(), {0, 0, 0, 0, 0, 0, 0, 7});
  const Hash32 hash = tagged_hash("starminer/draw/1", bytes);
  EXPECT_EQ(to_hex(encode(draw_word(draw, 7))), hash.hex().substr(0, 16));
}

// ---- index: every word of a small machine

template <class Word>
void expect_exact(Word n) {
  std::vector<unsigned> counts(n);
  unsigned refused = 0;
  for (std::uint32_t word = 0; word <= static_cast<Word>(~Word{0}); ++word) {
    if (const auto index = index_of_word(static_cast<Word>(word), n)) {
      ASSERT_LT(*index, n);
      ++counts[*index];
    } else {
      ++refused;
    }
  }
  EXPECT_EQ(*std::min_element(counts.begin(), counts.end()), *std::max_element(counts.begin(), counts.end())) << +n;
  EXPECT_EQ(refused, (std::uint32_t{static_cast<Word>(~Word{0})} + 1) % n) << "no word is refused needlessly";
}

TEST(Index, OfEveryByteIsExactlyUniform) {
  for (unsigned n = 1; n <= 255; ++n) expect_exact(static_cast<std::uint8_t>(n));
}

TEST(Index, OfEvery16BitWordIsExactlyUniform) {
  for (const unsigned n : {1U, 2U, 3U, 255U, 256U, 257U, 1'000U, 32'767U, 32'768U, 32'769U, 65'535U}) {
    expect_exact(static_cast<std::uint16_t>(n));
  }
}

RC_GTEST_PROP(Index, Of64BitWordsRefusesTheLastIncompleteRunOnly, ()) {
  const auto n = *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(1, 100), rc::gen::nonZero<std::uint64_t>(),
                                 rc::gen::map(rc::gen::inRange<std::uint64_t>(0, 100), [](auto k) { return ~k; }));
  const auto word = *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                                    rc::gen::map(rc::gen::inRange<std::uint64_t>(0, 200), [](auto k) { return ~k; }));
  const cpp_int two64 = cpp_int(1) << 64;
  const bool accepted = cpp_int(word) < two64 - two64 % n;
  const auto index = index_of_word(word, n);
  RC_ASSERT(index.has_value() == accepted);
  if (accepted) RC_ASSERT(*index == word % n);
}

TEST(Index, GoesOnWithTheNextWord) {
  // Of an n just above 2^63 nearly half of the words are refused.
  const std::uint64_t n = (std::uint64_t{1} << 63) + 1;
  std::uint64_t refused = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Draw draw{seed_of(i), DrawPurpose::Segment, job_of(i)};
    std::uint64_t expected = 0;
    while (!index_of_word(draw_word(draw, expected), n)) ++expected;
    std::uint64_t counter = 0;
    EXPECT_EQ(draw_index(draw, n, counter), *index_of_word(draw_word(draw, expected), n));
    EXPECT_EQ(counter, expected + 1);
    refused += expected;
  }
  EXPECT_GT(refused, 100U);
}

// ---- audits

/// The definition in exact numbers, by another way: how many words may miss.
cpp_int misses_of(std::uint64_t q) { return (cpp_int(1) << 64) - (q == 0 ? 0 : audit_threshold({q})); }

TEST(AuditThreshold, IsTheExactFourthRoot) {
  std::vector<std::uint64_t> all = {0, 1, 2, 3, 19'999, 20'000, 500'000, 937'500, 999'998, 999'999};
  for (std::uint64_t q = 1; q < kPpm; q += 997) all.push_back(q);
  for (const std::uint64_t q : all) {
    const cpp_int miss = misses_of(q);
    const cpp_int bound = cpp_int(kPpm - q) << 256;
    EXPECT_LE(miss * miss * miss * miss * kPpm, bound) << q << ": the union is at least q";
    const cpp_int more = miss + 1;
    EXPECT_GT(more * more * more * more * kPpm, bound) << q << ": and no smaller threshold is";
  }
  // 15/16 is hit by four draws of one half each, exactly.
  EXPECT_EQ(audit_threshold({937'500}), std::uint64_t{1} << 63);
}

TEST(AuditThreshold, UnionExceedsTheRateByLessThan2ToMinus62) {
  const cpp_rational two64 = cpp_rational(cpp_int(1) << 64);
  for (std::uint64_t q = 1; q < kPpm; q += 9'973) {
    const cpp_rational miss = cpp_rational(misses_of(q)) / two64;
    const cpp_rational hit = 1 - miss * miss * miss * miss;
    const cpp_rational excess = hit - cpp_rational(q) / kPpm;
    EXPECT_GE(excess, 0);
    EXPECT_LT(excess, 4 / two64);
  }
}

TEST(Audit, IsDrawnInTheSecondToFifthBlockAfterTheCommitment) {
  std::vector<std::uint64_t> heights;
  for (std::uint64_t height = 95; height < 120; ++height) {
    if (is_audit_height(100, height)) heights.push_back(height);
  }
  EXPECT_EQ(heights, (std::vector<std::uint64_t>{102, 103, 104, 105}));
}

TEST(Audit, OfACertainRateAlwaysHitsAndOfNoneNever) {
  for (std::uint64_t i = 0; i < 500; ++i) {
    EXPECT_TRUE(draw_audit(seed_of(i), job_of(i), {kPpm}));
    EXPECT_FALSE(draw_audit(seed_of(i), job_of(i), {0}));
  }
}

// Fixed seeds, so the figures are the same on every run; the bound is five standard deviations of 40,000 jobs.
TEST(Audit, HitsAsOftenAsItsRateSays) {
  constexpr std::uint64_t kJobs = 40'000;
  for (const std::uint64_t q : {20'000U, 100'000U, 500'000U}) {
    std::uint64_t hits = 0;
    for (std::uint64_t i = 0; i < kJobs; ++i) {
      bool hit = false;
      for (std::uint64_t block = 0; block < kAuditDraws; ++block) {
        hit = hit || draw_audit(seed_of(4 * i + block), job_of(i), {q});
      }
      if (hit) ++hits;
    }
    const std::uint64_t expected = kJobs * q / kPpm;
    const std::uint64_t variance = expected * (kPpm - q) / kPpm;
    const std::uint64_t away = hits > expected ? hits - expected : expected - hits;
    EXPECT_LT(away * away, 25 * variance) << hits << " hits at a rate of " << q;
  }
}

// ---- committees: all ways that a small draw can go

using Ways = std::map<std::vector<std::size_t>, cpp_rational>;

/// Probability of every sequence by enumerating all indexes that the source could give.
void enumerate(std::span<const std::uint64_t> weights, std::size_t count, Ways& ways) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> path;  // index given, of how many
  for (bool more = true; more;) {
    std::size_t at = 0;
    const auto picked = pick_weighted(weights, count, [&](std::uint64_t n) {
      if (at == path.size()) path.emplace_back(0, n);
      EXPECT_EQ(path[at].second, n);
      return path[at++].first;
    });
    cpp_rational probability = 1;
    for (const auto& [index, n] : path) probability /= n;
    ways[picked] += probability;
    while (!path.empty() && path.back().first + 1 == path.back().second) path.pop_back();
    more = !path.empty();
    if (more) ++path.back().first;
  }
}

/// The definition: each next member with its share of the weight that is left.
cpp_rational probability_of(const std::vector<std::size_t>& sequence, std::vector<std::uint64_t> weights) {
  cpp_rational probability = 1;
  for (const std::size_t position : sequence) {
    probability *= cpp_rational(weights[position], std::accumulate(weights.begin(), weights.end(), std::uint64_t{0}));
    weights[position] = 0;
  }
  return probability;
}

TEST(Committee, EverySequenceHasExactlyItsProbability) {
  const std::vector<std::vector<std::uint64_t>> cases = {{1},    {1, 1, 1},    {1, 2, 3},      {5, 0, 1, 2},
                                                         {0, 3}, {7, 1, 1, 1}, {2, 2, 2, 2, 2}};
  for (const auto& weights : cases) {
    const auto drawable = static_cast<std::size_t>(
        std::count_if(weights.begin(), weights.end(), [](std::uint64_t weight) { return weight > 0; }));
    for (std::size_t count = 1; count <= 3; ++count) {
      Ways ways;
      enumerate(weights, count, ways);
      cpp_rational total = 0;
      for (const auto& [sequence, probability] : ways) {
        EXPECT_EQ(sequence.size(), std::min(count, drawable));
        EXPECT_EQ(probability, probability_of(sequence, weights));
        total += probability;
      }
      EXPECT_EQ(total, 1);
    }
  }
}

TEST(Committee, OfNobodyIsEmpty) {
  const auto never = [](std::uint64_t) -> std::uint64_t {
    ADD_FAILURE() << "nothing to draw";
    return 0;
  };
  EXPECT_TRUE(pick_weighted({}, 5, never).empty());
  EXPECT_TRUE(pick_weighted(std::vector<std::uint64_t>{0, 0}, 5, never).empty());
  EXPECT_TRUE(pick_weighted(std::vector<std::uint64_t>{1}, 0, never).empty());
}

TEST(Committee, LeavesOutWhoeverIsLinkedToAParty) {
  const AccountId requester = account_at(200);
  const AccountId firm = account_at(201);
  const AccountId bank = account_at(202);
  const std::vector<CommitteeCandidate> candidates = {
      {account_at(1), 100, account_at(1), account_at(1)}, {account_at(2), 100, firm, account_at(2)},
      {account_at(3), 100, account_at(3), bank},          {account_at(4), 0, account_at(4), account_at(4)},
      {account_at(5), 100, account_at(5), account_at(5)}, {requester, 100, requester, requester}};
  std::set<AccountId> seen;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto members = draw_committee(seed_of(i), job_of(i), candidates, {requester, firm, bank}, 5);
    EXPECT_EQ(members.size(), 2U);
    seen.insert(members.begin(), members.end());
  }
  EXPECT_EQ(seen, (std::set<AccountId>{account_at(1), account_at(5)}));
}

// REQ: AUD-2
RC_GTEST_PROP(Committee, IsTheSameForEveryoneAndHasNobodyTwice, (std::uint64_t number)) {
  std::vector<CommitteeCandidate> candidates;
  for (std::uint8_t i = 1; i <= 30; ++i) {
    const auto stake = *rc::gen::inRange<std::uint64_t>(0, 1'000'000);
    candidates.push_back({account_at(i), stake, account_at(i), account_at(i)});
  }
  const auto members = draw_committee(seed_of(number), job_of(number), candidates, {}, 11);
  RC_ASSERT(members == draw_committee(seed_of(number), job_of(number), candidates, {}, 11));
  RC_ASSERT(std::set<AccountId>(members.begin(), members.end()).size() == members.size());
}

}  // namespace
}  // namespace starminer::protocol
