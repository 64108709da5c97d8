// How large a bond must be so that cheating does not pay (verification.md section 4.3). All amounts are base units of
// AGPU, all shares parts per million; each bound is the smallest whole amount for which its inequality holds. Nothing
// where no amount is enough or the amount has no representation. Pure functions on integers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/amount.h"

namespace starminer::verification {

/// A cheat that is not caught has price and value at risk; caught, it loses the payment and the bond, of which its own
/// finder may return `finder` of it: d B (1 - finder) >= (1 - d) (P + V).
struct WholeJob {
  Agpu price;
  Agpu value;
  Ppm detection;  // d: whole_detection; judged_right where segments of every job are drawn
  Ppm finder{200'000};
};
[[nodiscard]] std::optional<Agpu> whole_job_bond(const WholeJob& job);
/// The other way round: the smallest detection with which a bond is enough, rounded up. Nothing where price and value
/// and bond are all zero, or the finder takes everything.
[[nodiscard]] std::optional<Ppm> least_detection(const WholeJob& job, Agpu bond);

/// With segments of every job drawn, skipping any share of the work gains less than doing it:
/// h (P + B (1 - finder)) >= C + V_lazy.
struct SegmentedJob {
  Agpu price;
  Agpu cost;        // of honest work, at most the price
  Agpu lazy_value;  // what skipping gains besides
  Ppm judged_right{800'000};
  Ppm finder{200'000};
};
[[nodiscard]] std::optional<Agpu> segment_bond(const SegmentedJob& job);

/// One chosen segment corrupted for a gain from outside: B (1 - finder) h s > V (S - h s). No bond for no gain.
struct TargetedJob {
  Agpu gain;
  std::uint64_t segments = 0;
  std::uint64_t drawn = 0;
  Ppm judged_right{800'000};
  Ppm finder{200'000};
};
/// Requires: drawn <= segments <= kSegmentsMax.
[[nodiscard]] std::optional<Agpu> targeted_bond(const TargetedJob& job);

/// A dispute is paid out of the bond behind what finder, requester and burn have of it:
/// B >= n fee / (1 - finder - restitution - floor).
struct Dispute {
  std::uint64_t verifiers = 5;
  Agpu fee;
  Ppm finder{200'000};
  Ppm restitution{200'000};
  Ppm floor{400'000};
};
[[nodiscard]] std::optional<Agpu> solvency_bond(const Dispute& dispute);

enum class BindingBound : std::uint8_t { WholeJob = 0, Segments = 1, Targeted = 2, Solvency = 3 };
/// "whole_job", "segments", "targeted", "solvency".
[[nodiscard]] std::string_view bound_name(BindingBound bound);

struct Bounds {
  std::optional<Agpu> whole_job;
  std::optional<Agpu> segments;
  std::optional<Agpu> targeted;
  std::optional<Agpu> solvency;
};
struct LargestBound {
  Agpu bond;
  BindingBound binds{};  // of equal ones the first
};
/// The bond is the largest of the four. Nothing where one of them cannot be met; a bound that does not apply is zero.
[[nodiscard]] std::optional<LargestBound> largest_bound(const Bounds& bounds);

/// Least bond of a verifier that learns the claimed root with probability `leak` and would repeat it instead of
/// computing, while a share `trap` of its jobs is wrong on purpose: the smallest B above
/// (K - fee (1 - (1 - t) g)) / (t + (1 - t) (1 - g)). Nothing where nothing would ever find it out.
struct VerifierStake {
  Agpu cost;  // K
  Agpu fee;
  Ppm trap{50'000};
  Ppm leak{1'000'000};
};
[[nodiscard]] std::optional<Agpu> verifier_bond(const VerifierStake& stake);

/// What a challenge costs the others: n fee + price x window / 365 days x yearly rate, rounded up.
struct Challenge {
  std::uint64_t verifiers = 5;
  Agpu fee;
  Agpu price;
  DurationMs window;
  Ppm yearly_rate;
};
[[nodiscard]] std::optional<Agpu> challenge_bond(const Challenge& challenge);

}  // namespace starminer::verification
