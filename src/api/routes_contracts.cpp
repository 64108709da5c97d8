// Contracts as anybody may see them, and what their parties may read of the running job: progress and logs.
#include <nlohmann/json.hpp>

#include "api/parties.h"
#include "api/relay.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/solo/engine.h"

namespace starminer::api {
namespace {

using http::Method;
using http::Problem;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::ContractState;
using protocol::Machine;

constexpr std::uint64_t kLogReadMax = 1U << 20U;

struct ContractFilter {
  std::optional<JobId> job;
  std::optional<NodeId> node;
  std::optional<AccountId> provider;
  std::optional<ContractState> state;
};

Result<std::optional<ContractState>, Problem> query_state(const Request& request) {
  const std::string* text = request.find_query("state");
  if (text == nullptr) return std::optional<ContractState>();
  for (std::uint8_t i = 0; i < enum_count(ContractState{}); ++i) {
    const auto state = static_cast<ContractState>(i);
    if (contract_state_name(state) == *text) return std::optional(state);
  }
  return fail(bad_parameter("state", "assigned, preparing, running, delivered, settled, refunded or requeued"));
}

Result<ContractFilter, Problem> contract_filter(const Request& request) {
  auto job = query_id<JobId>(request, "job");
  if (!job) return fail(std::move(job.error()));
  auto node = query_id<NodeId>(request, "node");
  if (!node) return fail(std::move(node.error()));
  auto provider = query_id<AccountId>(request, "provider");
  if (!provider) return fail(std::move(provider.error()));
  auto state = query_state(request);
  if (!state) return fail(std::move(state.error()));
  return ContractFilter{*job, *node, *provider, *state};
}

bool passes(const ContractFilter& filter, const protocol::ContractRow& row) {
  return (!filter.job || row.job == *filter.job) && (!filter.node || row.node == *filter.node) &&
         (!filter.provider || row.provider == *filter.provider) && (!filter.state || row.state == *filter.state);
}

Response list(const Parts& parts, const Request& request) {
  const auto limit = http::query_number(request, "limit", kPageDefault, 1, kPageMax);
  if (!limit) return limit.error();
  const auto after = query_id<ContractId>(request, "after");
  if (!after) return after.error();
  const auto filter = contract_filter(request);
  if (!filter) return filter.error();
  return json_response(parts.engine.read([&](const Machine& machine) -> json {
    const auto& table = machine.contracts().table();
    json contracts = json::array();
    std::optional<ContractId> last;
    std::size_t scanned = 0;
    auto at = *after ? table.upper_bound(**after) : table.begin();
    for (; at != table.end() && contracts.size() < *limit && scanned < kScanMax; ++at, ++scanned) {
      last = at->first;
      if (passes(*filter, at->second)) contracts.push_back(render_contract(machine, at->first));
    }
    return {{"contracts", std::move(contracts)}, {"next", at == table.end() ? json() : json(last->text())}};
  }));
}

Response get(const Parts& parts, const Request& request) {
  const auto id = parse_id<ContractId>(request.param("id"));
  if (!id) return id.error();
  return parts.engine.read([&](const Machine& machine) -> Response {
    if (!machine.contracts().table().contains(*id)) return no_such("contract", id->text());
    return json_response(render_contract(machine, *id));
  });
}

Response progress(const Parts& parts, const Request& request) {
  const auto contract = signed_contract(parts, request, Side::Either);
  if (!contract) return contract.error();
  if (auto text = parts.relay.progress(contract->id)) return Response::json(std::move(*text));
  return http::not_found("no_progress", "The job has reported no progress yet.", "Ask again while it runs.");
}

Response logs(const Parts& parts, const Request& request) {
  const auto contract = signed_contract(parts, request, Side::Either);
  if (!contract) return contract.error();
  const std::string* name = request.find_query("stream");
  const auto stream = name == nullptr ? std::optional(LogStream::Stdout) : find_log_stream(*name);
  if (!stream) return bad_parameter("stream", "stdout or stderr");
  const auto offset = http::query_number(request, "offset", 0, 0, UINT64_MAX);
  if (!offset) return offset.error();
  const auto limit = http::query_number(request, "limit", kLogReadMax, 1, kLogReadMax);
  if (!limit) return limit.error();
  const std::uint64_t size = parts.relay.log_sizes(contract->id)[static_cast<std::size_t>(*stream)];
  auto bytes = parts.relay.read_log(contract->id, *stream, *offset, *limit);
  if (!bytes) return http::internal_error();
  Response response = Response::bytes(std::move(*bytes), std::string(kOctets));
  return std::move(response.with("StarMiner-Log-Size", std::to_string(size)).with("Cache-Control", "no-store"));
}

}  // namespace

void add_contract_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/v1/contracts", [&parts](const Request& request) { return list(parts, request); },
      reads("Contracts, by job, node, provider or state"));
  router.add(
      Method::Get, "/v1/contracts/{id}", [&parts](const Request& request) { return get(parts, request); },
      reads("A contract with everything its bill is computed from"));
  router.add(
      Method::Get, "/v1/contracts/{id}/progress", [&parts](const Request& request) { return progress(parts, request); },
      reads("Last progress of the job", kParty));
  router.add(
      Method::Get, "/v1/contracts/{id}/logs", [&parts](const Request& request) { return logs(parts, request); },
      reads("A piece of the job's output", kParty));
}

}  // namespace starminer::api
