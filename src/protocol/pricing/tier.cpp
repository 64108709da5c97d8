// The automatic tier (MTP-8, economics 2.5) and the names that users read.
#include "protocol/pricing/pricing.h"

namespace starminer::protocol {
namespace {

/// A limit of 0 says that the requester set none.
bool within(std::uint64_t limit, std::uint64_t threshold) { return limit != 0 && limit <= threshold; }

}  // namespace

TierDecision Pricing::tier_of(const JobSpec& spec, TimeMs now, bool can_start_now) const {
  if (spec.tier != TierChoice::Auto) {
    return {static_cast<TierId>(static_cast<std::uint8_t>(spec.tier) - 1), TierReason::Explicit};
  }
  if (can_start_now) {
    if (within(spec.latency_ms, params_.get(Parameter::PremiumLatencyMs))) return {kPremium, TierReason::Latency};
    if (within(spec.start_within.ms, params_.get(Parameter::PremiumStartWithinMs))) {
      return {kPremium, TierReason::StartWithin};
    }
    if (spec.dedicated) return {kPremium, TierReason::Dedicated};
  }
  if (within(spec.latency_ms, params_.get(Parameter::StandardLatencyMs))) return {kStandard, TierReason::Latency};
  if (within(spec.start_within.ms, params_.get(Parameter::StandardStartWithinMs))) {
    return {kStandard, TierReason::StartWithin};
  }
  const auto slack = slack_s(spec, now);
  if (slack && *slack < spec.max_s) return {kStandard, TierReason::Slack};
  return {kEconomy, TierReason::NothingPresses};
}

std::optional<TierId> Pricing::downgrade(TierId tier) {
  if (tier == kEconomy) return std::nullopt;
  return static_cast<TierId>(tier - 1);
}

std::string_view tier_reason_text(TierReason reason) {
  switch (reason) {
    case TierReason::Explicit: return "you named it";
    case TierReason::Latency: return "the latency target asks for it";
    case TierReason::StartWithin: return "the job must start soon";
    case TierReason::Dedicated: return "the job wants a node of its own";
    case TierReason::Slack: return "the deadline leaves little time";
    case TierReason::NothingPresses: return "nothing presses";
    case TierReason::Downgraded: return "the budget did not cover the tier above";
  }
  return "";
}

std::string_view term_name(ScoreTerm term) {
  switch (term) {
    case ScoreTerm::Fit: return "fit";
    case ScoreTerm::Scarce: return "scarce";
    case ScoreTerm::Budget: return "budget";
    case ScoreTerm::Reputation: return "reputation";
    case ScoreTerm::Speed: return "speed";
    case ScoreTerm::Proximity: return "proximity";
    case ScoreTerm::Ready: return "ready";
    case ScoreTerm::Spread: return "spread";
  }
  return "";
}

std::string_view factor_name(Factor factor) {
  switch (factor) {
    case Factor::Urgency: return "urgency";
    case Factor::Flexibility: return "flexibility";
    case Factor::Gang: return "gang";
    case Factor::Runtime: return "runtime";
    case Factor::Memory: return "memory";
    case Factor::Region: return "region";
    case Factor::Residency: return "residency";
    case Factor::Tee: return "tee";
    case Factor::Energy: return "energy";
    case Factor::Quality: return "quality";
  }
  return "";
}

}  // namespace starminer::protocol
