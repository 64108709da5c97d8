// Supply: nodes found by any attribute, in any order, once or as they change; providers.
#include <chrono>
#include <memory>
#include <semaphore>

#include <nlohmann/json.hpp>

#include "api/node_query.h"
#include "api/parts.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "api/views.h"

namespace starminer::api {
namespace {

using engine::Engine;
using http::Method;
using http::Request;
using http::Response;
using http::SseStream;
using nlohmann::json;
using protocol::Machine;

// Rows that a stream keeps up to date.
constexpr std::uint64_t kWatchedMax = 200;
constexpr std::uint64_t kWatchedDefault = 50;
// Questions that look at every node, at once; more wait their turn for so long.
constexpr std::ptrdiff_t kScansMax = 2;
constexpr auto kScanPatience = std::chrono::seconds(2);
using Scans = std::counting_semaphore<kScansMax>;

/// Gives its place back at the end.
class ScanTurn {
 public:
  explicit ScanTurn(Scans& scans) : scans_(scans), taken_(scans.try_acquire_for(kScanPatience)) {}
  ~ScanTurn() {
    if (taken_) scans_.release();
  }
  ScanTurn(const ScanTurn&) = delete;
  ScanTurn& operator=(const ScanTurn&) = delete;
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  Scans& scans_;
  bool taken_;
};

Response list_nodes(const Parts& parts, Scans& scans, const Request& request) {
  const auto limit = http::query_number(request, "limit", kPageDefault, 1, kPageMax);
  if (!limit) return limit.error();
  const auto query = NodeQuery::parse(parts.engine, request);
  if (!query) return query.error();
  std::optional<std::string> after;
  if (const std::string* text = request.find_query("after")) after = *text;
  std::optional<ScanTurn> turn;
  if (query->looks_at_all() && !turn.emplace(scans).taken()) {
    return http::unavailable("overloaded", "This node answers as many sorted questions as it can.", 1);
  }
  const auto page = query->page(parts.engine, after, static_cast<std::size_t>(*limit), kScanMax);
  if (!page) return page.error();
  return json_response(
      {{"nodes", render_found(parts.engine, page->rows)}, {"next", page->next ? json(*page->next) : json()}});
}

std::optional<Response> watch_nodes(const Parts& parts, const Request& request, SseStream stream) {
  const auto limit = http::query_number(request, "limit", kWatchedDefault, 1, kWatchedMax);
  if (!limit) return Response(limit.error());
  auto query = NodeQuery::parse(parts.engine, request);
  if (!query) return Response(query.error());
  parts.views.subscribe_nodes(std::move(*query), static_cast<std::size_t>(*limit), std::move(stream));
  return std::nullopt;
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

}  // namespace

void add_node_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/v1/nodes",
      [&parts, scans = std::make_shared<Scans>(kScansMax)](const Request& request) {
        return list_nodes(parts, *scans, request);
      },
      reads("Nodes, by any attribute and in any order"));
  http::RouteOptions streams = reads("The first nodes of such a list, as they change");
  streams.rate_class = "streams";
  router.add_events(
      "/v1/streams/nodes",
      [&parts](const Request& request, SseStream stream) { return watch_nodes(parts, request, std::move(stream)); },
      streams);
  router.add(
      Method::Get, "/v1/nodes/{id}", [&parts](const Request& request) { return get_node(parts, request); },
      reads("A node with what is free on it now"));
  router.add(
      Method::Get, "/v1/providers/{address}", [&parts](const Request& request) { return get_provider(parts, request); },
      reads("A provider"));
}

}  // namespace starminer::api
