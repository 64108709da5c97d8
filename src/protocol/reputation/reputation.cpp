#include "protocol/reputation/reputation.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kMilli = 1000;
constexpr std::uint64_t kLn2Q32 = 2'977'044'471;  // floor(ln(2) * 2^32)
constexpr std::uint8_t kKinds = 4;                // of JobKind, which lies above this module
// The largest count, 10^12 outcomes, keeps every product of the score within 128 bits.
constexpr std::uint64_t kCountMilliMax = 1'000'000'000'000'000;

struct Age {
  std::uint64_t whole = 0;       // half-lives passed
  std::uint64_t growth_q32 = 0;  // 2^(rest / half-life), at least 1, below 2
};

Age age_of(TimeMs updated, TimeMs now, DurationMs half_life) {
  STARMINER_CHECK(half_life.ms > 0);
  const std::uint64_t passed = elapsed(now, updated).ms;
  const auto exponent = mul_div(kLn2Q32, passed % half_life.ms, half_life.ms, Rounding::Floor);
  return {passed / half_life.ms, exp_q32(*exponent)};
}

std::uint64_t halve(std::uint64_t count, std::uint64_t times) { return times < 64 ? count >> times : 0; }

std::uint64_t decayed(std::uint64_t count, const Age& age) {
  return halve(*mul_div(count, kQ32, age.growth_q32, Rounding::Floor), age.whole);
}

struct Trials {
  std::uint64_t good_milli = 0;
  std::uint64_t all_milli = 0;
};

Trials with_prior(const ReputationRow& row, const Params& params) {
  const std::uint64_t prior_all = params.get(Parameter::ReputationPriorAll) * kMilli;
  const std::uint64_t prior_good = std::min(params.get(Parameter::ReputationPriorGood) * kMilli, prior_all);
  Trials trials{prior_good, prior_all};
  for (std::uint8_t i = 0; i < kOutcomeCount; ++i) trials.all_milli += row.milli[i];
  trials.good_milli += row.milli[static_cast<std::size_t>(Outcome::Success)];
  return trials;
}

/// Whether the Wilson lower bound of these trials is at least step / 240, for step < 240. With z = 1.96 the bound w
/// solves (s - w n)^2 = z^2 w (1 - w) n, so the question needs no root: multiplied out by 240^2 and 10^6 (counts are in
/// thousandths) it compares two integers exactly. That makes the score monotone without any argument about rounding.
bool bound_reaches(const Trials& trials, std::uint64_t step) {
  const std::uint64_t all_part = step * trials.all_milli;
  const std::uint64_t good_part = kReputationMax * trials.good_milli;
  if (good_part < all_part) return false;
  const u128 lead = good_part - all_part;
  return lead * lead * 10 >= u128{38'416} * (step * (kReputationMax - step)) * trials.all_milli;  // 38416 = 10^4 z^2
}

}  // namespace

Reputation::Reputation(state::Store& store, const Params& params)
    : params_(params), table_(store, state::TableId::Reputation) {}

void Reputation::record(const NodeId& node, std::uint8_t kind, Outcome outcome, std::uint64_t weight_milli,
                        TimeMs now) {
  STARMINER_CHECK(kind < kKinds);
  const DurationMs half_life = params_.duration(Parameter::ReputationHalfLifeMs);
  const ReputationKey key{node, kind};
  const ReputationRow* const before = table_.find(key);
  ReputationRow row = before != nullptr ? *before : ReputationRow{{}, now};
  const Age age = age_of(row.updated, now, half_life);
  for (std::uint64_t& count : row.milli) count = halve(count, age.whole);
  row.updated = row.updated + DurationMs{age.whole * half_life.ms};
  const auto weight = mul_div(std::min(weight_milli, kCountMilliMax), age.growth_q32, kQ32, Rounding::Ceil);
  std::uint64_t& count = row.milli[static_cast<std::size_t>(outcome)];
  count = std::min(count + *weight, kCountMilliMax);
  table_.put(key, row);
}

ReputationRow Reputation::counts(const NodeId& node, std::uint8_t kind, TimeMs now) const {
  const ReputationRow* const stored = table_.find({node, kind});
  if (stored == nullptr) return {{}, now};
  const Age age = age_of(stored->updated, now, params_.duration(Parameter::ReputationHalfLifeMs));
  ReputationRow row{{}, now};
  for (std::size_t i = 0; i < kOutcomeCount; ++i) row.milli[i] = decayed(stored->milli[i], age);
  return row;
}

ReputationRow Reputation::total(const NodeId& node, TimeMs now) const {
  ReputationRow sum{{}, now};
  for (std::uint8_t kind = 0; kind < kKinds; ++kind) {
    const ReputationRow row = counts(node, kind, now);
    for (std::size_t i = 0; i < kOutcomeCount; ++i) sum.milli[i] += row.milli[i];
  }
  return sum;
}

std::uint8_t Reputation::score(const NodeId& node, std::uint8_t kind, TimeMs now) const {
  const Trials trials = with_prior(counts(node, kind, now), params_);
  std::uint64_t reached = 0;
  std::uint64_t missed = kReputationMax;  // the bound of finitely many trials lies below 1
  while (missed - reached > 1) {
    const std::uint64_t middle = (reached + missed) / 2;
    (bound_reaches(trials, middle) ? reached : missed) = middle;
  }
  return static_cast<std::uint8_t>(reached);
}

/// Between two moments of one half-life every count only falls, so the score lies between those of the least good with
/// the most bad and of the most good with the least bad. Where both are the score, it stands.
Reputation::Span Reputation::score_span(const NodeId& node, std::uint8_t kind, TimeMs now) const {
  constexpr std::uint64_t kFirstPart = 64;  // of a half-life
  const std::uint8_t found = score(node, kind, now);
  const ReputationRow* const stored = table_.find({node, kind});
  if (stored == nullptr) return {found, {~std::uint64_t{0}}};
  const std::uint64_t half_life = params_.duration(Parameter::ReputationHalfLifeMs).ms;
  // Up to the end of the running half-life: there the counts are halved, and the argument begins anew.
  const std::uint64_t left = half_life - elapsed(now, stored->updated).ms % half_life;
  const ReputationRow most = counts(node, kind, now);
  for (std::uint64_t ms = std::min(std::max<std::uint64_t>(half_life / kFirstPart, 1), left); ms > 1; ms /= 2) {
    const ReputationRow least = counts(node, kind, now + DurationMs{ms - 1});
    ReputationRow worst = most;
    ReputationRow best = least;
    constexpr auto kGood = static_cast<std::size_t>(Outcome::Success);
    worst.milli[kGood] = least.milli[kGood];
    best.milli[kGood] = most.milli[kGood];
    const bool never_less = found == 0 || bound_reaches(with_prior(worst, params_), found);
    const bool never_more = found + 1 == kReputationMax || !bound_reaches(with_prior(best, params_), found + 1U);
    if (never_less && never_more) return {found, now + DurationMs{ms}};
  }
  return {found, now + DurationMs{1}};
}

Ppm Reputation::success_share(const NodeId& node, TimeMs now) const {
  const Trials trials = with_prior(total(node, now), params_);
  return {*mul_div(kPpm, trials.good_milli, trials.all_milli, Rounding::Floor)};
}

}  // namespace starminer::protocol
