#include "api/node_query.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/render.h"
#include "api/reply.h"

namespace starminer::api {
namespace {

using engine::Engine;
using http::Problem;
using http::Request;
using nlohmann::json;
using protocol::Machine;

// Nodes looked at while the state is held once: some milliseconds at most.
constexpr std::size_t kPiece = 4'096;

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

Result<NodeAttributes, Problem> attributes_of(const Machine& machine, const Request& request) {
  NodeAttributes asked;
  if (const std::string* name = request.find_query("class")) {
    asked.hardware_class = machine.registry().find_class(*name);
    if (!asked.hardware_class) return fail(bad_parameter("class", "a name of GET /v1/classes"));
  }
  if (const std::string* name = request.find_query("region")) {
    asked.region = machine.registry().find_region(*name);
    if (!asked.region) return fail(bad_parameter("region", "a name of GET /v1/regions"));
  }
  auto status = query_status(request);
  if (!status) return fail(std::move(status.error()));
  asked.status = *status;
  auto provider = query_id<AccountId>(request, "provider");
  if (!provider) return fail(std::move(provider.error()));
  asked.provider = *provider;
  auto kind = query_kind(request);
  if (!kind) return fail(std::move(kind.error()));
  asked.kind = *kind;
  auto free_min = http::query_number(request, "free_min", 0, 0, 1'000'000);
  if (!free_min) return fail(std::move(free_min.error()));
  asked.free_min = *free_min;
  return asked;
}

Problem search_problem(const char* code, const char* parameter, search::SearchError error) {
  Problem problem = http::bad_request(code, fmt::format("{}, column {}: {}.", parameter, error.column, error.what),
                                      std::move(error.advice));
  problem.members.emplace_back("column", fmt::format("{}", error.column));
  return problem;
}

std::string bytes_of(const NodeId& id) { return std::string(as_text({id.bytes.data(), id.bytes.size()})); }

bool before(const NodeQuery::Found& a, const NodeQuery::Found& b) { return a.key < b.key; }

}  // namespace

Result<NodeQuery, Problem> NodeQuery::parse(const Engine& engine, const Request& request) {
  NodeQuery query(engine.read([](const Machine& machine) { return NodeFields(machine); }));
  const search::Schema& schema = query.fields_->schema();
  if (const std::string* text = request.find_query("where")) {
    auto filter = search::Filter::parse(schema, *text);
    if (!filter) return fail(search_problem("bad_filter", "where", std::move(filter.error())));
    query.filter_ = std::move(*filter);
  }
  if (const std::string* text = request.find_query("sort")) {
    auto order = search::Order::parse(schema, *text);
    if (!order) return fail(search_problem("bad_sort", "sort", std::move(order.error())));
    query.order_ = std::move(*order);
  }
  auto attributes = engine.read([&](const Machine& machine) { return attributes_of(machine, request); });
  if (!attributes) return fail(std::move(attributes.error()));
  query.attributes_ = *attributes;
  return query;
}

bool NodeQuery::passes(const NodeFacts& facts) const {
  const protocol::NodeRow& node = facts.row();
  if (attributes_.hardware_class && node.hardware_class != *attributes_.hardware_class) return false;
  if (attributes_.region && node.offer.region != *attributes_.region) return false;
  if (attributes_.status && node.status != *attributes_.status) return false;
  if (attributes_.provider && node.provider != *attributes_.provider) return false;
  if (attributes_.kind && node.ratings[*attributes_.kind].cu_x1000 == 0) return false;
  if (attributes_.free_min > 0 && facts.free_milli() < attributes_.free_min) return false;
  return filter_.passes([&](std::size_t field) { return fields_->read(field, facts); });
}

std::string NodeQuery::key_of(const NodeFacts& facts) const {
  return order_.key([&](std::size_t field) { return fields_->read(field, facts); }, bytes_of(facts.id()));
}

/// The least keys behind the place, of all nodes: a heap of one more than asked for, the greatest on top.
NodeQuery::Page NodeQuery::scan(const Engine& engine, std::size_t limit,
                                const std::optional<std::string>& behind) const {
  Page page;
  std::optional<NodeId> reached;
  for (bool more = true; more;) {
    engine.read([&](const Machine& machine) {
      const TimeMs now = machine.query_context(Engine::wall_clock()).time;
      const auto& table = machine.registry().nodes();
      auto at = reached ? table.upper_bound(*reached) : table.begin();
      for (std::size_t looked = 0; at != table.end() && looked < kPiece; ++at, ++looked) {
        reached = at->first;
        const NodeFacts facts(machine, at->first, at->second, now);
        if (!passes(facts)) continue;
        ++page.matching;
        Found found{key_of(facts), at->first};
        if (behind && found.key <= *behind) continue;
        if (page.rows.size() > limit && !before(found, page.rows.front())) continue;
        page.rows.push_back(std::move(found));
        std::push_heap(page.rows.begin(), page.rows.end(), before);
        if (page.rows.size() <= limit + 1) continue;
        std::pop_heap(page.rows.begin(), page.rows.end(), before);
        page.rows.pop_back();
      }
      more = at != table.end();
    });
  }
  std::sort_heap(page.rows.begin(), page.rows.end(), before);
  if (page.rows.size() > limit) {
    page.rows.pop_back();
    if (!page.rows.empty()) page.next = order_.format_cursor(page.rows.back().key);
  }
  return page;
}

NodeQuery::Page NodeQuery::walk(const Engine& engine, std::size_t limit, const std::optional<NodeId>& behind,
                                std::size_t scan_max) const {
  Page page;
  std::optional<NodeId> reached = behind;
  std::size_t scanned = 0;
  for (bool more = true; more && page.rows.size() < limit && scanned < scan_max;) {
    engine.read([&](const Machine& machine) {
      const TimeMs now = machine.query_context(Engine::wall_clock()).time;
      const auto& table = machine.registry().nodes();
      auto at = reached ? table.upper_bound(*reached) : table.begin();
      for (std::size_t looked = 0; at != table.end() && looked < kPiece; ++at, ++looked, ++scanned) {
        if (page.rows.size() >= limit || scanned >= scan_max) break;
        reached = at->first;
        const NodeFacts facts(machine, at->first, at->second, now);
        if (!passes(facts)) continue;
        ++page.matching;
        page.rows.push_back({bytes_of(at->first), at->first});
      }
      more = at != table.end();
      page.next.reset();
      if (more && reached) page.next = reached->text();
    });
  }
  return page;
}

Result<NodeQuery::Page, Problem> NodeQuery::page(const Engine& engine, const std::optional<std::string>& after,
                                                 std::size_t limit, std::size_t scan_max) const {
  if (order_.is_default()) {
    if (!after) return walk(engine, limit, std::nullopt, scan_max);
    const auto id = parse_id<NodeId>(*after);
    if (!id) return fail(id.error());
    return walk(engine, limit, *id, scan_max);
  }
  if (!after) return scan(engine, limit, std::nullopt);
  const auto behind = order_.parse_cursor(*after);
  if (!behind) return fail(bad_parameter("after", "`next` of a page with the same sort"));
  return scan(engine, limit, behind);
}

NodeQuery::Page NodeQuery::first(const Engine& engine, std::size_t limit) const {
  return scan(engine, limit, std::nullopt);
}

json render_found(const Engine& engine, const std::vector<NodeQuery::Found>& rows) {
  return engine.read([&](const Machine& machine) {
    const TimeMs now = machine.query_context(Engine::wall_clock()).time;
    json nodes = json::array();
    for (const NodeQuery::Found& found : rows) {
      if (machine.registry().nodes().contains(found.id)) nodes.push_back(render_node(machine, found.id, now));
    }
    return nodes;
  });
}

}  // namespace starminer::api
