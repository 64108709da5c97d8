#include "protocol/market/market_view.h"

#include <algorithm>

namespace starminer::protocol {

DurationMs fetch_time(const Params& params, std::uint64_t input_bytes) {
  return {input_bytes / params.get(Parameter::InputBytesPerSecond) * 1000};
}

TimeMs latest_end(const Params& params, const JobSpec& spec, TimeMs now) {
  return now + params.duration(Parameter::AckMs) + params.duration(Parameter::StartMs) +
         fetch_time(params, spec.input_bytes) + seconds(spec.max_s);
}

bool reaches_reserve_level(const MarketView& market, const AccountId& account) {
  const u128 value =
      u128{market.staking.stake(account, Asset::Amax).bonded} * market.params.get(Parameter::AmaxValueMicro);
  return value >= u128{market.params.get(Parameter::ReserveLevelU)} * kPpm * kBasePerToken;
}

bool share_a_class(const JobSpec& a, const JobSpec& b) {
  const auto& left = a.resources.classes;
  const auto& right = b.resources.classes;
  if (left.empty() || right.empty()) return true;
  return std::any_of(left.begin(), left.end(), [&right](const std::string& name) {
    return std::binary_search(right.begin(), right.end(), name);
  });
}

JobSpec in_market_time(JobSpec spec, const BlockContext& context) {
  if (spec.deadline.ms != 0)
    spec.deadline.ms = std::max<std::uint64_t>(elapsed(spec.deadline, {context.halted.ms}).ms, 1);
  return spec;
}

std::uint64_t queue_key(const MarketView& market, const JobSpec& spec, TierId tier, DurationMs boost, TimeMs now) {
  std::uint64_t ahead_ms = market.pricing.tier(tier).queue_offset.ms + boost.ms;
  if (spec.urgency == Urgency::Soon) ahead_ms += market.params.get(Parameter::UrgencySoonMs);
  if (spec.urgency == Urgency::Now) ahead_ms += market.params.get(Parameter::UrgencyNowMs);
  FactorInput input;
  input.tier = tier;
  input.now = now;
  const Factors factors = market.pricing.factors(spec, input);
  std::uint64_t back_ms = 0;
  if (factors.ppm[static_cast<std::size_t>(Factor::Flexibility)] < kPpm) {
    const std::uint64_t slack_ms = seconds(Pricing::slack_s(spec, now).value_or(0)).ms;
    back_ms = std::min(slack_ms, market.params.get(Parameter::FlexibilityWaitMs));
  }
  return saturating_sub(saturating_add(now.ms, back_ms), ahead_ms);
}

}  // namespace starminer::protocol
