#include "verification/audits/bonds.h"

#include <algorithm>
#include <array>

#include "base/arithmetic.h"
#include "base/check.h"
#include "verification/audits/segments.h"

namespace starminer::verification {
namespace {

constexpr u128 kPpmSquared = u128{kPpm} * kPpm;
constexpr std::uint64_t kYearMs = std::uint64_t{365} * 24 * 3600 * 1000;

std::optional<Agpu> amount(u128 base) {
  if (base > kAmountMax) return std::nullopt;
  return Agpu{static_cast<std::uint64_t>(base)};
}

/// The smallest whole number that is at least a / b.
std::optional<Agpu> at_least(u128 a, u128 b) {
  if (b == 0) return std::nullopt;
  return amount(a / b + (a % b != 0 ? 1 : 0));
}

/// The smallest whole number that is more than a / b.
std::optional<Agpu> above(u128 a, u128 b) {
  if (b == 0) return std::nullopt;
  return amount(a / b + 1);
}

bool is_share(Ppm ppm) { return ppm.value <= kPpm; }
u128 rest(Ppm ppm) { return kPpm - ppm.value; }

}  // namespace

std::optional<Agpu> whole_job_bond(const WholeJob& job) {
  STARMINER_CHECK(is_share(job.detection) && is_share(job.finder));
  const u128 at_risk = u128{job.price.base} + job.value.base;
  if (at_risk * rest(job.detection) == 0) return Agpu{};
  return at_least(at_risk * rest(job.detection) * kPpm, u128{job.detection.value} * rest(job.finder));
}

std::optional<Ppm> least_detection(const WholeJob& job, Agpu bond) {
  STARMINER_CHECK(is_share(job.finder));
  const u128 at_risk = (u128{job.price.base} + job.value.base) * kPpm;
  const u128 lost = u128{bond.base} * rest(job.finder);
  if (at_risk + lost == 0) return std::nullopt;
  return Ppm{static_cast<std::uint64_t>((at_risk * kPpm + at_risk + lost - 1) / (at_risk + lost))};
}

std::optional<Agpu> segment_bond(const SegmentedJob& job) {
  STARMINER_CHECK(is_share(job.judged_right) && is_share(job.finder));
  const u128 needed = (u128{job.cost.base} + job.lazy_value.base) * kPpm;
  const u128 paid = u128{job.price.base} * job.judged_right.value;
  if (needed <= paid) return Agpu{};
  return at_least((needed - paid) * kPpm, u128{job.judged_right.value} * rest(job.finder));
}

std::optional<Agpu> targeted_bond(const TargetedJob& job) {
  STARMINER_CHECK(is_share(job.judged_right) && is_share(job.finder));
  STARMINER_CHECK(job.drawn <= job.segments && job.segments <= kSegmentsMax);
  if (job.gain.is_zero()) return Agpu{};
  const u128 met = u128{job.judged_right.value} * job.drawn;
  const u128 missed = u128{job.segments} * kPpm - met;
  return above(u128{job.gain.base} * missed * kPpm, rest(job.finder) * met);
}

std::optional<Agpu> solvency_bond(const Dispute& dispute) {
  const u128 taken = u128{dispute.finder.value} + dispute.restitution.value + dispute.floor.value;
  const auto fees = checked_mul(dispute.verifiers, dispute.fee.base);
  if (!fees || taken > kPpm) return std::nullopt;
  if (*fees == 0) return Agpu{};
  return at_least(u128{*fees} * kPpm, kPpm - taken);
}

std::string_view bound_name(BindingBound bound) {
  constexpr std::array<std::string_view, 4> kNames = {"whole_job", "segments", "targeted", "solvency"};
  return kNames[static_cast<std::size_t>(bound)];
}

std::optional<LargestBound> largest_bound(const Bounds& bounds) {
  const std::array<const std::optional<Agpu>*, 4> all = {&bounds.whole_job, &bounds.segments, &bounds.targeted,
                                                         &bounds.solvency};
  LargestBound largest;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::optional<Agpu>& bound = *all[i];
    if (!bound) return std::nullopt;
    if (i == 0 || *bound > largest.bond) largest = {*bound, static_cast<BindingBound>(i)};
  }
  return largest;
}

std::optional<Agpu> verifier_bond(const VerifierStake& stake) {
  STARMINER_CHECK(is_share(stake.trap) && is_share(stake.leak));
  // Both sides times a million squared.
  const u128 repeats = rest(stake.trap) * stake.leak.value;
  const u128 cost = u128{stake.cost.base} * kPpmSquared;
  const u128 earned = u128{stake.fee.base} * (kPpmSquared - repeats);
  if (cost < earned) return Agpu{};
  return above(cost - earned, u128{stake.trap.value} * kPpm + rest(stake.trap) * rest(stake.leak));
}

std::optional<Agpu> challenge_bond(const Challenge& challenge) {
  const auto fees = checked_mul(challenge.verifiers, challenge.fee.base);
  if (!fees) return std::nullopt;
  const auto delay = mul_div_wide(u128{challenge.price.base} * challenge.window.ms, challenge.yearly_rate.value,
                                  u128{kYearMs} * kPpm, Rounding::Ceil);
  if (!delay || *delay > kAmountMax) return std::nullopt;
  return amount(*fees + *delay);
}

}  // namespace starminer::verification
