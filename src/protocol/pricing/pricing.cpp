#include "protocol/pricing/pricing.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

struct ShippedTier {
  std::string_view name;
  std::uint64_t price_ratio;
  std::uint64_t capacity_share;
  std::uint64_t target_load;
  std::array<std::uint8_t, kScoreTermCount> weights;  // fit scarce budget reputation speed proximity ready spread
  std::uint64_t queue_offset_ms;
  bool preemptible;
  StartRule promise;
};

constexpr auto kTiers = std::to_array<ShippedTier>({
    {"Economy", 600'000, 300'000, 900'000, {40, 10, 15, 10, 5, 5, 10, 5}, 0, true, StartRule::None},
    {"Standard", 1'000'000, 500'000, 800'000, {30, 10, 10, 15, 10, 10, 10, 5}, 300'000, false, StartRule::Queue},
    {"Premium", 1'600'000, 200'000, 650'000, {15, 0, 5, 25, 20, 20, 10, 5}, 900'000, false, StartRule::Now},
});

constexpr bool weights_sum_to_100() {
  for (const ShippedTier& tier : kTiers) {
    unsigned sum = 0;
    for (const std::uint8_t weight : tier.weights) sum += weight;
    if (sum != 100) return false;
  }
  return true;
}
static_assert(weights_sum_to_100());

// A dearer tier costs at least this much of the tier below, so that its signal cannot invert (economics 2.3).
constexpr std::array<std::uint64_t, kTiers.size()> kOverTierBelowPpm = {0, 1'100'000, 1'150'000};

// floor(ln(n) * 2^32) for the bounds of AnchorOverFloor.
constexpr std::uint64_t kAnchorOverFloorMin = 2;
constexpr std::array<std::uint64_t, 7> kLogQ32 = {2'977'044'471, 4'718'503'850, 5'954'088'943, 6'912'483'198,
                                                  7'695'548'322, 8'357'620'451, 8'931'133'415};

std::uint64_t log_of_anchor(std::uint64_t anchor_over_floor) {
  STARMINER_CHECK(anchor_over_floor >= kAnchorOverFloorMin);
  STARMINER_CHECK(anchor_over_floor < kAnchorOverFloorMin + kLogQ32.size());
  return kLogQ32[anchor_over_floor - kAnchorOverFloorMin];
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

Price price_of(Price floor, std::uint64_t log_price) {
  const auto price = mul_div(floor.nagpu_per_gpu_hour, exp_q32(log_price), kQ32, Rounding::Floor);
  return {std::min(price.value_or(kAmountMax), kAmountMax)};
}

Price at_least_over(Price price, Price tier_below, TierId tier) {
  const std::uint64_t ratio = tier < kOverTierBelowPpm.size() ? kOverTierBelowPpm[tier] : 0;
  const auto least = mul_div(tier_below.nagpu_per_gpu_hour, ratio, kPpm, Rounding::Ceil);
  return {std::min(std::max(price.nagpu_per_gpu_hour, least.value_or(kAmountMax)), kAmountMax)};
}

Pricing::Pricing(state::Store& store, const Params& params, const Registry& registry)
    : params_(params),
      registry_(registry),
      tiers_(store, state::TableId::Tiers),
      prices_(store, state::TableId::Prices),
      points_(store, state::TableId::PriceHistory),
      bands_(store, state::TableId::PriceBands) {}

void Pricing::write_genesis(Preset preset) {
  TierId id = 0;
  for (const ShippedTier& tier : kTiers) {
    tiers_.put(id++, {std::string(tier.name), Ppm{tier.price_ratio}, Ppm{tier.capacity_share}, Ppm{tier.target_load},
                      tier.weights, DurationMs{tier.queue_offset_ms / preset_time_divisor(preset)}, tier.preemptible,
                      tier.promise});
  }
  const std::uint64_t anchor_over_floor = params_.get(Parameter::AnchorOverFloor);
  const std::uint64_t log_price = log_of_anchor(anchor_over_floor);
  for (const auto& [hardware_class, row] : registry_.classes()) {
    Price below;
    for (const auto& [tier, terms] : tiers_) {
      const auto floor =
          mul_div(row.anchor.nagpu_per_gpu_hour, terms.price_ratio.value, kPpm * anchor_over_floor, Rounding::Floor);
      STARMINER_CHECK(floor.has_value());
      const Price price = at_least_over(price_of({*floor}, log_price), below, tier);
      const ControllerState controller{terms.target_load.value << kLoadFraction, log_price, log_price, log_price};
      prices_.put({tier, hardware_class}, {{*floor}, log_price, log_price, price, price, controller, {}, 0});
      below = price;
    }
  }
}

const PriceRow& Pricing::price_row(TierId tier, ClassId hardware_class) const {
  return prices_.get({tier, hardware_class});
}

const TierRow& Pricing::tier(TierId id) const { return tiers_.get(id); }

std::optional<TierId> Pricing::find_tier(std::string_view name) const {
  for (const auto& [id, row] : tiers_) {
    if (same_name(row.name, name)) return id;
  }
  return std::nullopt;
}

std::uint8_t Pricing::highest_floor(Price price, Price anchor) {
  constexpr std::uint64_t kFloorUnits = 32;
  constexpr std::uint8_t kAny = 0xff;
  if (anchor.nagpu_per_gpu_hour == 0) return kAny;
  const u128 most =
      u128{price.nagpu_per_gpu_hour} * kFloorUnits * (kPpm + 1) / (u128{anchor.nagpu_per_gpu_hour} * kPpm);
  return static_cast<std::uint8_t>(std::min<u128>(most, kAny));
}

Price Pricing::unit_price(Price base, const Factors& factors) {
  const auto price = mul_div(base.nagpu_per_gpu_hour, factors.product_ppm, kPpm, Rounding::Ceil);
  return {std::min(price.value_or(kAmountMax), kAmountMax)};
}

Agpu Pricing::cost(Price unit, std::uint64_t gpu_milli, std::uint64_t ms, Rounding rounding) {
  constexpr std::uint64_t kMilliMsPerHour = 3'600'000'000;  // thousandths of a device x milliseconds
  const auto cost = mul_div_wide(unit.nagpu_per_gpu_hour, u128{gpu_milli} * ms, kMilliMsPerHour, rounding);
  if (!cost || *cost > kAmountMax) return {kAmountMax};
  return {static_cast<std::uint64_t>(*cost)};
}

Price Pricing::side_price(const Resources& resources) const {
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  const auto cpu = mul_div(resources.cpu_milli, params_.get(Parameter::SidePriceCpuHour), 1000, Rounding::Ceil);
  const auto ram = mul_div(resources.ram_bytes, params_.get(Parameter::SidePriceRamGibHour), kGiB, Rounding::Ceil);
  const std::uint64_t sum = saturating_add(cpu.value_or(kAmountMax), ram.value_or(kAmountMax));
  const auto scaled = checked_mul(sum, params_.get(Parameter::PriceScale));
  return {std::min(scaled.value_or(kAmountMax), kAmountMax)};
}

FeeSplit Pricing::split(Agpu pay, std::uint64_t log_price, std::uint64_t slow_log_price, bool has_referrer) const {
  STARMINER_CHECK(pay.base <= kAmountMax);
  constexpr std::uint64_t kBasisPoints = 10'000;
  FeeSplit split;
  split.pay = pay;
  if (log_price > slow_log_price) {
    const auto calm = mul_div(pay.base, kQ32, exp_q32(log_price - slow_log_price), Rounding::Floor);
    const auto burned = mul_div(pay.base - *calm, params_.get(Parameter::SurgeBurnBp), kBasisPoints, Rounding::Ceil);
    split.surge_burn = {*burned};
  }
  const std::uint64_t rest = pay.base - split.surge_burn.base;
  const auto share = [&](Parameter parameter, Rounding rounding) {
    return *mul_div(rest, params_.get(parameter), kPpm, rounding);
  };
  split.burn = {share(Parameter::FeeBurnPpm, Rounding::Ceil)};
  split.stakers = {share(Parameter::FeeStakersPpm, Rounding::Floor)};
  split.treasury = {share(Parameter::FeeTreasuryPpm, Rounding::Floor)};
  split.insurance = {share(Parameter::FeeInsurancePpm, Rounding::Floor)};
  const std::uint64_t referrer = share(Parameter::FeeReferrerPpm, Rounding::Floor);
  (has_referrer ? split.referrer : split.treasury).base += referrer;
  const std::uint64_t fees =
      split.burn.base + split.stakers.base + split.treasury.base + split.insurance.base + split.referrer.base;
  STARMINER_CHECK(fees <= rest);
  split.provider = {rest - fees};
  return split;
}

}  // namespace starminer::protocol
