// Which segments of a result are run again: drawn from the seeds of four blocks behind the commitment, so that whoever
// proposes one of them decides at most over its own part (verification.md sections 4.2 to 4.4). Everybody repeats a
// draw from the seeds. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"
#include "protocol/randomness/draws.h"

namespace starminer::verification {

/// Seeds of the blocks commit + 2 .. commit + 5.
using LotterySeeds = std::array<Hash32, protocol::kAuditDraws>;

struct DrawnSegment {
  std::uint64_t index = 0;
  std::uint8_t block = 0;  // which of the four seeds drew it

  bool operator==(const DrawnSegment&) const = default;
};

/// `drawn` of `segments` without replacement, in the order of the draws: draw k takes its index from seed k mod 4,
/// uniform among the segments that no earlier draw took. Each list of so many segments has the same probability.
/// Requires: drawn <= segments <= kSegmentsMax.
[[nodiscard]] std::vector<DrawnSegment> draw_segments(const LotterySeeds& seeds, const JobId& job,
                                                      std::uint64_t segments, std::uint64_t drawn);

struct AuditRate {
  Ppm minimum{20'000};  // Q_MIN
  std::uint64_t trusted_from = 10;
};
/// q_rep: always for a credibility (verification.md section 4.4) below `trusted_from`, else one in `credibility`, at
/// least the minimum; rounded up.
[[nodiscard]] Ppm audit_rate(std::uint64_t credibility, const AuditRate& rules = {});

struct SegmentCount {
  std::uint64_t minimum = 2;          // S_MIN: of two blocks, so that one biased proposer does not matter
  std::uint64_t all_below = 3;        // credibility below which every segment is run again
  std::uint64_t segments_per_q = 10;  // a tenth of the audit rate is the share of segments
};
/// s = clamp(ceil(segments x q / 10), minimum, segments); all of them for who has next to no verified work.
/// Requires: segments <= kSegmentsMax, q at most one.
[[nodiscard]] std::uint64_t segments_to_draw(std::uint64_t segments, Ppm q, std::uint64_t credibility,
                                             const SegmentCount& rules = {});

}  // namespace starminer::verification
