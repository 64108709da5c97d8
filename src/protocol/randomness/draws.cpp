#include "protocol/randomness/draws.h"

#include "base/arithmetic.h"
#include "base/check.h"
#include "base/codec.h"

namespace starminer::protocol {
namespace {

struct WordInput {
  Draw draw;
  std::uint64_t counter = 0;
};

/// x^4 * 10^6 <= c * 2^256, exactly.
bool fourth_power_within(std::uint64_t x, std::uint64_t c) {
  // The square in limbs of 64 bits, low first; its square by columns; then times a million.
  const u128 square = u128{x} * x;
  const std::array<std::uint64_t, 2> s = {static_cast<std::uint64_t>(square), static_cast<std::uint64_t>(square >> 64)};
  const u128 low = u128{s[0]} * s[0];
  const u128 middle = u128{s[0]} * s[1];  // counted twice
  const u128 high = u128{s[1]} * s[1];
  std::array<std::uint64_t, 5> power{};
  u128 carry = low;
  power[0] = static_cast<std::uint64_t>(carry);
  carry = (carry >> 64) + static_cast<std::uint64_t>(middle) + static_cast<std::uint64_t>(middle);
  power[1] = static_cast<std::uint64_t>(carry);
  carry = (carry >> 64) + (middle >> 64) + (middle >> 64) + static_cast<std::uint64_t>(high);
  power[2] = static_cast<std::uint64_t>(carry);
  power[3] = static_cast<std::uint64_t>((carry >> 64) + (high >> 64));
  carry = 0;
  for (std::uint64_t& limb : power) {
    carry += u128{limb} * kPpm;
    limb = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  if (power[4] != c) return power[4] < c;
  return (power[0] | power[1] | power[2] | power[3]) == 0;
}

}  // namespace

std::uint64_t draw_word(const Draw& draw, std::uint64_t counter) {
  const Hash32 hash = tagged_hash("starminer/draw/1", encode(WordInput{draw, counter}));
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < sizeof(word); ++i) word = (word << 8) | hash.bytes[i];
  return word;
}

std::uint64_t draw_index(const Draw& draw, std::uint64_t n, std::uint64_t& counter) {
  STARMINER_CHECK(n > 0);
  for (;;) {  // each turn ends it with a probability above one half
    if (const auto index = index_of_word(draw_word(draw, counter++), n)) return *index;
  }
}

std::uint64_t audit_threshold(Ppm q) {
  STARMINER_CHECK(q.value < kPpm);
  if (q.value == 0) return 0;
  // The largest x with (x / 2^64)^4 <= 1 - q is the number of words that miss.
  const std::uint64_t miss = kPpm - q.value;
  std::uint64_t x = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const std::uint64_t next = x | std::uint64_t{1} << bit;
    if (fourth_power_within(next, miss)) x = next;
  }
  return ~x + 1;
}

bool draw_audit(const Hash32& seed, const JobId& job, Ppm q) {
  if (q.value >= kPpm) return true;
  return draw_word({seed, DrawPurpose::Audit, job}, 0) < audit_threshold(q);
}

std::vector<std::size_t> pick_weighted(std::span<const std::uint64_t> weights, std::size_t count,
                                       const IndexSource& index) {
  std::vector<std::uint64_t> left(weights.begin(), weights.end());
  std::uint64_t total = 0;
  for (const std::uint64_t weight : left) {
    STARMINER_CHECK(weight <= ~std::uint64_t{0} - total);
    total += weight;
  }
  std::vector<std::size_t> picked;
  while (picked.size() < count && total > 0) {
    std::uint64_t at = index(total);
    std::size_t position = 0;
    while (at >= left[position]) at -= left[position++];
    picked.push_back(position);
    total -= left[position];
    left[position] = 0;
  }
  return picked;
}

std::vector<AccountId> draw_committee(const Hash32& seed, const JobId& job,
                                      std::span<const CommitteeCandidate> candidates,
                                      const std::set<AccountId>& excluded, std::size_t count) {
  std::vector<std::uint64_t> weights;
  weights.reserve(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const CommitteeCandidate& candidate = candidates[i];
    STARMINER_CHECK(i == 0 || candidates[i - 1].account < candidate.account);
    const bool linked = excluded.contains(candidate.account) || excluded.contains(candidate.operated_by) ||
                        excluded.contains(candidate.bond_source);
    weights.push_back(linked ? 0 : candidate.stake);
  }
  const Draw draw{seed, DrawPurpose::Committee, job};
  std::uint64_t counter = 0;
  const auto picked = pick_weighted(weights, count, [&](std::uint64_t n) { return draw_index(draw, n, counter); });
  std::vector<AccountId> members;
  members.reserve(picked.size());
  for (const std::size_t position : picked) members.push_back(candidates[position].account);
  return members;
}

}  // namespace starminer::protocol
