// Server-sent events: blocks, prices, a job, a provider's assignments, a job's output.
#include <charconv>

#include "api/authorization.h"
#include "api/lookup.h"
#include "api/parties.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "api/streams.h"

namespace starminer::api {
namespace {

using http::Request;
using http::Response;
using http::SseStream;
using protocol::Machine;

using Refusal = std::optional<Response>;

Refusal blocks(const Parts& parts, const Request& request, SseStream stream) {
  const std::string_view text = request.header("last-event-id");
  std::optional<std::uint64_t> after;
  if (!text.empty()) {
    std::uint64_t height = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), height);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return Response(http::bad_request("bad_event_id", "Last-Event-ID is no height.", "Leave it out to begin anew."));
    }
    after = height;
  }
  parts.streams.subscribe_blocks(std::move(stream), after);
  return std::nullopt;
}

Refusal job(const Parts& parts, const Request& request, SseStream stream) {
  const auto id = parse_id<JobId>(request.param("id"));
  if (!id) return Response(id.error());
  // Anybody may watch a job; what its program says about itself is for its parties, who sign.
  std::optional<AccountId> reader;
  if (request.has_header("authorization")) {
    const auto account = parts.authorizer.check(request);
    if (!account) return account.error();
    reader = *account;
  }
  struct View {
    AccountId requester;
    ContractId contract;
  };
  const auto view = read_job(parts.engine, *id, [](const Machine&, const protocol::JobRow& row, const auto*) {
    return View{row.requester, row.contract};
  });
  if (!view) return Response(damaged(view.error()));
  if (!*view) return Response(no_such("job", id->text()));
  const auto provider =
      read_contract(parts.engine, (*view)->contract,
                    [](const Machine&, const protocol::ContractRow& row, const auto*) { return row.provider; });
  if (!provider) return Response(damaged(provider.error()));
  const bool is_party = reader && (*reader == (*view)->requester || *provider == reader);
  parts.streams.subscribe_job(*id, is_party, std::move(stream));
  return std::nullopt;
}

Refusal assignments(const Parts& parts, const Request& request, SseStream stream) {
  const auto provider = signed_provider(parts, request);
  if (!provider) return provider.error();
  parts.streams.subscribe_assignments(*provider, std::move(stream));
  return std::nullopt;
}

Refusal logs(const Parts& parts, const Request& request, SseStream stream) {
  const auto contract = signed_contract(parts, request, Side::Either);
  if (!contract) return contract.error();
  LogSizes from{};
  const std::string* start = request.find_query("from");
  const std::string_view resumed = request.header("last-event-id");
  const std::string_view text = !resumed.empty() ? resumed : start != nullptr ? std::string_view(*start) : "0";
  const auto position = parse_log_position(text);
  if (!position) return Response(bad_parameter("from", "an offset, or STDOUT-STDERR with two offsets"));
  from = *position;
  parts.streams.subscribe_logs(contract->id, from, std::move(stream));
  return std::nullopt;
}

http::RouteOptions streams(std::string summary, const char* auth = kPublic) {
  http::RouteOptions options = reads(std::move(summary), auth);
  options.rate_class = auth == kPublic ? "streams" : "signed";
  return options;
}

}  // namespace

void add_stream_routes(http::Router& router, const Parts& parts) {
  router.add_events(
      "/v1/streams/blocks",
      [&parts](const Request& request, SseStream stream) { return blocks(parts, request, std::move(stream)); },
      streams("Every new block"));
  router.add_events(
      "/v1/streams/prices",
      [&parts](const Request&, SseStream stream) -> Refusal {
        parts.streams.subscribe_prices(std::move(stream));
        return std::nullopt;
      },
      streams("All prices at every tick"));
  router.add_events(
      "/v1/jobs/{id}/stream",
      [&parts](const Request& request, SseStream stream) { return job(parts, request, std::move(stream)); },
      streams("A job, its contract and progress as they change; ends with the job"));
  router.add_events(
      "/v1/assignments/stream",
      [&parts](const Request& request, SseStream stream) { return assignments(parts, request, std::move(stream)); },
      streams("Changes of the signer's contracts", kProvider));
  router.add_events(
      "/v1/contracts/{id}/logs/stream",
      [&parts](const Request& request, SseStream stream) { return logs(parts, request, std::move(stream)); },
      streams("The job's output as it is written", kParty));
}

}  // namespace starminer::api
