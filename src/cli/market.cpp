// prices: what the market costs.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "terminal/format.h"
#include "terminal/table.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Align;
using terminal::Table;

/// "0.35 - 0.47" of the envelope after so many ticks.
std::string bounds_text(const json& row, const char* ticks) {
  const json& bounds = member(member(row, "envelope"), ticks);
  return fmt::format("{} - {}", tokens_of(bounds, "low"), tokens_of(bounds, "high"));
}

ExitCode show_prices(const Invocation& call, const Settings& settings) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto prices = (*api)->get("/v1/prices");
  if (!prices) return report(call, prices.error());
  if (call.json) {
    call.out.line(compact(*prices));
    return ExitCode::Ok;
  }
  const std::uint64_t tick_ms = number_of(*prices, "tick_ms");
  const auto within = [tick_ms](std::uint64_t ticks) {
    return fmt::format("IN {}", terminal::human_duration(ticks * tick_ms));
  };
  Table table({{"TIER"},
               {"CLASS", Align::Left, "", true},
               {"PRICE", Align::Right, "AGPU/h"},
               {within(5), Align::Right},
               {within(15), Align::Right},
               {within(60), Align::Right},
               {"FLOOR", Align::Right}});
  for (const json& row : list_of(*prices, "prices")) {
    table.add({text_of(row, "tier"), text_of(row, "class"), tokens_of(row, "price"), bounds_text(row, "5"),
               bounds_text(row, "15"), bounds_text(row, "60"), tokens_of(row, "floor")});
  }
  call.out.stream() << table.render(call.out);
  call.out.line(
      "Bounds are certain: no price leaves them in that time. A job's own factors come on top: starminer plan");
  return ExitCode::Ok;
}

}  // namespace

void add_market_commands(config::Command& root, const Settings& settings) {
  root.add("prices", "Show the price of every tier and class with its certain bounds")
      .prints()
      .example("starminer prices", "Prices now, and how far they can move")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) { return show_prices(call, settings); });
}

}  // namespace starminer::cli
