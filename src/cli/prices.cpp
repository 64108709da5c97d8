// prices: what a GPU-hour costs, how far it can and how far it will likely move, and how it came there.
#include <memory>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/http/target.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/price_chart.h"
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

struct PricesRequest {
  std::string hardware_class;
  std::string tier;
};

/// "0.35 - 0.47" of the bounds after so many ticks.
std::string bounds_text(const json& row, const char* kind, const char* ticks) {
  const json& bounds = member(member(row, kind), ticks);
  return fmt::format("{} - {}", tokens_of(bounds, "low"), tokens_of(bounds, "high"));
}

std::string load_text(const json& row) {
  const json& load = member(row, "load");
  return number_of(load, "online_milli") == 0 ? "none online" : terminal::human_percent(number_of(load, "load_ppm"));
}

/// "91.2 %" of the bands whose time has come; "-" before the first.
std::string coverage_text(const json& row, const char* ticks) {
  const json& band = member(member(row, "bands"), ticks);
  const std::uint64_t matured = number_of(band, "matured");
  if (matured == 0) return "-";
  constexpr std::uint64_t kWholePpm = 1'000'000;
  return terminal::human_percent(number_of(band, "inside") * kWholePpm / matured);
}

void show_table(const Invocation& call, const json& prices, const PricesRequest& request) {
  const std::uint64_t tick_ms = number_of(prices, "tick_ms");
  const auto within = [tick_ms](const char* word, std::uint64_t ticks) {
    return fmt::format("{} {}", word, terminal::human_duration(ticks * tick_ms));
  };
  Table table({{"TIER"},
               {"CLASS", Align::Left, "", true},
               {"PRICE", Align::Right, "AGPU/h"},
               {"NEXT", Align::Right},
               {"LOAD", Align::Right},
               {within("LIKELY IN", 15), Align::Right},
               {within("CERTAIN IN", 15), Align::Right},
               {within("CERTAIN IN", 60), Align::Right},
               {"HELD", Align::Right},
               {"FLOOR", Align::Right}});
  for (const json& row : list_of(prices, "prices")) {
    if (!request.hardware_class.empty() && text_of(row, "class") != request.hardware_class) continue;
    if (!request.tier.empty() && text_of(row, "tier") != request.tier) continue;
    table.add({text_of(row, "tier"), text_of(row, "class"), tokens_of(row, "price"), tokens_of(row, "next_price"),
               load_text(row), bounds_text(row, "bands", "15"), bounds_text(row, "envelope", "15"),
               bounds_text(row, "envelope", "60"), coverage_text(row, "15"), tokens_of(row, "floor")});
  }
  call.out.stream() << table.render(call.out);
  call.out.line(
      "No price leaves its certain bounds in that time; HELD says how often the likely ones did. A job's own factors "
      "come on top: starminer plan");
}

void show_chart(const Invocation& call, const json& history) {
  std::vector<PricePoint> points;
  for (const json& point : list_of(history, "points")) {
    points.push_back({number_of(point, "tick"), number_of(point, "price"), number_of(point, "load_ppm")});
  }
  if (points.empty()) {
    call.out.line(fmt::format("There is no history of {} in {} yet: nothing of it has been online at a tick.",
                              shown(history, "class"), shown(history, "tier")));
    return;
  }
  call.out.line("");
  call.out.line(fmt::format("{} in {}, one column in {}, the last {}:", shown(history, "class"), shown(history, "tier"),
                            terminal::human_duration(number_of(history, "tick_ms")), points.size()));
  call.out.stream() << price_chart(points, call.out.width(), call.out.unicode()) << std::flush;
}

ExitCode show_prices(const Invocation& call, const Settings& settings, const PricesRequest& request) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto prices = (*api)->get("/v1/prices");
  if (!prices) return report(call, prices.error());
  if (request.hardware_class.empty()) {
    if (call.json) {
      call.out.line(compact(*prices));
    } else {
      show_table(call, *prices, request);
    }
    return ExitCode::Ok;
  }
  const std::string tier = request.tier.empty() ? "Standard" : request.tier;
  const auto history =
      (*api)->get(fmt::format("/v1/prices/history?class={}&tier={}", api::http::percent_encode(request.hardware_class),
                              api::http::percent_encode(tier)));
  if (!history) return report(call, history.error());
  if (call.json) {
    call.out.line(compact(*history));
    return ExitCode::Ok;
  }
  show_table(call, *prices, request);
  show_chart(call, *history);
  return ExitCode::Ok;
}

}  // namespace

void add_prices_command(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<PricesRequest>();
  config::Command& command =
      root.add("prices", "Show the price of every tier and class, its certain and its likely bounds");
  command.option("--class", request->hardware_class, "Only this hardware class, with a chart of its last ticks.")
      .placeholder("CLASS");
  command.option("--tier", request->tier, "Only this tier: Economy, Standard or Premium. The chart's is Standard else.")
      .placeholder("TIER");
  command.prints()
      .example("starminer prices", "Prices now, and how far they can move")
      .example("starminer prices --class A100 --tier Economy", "How one of them came there")
      .returns(ExitCode::Refused, "there is no such class or tier")
      .returns(ExitCode::Unreachable)
      .run([&settings, request](const Invocation& call) { return show_prices(call, settings, *request); });
}

}  // namespace starminer::cli
