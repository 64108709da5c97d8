#include "verification/audits/detection.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/arithmetic.h"
#include "base/check.h"
#include "verification/audits/segments.h"

namespace starminer::verification {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

/// a x b for fractions in 2^-64 where 2^64-1 stands for one, too; never below the truth.
std::uint64_t product_up(std::uint64_t a, std::uint64_t b) {
  const u128 product = u128{a} * b;
  const u128 up = (product + kAll) >> 64;
  return static_cast<std::uint64_t>(std::min<u128>(up + (a == kAll || b == kAll ? 1 : 0), kAll));
}

}  // namespace

Ppm segment_detection(const SegmentAudit& audit) {
  STARMINER_CHECK(audit.segments > 0 && audit.segments <= kSegmentsMax);
  STARMINER_CHECK(audit.skipped <= audit.segments && audit.drawn <= audit.segments);
  if (audit.skipped == 0 || audit.drawn == 0) return {0};
  // Missed by every draw: the product of (kept - i) / (segments - i), in 2^-64, each step rounded up.
  const std::uint64_t kept = audit.segments - audit.skipped;
  if (audit.drawn > kept) return {kPpm};
  u128 missed = u128{1} << 64;
  for (std::uint64_t i = 0; i < audit.drawn; ++i) {
    const std::uint64_t left = audit.segments - i;
    missed = (missed * (kept - i) + left - 1) / left;
  }
  const u128 found = (u128{1} << 64) - missed;
  return {static_cast<std::uint64_t>((found * kPpm) >> 64)};
}

Ppm segment_detection_biased(const SegmentAudit& audit) {
  SegmentAudit rest = audit;
  rest.drawn = saturating_sub<std::uint64_t>(audit.drawn, 1);
  return segment_detection(rest);
}

Ppm whole_detection(const WholeAudit& audit) {
  STARMINER_CHECK(audit.audited.value <= kPpm && audit.judged_right.value <= kPpm && audit.unbiased.value <= kPpm);
  const u128 product = u128{audit.audited.value} * audit.judged_right.value * audit.unbiased.value;
  return {static_cast<std::uint64_t>(product / (u128{kPpm} * kPpm))};
}

std::uint64_t wrong_majority(std::uint64_t members, Ppm dishonest) {
  STARMINER_CHECK(members % 2 == 1 && members <= kCommitteeMax && dishonest.value <= kPpm);
  // chances[k]: exactly k of those asked so far are dishonest, each rounded up.
  const auto part = [](std::uint64_t ppm) {
    return static_cast<std::uint64_t>(std::min<u128>(((u128{ppm} << 64) + kPpm - 1) / kPpm, kAll));
  };
  const std::uint64_t bad = part(dishonest.value);
  const std::uint64_t good = part(kPpm - dishonest.value);
  std::array<std::uint64_t, kCommitteeMax + 1> chances{};
  chances[0] = kAll;
  for (std::uint64_t asked = 1; asked <= members; ++asked) {
    for (std::uint64_t k = asked + 1; k-- > 0;) {
      const std::uint64_t from_good = k < asked ? product_up(chances[k], good) : 0;
      const std::uint64_t from_bad = k > 0 ? product_up(chances[k - 1], bad) : 0;
      chances[k] = saturating_add(from_good, from_bad);
    }
  }
  std::uint64_t wrong = 0;
  for (std::uint64_t k = members / 2 + 1; k <= members; ++k) wrong = saturating_add(wrong, chances[k]);
  return wrong;
}

}  // namespace starminer::verification
