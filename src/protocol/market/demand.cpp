#include "protocol/market/demand.h"

#include <algorithm>

namespace starminer::protocol {
namespace {

constexpr Ppm kReliabilityMost{1'200'000};

}  // namespace

Demand::Demand(const MarketView& market, const JobSpec& spec, const Terms& terms, TimeMs now)
    : market_(market),
      spec_(spec),
      terms_(terms),
      now_(now),
      lock_(terms.lock != nullptr && now < terms.lock->until ? terms.lock : nullptr) {
  const Registry& registry = market.registry;
  for (const std::string& name : spec.resources.classes) {
    if (const auto found = registry.find_class(name)) classes_.set(*found);
  }
  for (const auto& [id, row] : registry.classes()) {
    if (spec.resources.classes.empty()) classes_.set(id);
    if (classes_.test(id)) best_rating_ = std::max(best_rating_, row.rating[static_cast<std::size_t>(spec.kind)]);
  }
  for (const std::string& name : spec.where.allow) {
    if (const auto found = registry.find_region(name)) regions_.set(*found);
  }
  const auto& homes = !spec.where.prefer.empty() ? spec.where.prefer : spec.where.allow;
  if (!homes.empty()) home_ = registry.find_region(homes.front());
  if (!spec.runtime.empty()) runtime_tag_ = tag_of(spec.runtime);
  if (spec.resources.gpus > 0) device_memory_needed_ = Registry::device_memory_needed(spec.resources);
}

Demand::Demand(const MarketView& market, const JobRow& row, TimeMs now)
    : Demand(market, row.spec,
             {row.tier, row.max_price, row.cap, &row.avoided,
              row.attempts > 0 || row.notice ? std::optional<TimeMs>(row.submitted) : std::nullopt,
              row.attempts == 0 && row.price_lock ? &*row.price_lock : nullptr, row.preemptions > 0, row.requester},
             now) {}

std::uint32_t Demand::reference_rating(ClassId hardware_class) const {
  return market_.registry.classes().get(hardware_class).rating[static_cast<std::size_t>(spec_.kind)];
}

bool Demand::avoids(const AccountId& provider) const {
  const auto& excluded = spec_.where.excluded_providers;
  return std::binary_search(excluded.begin(), excluded.end(), provider) ||
         (terms_.avoided != nullptr && std::binary_search(terms_.avoided->begin(), terms_.avoided->end(), provider));
}

bool Demand::may_draw(ClassId hardware_class) const {
  if (!terms_.requester || terms_.whole != nullptr || spec_.resources.gpus == 0) return false;
  const ClassDemandRow* row = market_.class_demand.find(hardware_class);
  if (row == nullptr || row->load_ppm <= market_.params.get(Parameter::ReserveLoadPpm)) return false;
  if (!has_level_) has_level_ = reaches_reserve_level(market_, *terms_.requester);
  return *has_level_;
}

Price Demand::base_price(ClassId hardware_class) const {
  return spec_.resources.gpus == 0 ? market_.pricing.side_price(spec_.resources) : tier_price(hardware_class).base;
}

LockedPrice Demand::tier_price(ClassId hardware_class) const {
  if (lock_ != nullptr) {
    for (const LockedPrice& locked : lock_->prices) {
      if (locked.hardware_class == hardware_class) return locked;
    }
  }
  const PriceRow& row = market_.pricing.price_row(terms_.tier, hardware_class);
  return {hardware_class, row.price, row.log_price, row.slow_log_price};
}

FactorInput Demand::factor_input(ClassId hardware_class, RegionId region, NodeFigures quality) const {
  FactorInput input;
  input.tier = terms_.tier;
  input.hosts = terms_.hosts;
  input.now = lock_ != nullptr ? lock_->since : now_;
  input.class_memory_bytes = market_.registry.classes().get(hardware_class).device_memory_bytes;
  input.region_factor = market_.registry.regions().get(region).price_factor;
  if (quality == NodeFigures::Least) input.reliability = {0};
  if (quality == NodeFigures::Most) {
    input.energy_verified = true;
    input.reliability = kReliabilityMost;
  }
  return input;
}

NodePrice Demand::price_on(const NodeRow& node, const NodeId& id) const {
  FactorInput input = factor_input(node.hardware_class, node.offer.region, NodeFigures::Neutral);
  input.region_factor = node.offer.price_factor(market_.registry.regions().get(node.offer.region));
  input.energy_verified = node.offer.energy.verified;
  input.reliability = market_.pricing.reliability(id, node, market_.reputation, now_);
  NodePrice price;
  price.base = base_price(node.hardware_class);
  price.factors = market_.pricing.factors(job(), input);
  price.unit = Pricing::unit_price(price.base, price.factors);
  if (terms_.price_held_since) price.unit = std::min(price.unit, terms_.max_price);
  return price;
}

bool Demand::is_over_price(const NodeRow& node, const NodeId& id) const {
  if (terms_.max_price.nagpu_per_gpu_hour == 0 || terms_.any_price) return false;
  const Price asked = terms_.price_held_since
                          ? lowest_price(node.hardware_class, node.offer.region, node.offer.region_verified)
                          : price_on(node, id).unit;
  return asked > terms_.max_price;
}

const Demand::ClassFigures& Demand::figures(ClassId hardware_class, RegionId region) const {
  const auto [it, inserted] = figures_.try_emplace({hardware_class, region});
  if (inserted) {
    NodePrice& price = it->second.price;
    price.base = base_price(hardware_class);
    price.factors = market_.pricing.factors(job(), factor_input(hardware_class, region, NodeFigures::Neutral));
    price.unit = Pricing::unit_price(price.base, price.factors);
    it->second.expected = expected_cost(hardware_class, price.unit);
  }
  return it->second;
}

NodePrice Demand::class_price(ClassId hardware_class, RegionId region) const {
  return figures(hardware_class, region).price;
}

Agpu Demand::expected_cost_in(ClassId hardware_class, RegionId region) const {
  return figures(hardware_class, region).expected;
}

Price Demand::highest_price(ClassId hardware_class, RegionId region, std::uint32_t ticks) const {
  FactorInput input = factor_input(hardware_class, region, NodeFigures::Most);
  // Urgency only grows and the flexibility discount only shrinks while a job waits: the last moment is the dearest.
  input.now = now_ + DurationMs{ticks * market_.params.get(Parameter::TickMs)};
  const Price base = spec_.resources.gpus == 0 ? base_price(hardware_class)
                                               : market_.pricing.envelope(terms_.tier, hardware_class, ticks).high;
  return Pricing::unit_price(base, market_.pricing.factors(job(), input));
}

Price Demand::highest_price_now(ClassId hardware_class, RegionId region) const {
  const FactorInput input = factor_input(hardware_class, region, NodeFigures::Most);
  return Pricing::unit_price(base_price(hardware_class), market_.pricing.factors(job(), input));
}

Price Demand::lowest_price(ClassId hardware_class, RegionId region, bool confirmed) const {
  FactorInput input = factor_input(hardware_class, region, NodeFigures::Least);
  if (!confirmed) input.region_factor = std::min(input.region_factor, Ppm{kPpm});
  if (terms_.price_held_since) input.now = *terms_.price_held_since;
  return Pricing::unit_price(base_price(hardware_class), market_.pricing.factors(job(), input));
}

std::uint64_t Demand::expected_ms(ClassId hardware_class) const {
  const std::uint64_t stated_ms = seconds(spec_.expected_s).ms;
  const std::uint64_t minimum_ms = market_.params.get(Parameter::MinimumMeterMs);
  const std::uint64_t billable_ms =
      mul_div(stated_ms, market_.params.get(Parameter::MeterOverExpectedPpm), kPpm, Rounding::Ceil)
          .value_or(~std::uint64_t{0});
  const std::uint64_t most_ms = std::min(billable_ms, seconds(spec_.max_s).ms);
  const std::uint32_t rating = reference_rating(hardware_class);
  const std::uint64_t scaled_ms =
      rating != 0 ? mul_div(stated_ms, best_rating_, rating, Rounding::Ceil).value_or(~std::uint64_t{0})
                  : ~std::uint64_t{0};
  return std::max(std::min(scaled_ms, most_ms), minimum_ms);
}

Agpu Demand::expected_cost(ClassId hardware_class, Price unit) const {
  if (terms_.max_price.nagpu_per_gpu_hour != 0) unit = std::min(unit, terms_.max_price);
  return Pricing::cost(unit, billing_milli(job().resources), expected_ms(hardware_class), Rounding::Ceil);
}

bool Demand::is_priced_out(const Places& places) const {
  if (terms_.max_price.nagpu_per_gpu_hour == 0 || terms_.any_price) return false;
  bool any = false;
  for (const auto& [place, nodes] : places) {
    const auto [hardware_class, region] = place;
    if (!classes_.test(hardware_class) || !allows_region(region)) continue;
    any = true;
    if (lowest_price(hardware_class, region, nodes.unconfirmed == 0) <= terms_.max_price) return false;
  }
  return any;
}

}  // namespace starminer::protocol
