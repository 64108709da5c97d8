// audit telemetry: the raw beats that an operator keeps, against the hash and the figures on the chain.
#include <map>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "beats/beat_log.h"
#include "cli/audit_bundle.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Align;
using terminal::Table;

struct TelemetryRequest {
  std::string raw;
};

Trouble wrong_beats(std::string what, std::string why) {
  return {ExitCode::Mismatch, {std::move(what), "", std::move(why), {"ask another operator: --api-url"}}};
}

/// What the chain says of the last window.
struct WindowOnChain {
  std::uint64_t epoch = 0;
  beats::Window window;
  json reports;
};

Outcome<WindowOnChain> read_windows(client::Api& api) {
  const auto document = api.get("/v1/telemetry");
  if (!document) return fail(trouble_of(document.error()));
  const json& last = member(*document, "last");
  WindowOnChain chain{number_of(last, "epoch"), {}, json::array()};
  for (const json& row : list_of(last, "nodes")) {
    const auto node = NodeId::parse(text_of(row, "node"));
    const auto provider = AccountId::parse(text_of(row, "provider"));
    if (!node || !provider) return fail(local_trouble("the node's answer makes no sense", "a window names no node"));
    chain.window.emplace(*node, *provider);
  }
  for (const json& report : list_of(*document, "reports")) {
    if (number_of(report, "epoch") == chain.epoch) chain.reports.push_back(report);
  }
  if (chain.window.empty() || chain.reports.empty()) {
    return fail(Trouble{ExitCode::NotFound,
                        {"there is nothing to check yet",
                         "",
                         "no operator has reported an epoch with nodes in its window",
                         {"try again after the end of the epoch: starminer network"}}});
  }
  return chain;
}

Outcome<std::string> read_raw_beats(client::Api& api, const WindowOnChain& chain, const TelemetryRequest& request) {
  if (!request.raw.empty()) {
    auto text = read_text_file(request.raw);
    if (!text) return fail(std::move(text.error()));
    return std::move(*text);
  }
  auto bytes = api.get_bytes(fmt::format("/v1/telemetry/{}/beats", chain.epoch));
  if (!bytes) return fail(trouble_of(bytes.error()));
  return std::move(*bytes);
}

/// The first thing that differs between a report and what its raw beats give; empty where nothing does.
std::string first_difference(const json& report, const std::map<NodeId, beats::Figures>& counted) {
  std::size_t reported = 0;
  for (const json& entry : list_of(report, "entries")) {
    const auto number = [&entry](const char* name) { return static_cast<std::uint32_t>(number_of(entry, name)); };
    const std::string id = text_of(entry, "node");
    const auto node = NodeId::parse(id);
    const auto mine = node ? counted.find(*node) : counted.end();
    if (mine == counted.end()) return fmt::format("{} was reported, but no beat of it is kept", id);
    const beats::Figures theirs{number("beats"), number("p50_ms"), number("p90_ms"), number("p99_ms")};
    if (theirs != mine->second) {
      return fmt::format("{}: {} beats and round trips of {}, {}, {} ms reported; {} and {}, {}, {} ms counted", id,
                         theirs.beats, theirs.p50_ms, theirs.p90_ms, theirs.p99_ms, mine->second.beats,
                         mine->second.p50_ms, mine->second.p90_ms, mine->second.p99_ms);
    }
    ++reported;
  }
  if (reported == counted.size()) return {};
  return fmt::format("{} nodes were reported, {} were heard", reported, counted.size());
}

void show_counted(const Invocation& call, const WindowOnChain& chain, const std::map<NodeId, beats::Figures>& counted,
                  const json& report, std::size_t bytes) {
  Table table({{"NODE", Align::Left, "", true},
               {"BEATS", Align::Right},
               {"P50", Align::Right},
               {"P90", Align::Right},
               {"P99", Align::Right}});
  for (const auto& [node, provider] : chain.window) {
    const auto found = counted.find(node);
    const beats::Figures figures = found != counted.end() ? found->second : beats::Figures{};
    table.add({node.text(), fmt::format("{}", figures.beats), fmt::format("{} ms", figures.p50_ms),
               fmt::format("{} ms", figures.p90_ms), fmt::format("{} ms", figures.p99_ms)});
  }
  call.out.stream() << table.render(call.out) << std::flush;
  call.out.line(fmt::format("{} epoch {}: {} bytes of raw beats have the hash that {} put on the chain",
                            call.out.tick(), chain.epoch, bytes, shown(report, "operator")));
  call.out.line(fmt::format("{} every beat is signed by the node's provider, and they count to what was reported",
                            call.out.tick()));
}

ExitCode audit_telemetry(const Invocation& call, const Settings& settings, const TelemetryRequest& request) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto chain = read_windows(**api);
  if (!chain) return report(call, chain.error());
  const auto raw = read_raw_beats(**api, *chain, request);
  if (!raw) return report(call, raw.error());
  const std::string hash = sha256(*raw).hex();
  const json* stated = nullptr;
  for (const json& one : chain->reports) {
    if (text_of(one, "raw_hash") == hash) stated = &one;
  }
  if (stated == nullptr) {
    return report(call, wrong_beats("these are not the raw beats that an operator reported",
                                    fmt::format("they have the hash {}, the chain names {} for epoch {}", hash,
                                                shown(chain->reports.front(), "raw_hash"), chain->epoch)));
  }
  const auto counted = beats::count_beats(*raw, chain->window);
  if (!counted) return report(call, wrong_beats("the raw beats do not hold", counted.error()));
  const std::string differs = first_difference(*stated, *counted);
  if (!differs.empty()) return report(call, wrong_beats("the operator reported something else", differs));
  if (call.json) {
    call.out.line(compact({{"verified", true},
                           {"epoch", chain->epoch},
                           {"operator", text_of(*stated, "operator")},
                           {"raw_hash", hash},
                           {"raw_bytes", raw->size()},
                           {"nodes", chain->window.size()},
                           {"heard", counted->size()},
                           {"entries", member(*stated, "entries")}}));
    return ExitCode::Ok;
  }
  show_counted(call, *chain, *counted, *stated, raw->size());
  return ExitCode::Ok;
}

}  // namespace

void add_audit_telemetry_command(config::Command& group, const Settings& settings) {
  const auto request = std::make_shared<TelemetryRequest>();
  config::Command& command = group.add("telemetry", "Check what an operator reported of nodes against its raw beats");
  command.describe(
      "After each epoch an operator puts on the chain how often it heard the nodes of a window, how fast, and the hash "
      "of the raw beats, which it keeps. This fetches them, compares the hash, checks the signature of every beat and "
      "counts again.");
  command.option("--raw", request->raw, "A file of raw beats instead of the ones that the node keeps.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.prints()
      .example("starminer audit telemetry", "The last epoch, as this operator reported it")
      .returns(ExitCode::NotFound, "no epoch was reported yet, or the node keeps no raw beats")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "hash, signatures or figures do not hold")
      .run([&settings, request](const Invocation& call) { return audit_telemetry(call, settings, *request); });
}

}  // namespace starminer::cli
