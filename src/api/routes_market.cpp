// The market as anybody may see it: prices, queues, quotes, jobs.
#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "api/lookup.h"
#include "api/page.h"
#include "api/parts.h"
#include "api/predictions.h"
#include "api/recent_matches.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "api/views.h"
#include "protocol/decode.h"
#include "protocol/market/explain.h"
#include "protocol/market/queue_index.h"
#include "signing/request.h"
#include "starminer/v1/job.pb.h"

namespace starminer::api {
namespace {

using engine::Engine;
using http::Method;
using http::Problem;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::Machine;

constexpr std::uint64_t kSpecBodyMax = 64U << 10U;
constexpr std::uint64_t kMatchesDefault = 20;

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

/// Members of an explanation that say nothing.
json not_explained() {
  return {{"sentence", nullptr}, {"exclusions", nullptr}, {"relaxations", json::array()},
          {"held", nullptr},     {"gang", nullptr},       {"predicted", nullptr}};
}

Response explain_id(const Parts& parts, const JobId& id) {
  const auto answer =
      read_job(parts.engine, id,
               [&](const Machine& machine, const protocol::JobRow& row, const storage::EndedPlace* archived) -> json {
                 json object = not_explained();
                 if (!is_final(row.state)) {
                   const protocol::BlockContext now = machine.query_context(Engine::wall_clock());
                   object = render_explanation(machine, row, explain_job(machine.market().view(), id, row, now));
                   object["predicted"] = render_prediction(parts.predictions.of_waiting(machine, id, row));
                 }
                 const auto position = machine.market().queue_position(id);
                 object["id"] = id.text();
                 object["state"] = job_state_name(row.state);
                 object["parked"] = row.parked;
                 object["contract"] = row.contract.is_zero() ? json() : json(row.contract.text());
                 object["queue_position"] = position ? json(*position) : json();
                 object["archived"] = render_place(archived);
                 return object;
               });
  if (!answer) return damaged(answer.error());
  if (!*answer) return no_such("job", id.text());
  return json_response(**answer);
}

Response explain(const Parts& parts, const Request& request) {
  const auto id = parse_id<JobId>(request.param("id"));
  if (!id) return id.error();
  return explain_id(parts, *id);
}

/// By the job that is matched, or by the contract that a match made.
Response explain_match(const Parts& parts, const Request& request) {
  const auto contract = ContractId::parse(request.param("id"));
  if (!contract) return explain(parts, request);
  const auto job = read_contract(parts.engine, *contract,
                                 [](const Machine&, const protocol::ContractRow& row, const auto*) { return row.job; });
  if (!job) return damaged(job.error());
  if (!*job) return no_such("contract", contract->text());
  return explain_id(parts, **job);
}

Response recent_matches(const Parts& parts, const Request& request) {
  const auto limit = http::query_number(request, "limit", kMatchesDefault, 1, RecentMatches::kKept);
  if (!limit) return limit.error();
  const auto matches = parts.matches.render(static_cast<std::size_t>(*limit));
  if (!matches) return damaged(matches.error());
  return json_response(*matches);
}

Response queues(const Parts& parts, const Request&) {
  return json_response(
      parts.engine.read([](const Machine& machine) { return render_queues(machine, Engine::wall_clock()); }));
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

json quote_json(const Parts& parts, const Machine& machine, const protocol::JobSpec& spec, const AccountId& requester) {
  const TimeMs now = Engine::wall_clock();
  const protocol::Quote quote = machine.market().quote(spec, requester, machine.query_context(now));
  json object = render_quote(machine, quote);
  object["predicted"] = render_prediction(parts.predictions.of_quote(machine, spec, quote));
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
      [&](const Machine& machine) { return quote_json(parts, machine, *spec, account->value_or(AccountId{})); });
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

Response price_history(const Parts& parts, const Request& request) {
  return parts.engine.read([&](const Machine& machine) -> Response {
    const std::string* name = request.find_query("class");
    const auto hardware_class = machine.registry().find_class(name != nullptr ? *name : std::string());
    if (!hardware_class) return bad_parameter("class", "a name of GET /v1/classes");
    const std::string* tier_name = request.find_query("tier");
    const auto tier = machine.pricing().find_tier(tier_name != nullptr ? *tier_name : std::string("Standard"));
    if (!tier) return bad_parameter("tier", "a name of GET /v1/tiers");
    return json_response(render_price_history(machine, *tier, *hardware_class));
  });
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
  router.add(
      Method::Get, "/v1/prices/history", [&parts](const Request& request) { return price_history(parts, request); },
      reads("Price and load of the last ticks of a tier and class"));
  http::RouteOptions counted = reads("Load, prices, waiting and running jobs by class and tier");
  counted.rate_class = "quotes";
  router.add(
      Method::Get, "/v1/queues", [&parts](const Request& request) { return queues(parts, request); }, counted);
  router.add(
      Method::Get, "/v1/matches", [&parts](const Request& request) { return recent_matches(parts, request); },
      reads("The newest matches"));
  router.add(
      Method::Get, "/v1/predictions", [&parts](const Request&) { return json_response(parts.predictions.render()); },
      reads("How well this node predicted starts and ends of jobs"));
  http::RouteOptions live = reads("Queues and newest matches, as they change");
  live.rate_class = "streams";
  router.add_events(
      "/v1/streams/market",
      [&parts](const Request&, http::SseStream stream) -> std::optional<Response> {
        parts.views.subscribe_market(std::move(stream));
        return std::nullopt;
      },
      live);
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
  router.add(
      Method::Get, "/v1/matches/{id}/explain",
      [&parts](const Request& request) { return explain_match(parts, request); }, why);
}

}  // namespace starminer::api
