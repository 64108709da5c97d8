// Courses of prices as JSON, table and plot. Pure but for the table, which goes to the command's output.
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "config/command.h"
#include "sim/plot.h"
#include "sim/price_record.h"

namespace starminer::sim {

/// By name of tier and class: prices in AGPU per GPU-hour, coverage and width of the bands by ticks ahead, envelopes.
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<PriceCourse>& courses);
void print_prices(const config::Invocation& call, const std::vector<PriceCourse>& courses);
/// Prices of the tiers over the hours of the market, with the bands for the longest horizon as they had been published.
[[nodiscard]] Plot price_plot(const std::vector<PriceCourse>& courses);

}  // namespace starminer::sim
