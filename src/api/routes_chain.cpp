// Chain and ledger: health, metrics, status, parameters, codes, blocks, receipts, proofs, accounts.
#include <charconv>

#include <nlohmann/json.hpp>

#include "api/faucet.h"
#include "api/http/json.h"
#include "api/market_metrics.h"
#include "api/old_history.h"
#include "api/parts.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/engine.h"
#include "protocol/block_order.h"
#include "storage/ended.h"

namespace starminer::api {
namespace {

using http::Method;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::Machine;

/// Seconds after which it may be otherwise.
int retry_after_s(engine::Readiness readiness) {
  constexpr int kEnding = 30;
  constexpr int kPassing = 5;
  return readiness == engine::Readiness::DiskFailed ? kEnding : kPassing;
}

Response health(const Parts& parts) {
  const engine::Condition condition = parts.engine.condition();
  const auto [height, time] = parts.engine.read(
      [](const Machine& machine) { return std::pair(machine.chain().height, machine.chain().block_time.ms); });
  if (condition.readiness != engine::Readiness::Ready) {
    http::Problem problem = http::unavailable(std::string(readiness_name(condition.readiness)), condition.detail,
                                              retry_after_s(condition.readiness));
    problem.json_members.emplace_back("height", std::to_string(height));
    problem.json_members.emplace_back("block_time_ms", std::to_string(time));
    return problem;
  }
  return json_response(
      {{"status", "ok"}, {"engine", parts.engine.kind()}, {"height", height}, {"block_time_ms", time}});
}

Response status(const Parts& parts) {
  json object =
      parts.engine.read([](const Machine& machine) { return render_status(machine, engine::Engine::wall_clock()); });
  object["faucet"] = parts.faucet != nullptr;
  object["version"] = parts.options.version;
  object["order_rule"] = order_rule_name(parts.engine.order_rule());
  object["engine"] = parts.engine.kind();
  object["readiness"] = readiness_name(parts.engine.condition().readiness);
  return json_response(object);
}

Response block(const Parts& parts, const Request& request) {
  const std::string& text = request.param("height");
  std::uint64_t height = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), height);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return http::bad_request("bad_height", fmt::format("'{}' is no height.", text), "A height is a whole number.");
  }
  const auto stored = parts.engine.store().find_block(height);
  if (!stored) return damaged(stored.error());
  if (!*stored) return no_such("block", text);
  return json_response(render_block(**stored));
}

Response receipt(const Parts& parts, const Request& request) {
  const auto hash = parse_hash(request.param("hash"));
  if (!hash) return hash.error();
  const auto stored = parts.engine.store().find_receipt(*hash);
  if (!stored) return damaged(stored.error());
  if (!*stored) return no_such("transaction", hash->hex());
  return json_response(render_receipt(**stored, false));
}

/// Proof at the tip for a leaf: whoever knows the app hash of a height checks it without trusting this node.
Response proof_of_leaf(const Parts& parts, std::uint64_t index, std::string_view kind) {
  const auto leaf = parts.engine.store().find_leaf(index);
  if (!leaf) return damaged(leaf.error());
  if (!*leaf) return no_such("history leaf", fmt::format("{}", index));
  const auto answer =
      prove_with_history(parts.engine, {index}, [&](const Machine& machine, const auto& old) -> std::optional<json> {
        const std::uint64_t size = machine.history().size();
        const auto path = machine.history().inclusion_proof(index, size, old);
        if (!path) return std::nullopt;
        json hashes = json::array();
        for (const Hash32& hash : *path) hashes.push_back(hash.hex());
        return json{{"kind", kind},
                    {"leaf", to_hex(**leaf)},
                    {"leaf_index", index},
                    {"tree_size", size},
                    {"path", std::move(hashes)},
                    {"history_root", machine.history().root().hex()},
                    {"state_root", machine.state_root().hex()},
                    {"app_hash", machine.app_hash().hex()},
                    {"height", machine.chain().height},
                    {"block_time_ms", machine.chain().block_time.ms}};
      });
  if (!answer) return damaged(answer.error());
  return json_response(*answer);
}

Response receipt_proof(const Parts& parts, const Request& request) {
  const auto hash = parse_hash(request.param("hash"));
  if (!hash) return hash.error();
  const auto stored = parts.engine.store().find_receipt(*hash);
  if (!stored) return damaged(stored.error());
  if (!*stored) return no_such("transaction", hash->hex());
  return proof_of_leaf(parts, (*stored)->history_index, "receipt");
}

Response settlement_proof(const Parts& parts, const Request& request) {
  const auto id = parse_id<ContractId>(request.param("id"));
  if (!id) return id.error();
  const auto place = storage::find_place(parts.engine.store(), *id);
  if (!place) return damaged(place.error());
  if (*place) return proof_of_leaf(parts, (*place)->history_index, "settlement");
  const bool exists =
      parts.engine.read([&](const Machine& machine) { return machine.contracts().table().contains(*id); });
  if (!exists) return no_such("contract", id->text());
  return http::conflict("not_settled", fmt::format("The contract {} is still live.", id->text()),
                        "Its settlement enters the history when it ends; ask again then.");
}

Response job_proof(const Parts& parts, const Request& request) {
  const auto id = parse_id<JobId>(request.param("id"));
  if (!id) return id.error();
  const auto place = storage::find_place(parts.engine.store(), *id);
  if (!place) return damaged(place.error());
  if (*place) return proof_of_leaf(parts, (*place)->history_index, "job_end");
  const bool exists = parts.engine.read([&](const Machine& machine) { return machine.market().jobs().contains(*id); });
  if (!exists) return no_such("job", id->text());
  return http::conflict("not_ended", fmt::format("The job {} is still live.", id->text()),
                        "Its final row enters the history when it ends; ask again then.");
}

Response account(const Parts& parts, const Request& request) {
  const auto id = parse_id<AccountId>(request.param("address"));
  if (!id) return id.error();
  return json_response(parts.engine.read([&](const Machine& machine) { return render_account(machine, *id); }));
}

Response stake(const Parts& parts, const Request& request) {
  const auto id = parse_id<AccountId>(request.param("address"));
  if (!id) return id.error();
  const TimeMs now = engine::Engine::wall_clock();
  return json_response(parts.engine.read([&](const Machine& machine) { return render_stake(machine, *id, now); }));
}

Response give(const Parts& parts, const AccountId& to, const engine::SubmitResult& result) {
  if (!result) return problem_of(result.error());
  if (result->receipt.core.code != 0) {
    return problem_of(protocol::Refusal{static_cast<protocol::RefusalCode>(result->receipt.core.code),
                                        "the faucet's transfer: " + result->receipt.detail});
  }
  return json_response({{"transaction", result->receipt.core.transaction.hex()},
                        {"address", to.text()},
                        {"amount", fmt::format("{}", parts.faucet->amount().base)}});
}

void faucet(const Parts& parts, const Request& request, const http::Responder& responder) {
  if (parts.faucet == nullptr) {
    responder.send(http::not_found("no_faucet", "This network gives nothing away.",
                                   "Receive a first transfer from an account that has AGPU."));
    return;
  }
  const auto body = http::parse_json(request.body);
  if (!body) return responder.send(body.error());
  const auto address = body->is_object() ? body->find("address") : body->end();
  if (address == body->end() || !address->is_string() || body->size() != 1) {
    return responder.send(http::bad_request("bad_body", "The body is no object with the one member 'address'.",
                                            R"({"address":"sm1..."})"));
  }
  const auto to = parse_id<AccountId>(address->get_ref<const std::string&>());
  if (!to) return responder.send(to.error());
  if (const int wait_s = parts.faucet->admit(*to, request.peer); wait_s > 0) {
    http::Problem problem = http::too_many_requests(wait_s);
    problem.detail = "This address or peer has received its share for now.";
    return responder.send(std::move(problem));
  }
  parts.faucet->give(*to, [&parts, to = *to, responder](const engine::SubmitResult& result) {
    responder.send(give(parts, to, result));
  });
}

}  // namespace

void add_chain_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/healthz", [&parts](const Request&) { return health(parts); },
      reads("Whether this node takes transactions"));
  router.add(
      Method::Get, "/metrics",
      [&parts](const Request&) {
        return Response::bytes(metrics_text(parts), "text/plain; version=0.0.4; charset=utf-8");
      },
      reads("Figures for Prometheus"));
  router.add(
      Method::Get, "/v1/status", [&parts](const Request&) { return status(parts); },
      reads("Chain, height, roots, supply"));
  router.add(
      Method::Get, "/v1/params",
      [&parts](const Request&) {
        return json_response(parts.engine.read([](const Machine& machine) { return render_parameters(machine); }));
      },
      reads("Every governed number with its bounds"));
  router.add(
      Method::Get, "/v1/codes", [](const Request&) { return json_response(render_codes()); },
      reads("Refusals, end reasons and operations"));
  router.add(
      Method::Get, "/v1/blocks/{height}", [&parts](const Request& request) { return block(parts, request); },
      reads("A block"));
  router.add(
      Method::Get, "/v1/transactions/{hash}", [&parts](const Request& request) { return receipt(parts, request); },
      reads("Receipt of a transaction"));
  router.add(
      Method::Get, "/v1/transactions/{hash}/proof",
      [&parts](const Request& request) { return receipt_proof(parts, request); },
      reads("Proof that a receipt is in the history"));
  router.add(
      Method::Get, "/v1/contracts/{id}/proof",
      [&parts](const Request& request) { return settlement_proof(parts, request); },
      reads("Proof that a settlement is in the history"));
  router.add(
      Method::Get, "/v1/jobs/{id}/proof", [&parts](const Request& request) { return job_proof(parts, request); },
      reads("Proof that the final row of a job is in the history"));
  router.add(
      Method::Get, "/v1/accounts/{address}", [&parts](const Request& request) { return account(parts, request); },
      reads("Balances, locks and next sequence of an account"));
  router.add(
      Method::Get, "/v1/accounts/{address}/stake", [&parts](const Request& request) { return stake(parts, request); },
      reads("What of an account is staked, and what unbonds"));
  http::RouteOptions gift = takes("application/json", 1024, "AGPU for an address, on development networks");
  gift.rate_class = "faucet";
  router.add_async(
      Method::Post, "/v1/faucet",
      [&parts](Request request, const http::Responder& responder) { faucet(parts, request, responder); }, gift);
}

}  // namespace starminer::api
