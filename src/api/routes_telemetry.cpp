// Telemetry: windows, operators' reports with the hashes of their raw beats, the raw beats that this node keeps;
// attestors.
#include <fcntl.h>

#include <charconv>

#include <nlohmann/json.hpp>

#include "api/beat_archive.h"
#include "api/parts.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/engine.h"

namespace starminer::api {
namespace {

using engine::Engine;
using http::Method;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::Machine;

json render_window(const Machine& machine, const protocol::TelemetryWindow& window) {
  json nodes = json::array();
  for (const NodeId& node : machine.telemetry().nodes_of(window)) {
    nodes.push_back({{"node", node.text()}, {"provider", machine.registry().nodes().get(node).provider.text()}});
  }
  return {{"epoch", window.epoch}, {"nodes", std::move(nodes)}};
}

json render_report(const Machine& machine, const AccountId& account, const protocol::TelemetryReportRow& row) {
  json entries = json::array();
  for (const protocol::TelemetryEntry& entry : row.entries) {
    entries.push_back({{"node", entry.node.text()},
                       {"beats", entry.figures.beats},
                       {"p50_ms", entry.figures.p50_ms},
                       {"p90_ms", entry.figures.p90_ms},
                       {"p99_ms", entry.figures.p99_ms}});
  }
  return {{"operator", account.text()},
          {"epoch", row.epoch},
          {"raw_hash", row.raw_hash.hex()},
          {"reported_ms", Clock(machine).unix_ms(row.reported)},
          {"entries", std::move(entries)}};
}

Response get_telemetry(const Parts& parts) {
  return json_response(parts.engine.read([](const Machine& machine) -> json {
    const protocol::TelemetryWindowRow windows = machine.telemetry().windows();
    json reports = json::array();
    for (const auto& [account, row] : machine.telemetry().reports()) {
      reports.push_back(render_report(machine, account, row));
    }
    return {{"last", render_window(machine, windows.last)},
            {"running", render_window(machine, windows.running)},
            {"beat_every_ms", machine.params().get(protocol::Parameter::BeatEveryMs)},
            {"epoch_ms", machine.params().get(protocol::Parameter::EpochMs)},
            {"reports", std::move(reports)}};
  }));
}

Response get_raw_beats(const Parts& parts, const Request& request) {
  const std::string& text = request.param("epoch");
  std::uint64_t epoch = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (fault != std::errc() || end != text.data() + text.size()) return bad_parameter("epoch", "a number");
  const bool ended = parts.engine.read(
      [epoch](const Machine& machine) { return epoch < machine.telemetry().windows().running.epoch; });
  const auto path = ended && parts.beats != nullptr ? parts.beats->find(epoch) : std::nullopt;
  const int fd = path ? ::open(path->c_str(), O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) {
    return http::not_found("not_found", fmt::format("This node keeps no raw beats of epoch {}.", epoch),
                           "An operator keeps those of ended epochs for some days: see GET /v1/telemetry.");
  }
  const auto size = static_cast<std::uint64_t>(std::filesystem::file_size(*path));
  return Response::stream({http::make_file_source(fd), size, fmt::format("beats-{}", epoch)}, std::string(kOctets));
}

Response list_attestors(const Parts& parts) {
  return json_response(parts.engine.read([](const Machine& machine) -> json {
    json list = json::array();
    for (const auto& [account, row] : machine.attestors().attestors()) {
      list.push_back({{"account", account.text()}, {"since_ms", Clock(machine).unix_ms(row.since)}});
    }
    return {{"attestors", std::move(list)}, {"needed", machine.params().get(protocol::Parameter::AttestorsNeeded)}};
  }));
}

}  // namespace

void add_telemetry_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/v1/telemetry", [&parts](const Request&) { return get_telemetry(parts); },
      reads("Windows of nodes and what operators reported of them"));
  router.add(
      Method::Get, "/v1/telemetry/{epoch}/beats",
      [&parts](const Request& request) { return get_raw_beats(parts, request); },
      reads("The raw beats of an epoch, as this operator keeps them"));
  router.add(
      Method::Get, "/v1/attestors", [&parts](const Request&) { return list_attestors(parts); },
      reads("Who may confirm what nodes state"));
}

}  // namespace starminer::api
