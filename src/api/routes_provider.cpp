// What a provider's agent calls: assignments, beats, progress and logs of its jobs.
#include <chrono>

#include <nlohmann/json.hpp>

#include "api/beat_archive.h"
#include "api/http/json.h"
#include "api/parties.h"
#include "api/relay.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "api/streams.h"
#include "beats/beat_log.h"
#include "engine/engine.h"

namespace starminer::api {
namespace {

using engine::Engine;
using http::Method;
using http::Problem;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::ContractState;
using protocol::Machine;

constexpr std::uint64_t kBeatsBodyMax = 512U << 10U;
constexpr std::uint64_t kProgressBodyMax = 8U << 10U;
constexpr std::uint64_t kLogBodyMax = 1U << 20U;
constexpr std::size_t kUnitMax = 200;
constexpr std::size_t kNoteMax = 512;
// The last lines of a job may arrive after its contract has ended.
constexpr std::uint64_t kLateLogMs = 600'000;

Response assignments(const Parts& parts, const Request& request) {
  const auto provider = signed_provider(parts, request);
  if (!provider) return provider.error();
  return json_response(parts.engine.read([&](const Machine& machine) -> json {
    json contracts = json::array();
    const auto* live = machine.contracts().index().live_of(*provider);
    for (const ContractId& contract : live != nullptr ? *live : std::set<ContractId>()) {
      const protocol::ContractRow& row = machine.contracts().table().get(contract);
      if (row.state > ContractState::Running) continue;
      json object = render_contract(machine, contract, row, nullptr);
      object["job_kind"] = kind_name(row.kind);
      contracts.push_back(std::move(object));
    }
    json benchmarks = json::array();
    for (const NodeId& node : machine.registry().benchmarks_due(*provider)) {
      json owed = render_benchmark(machine, node);
      owed["node"] = node.text();
      benchmarks.push_back(std::move(owed));
    }
    return {{"contracts", std::move(contracts)}, {"benchmarks", std::move(benchmarks)}};
  }));
}

Problem bad_body(std::string_view expected) {
  return http::bad_request("bad_body", "The body has not the members that this path takes.",
                           fmt::format("Send {}.", expected));
}

Result<std::vector<NodeId>, Problem> parse_nodes(const Request& request) {
  const auto body = http::parse_json(request.body);
  if (!body) return fail(body.error());
  const auto list = body->is_object() ? body->find("nodes") : body->end();
  if (list == body->end() || !list->is_array()) return fail(bad_body(R"({"nodes":["n1...",...]})"));
  std::vector<NodeId> nodes;
  for (const json& item : *list) {
    if (!item.is_string()) return fail(bad_body(R"({"nodes":["n1...",...]})"));
    auto id = parse_id<NodeId>(item.get_ref<const std::string&>());
    if (!id) return fail(std::move(id.error()));
    nodes.push_back(*id);
  }
  return nodes;
}

Response beats(const Parts& parts, const Request& request) {
  const auto provider = signed_provider(parts, request);
  if (!provider) return provider.error();
  const auto nodes = parse_nodes(request);
  if (!nodes) return nodes.error();
  if (const auto body = beats::parse_beat_body(request.body); !body) {
    return bad_body(R"({"nodes":["n1...",...],"round_trip_ms":n})");
  }
  std::optional<std::uint64_t> epoch;  // in whose window one of them stands
  // All or none: a beat for another's node would keep a dead one in service.
  const auto refusal = parts.engine.read([&](const Machine& machine) -> std::optional<Problem> {
    for (const NodeId& id : *nodes) {
      const protocol::NodeRow* row = machine.registry().nodes().find(id);
      if (row == nullptr) return no_such("node", id.text());
      if (row->provider != *provider) {
        return http::forbidden("forbidden", fmt::format("The node {} belongs to another provider.", id.text()),
                               "Beat for your own nodes only.");
      }
      const protocol::TelemetryWindow window = machine.telemetry().windows().running;
      if (protocol::Telemetry::contains(window, row->dense_id)) epoch = window.epoch;
    }
    return std::nullopt;
  });
  if (refusal) return *refusal;
  const auto now = std::chrono::steady_clock::now();
  for (const NodeId& id : *nodes) parts.relay.beat(id, now);
  const TimeMs time = Engine::wall_clock();
  if (parts.beats != nullptr && epoch) {
    const auto line = beats::format_beat(time, request.header("authorization"), request.body);
    if (line) parts.beats->append(*epoch, *line);
  }
  return json_response({{"time_ms", time.ms}});
}

bool is_amount(const json& body, const char* name) {
  const auto found = body.find(name);
  return found == body.end() || found->is_null() || (found->is_number() && found->get<double>() >= 0);
}

bool is_text(const json& body, const char* name, std::size_t length_max) {
  const auto found = body.find(name);
  return found == body.end() || found->is_null() ||
         (found->is_string() && found->get_ref<const std::string&>().size() <= length_max);
}

json member_or_null(const json& body, const char* name) {
  const auto found = body.find(name);
  return found == body.end() ? json() : *found;
}

Response report_progress(const Parts& parts, const Request& request) {
  const auto contract = signed_contract(parts, request, Side::Provider);
  if (!contract) return contract.error();
  if (is_final(contract->state)) {
    return http::conflict("contract_ended", "The contract has ended; its progress is closed.",
                          "Stop the job; see the contract's end reason.");
  }
  const auto body = http::parse_json(request.body);
  if (!body) return body.error();
  const bool shaped = body->is_object() && body->contains("run_ms") && (*body)["run_ms"].is_number_unsigned() &&
                      is_amount(*body, "done") && is_amount(*body, "total") && is_text(*body, "unit", kUnitMax) &&
                      is_text(*body, "note", kNoteMax);
  if (!shaped) {
    return bad_body(fmt::format(R"({{"run_ms":n,"done":n,"total":n,"unit":"up to {} bytes","note":"up to {} bytes"}})",
                                kUnitMax, kNoteMax));
  }
  const json progress = {{"contract", contract->id.text()},       {"run_ms", (*body)["run_ms"]},
                         {"done", member_or_null(*body, "done")}, {"total", member_or_null(*body, "total")},
                         {"unit", member_or_null(*body, "unit")}, {"note", member_or_null(*body, "note")},
                         {"time_ms", Engine::wall_clock().ms}};
  if (!parts.relay.set_progress(contract->id, progress.dump())) return http::internal_error();
  parts.streams.on_progress(contract->id);
  return Response::empty(204);
}

Problem problem_of(const AppendError& error) {
  Problem problem;
  switch (error.fault) {
    case RelayFault::OffsetMismatch:
      problem = http::conflict("offset_mismatch", "The bytes do not start where the stored ones end.",
                               "Go on at the offset in 'expected'.");
      break;
    case RelayFault::StreamFull:
      problem = http::conflict("log_full", "This stream has as many bytes as a stream may have.",
                               "Keep the rest on the node; the whole log belongs into the result.");
      problem.status = 413;
      break;
    case RelayFault::RelayFull:
      problem = http::conflict("log_store_full", "This node holds as many bytes of logs as it may.",
                               "Try again later; old logs are removed.");
      problem.status = 507;
      break;
    case RelayFault::IoError: return http::unavailable("io_error", "The disk of this node refused the bytes.", 5);
  }
  problem.title = std::string(http::reason_phrase(problem.status));
  problem.members.emplace_back("expected", std::to_string(error.expected));
  return problem;
}

Response append_log(const Parts& parts, const Request& request) {
  const auto contract = signed_contract(parts, request, Side::Provider);
  if (!contract) return contract.error();
  const std::string* name = request.find_query("stream");
  const auto stream = name == nullptr ? std::nullopt : find_log_stream(*name);
  if (!stream) return bad_parameter("stream", "stdout or stderr");
  if (request.find_query("offset") == nullptr) return bad_parameter("offset", "the size of what was sent before");
  const auto offset = http::query_number(request, "offset", 0, 0, UINT64_MAX);
  if (!offset) return offset.error();
  if (is_final(contract->state) && Engine::wall_clock().ms > contract->ended_ms + kLateLogMs) {
    return http::conflict("contract_ended", "The contract ended long ago; its logs are closed.",
                          "Nothing to do: the result holds the whole log.");
  }
  const auto size = parts.relay.append_log(contract->id, *stream, *offset, request.body);
  if (!size) return problem_of(size.error());
  parts.streams.on_log(contract->id);
  return json_response({{"size", *size}});
}

}  // namespace

void add_provider_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/v1/assignments", [&parts](const Request& request) { return assignments(parts, request); },
      reads("Live contracts of the signer's nodes", kProvider));
  router.add(
      Method::Post, "/v1/beats", [&parts](const Request& request) { return beats(parts, request); },
      takes("application/json", kBeatsBodyMax, "The signer's nodes are alive", kProvider));
  router.add(
      Method::Post, "/v1/contracts/{id}/progress",
      [&parts](const Request& request) { return report_progress(parts, request); },
      takes("application/json", kProgressBodyMax, "Progress of a running job", kContractProvider));
  router.add(
      Method::Post, "/v1/contracts/{id}/logs", [&parts](const Request& request) { return append_log(parts, request); },
      takes(std::string(kOctets), kLogBodyMax, "Appends to the job's output", kContractProvider));
}

}  // namespace starminer::api
