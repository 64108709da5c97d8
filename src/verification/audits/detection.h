// How likely an audit finds a cheat, in parts per million, never above the truth (verification.md sections 4.2
// and 4.3). Pure functions on integers.
#pragma once

#include <cstdint>

#include "base/amount.h"

namespace starminer::verification {

/// Who skipped `skipped` of `segments` segments is met by at least one of `drawn` draws without replacement with
/// 1 - C(segments - skipped, drawn) / C(segments, drawn). Rounded down: at most one millionth and 2^-40 below the
/// truth.
struct SegmentAudit {
  std::uint64_t segments = 0;
  std::uint64_t skipped = 0;
  std::uint64_t drawn = 0;
};
/// Requires: skipped <= segments, drawn <= segments, segments <= kSegmentsMax and more than 0.
[[nodiscard]] Ppm segment_detection(const SegmentAudit& audit);

/// The same with one draw less: what remains where somebody controls one of the four blocks.
[[nodiscard]] Ppm segment_detection_biased(const SegmentAudit& audit);

/// d = q h b: audited at all, judged rightly, by a draw that nobody biased. Rounded down.
struct WholeAudit {
  Ppm audited;
  Ppm judged_right{800'000};
  Ppm unbiased{750'000};
};
/// Requires: each at most one.
[[nodiscard]] Ppm whole_detection(const WholeAudit& audit);

/// A committee of `members` (odd, at most 95) of whom each is dishonest with probability `dishonest`, independently of
/// the others: how likely more than half of them are, in 2^-64, rounded up. Values that round to one are 2^64-1.
[[nodiscard]] std::uint64_t wrong_majority(std::uint64_t members, Ppm dishonest);
inline constexpr std::uint64_t kCommitteeMax = 95;

}  // namespace starminer::verification
