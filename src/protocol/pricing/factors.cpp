// The ten multipliers of a price (economics 2.4) and the reliability behind the last of them (economics 7.1).
#include <algorithm>
#include <span>

#include "protocol/pricing/pricing.h"

namespace starminer::protocol {
namespace {

struct Bounds {
  std::uint64_t low;
  std::uint64_t high;
};

constexpr std::array<Bounds, kFactorCount> kBounds = {{
    {1'000'000, 1'500'000},  // urgency
    {850'000, 1'000'000},    // flexibility
    {1'000'000, 1'250'000},  // gang
    {1'000'000, 1'250'000},  // runtime
    {1'000'000, 1'200'000},  // memory
    {800'000, 1'500'000},    // region
    {1'000'000, 1'150'000},  // residency
    {1'000'000, 1'150'000},  // TEE
    {900'000, 1'100'000},    // energy
    {900'000, 1'100'000},    // quality
}};

constexpr std::uint64_t kDayS = 86'400;
constexpr std::uint64_t kHourS = 3'600;
constexpr std::uint64_t kFlexibleSlackOverMax = 4;
constexpr std::uint64_t kRuntimeSurchargeMax = 250'000;
constexpr std::uint64_t kResidencyConstraintsMax = 3;

struct Point {
  std::uint64_t at;
  std::uint64_t value;
};

constexpr auto kQuality = std::to_array<Point>({{0, 900'000}, {800'000, 1'000'000}, {1'200'000, 1'100'000}});
constexpr auto kUptime =
    std::to_array<Point>({{900'000, 0}, {950'000, 500'000}, {990'000, 1'000'000}, {999'000, 1'200'000}});
constexpr auto kOnTime = std::to_array<Point>({{800'000, 500'000}, {950'000, 1'000'000}, {990'000, 1'200'000}});
constexpr auto kGood = std::to_array<Point>({{900'000, 0}, {980'000, 1'000'000}, {1'000'000, 1'200'000}});

// A new node starts as if it had 64 epochs and 64 outcomes behind it that give 0.8 on each curve: the weight of an
// average with shift 6 over epochs.
constexpr std::uint64_t kPriorWeight = 64;
constexpr std::uint64_t kPriorUptime = 974'000;
constexpr std::uint64_t kPriorOnTime = 890'000;
constexpr std::uint64_t kPriorGood = 964'000;

/// Linear between the points, level outside. Requires: `at` rises strictly, `value` never falls.
std::uint64_t interpolate(std::span<const Point> points, std::uint64_t at) {
  if (at <= points.front().at) return points.front().value;
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point& a = points[i - 1];
    const Point& b = points[i];
    if (at <= b.at) return a.value + (b.value - a.value) * (at - a.at) / (b.at - a.at);
  }
  return points.back().value;
}

/// Share of `part` in `all` with a prior of this weight and share, in ppm. Requires: part <= all.
std::uint64_t share_with_prior(u128 part, u128 all, u128 prior_weight, std::uint64_t prior_ppm) {
  return static_cast<std::uint64_t>((part * kPpm + prior_weight * prior_ppm) / (all + prior_weight));
}

std::uint64_t urgency(std::optional<std::uint64_t> slack, std::uint64_t max_s, std::uint64_t surcharge) {
  if (!slack || max_s == 0) return kPpm;
  return kPpm + static_cast<std::uint64_t>(u128{surcharge} * max_s / (u128{max_s} + *slack));
}

std::uint64_t flexibility(std::optional<std::uint64_t> slack, std::uint64_t max_s, std::uint64_t discount) {
  if (!slack || *slack / kFlexibleSlackOverMax < max_s) return kPpm;
  return kPpm - discount * std::min(*slack, kDayS) / kDayS;
}

std::uint64_t gang(const Resources& resources, std::uint32_t hosts, std::uint64_t step, std::uint64_t over_hosts) {
  if (resources.gpus == 0 || resources.share_milli != 0) return kPpm;
  return kPpm + step * ilog2(resources.gpus) + (hosts > 1 ? over_hosts : 0);
}

std::uint64_t runtime(std::uint64_t max_s, std::uint64_t step) {
  const auto root_of_hours_percent = isqrt128(u128{max_s} * 10'000 / kHourS);
  const auto surcharge = mul_div(step, root_of_hours_percent, 100, Rounding::Floor);
  return kPpm + std::min(surcharge.value_or(kRuntimeSurchargeMax), kRuntimeSurchargeMax);
}

std::uint64_t memory(std::uint64_t asked, std::uint64_t device, std::uint64_t surcharge) {
  if (device == 0) return kPpm;
  const u128 beyond_half = u128{asked} * 2 > device ? u128{asked} * 2 - device : 0;
  return kPpm + static_cast<std::uint64_t>(std::min<u128>(u128{surcharge} * beyond_half / device, surcharge));
}

std::uint64_t residency(const Where& where, std::uint64_t step) {
  const std::uint64_t constraints = (where.allow.empty() ? 0U : 1U) + (where.residency.empty() ? 0U : 1U);
  return kPpm + step * std::min(constraints, kResidencyConstraintsMax);
}

Parameter urgency_parameter(TierId tier) {
  if (tier == kEconomy) return Parameter::UrgencyEcoPpm;
  return tier == kStandard ? Parameter::UrgencyStdPpm : Parameter::UrgencyPremPpm;
}

}  // namespace

std::optional<std::uint64_t> Pricing::slack_s(const JobSpec& spec, TimeMs now) {
  if (spec.urgency == Urgency::Now) return 0;
  std::optional<std::uint64_t> slack;
  if (spec.deadline.ms != 0) slack = saturating_sub(elapsed(spec.deadline, now).ms / 1000, spec.max_s);
  if (spec.urgency == Urgency::Soon) return std::min(slack.value_or(spec.max_s), spec.max_s);
  return slack;
}

Factors Pricing::factors(const JobSpec& spec, const FactorInput& input) const {
  const auto slack = slack_s(spec, input.now);
  const auto value = [this](Parameter parameter) { return params_.get(parameter); };
  const std::array<std::uint64_t, kFactorCount> raw = {
      urgency(slack, spec.max_s, value(urgency_parameter(input.tier))),
      input.tier == kEconomy ? flexibility(slack, spec.max_s, value(Parameter::FlexibilityPpm)) : kPpm,
      gang(spec.resources, input.hosts, value(Parameter::GangStepPpm), value(Parameter::GangHostsPpm)),
      runtime(spec.max_s, value(Parameter::RuntimeStepPpm)),
      memory(spec.resources.gpu_memory_bytes, input.class_memory_bytes, value(Parameter::MemoryPpm)),
      input.region_factor.value,
      residency(spec.where, value(Parameter::ResidencyPpm)),
      kPpm + (spec.where.tee_kinds.empty() ? 0 : value(Parameter::TeePpm)),
      kPpm + (input.energy_verified ? value(Parameter::EnergyPpm) : 0),
      interpolate(kQuality, input.reliability.value)};
  Factors factors;
  std::uint64_t product = kPpm;
  for (std::size_t i = 0; i < kFactorCount; ++i) {
    const std::uint64_t factor = std::clamp(raw[i], kBounds[i].low, kBounds[i].high);
    factors.ppm[i] = static_cast<std::uint32_t>(factor);
    product = product * factor / kPpm;
  }
  product = std::clamp(product, value(Parameter::FactorMinPpm), value(Parameter::FactorMaxPpm));
  factors.product_ppm = static_cast<std::uint32_t>(product);
  return factors;
}

Ppm Pricing::node_factor_bound() const {
  const std::uint64_t energy = kPpm + params_.get(Parameter::EnergyPpm);
  return {*mul_div(energy, kBounds[static_cast<std::size_t>(Factor::Quality)].high, kPpm, Rounding::Ceil)};
}

Ppm Pricing::reliability(const NodeId& node, const NodeRow& row, const Reputation& reputation, TimeMs now) const {
  const auto counts = reputation.total(node, now).milli;
  const u128 good = counts[static_cast<std::size_t>(Outcome::Success)];
  const u128 late = counts[static_cast<std::size_t>(Outcome::Late)];
  const u128 all = good + late + counts[static_cast<std::size_t>(Outcome::Failure)] +
                   counts[static_cast<std::size_t>(Outcome::Disputed)];
  constexpr std::uint64_t kMilli = 1000;
  const std::uint64_t age = elapsed(now, row.registered).ms;
  const u128 heard = u128{age} * registry_.uptime(row, now).value / kPpm;
  const u128 prior_ms = u128{kPriorWeight} * params_.get(Parameter::EpochMs);
  const std::uint64_t up = interpolate(kUptime, share_with_prior(heard, age, prior_ms, kPriorUptime));
  const std::uint64_t on_time =
      interpolate(kOnTime, share_with_prior(good, good + late, kPriorWeight * kMilli, kPriorOnTime));
  const std::uint64_t sound = interpolate(kGood, share_with_prior(good, all, kPriorWeight * kMilli, kPriorGood));
  return {(50 * up + 25 * on_time + 25 * sound) / 100};
}

}  // namespace starminer::protocol
