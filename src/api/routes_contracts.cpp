// Contracts as anybody may see them, and what their parties may read of the running job: progress and logs.
#include <set>

#include <nlohmann/json.hpp>

#include "api/lookup.h"
#include "api/page.h"
#include "api/parties.h"
#include "api/relay.h"
#include "api/reply.h"
#include "api/route_options.h"

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

bool is_on(const protocol::ContractRow& row, const NodeId& node) {
  return row.node == node || std::any_of(row.gang.begin(), row.gang.end(),
                                         [&node](const protocol::GangHost& host) { return host.node == node; });
}

bool passes(const ContractFilter& filter, const protocol::ContractRow& row) {
  return (!filter.job || row.job == *filter.job) && (!filter.node || is_on(row, *filter.node)) &&
         (!filter.provider || row.provider == *filter.provider) && (!filter.state || row.state == *filter.state);
}

/// Contracts of a node, or of a provider where no node is named: live ones first, by their ids, then the ended ones,
/// newest first. A contract may end between two pages, so a cursor among the ended ones says so.
class PartyList {
 public:
  static constexpr std::string_view kEndedMark = ".ended";

  PartyList(const Engine& engine, const ContractFilter& filter) : engine_(engine), filter_(filter) {}

  /// The cursor is one among the ended contracts.
  void begin_behind_ended(const ContractId& id) { among_ended_.insert(id); }
  [[nodiscard]] bool is_among_ended(const ContractId& id) const { return among_ended_.contains(id); }

  storage::Listed<ContractId> next(const Page<ContractId>& page) {
    std::vector<ContractId> ids;
    std::uint64_t below = UINT64_MAX;
    if (page.after && is_among_ended(*page.after)) {
      const auto place = storage::find_place(engine_.store(), *page.after);
      if (!place) return fail(place.error());
      below = *place ? (*place)->history_index : 0;
    } else if (!filter_.state || !is_final(*filter_.state)) {
      ids = live(page);
    }
    if (ids.size() >= page.chunk || (filter_.state && !is_final(*filter_.state))) return ids;
    const std::size_t room = page.chunk - ids.size();
    const auto& store = engine_.store();
    const auto ended = filter_.node ? storage::ended_of_node(store, *filter_.node, below, room)
                                    : storage::ended_of_provider(store, *filter_.provider, below, room);
    if (!ended) return fail(ended.error());
    for (const auto& [index, id] : *ended) {
      ids.push_back(id);
      among_ended_.insert(id);
    }
    return ids;
  }

 private:
  [[nodiscard]] std::vector<ContractId> live(const Page<ContractId>& page) const {
    return engine_.read([&](const Machine& machine) {
      std::vector<ContractId> ids;
      const protocol::ContractIndex& index = machine.contracts().index();
      const auto* contracts = filter_.node ? index.live_of(*filter_.node) : index.live_of(*filter_.provider);
      if (contracts == nullptr) return ids;
      auto at = page.after ? contracts->upper_bound(*page.after) : contracts->begin();
      for (; at != contracts->end() && ids.size() < page.chunk; ++at) ids.push_back(*at);
      return ids;
    });
  }

  const Engine& engine_;
  const ContractFilter& filter_;
  std::set<ContractId> among_ended_;
};

/// Contracts of a job in the order of its attempts.
storage::Listed<ContractId> next_of_job(const Engine& engine, const JobId& job, const Page<ContractId>& page) {
  const auto attempts =
      read_job(engine, job, [](const Machine&, const protocol::JobRow& row, const auto*) { return row.attempts; });
  if (!attempts) return fail(attempts.error());
  std::vector<ContractId> ids;
  bool begun = !page.after;
  for (std::uint32_t attempt = 0; attempt < attempts->value_or(0); ++attempt) {
    const ContractId id = contract_id_of(job, attempt);
    if (begun) ids.push_back(id);
    begun = begun || id == *page.after;
  }
  return ids;
}

/// All contracts by their ids.
storage::Listed<ContractId> next_contracts(const Engine& engine, const ContractFilter& filter,
                                           const Page<ContractId>& page) {
  std::set<ContractId> merged;
  engine.read([&](const Machine& machine) {
    const auto& table = machine.contracts().table();
    auto at = page.after ? table.upper_bound(*page.after) : table.begin();
    for (; at != table.end() && merged.size() < page.chunk; ++at) merged.insert(at->first);
  });
  if (!filter.state || is_final(*filter.state)) {
    const auto ended = storage::ended_behind(engine.store(), page.after.value_or(ContractId{}), page.chunk);
    if (!ended) return fail(ended.error());
    merged.insert(ended->begin(), ended->end());
  }
  std::vector<ContractId> ids(merged.begin(), merged.end());
  if (ids.size() > page.chunk) ids.resize(page.chunk);
  return ids;
}

/// The cursor, and whether it carries the mark of the ended ones.
Result<std::pair<std::optional<ContractId>, bool>, Problem> query_cursor(const Request& request) {
  const std::string* text = request.find_query("after");
  if (text == nullptr) return std::pair(std::optional<ContractId>(), false);
  const bool ended = text->ends_with(PartyList::kEndedMark);
  auto id = parse_id<ContractId>(
      std::string_view(*text).substr(0, text->size() - (ended ? PartyList::kEndedMark.size() : 0)));
  if (!id) return fail(std::move(id.error()));
  return std::pair(std::optional(*id), ended);
}

Response list(const Parts& parts, const Request& request) {
  const auto limit = http::query_number(request, "limit", kPageDefault, 1, kPageMax);
  if (!limit) return limit.error();
  const auto cursor = query_cursor(request);
  if (!cursor) return cursor.error();
  const auto filter = contract_filter(request);
  if (!filter) return filter.error();
  const Engine& engine = parts.engine;
  PartyList of_party(engine, *filter);
  const auto& [after, after_ended] = *cursor;
  if (after && after_ended) of_party.begin_behind_ended(*after);
  const bool by_party = !filter->job && (filter->node || filter->provider);
  auto listed = list_page<ContractId>(
      "contracts", {after, *limit},
      [&](const Page<ContractId>& wanted) {
        if (filter->job) return next_of_job(engine, *filter->job, wanted);
        return by_party ? of_party.next(wanted) : next_contracts(engine, *filter, wanted);
      },
      [&](const ContractId& id) {
        return read_contract(engine, id,
                             [&](const Machine& machine, const protocol::ContractRow& row, const auto* archived) {
                               return passes(*filter, row) ? render_contract(machine, id, row, archived) : json();
                             });
      });
  if (!listed) return damaged(listed.error());
  json& page = *listed;
  if (by_party && page["next"].is_string()) {
    const auto last = ContractId::parse(page["next"].get_ref<const std::string&>());
    if (last && of_party.is_among_ended(*last)) page["next"] = last->text() + std::string(PartyList::kEndedMark);
  }
  return json_response(page);
}

Response get(const Parts& parts, const Request& request) {
  const auto id = parse_id<ContractId>(request.param("id"));
  if (!id) return id.error();
  const auto contract = find_contract_json(parts.engine, *id);
  if (!contract) return damaged(contract.error());
  if (!*contract) return no_such("contract", id->text());
  return json_response(**contract);
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
