// Prices as the API shows them: now, next, certain and predicted bounds, and the ticks behind them.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/json_text.h"
#include "api/render.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::Machine;

json render_load(const protocol::PriceRow& row, const protocol::TierRow& tier) {
  const bool available = row.load.online_milli > 0;
  return {{"online_milli", row.load.online_milli},
          {"busy_milli", row.load.busy_milli},
          {"queued_milli", row.load.queued_milli},
          {"load_ppm", available ? json(protocol::load_ppm(row.load)) : json()},
          {"smoothed_ppm", row.controller.smoothed_load >> protocol::kLoadFraction},
          {"target_ppm", tier.target_load.value}};
}

json render_price(const Machine& machine, const protocol::PriceKey& key, const protocol::PriceRow& row) {
  const protocol::Pricing& pricing = machine.pricing();
  const protocol::BandRow* learned = pricing.bands().find(key);
  json envelope = json::object();
  json bands = json::object();
  for (std::size_t i = 0; i < protocol::kBandCount; ++i) {
    const std::string ticks = fmt::format("{}", protocol::kBandTicks[i]);
    const protocol::Envelope certain = pricing.envelope(key.tier, key.hardware_class, protocol::kBandTicks[i]);
    const protocol::Envelope likely = pricing.band(key.tier, key.hardware_class, i);
    envelope[ticks] = {{"low", decimal(certain.low)}, {"high", decimal(certain.high)}};
    bands[ticks] = {{"low", decimal(likely.low)},
                    {"high", decimal(likely.high)},
                    {"matured", learned != nullptr ? learned->matured[i] : 0},
                    {"inside", learned != nullptr ? learned->inside[i] : 0}};
  }
  const protocol::TierRow& tier = pricing.tier(key.tier);
  return {{"tier", tier.name},
          {"class", machine.registry().classes().get(key.hardware_class).name},
          {"price", decimal(row.price)},
          {"next_price", decimal(row.next_price)},
          {"floor", decimal(row.floor)},
          {"ceiling", decimal(pricing.ceiling(key.tier, key.hardware_class))},
          {"log_price_q32", decimal(row.log_price)},
          {"slow_log_price_q32", decimal(row.slow_log_price)},
          {"load", render_load(row, tier)},
          {"envelope", std::move(envelope)},
          {"bands", std::move(bands)}};
}

}  // namespace

json render_prices(const Machine& machine) {
  json prices = json::array();
  for (const auto& [key, row] : machine.pricing().prices()) prices.push_back(render_price(machine, key, row));
  return {{"prices", std::move(prices)},
          {"tick_ms", machine.params().get(protocol::Parameter::TickMs)},
          {"band_coverage_ppm", machine.params().get(protocol::Parameter::BandCoveragePpm)}};
}

json render_price_history(const Machine& machine, protocol::TierId tier, protocol::ClassId hardware_class) {
  const Clock clock(machine);
  json points = json::array();
  for (const protocol::PricePointRow& point : machine.pricing().history(tier, hardware_class)) {
    points.push_back({{"tick", point.tick},
                      {"time_ms", clock.unix_ms(point.time)},
                      {"price", decimal(point.price)},
                      {"load_ppm", point.load_ppm}});
  }
  return {{"tier", machine.pricing().tier(tier).name},
          {"class", machine.registry().classes().get(hardware_class).name},
          {"points", std::move(points)},
          {"tick_ms", machine.params().get(protocol::Parameter::TickMs)}};
}

}  // namespace starminer::api
