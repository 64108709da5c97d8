// What ticks do to prices (economics sections 2.3 and 3): the controller, floors that follow, the order of the tiers,
// the history, and the bands with their learned width.
#include <algorithm>

#include "base/check.h"
#include "protocol/pricing/pricing.h"

namespace starminer::protocol {
namespace {

// Half widths at the beginning, as steady markets come to: 2.7, 6.4 and 13.5 %. They are learned from there.
constexpr std::array<std::uint64_t, kBandCount> kFirstHalfWidth = {115'964'116, 274'877'906, 579'820'584};

// Below this a floor is not lowered further, so that rounding stays far below a tick's slew.
constexpr std::uint64_t kLeastFloor = 1'000;

std::uint64_t log_of(Price price, Price floor) {
  if (floor.nagpu_per_gpu_hour == 0) return 0;
  const auto ratio = mul_div(price.nagpu_per_gpu_hour, kQ32, floor.nagpu_per_gpu_hour, Rounding::Floor);
  return ln_q32(ratio.value_or(~std::uint64_t{0}));
}

std::uint8_t slot_of(std::uint64_t tick) { return static_cast<std::uint8_t>(tick % kHistoryTicks); }

}  // namespace

void Pricing::on_tick(const Loads& loads, std::uint64_t tick, TimeMs now) {
  for (const auto& [hardware_class, class_row] : registry_.classes()) {
    Price below;
    for (const auto& [tier, terms] : tiers_) {
      const PriceKey key{tier, hardware_class};
      const PriceRow& before = prices_.get(key);
      PriceRow row = before;
      row.price = row.next_price;
      // A tier that is held up by the one below it lies above what its own controller says.
      const std::uint64_t own = row.controller.log_price;
      row.log_price = row.price == price_of(row.floor, own) ? own : log_of(row.price, row.floor);
      const auto load = loads.find(key);
      row.load = load != loads.end() ? load->second : Load{};
      if (row.load.online_milli > 0) move(row, terms);
      row.next_price = at_least_over(price_of(row.floor, row.controller.log_price), below, tier);
      below = row.next_price;
      if (!(row == before)) prices_.put(key, row);
    }
  }
  for (const auto& [key, load] : loads) {
    if (load.online_milli > 0) publish(key, tick, now);
  }
}

void Pricing::move(PriceRow& row, const TierRow& tier) const {
  row.slow_log_price = follow_slowly(row.slow_log_price, row.log_price);
  if (row.pinned_ticks >= reanchor_ticks()) {
    row = reanchored(row);
    row.pinned_ticks = 0;
    return;
  }
  const ControllerTerms terms{tier.target_load.value,
                              params_.get(Parameter::TickMs),
                              params_.get(Parameter::KappaMs),
                              params_.get(Parameter::IntegralErrorMaxPpm),
                              params_.get(Parameter::GainErrorMaxPpm),
                              params_.get(Parameter::SlewQ32),
                              params_.get(Parameter::PriceLogMaxQ32)};
  const std::uint64_t gain =
      gain_ppm(row.load.online_milli, params_.get(Parameter::GainPpm), params_.get(Parameter::GainHalfGpus));
  row.controller = step(row.controller, load_ppm(row.load), gain, terms);
  row.pinned_ticks = is_pinned(row.controller.log_price) ? row.pinned_ticks + 1 : 0;
}

std::uint64_t Pricing::reanchor_ticks() const {
  return std::max<std::uint64_t>(1, params_.get(Parameter::ReanchorMs) / params_.get(Parameter::TickMs));
}

bool Pricing::is_pinned(std::uint64_t log_price) const {
  const std::uint64_t most = params_.get(Parameter::PriceLogMaxQ32);
  const auto outer = mul_div(most, params_.get(Parameter::ReanchorBandPpm), kPpm, Rounding::Floor);
  return log_price <= *outer || log_price >= most - *outer;
}

PriceRow Pricing::reanchored(const PriceRow& row) const {
  const std::uint64_t most = params_.get(Parameter::PriceLogMaxQ32);
  const std::uint64_t further = kPpm + params_.get(Parameter::ReanchorStepPpm);
  const bool up = row.controller.log_price > most / 2;
  const std::uint64_t old_floor = row.floor.nagpu_per_gpu_hour;
  const auto floor =
      up ? mul_div(old_floor, further, kPpm, Rounding::Floor) : mul_div(old_floor, kPpm, further, Rounding::Ceil);
  const bool has_room = floor && *floor >= kLeastFloor && price_of({*floor}, most).nagpu_per_gpu_hour < kAmountMax;
  if (!is_pinned(row.controller.log_price) || !has_room || *floor == old_floor) return row;
  const std::uint64_t higher = up ? *floor : old_floor;
  const std::uint64_t by = ln_q32(*mul_div(higher, kQ32, up ? old_floor : *floor, Rounding::Floor));
  PriceRow moved = row;
  moved.floor = {*floor};
  ControllerState& controller = moved.controller;
  for (std::uint64_t* log :
       {&moved.log_price, &moved.slow_log_price, &controller.integral, &controller.target, &controller.log_price}) {
    *log = up ? saturating_sub(*log, by) : *log + by;
  }
  return moved;
}

Price Pricing::price_at(TierId tier, ClassId hardware_class, std::uint64_t moved, bool up, bool reanchoring) const {
  const std::uint64_t highest = params_.get(Parameter::PriceLogMaxQ32);
  const auto reached = [&](const PriceRow& row) {
    const std::uint64_t now = row.controller.log_price;
    // One that lies above a lowered ceiling comes down no faster than its slew.
    const std::uint64_t log_price =
        up ? std::min(saturating_add(now, moved), std::max(now, highest)) : saturating_sub(now, moved);
    return price_of(row.floor, log_price);
  };
  Price price;
  for (TierId id = 0; id <= tier; ++id) {
    const PriceRow& row = price_row(id, hardware_class);
    Price own = reached(row);
    if (reanchoring) own = up ? std::max(own, reached(reanchored(row))) : std::min(own, reached(reanchored(row)));
    price = at_least_over(own, price, id);
  }
  return price;
}

Envelope Pricing::envelope(TierId tier, ClassId hardware_class, std::uint32_t ticks) const {
  const PriceRow& row = price_row(tier, hardware_class);
  Envelope envelope{row.price, row.price};
  if (ticks == 0) return envelope;
  // The next price is decided already; what comes after it moves by a slew a tick. A floor moves in place of a slew.
  const std::uint64_t moved = (ticks - std::uint64_t{1}) * params_.get(Parameter::SlewQ32);
  bool reanchoring = false;
  for (TierId id = 0; id <= tier; ++id) {
    reanchoring = reanchoring || price_row(id, hardware_class).pinned_ticks + std::uint64_t{ticks} > reanchor_ticks();
  }
  envelope.low = std::min(envelope.low, price_at(tier, hardware_class, moved, false, reanchoring));
  envelope.high = std::max(envelope.high, price_at(tier, hardware_class, moved, true, reanchoring));
  return envelope;
}

Price Pricing::ceiling(TierId tier, ClassId hardware_class) const {
  return price_of(price_row(tier, hardware_class).floor, params_.get(Parameter::PriceLogMaxQ32));
}

Envelope Pricing::band(TierId tier, ClassId hardware_class, std::size_t horizon) const {
  const PriceRow& row = price_row(tier, hardware_class);
  const BandRow* learned = bands_.find({tier, hardware_class});
  const std::uint64_t half = learned != nullptr ? learned->half_width[horizon] : kFirstHalfWidth[horizon];
  const Envelope certain = envelope(tier, hardware_class, kBandTicks[horizon]);
  const Price low = std::min(price_of(row.floor, saturating_sub(row.log_price, half)), row.price);
  const Price high = std::max(price_of(row.floor, saturating_add(row.log_price, half)), row.price);
  return {std::max(low, certain.low), std::min(high, certain.high)};
}

std::uint64_t Pricing::lock_rate(TierId tier, ClassId hardware_class, std::uint32_t ticks) const {
  constexpr std::uint64_t kOne = std::uint64_t{1} << 32U;
  const PriceRow& row = price_row(tier, hardware_class);
  const BandRow* learned = bands_.find({tier, hardware_class});
  const std::size_t horizon = ticks <= kBandTicks[0] ? 0 : 1;
  const std::uint64_t half = learned != nullptr ? learned->half_width[horizon] : kFirstHalfWidth[horizon];
  const std::uint64_t rise = saturating_sub(row.controller.target, row.log_price);
  const std::uint64_t expected = std::min(rise, ticks * params_.get(Parameter::SlewQ32));
  return exp_q32(std::min(expected + half / 2, params_.get(Parameter::PriceLogMaxQ32))) - kOne;
}

void Pricing::publish(const PriceKey& key, std::uint64_t tick, TimeMs now) {
  const PriceRow& row = prices_.get(key);
  const BandRow* known = bands_.find(key);
  BandRow learned = known != nullptr ? *known : BandRow{kFirstHalfWidth, {}, {}};
  const std::uint64_t coverage = params_.get(Parameter::BandCoveragePpm);
  const std::uint64_t learning = params_.get(Parameter::BandStepQ32);
  const std::uint64_t least = params_.get(Parameter::BandWidthMinQ32);
  for (std::size_t i = 0; i < kBandCount; ++i) {
    if (tick < kBandTicks[i]) continue;
    const std::uint64_t made = tick - kBandTicks[i];
    const PricePointRow* then = points_.find({key.tier, key.hardware_class, slot_of(made)});
    if (then == nullptr || then->tick != made) continue;
    const bool held = then->bands[i].low <= row.price && row.price <= then->bands[i].high;
    ++learned.matured[i];
    std::uint64_t& half = learned.half_width[i];
    if (held) {
      ++learned.inside[i];
      half = std::max(least, saturating_sub(half, learning * (kPpm - coverage) / kPpm));
    } else {
      half = std::max(least, std::min(half + learning * coverage / kPpm, params_.get(Parameter::PriceLogMaxQ32)));
    }
  }
  bands_.put(key, learned);
  PricePointRow point{tick, now, row.price, load_ppm(row.load), {}};
  for (std::size_t i = 0; i < kBandCount; ++i) point.bands[i] = band(key.tier, key.hardware_class, i);
  points_.put({key.tier, key.hardware_class, slot_of(tick)}, point);
}

std::vector<PricePointRow> Pricing::history(TierId tier, ClassId hardware_class) const {
  std::vector<PricePointRow> oldest_first;
  for (auto it = points_.lower_bound({tier, hardware_class, 0});
       it != points_.end() && it->first.tier == tier && it->first.hardware_class == hardware_class; ++it) {
    oldest_first.push_back(it->second);
  }
  std::sort(oldest_first.begin(), oldest_first.end(),
            [](const PricePointRow& a, const PricePointRow& b) { return a.tick < b.tick; });
  return oldest_first;
}

bool Pricing::invariants_hold() const {
  for (const auto& [hardware_class, class_row] : registry_.classes()) {
    Price below;
    Price next_below;
    for (const auto& [tier, terms] : tiers_) {
      const PriceRow& row = price_row(tier, hardware_class);
      if (row.next_price < row.floor) return false;
      if (row.controller.smoothed_load >> kLoadFraction > kLoadMaxPpm) return false;
      if (at_least_over(row.price, below, tier) != row.price) return false;
      if (at_least_over(row.next_price, next_below, tier) != row.next_price) return false;
      below = row.price;
      next_below = row.next_price;
    }
  }
  return std::all_of(points_.begin(), points_.end(), [](const auto& entry) {
    const auto& point = entry.second;
    return entry.first.slot == slot_of(point.tick) &&
           std::all_of(point.bands.begin(), point.bands.end(),
                       [&point](const Envelope& band) { return band.low <= point.price && point.price <= band.high; });
  });
}

}  // namespace starminer::protocol
