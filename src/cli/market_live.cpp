// market, queues: the whole market at a glance, once or live.
#include <chrono>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/live.h"
#include "cli/market_view.h"
#include "cli/session.h"
#include "terminal/screen.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

struct MarketRequest {
  bool once = false;
};

std::uint64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

ExitCode show_once(const Invocation& call, client::Api& api) {
  const auto queues = api.get("/v1/queues");
  if (!queues) return report(call, queues.error());
  const auto matches = api.get("/v1/matches");
  if (!matches) return report(call, matches.error());
  if (call.json) {
    call.out.line(compact({{"queues", list_of(*queues, "queues")}, {"matches", list_of(*matches, "matches")}}));
  } else {
    call.out.stream() << market_text(call.out, {*queues, *matches, now_ms()}) << std::flush;
  }
  return ExitCode::Ok;
}

ExitCode show_live(const Invocation& call, const Settings& settings) {
  terminal::Screen screen(call.out);
  json queues = json::object();
  json matches = json::object();
  const auto ended = follow_events(settings, "/v1/streams/market", [&](const api::http::SseEvent& event) {
    json value = json::parse(event.data, nullptr, false);
    const bool known = event.name == "queues" || event.name == "matches";
    if (!known || value.is_discarded()) return true;
    if (call.json) {
      call.out.line(compact(value));
      return call.out.stream().good();
    }
    (event.name == "queues" ? queues : matches) = std::move(value);
    if (!has(queues, "queues") || !has(matches, "matches")) return true;
    const std::string text = market_text(call.out, {queues, matches, now_ms()});
    if (call.out.interactive()) {
      screen.show(text + call.out.paint(terminal::Style::Dim, "live; Ctrl-C ends") + "\n");
    } else {
      call.out.stream() << text << "\n" << std::flush;
    }
    return call.out.stream().good();
  });
  if (!ended) return report(call, ended.error());
  return *ended;
}

ExitCode market(const Invocation& call, const Settings& settings, const MarketRequest& request) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  if (request.once) return show_once(call, **api);
  return show_live(call, settings);
}

ExitCode show_queues(const Invocation& call, const Settings& settings) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto queues = (*api)->get("/v1/queues");
  if (!queues) return report(call, queues.error());
  if (call.json) {
    call.out.line(compact(*queues));
    return ExitCode::Ok;
  }
  call.out.stream() << queues_text(call.out, *queues, now_ms());
  call.out.line("Parked jobs wait for the price to come down to their max_price. Prices are AGPU per GPU-hour.");
  return ExitCode::Ok;
}

}  // namespace

void add_live_commands(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<MarketRequest>();
  config::Command& live = root.add("market", "Watch the market: load, prices, queues and matches of every class");
  live.describe(
      "Redraws the page whenever something changes, at most twice a second. Where the output is no terminal each page "
      "follows the one before; with --json each change is one line, {\"queues\":[...]} or {\"matches\":[...]}.");
  live.option("--once", request->once, "Show it once and end.");
  live.prints()
      .example("starminer market", "Watch it until Ctrl-C")
      .example("starminer market --once --json", "The same figures for a script")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Interrupted)
      .run([&settings, request](const Invocation& call) { return market(call, settings, *request); });
  root.add("queues", "Show load, prices, and how many jobs wait and run per hardware class")
      .prints()
      .example("starminer queues", "How busy the market is")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) { return show_queues(call, settings); });
}

}  // namespace starminer::cli
