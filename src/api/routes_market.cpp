// The market as anybody may see it: supply, prices, queues, quotes, jobs.
#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "api/lookup.h"
#include "api/page.h"
#include "api/parts.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "protocol/decode.h"
#include "protocol/market/queue_index.h"
#include "signing/request.h"
#include "starminer/v1/job.pb.h"

namespace starminer::api {
namespace {

using engine::solo::Engine;
using http::Method;
using http::Problem;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::Machine;

constexpr std::uint64_t kSpecBodyMax = 64U << 10U;

template <class Id>
json next_of(const std::optional<Id>& id) {
  return id ? json(id->text()) : json();
}

// ---- nodes

struct NodeFilter {
  std::optional<protocol::ClassId> hardware_class;
  std::optional<protocol::RegionId> region;
  std::optional<protocol::NodeStatus> status;
  std::optional<AccountId> provider;
  std::optional<std::size_t> kind;
  std::uint64_t free_min = 0;
};

Result<std::optional<protocol::NodeStatus>, Problem> query_status(const Request& request) {
  const std::string* text = request.find_query("status");
  if (text == nullptr) return std::optional<protocol::NodeStatus>();
  for (std::uint8_t i = 0; i < enum_count(protocol::NodeStatus{}); ++i) {
    const auto status = static_cast<protocol::NodeStatus>(i);
    if (node_status_name(status) == *text) return std::optional(status);
  }
  return fail(bad_parameter("status", "pending, active, draining, left, suspect or jailed"));
}

Result<std::optional<std::size_t>, Problem> query_kind(const Request& request) {
  const std::string* text = request.find_query("kind");
  if (text == nullptr) return std::optional<std::size_t>();
  for (std::uint8_t i = 0; i < protocol::kJobKindCount; ++i) {
    if (kind_name(static_cast<protocol::JobKind>(i)) == *text) return std::optional<std::size_t>(i);
  }
  return fail(bad_parameter("kind", "training, inference, rendering or simulation"));
}

Result<NodeFilter, Problem> node_filter(const Machine& machine, const Request& request) {
  NodeFilter filter;
  if (const std::string* name = request.find_query("class")) {
    filter.hardware_class = machine.registry().find_class(*name);
    if (!filter.hardware_class) return fail(bad_parameter("class", "a name of GET /v1/classes"));
  }
  if (const std::string* name = request.find_query("region")) {
    filter.region = machine.registry().find_region(*name);
    if (!filter.region) return fail(bad_parameter("region", "a name of GET /v1/regions"));
  }
  auto status = query_status(request);
  if (!status) return fail(std::move(status.error()));
  filter.status = *status;
  auto provider = query_id<AccountId>(request, "provider");
  if (!provider) return fail(std::move(provider.error()));
  filter.provider = *provider;
  auto kind = query_kind(request);
  if (!kind) return fail(std::move(kind.error()));
  filter.kind = *kind;
  auto free_min = http::query_number(request, "free_min", 0, 0, 1'000'000);
  if (!free_min) return fail(std::move(free_min.error()));
  filter.free_min = *free_min;
  return filter;
}

bool passes(const NodeFilter& filter, const protocol::NodeRow& node, const protocol::CapacityRow& capacity) {
  if (filter.hardware_class && node.hardware_class != *filter.hardware_class) return false;
  if (filter.region && node.offer.region != *filter.region) return false;
  if (filter.status && node.status != *filter.status) return false;
  if (filter.provider && node.provider != *filter.provider) return false;
  if (filter.kind && node.ratings[*filter.kind].cu_x1000 == 0) return false;
  if (filter.free_min == 0) return true;
  std::uint64_t free = 0;
  for (const std::uint16_t milli : capacity.device_free_milli) free += milli;
  return free >= filter.free_min;
}

Response list_nodes(const Parts& parts, const Request& request) {
  const auto limit = http::query_number(request, "limit", kPageDefault, 1, kPageMax);
  if (!limit) return limit.error();
  const auto after = query_id<NodeId>(request, "after");
  if (!after) return after.error();
  return parts.engine.read([&](const Machine& machine) -> Response {
    const auto filter = node_filter(machine, request);
    if (!filter) return filter.error();
    const TimeMs now = machine.query_context(Engine::wall_clock()).time;
    const auto& table = machine.registry().nodes();
    json nodes = json::array();
    std::optional<NodeId> last;
    std::size_t scanned = 0;
    auto at = *after ? table.upper_bound(**after) : table.begin();
    for (; at != table.end() && nodes.size() < *limit && scanned < kScanMax; ++at, ++scanned) {
      last = at->first;
      if (!passes(*filter, at->second, machine.registry().capacity().get(at->first))) continue;
      nodes.push_back(render_node(machine, at->first, now));
    }
    return json_response({{"nodes", std::move(nodes)}, {"next", at == table.end() ? json() : next_of(last)}});
  });
}

Response get_node(const Parts& parts, const Request& request) {
  const auto id = parse_id<NodeId>(request.param("id"));
  if (!id) return id.error();
  return parts.engine.read([&](const Machine& machine) -> Response {
    if (!machine.registry().nodes().contains(*id)) return no_such("node", id->text());
    return json_response(render_node(machine, *id, machine.query_context(Engine::wall_clock()).time));
  });
}

Response get_provider(const Parts& parts, const Request& request) {
  const auto id = parse_id<AccountId>(request.param("address"));
  if (!id) return id.error();
  return parts.engine.read([&](const Machine& machine) -> Response {
    if (!machine.registry().providers().contains(*id)) return no_such("provider", id->text());
    return json_response(render_provider(machine, *id));
  });
}

// ---- jobs

Result<std::optional<protocol::JobState>, Problem> query_job_state(const Request& request) {
  const std::string* text = request.find_query("state");
  if (text == nullptr) return std::optional<protocol::JobState>();
  for (std::uint8_t i = 0; i < enum_count(protocol::JobState{}); ++i) {
    const auto state = static_cast<protocol::JobState>(i);
    if (job_state_name(state) == *text) return std::optional(state);
  }
  return fail(bad_parameter("state", "queued, active, settled or refunded"));
}

bool is_final(protocol::JobState state) {
  return state == protocol::JobState::Settled || state == protocol::JobState::Refunded;
}

/// Jobs of one requester by the sequence of their submission, newest first, of the state and of the history.
storage::Listed<JobId> next_jobs_of(const Engine& engine, const AccountId& requester, const Page<JobId>& page,
                                    const std::optional<protocol::JobState>& state) {
  std::uint64_t below = UINT64_MAX;
  if (page.after) {
    const auto sequence = read_job(
        engine, *page.after, [](const Machine&, const protocol::JobRow& row, const auto*) { return row.sequence; });
    if (!sequence) return fail(sequence.error());
    below = sequence->value_or(0);
  }
  std::map<std::uint64_t, JobId> merged;
  const auto in_state = engine.read(
      [&](const Machine& machine) { return machine.market().index().jobs_of(requester, below, page.chunk); });
  merged.insert(in_state.begin(), in_state.end());
  if (!state || is_final(*state)) {
    const auto ended = storage::ended_of_requester(engine.store(), requester, below, page.chunk);
    if (!ended) return fail(ended.error());
    merged.insert(ended->begin(), ended->end());
  }
  std::vector<JobId> ids;
  for (auto at = merged.rbegin(); at != merged.rend() && ids.size() < page.chunk; ++at) ids.push_back(at->second);
  return ids;
}

/// All jobs by their ids.
storage::Listed<JobId> next_jobs(const Engine& engine, const Page<JobId>& page,
                                 const std::optional<protocol::JobState>& state) {
  std::set<JobId> merged;
  engine.read([&](const Machine& machine) {
    const auto& table = machine.market().jobs();
    auto at = page.after ? table.upper_bound(*page.after) : table.begin();
    for (; at != table.end() && merged.size() < page.chunk; ++at) merged.insert(at->first);
  });
  if (!state || is_final(*state)) {
    const auto ended = storage::ended_behind(engine.store(), page.after.value_or(JobId{}), page.chunk);
    if (!ended) return fail(ended.error());
    merged.insert(ended->begin(), ended->end());
  }
  std::vector<JobId> ids(merged.begin(), merged.end());
  if (ids.size() > page.chunk) ids.resize(page.chunk);
  return ids;
}

Response list_jobs(const Parts& parts, const Request& request) {
  const auto limit = http::query_number(request, "limit", kPageDefault, 1, kPageMax);
  if (!limit) return limit.error();
  const auto after = query_id<JobId>(request, "after");
  if (!after) return after.error();
  const auto state = query_job_state(request);
  if (!state) return state.error();
  const auto requester = query_id<AccountId>(request, "requester");
  if (!requester) return requester.error();
  const Engine& engine = parts.engine;
  const auto listed = list_page<JobId>(
      "jobs", {*after, *limit},
      [&](const Page<JobId>& page) {
        return *requester ? next_jobs_of(engine, **requester, page, *state) : next_jobs(engine, page, *state);
      },
      [&](const JobId& id) {
        return read_job(engine, id, [&](const Machine& machine, const protocol::JobRow& row, const auto* archived) {
          return *state && row.state != **state ? json() : render_job(machine, id, row, archived);
        });
      });
  if (!listed) return damaged(listed.error());
  return json_response(*listed);
}

Response get_job(const Parts& parts, const Request& request) {
  const auto id = parse_id<JobId>(request.param("id"));
  if (!id) return id.error();
  const auto job = find_job_json(parts.engine, *id);
  if (!job) return damaged(job.error());
  if (!*job) return no_such("job", id->text());
  return json_response(**job);
}

Response explain(const Parts& parts, const Request& request) {
  const auto id = parse_id<JobId>(request.param("id"));
  if (!id) return id.error();
  const auto answer = read_job(
      parts.engine, *id,
      [&id](const Machine& machine, const protocol::JobRow& row, const storage::EndedPlace* archived) -> json {
        const auto position = machine.market().queue_position(*id);
        json exclusions;
        if (!is_final(row.state)) {
          exclusions = render_exclusions(machine.market().explain(*id, machine.query_context(Engine::wall_clock())));
        }
        return {{"id", id->text()},
                {"state", job_state_name(row.state)},
                {"parked", row.parked},
                {"queue_position", position ? json(*position) : json()},
                {"exclusions", std::move(exclusions)},
                {"archived", render_place(archived)}};
      });
  if (!answer) return damaged(answer.error());
  if (!*answer) return no_such("job", id->text());
  return json_response(**answer);
}

// ---- quotes

/// No node in service offers the runtime: the machine's software is missing, not its hardware.
bool runtime_is_missing(const Machine& machine, const std::string& runtime) {
  if (runtime.empty()) return false;
  const std::uint64_t tag = protocol::tag_of(runtime);
  const auto& nodes = machine.registry().nodes();
  return std::none_of(nodes.begin(), nodes.end(), [tag](const auto& entry) {
    const auto& tags = entry.second.offer.runtimes;
    return entry.second.status == protocol::NodeStatus::Active && std::binary_search(tags.begin(), tags.end(), tag);
  });
}

std::string held_in_escrow(const Machine& machine, const AccountId& account) {
  return fmt::format("{}", static_cast<std::uint64_t>(machine.market().index().live_of(account).escrow));
}

json quote_json(const Machine& machine, const protocol::JobSpec& spec, const AccountId& requester) {
  const TimeMs now = Engine::wall_clock();
  const protocol::Quote quote = machine.market().quote(spec, requester, machine.query_context(now));
  json object = render_quote(machine, quote);
  object["tier_reason_text"] = tier_reason_text(quote.tier.reason);
  object["held"] = held_in_escrow(machine, requester);
  object["missing_runtime"] = runtime_is_missing(machine, spec.runtime);
  object["account"] = requester.is_zero() ? json() : json(requester.text());
  object["chain_id"] = machine.chain().chain_id;
  object["height"] = machine.chain().height;
  object["time_ms"] = now.ms;
  return object;
}

/// The node stands for what it says: the signature covers the object in canonical text (names sorted, no white space)
/// without this member.
void sign_quote(json& quote, const SigningKey& key) {
  const Signature signature =
      key.sign(signing::kQuoteDomain, as_bytes(quote.dump(-1, ' ', false, json::error_handler_t::replace)));
  quote["node_signature"] = {{"key", to_hex(key.public_key().view())}, {"signature", to_hex(signature.view())}};
}

Response quote(const Parts& parts, const Request& request) {
  const auto account = query_id<AccountId>(request, "account");
  if (!account) return account.error();
  v1::JobSpec message;
  if (!message.ParseFromString(request.body)) {
    return http::bad_request("bad_body", "The body is no starminer.v1.JobSpec.",
                             "Encode the job with the published schema.");
  }
  auto spec = protocol::decode(message);
  if (!spec) return problem_of(spec.error());
  if (const auto shape = validate_spec(*spec); !shape) return problem_of(shape.error());
  json object = parts.engine.read(
      [&](const Machine& machine) { return quote_json(machine, *spec, account->value_or(AccountId{})); });
  object["node_signature"] = nullptr;
  if (parts.options.operator_key) {
    object.erase("node_signature");
    sign_quote(object, *parts.options.operator_key);
  }
  return json_response(object);
}

// ---- tables

json render_classes(const Machine& machine) {
  json classes = json::array();
  for (const auto& [id, row] : machine.registry().classes()) classes.push_back(render_class(machine, id));
  return {{"classes", std::move(classes)}};
}

json render_regions(const Machine& machine) {
  json regions = json::array();
  for (const auto& [id, row] : machine.registry().regions()) {
    regions.push_back({{"name", row.name}, {"price_factor_ppm", row.price_factor.value}});
  }
  return {{"regions", std::move(regions)}};
}

json render_tiers(const Machine& machine) {
  json tiers = json::array();
  for (const auto& [id, row] : machine.pricing().tiers()) {
    json weights = json::object();
    for (std::size_t i = 0; i < protocol::kScoreTermCount; ++i) {
      weights[std::string(term_name(static_cast<protocol::ScoreTerm>(i)))] = row.weights[i];
    }
    tiers.push_back({{"name", row.name},
                     {"price_ratio_ppm", row.price_ratio.value},
                     {"capacity_share_ppm", row.capacity_share.value},
                     {"target_load_ppm", row.target_load.value},
                     {"weights", std::move(weights)},
                     {"queue_offset_ms", row.queue_offset.ms},
                     {"preemptible", row.preemptible}});
  }
  return {{"tiers", std::move(tiers)}};
}

void add_table(http::Router& router, const Parts& parts, const char* path, json (*render)(const Machine&),
               const char* summary) {
  router.add(
      Method::Get, path, [&parts, render](const Request&) { return json_response(parts.engine.read(render)); },
      reads(summary));
}

}  // namespace

void add_market_routes(http::Router& router, const Parts& parts) {
  add_table(router, parts, "/v1/classes", render_classes, "Hardware classes with their free capacity");
  add_table(router, parts, "/v1/regions", render_regions, "Regions with their price factors");
  add_table(router, parts, "/v1/tiers", render_tiers, "Service tiers with their weights");
  add_table(router, parts, "/v1/prices", render_prices, "Price of every tier and class, with its certain bounds");
  add_table(router, parts, "/v1/queues", render_queues, "Waiting and running jobs by class");
  router.add(
      Method::Get, "/v1/nodes", [&parts](const Request& request) { return list_nodes(parts, request); },
      reads("Nodes, by any attribute"));
  router.add(
      Method::Get, "/v1/nodes/{id}", [&parts](const Request& request) { return get_node(parts, request); },
      reads("A node with what is free on it now"));
  router.add(
      Method::Get, "/v1/providers/{address}", [&parts](const Request& request) { return get_provider(parts, request); },
      reads("A provider"));
  http::RouteOptions quotes = takes(std::string(kOctets), kSpecBodyMax, "What a job would cost, where and why");
  quotes.rate_class = "quotes";
  router.add(
      Method::Post, "/v1/quotes", [&parts](const Request& request) { return quote(parts, request); }, quotes);
  router.add(
      Method::Get, "/v1/jobs", [&parts](const Request& request) { return list_jobs(parts, request); },
      reads("Jobs; those of one requester newest first"));
  router.add(
      Method::Get, "/v1/jobs/{id}", [&parts](const Request& request) { return get_job(parts, request); },
      reads("A job"));
  http::RouteOptions why = reads("Why a job is where it is");
  why.rate_class = "quotes";
  router.add(
      Method::Get, "/v1/jobs/{id}/explain", [&parts](const Request& request) { return explain(parts, request); }, why);
}

}  // namespace starminer::api
