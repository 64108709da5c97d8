// Artifacts: uploads by any account, reads by who uploaded them or is party to a contract that names them.
#include <charconv>

#include "api/artifact_access.h"
#include "api/artifact_upload.h"
#include "api/authorization.h"
#include "api/parts.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "artifacts/store.h"
#include "engine/engine.h"

namespace starminer::api {
namespace {

using http::BodySink;
using http::Method;
using http::Problem;
using http::Request;
using http::Response;
using protocol::Machine;

/// Which bytes of how many the body holds, from Content-Range or else Content-Length.
Result<http::ContentRange, Problem> content_of(const Request& request) {
  if (request.has_header("content-range")) {
    if (const auto range = http::parse_content_range(request.header("content-range"))) return *range;
    return fail(http::bad_request("bad_range", "The Content-Range header is malformed.",
                                  "Send 'bytes FIRST-LAST/TOTAL', or 'bytes */TOTAL' where only the end is missing."));
  }
  const std::string_view text = request.header("content-length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    Problem problem = http::bad_request("length_required", "The size of the artifact is not stated.",
                                        "Send Content-Length, or Content-Range with the total.");
    problem.status = 411;
    problem.title = std::string(http::reason_phrase(411));
    return fail(std::move(problem));
  }
  return http::ContentRange{{0, length}, length};
}

Result<std::unique_ptr<BodySink>, Response> upload(const Parts& parts, UploadGate& gate, const Request& request) {
  const auto account = parts.authorizer.check_streamed(request);
  if (!account) return fail(account.error());
  const auto hash = parse_hash(request.param("hash"));
  if (!hash) return fail(Response(hash.error()));
  if (!parts.engine.read([&](const Machine& machine) { return machine.ledger().exists(*account); })) {
    return fail(Response(http::forbidden("forbidden", fmt::format("The account {} does not exist.", account->text()),
                                         "Receive a first transfer, on a devnet: starminer login.")));
  }
  const auto content = content_of(request);
  if (!content) return fail(Response(content.error()));
  if (content->total > parts.options.artifact_bytes_max) {
    return fail(Response(problem_of(artifacts::StoreError::TooLarge)));
  }
  return gate.open({*hash, *account, *content});
}

Response read(const Parts& parts, const UploadGate& gate, const Request& request) {
  const auto account = parts.authorizer.check(request);
  if (!account) return account.error();
  const auto hash = parse_hash(request.param("hash"));
  if (!hash) return hash.error();
  const auto contract = query_id<ContractId>(request, "contract");
  if (!contract) return contract.error();
  if (!parts.access.may_read(*account, *hash, *contract)) {
    if (request.method != Method::Head) {
      return http::forbidden("forbidden", "There is no artifact with this hash that this account may read.",
                             "Name the contract that gives the right: ?contract=c1..., or upload the artifact.");
    }
    // HEAD asks what is left to upload: what is not ours is not there.
    const auto state = gate.state_of(*hash, *account);
    if (!state) return no_such("artifact", hash->hex());
    Response partial = Response::empty(200);
    return std::move(partial.with("Upload-Offset", std::to_string(state->offset))
                         .with("Upload-Length", std::to_string(state->size))
                         .with("Cache-Control", "no-store"));
  }
  const auto opened = parts.artifacts.open_artifact(*hash);
  if (!opened) return problem_of(opened.error());
  Response response =
      Response::stream({http::make_file_source(opened->fd), opened->info.size, hash->hex()}, std::string(kOctets));
  return std::move(response.with("Cache-Control", "private, immutable"));
}

}  // namespace

void add_artifact_routes(http::Router& router, const Parts& parts) {
  const auto gate = std::make_shared<UploadGate>(parts.artifacts, parts.options.account_bytes_max,
                                                 [] { return engine::Engine::wall_clock(); });
  http::RouteOptions puts = takes(std::string(kOctets), parts.options.artifact_bytes_max,
                                  "Uploads an artifact, or goes on with an upload", kAccount);
  puts.rate_class = "artifacts";
  router.add_upload(
      Method::Put, "/v1/artifacts/{hash}",
      [&parts, gate](const Request& request) { return upload(parts, *gate, request); }, puts);
  http::RouteOptions gets = reads("An artifact; HEAD tells how much of an upload is stored", kReader);
  gets.rate_class = "artifacts";
  router.add(
      Method::Get, "/v1/artifacts/{hash}",
      [&parts, gate](const Request& request) { return read(parts, *gate, request); }, gets);
}

}  // namespace starminer::api
