#include "verification/audits/lottery.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/check.h"
#include "verification/audits/segments.h"

namespace starminer::verification {
namespace {

std::uint64_t ceil_div(u128 a, std::uint64_t b) { return static_cast<std::uint64_t>((a + b - 1) / b); }

}  // namespace

std::vector<DrawnSegment> draw_segments(const LotterySeeds& seeds, const JobId& job, std::uint64_t segments,
                                        std::uint64_t drawn) {
  STARMINER_CHECK(drawn <= segments && segments <= kSegmentsMax);
  std::array<std::uint64_t, protocol::kAuditDraws> counters{};
  std::uint64_t block = 0;
  const auto index = [&](std::uint64_t n) {
    const std::uint64_t turn = block++ % seeds.size();
    return protocol::draw_index({seeds[turn], protocol::DrawPurpose::Segment, job}, n, counters[turn]);
  };
  const std::vector<std::uint64_t> equal(segments, 1);
  std::vector<DrawnSegment> result;
  result.reserve(drawn);
  for (const std::size_t position : protocol::pick_weighted(equal, drawn, index)) {
    result.push_back({position, static_cast<std::uint8_t>(result.size() % seeds.size())});
  }
  return result;
}

Ppm audit_rate(std::uint64_t credibility, const AuditRate& rules) {
  if (credibility < std::max<std::uint64_t>(rules.trusted_from, 1)) return {kPpm};
  return std::max(rules.minimum, Ppm{ceil_div(kPpm, credibility)});
}

std::uint64_t segments_to_draw(std::uint64_t segments, Ppm q, std::uint64_t credibility, const SegmentCount& rules) {
  STARMINER_CHECK(segments <= kSegmentsMax && q.value <= kPpm);
  if (credibility < rules.all_below) return segments;
  const std::uint64_t share = ceil_div(u128{segments} * q.value, rules.segments_per_q * kPpm);
  return std::min(std::max(share, rules.minimum), segments);
}

}  // namespace starminer::verification
