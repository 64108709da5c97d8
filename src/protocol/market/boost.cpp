#include "protocol/market/boost.h"

#include <algorithm>

#include "protocol/market/market_view.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kMilli = 1000;

std::uint64_t share_of(std::uint64_t milli, std::uint64_t ppm) {
  return mul_div(milli, ppm, kPpm, Rounding::Floor).value_or(0);
}

}  // namespace

Boost boost_of(const Params& params, const JobSpec& spec) {
  if (spec.credits == 0) return {};
  // Both limits keep the products far below 128 bits: kCreditsMax, kJobGpusMax x kJobSecondsMax.
  const u128 milli_seconds = u128{gpu_milli(spec.resources)} * spec.max_s;
  const u128 gain = u128{params.get(Parameter::BoostGain)} * kMilli;
  const u128 most_s = params.get(Parameter::BoostMaxMs) / kMilli;
  if (milli_seconds == 0 || gain == 0) return {};
  const u128 useful = (most_s * most_s * milli_seconds + gain - 1) / gain;
  Boost boost;
  boost.credits = static_cast<std::uint64_t>(std::min(u128{spec.credits}, useful));
  boost.ahead = seconds(
      std::min<std::uint64_t>(isqrt128(gain * boost.credits / milli_seconds), static_cast<std::uint64_t>(most_s)));
  const u128 burned = u128{boost.credits} * params.get(Parameter::CreditBurn);
  boost.burned = {static_cast<std::uint64_t>(std::min(burned, u128{kAmountMax}))};
  return boost;
}

std::uint64_t boost_lane(const Params& params, std::uint64_t total_milli) {
  return share_of(total_milli, params.get(Parameter::BoostLanePpm));
}

bool is_over_lane(const MarketView& market, const JobRow& job, ClassId hardware_class, std::uint64_t total_milli) {
  if (job.boost.ms == 0) return false;
  const std::uint64_t milli = gpu_milli(job.spec.resources);
  const std::uint64_t lane = boost_lane(market.params, total_milli);
  if (market.index.boosted(hardware_class).gpu_milli + milli > lane) return true;
  const Holding own = market.index.boosted_by(hardware_class, job.requester);
  return own.jobs > 0 && own.gpu_milli + milli > share_of(lane, market.params.get(Parameter::BoostOwnerPpm));
}

}  // namespace starminer::protocol
