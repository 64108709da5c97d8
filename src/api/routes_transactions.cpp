// Transactions: one, or a batch. No thread waits for the disk: the engine calls back when the block is durable.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/json_text.h"
#include "api/parts.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/engine.h"
#include "protocol/operation_registry.h"
#include "protocol/transaction.h"

namespace starminer::api {
namespace {

using engine::Backpressure;
using engine::Refused;
using engine::SubmitResult;
using http::Method;
using http::Request;
using http::Responder;
using http::Response;
using nlohmann::json;

// Room above the protocol's own limit, so that its refusal says what is too large.
constexpr std::uint64_t kTransactionBodyMax = 2 * protocol::kTransactionBytesMax;
constexpr std::size_t kBatchMax = 1024;
constexpr std::uint64_t kBatchBodyMax = 16ULL << 20U;
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kResultBytes = 400;  // about what the result of one transaction takes
constexpr int kAccountRetrySeconds = 1;

/// render_receipt of an applied transaction, without the detour over a JSON tree: most answers are these. No member can
/// hold a character that JSON escapes.
void append_applied(std::string& out, const storage::StoredReceipt& receipt, bool duplicate) {
  const protocol::ReceiptCore& core = receipt.core;
  const auto number = [&out](std::string_view name, std::uint64_t value) {
    const fmt::format_int text(value);
    out.append(name).append(text.data(), text.size());
  };
  out.append(R"({"account":")").append(core.account.text());
  out.append(R"(","duplicate":)").append(duplicate ? "true" : "false");
  number(R"(,"fee":")", core.fee.base);
  number(R"(","height":)", core.height);
  number(R"(,"history_index":)", receipt.history_index);
  number(R"(,"index":)", core.index);
  out.append(R"(,"operation":")").append(protocol::operation_name(core.operation));
  number(R"(","sequence":)", core.sequence);
  out.append(R"(,"status":"applied","subject":")").append(core.subject);
  number(R"(","time_ms":)", receipt.time.ms);
  out.append(R"(,"transaction":")").append(core.transaction.hex()).append(R"("})");
}

http::Problem problem_of_refused(const Refused& refused) {
  http::Problem problem = problem_of(refused);
  if (refused.backpressure == Backpressure::Account) {
    problem.status = 429;
    problem.retry_after_s = kAccountRetrySeconds;
  }
  return problem;
}

Response answer_of(const SubmitResult& result) {
  if (!result) return problem_of_refused(result.error());
  if (result->receipt.core.code == 0) {
    std::string text;
    append_applied(text, result->receipt, result->duplicate);
    return Response::json(std::move(text));
  }
  const json receipt = render_receipt(result->receipt, result->duplicate);
  http::Problem problem = problem_of(
      protocol::Refusal{static_cast<protocol::RefusalCode>(result->receipt.core.code), result->receipt.detail});
  // It stands in a block and has paid its fee, whatever the code would mean outside of one.
  problem.status = 422;
  problem.retry_after_s = 0;
  problem.json_members.emplace_back("receipt", dump(receipt));
  return problem;
}

Bytes to_bytes(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

void submit(const Parts& parts, const Request& request, const Responder& responder) {
  parts.engine.submit(as_bytes(request.body),
                      [responder](const SubmitResult& result) { responder.send(answer_of(result)); });
}

/// Splits a batch. Empty where lengths and bytes do not add up or a limit is passed.
std::optional<std::vector<Bytes>> split_batch(std::string_view body) {
  std::vector<Bytes> transactions;
  while (!body.empty()) {
    if (body.size() < kLengthBytes || transactions.size() == kBatchMax) return std::nullopt;
    std::size_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8U | static_cast<unsigned char>(body[i]);
    body.remove_prefix(kLengthBytes);
    if (length > body.size()) return std::nullopt;
    transactions.push_back(to_bytes(body.substr(0, length)));
    body.remove_prefix(length);
  }
  return transactions;
}

void append_result(std::string& out, const SubmitResult& result) {
  if (!result) {
    json refusal = render_refusal(result.error());
    if (result.error().backpressure == Backpressure::Account) refusal["status"] = 429;
    out += dump(refusal);
  } else if (result->receipt.core.code == 0) {
    append_applied(out, result->receipt, result->duplicate);
  } else {
    out += dump(render_receipt(result->receipt, result->duplicate));
  }
}

std::string render_results(const std::vector<SubmitResult>& results) {
  std::string text;
  text.reserve(results.size() * kResultBytes);
  text += R"({"results":[)";
  for (const SubmitResult& result : results) {
    if (&result != &results.front()) text.push_back(',');
    append_result(text, result);
  }
  text += "]}";
  return text;
}

void submit_batch(const Parts& parts, const Request& request, const Responder& responder) {
  auto transactions = split_batch(request.body);
  if (!transactions || transactions->empty()) {
    responder.send(http::bad_request(
        "bad_batch", fmt::format("The body is no sequence of 1 to {} transactions with their lengths.", kBatchMax),
        "Send each transaction as its length in four bytes, big-endian, and its bytes."));
    return;
  }
  const auto taken =
      parts.engine.submit_batch(std::move(*transactions), [&parts, responder](std::vector<SubmitResult> results) {
        // This is the thread that writes blocks: it must not spend its time on text.
        parts.post([results = std::make_shared<const std::vector<SubmitResult>>(std::move(results)), responder] {
          responder.send(Response::json(render_results(*results)));
        });
      });
  if (!taken) responder.send(problem_of_refused(taken.error()));
}

}  // namespace

void add_transaction_routes(http::Router& router, const Parts& parts) {
  http::RouteOptions one = takes(std::string(kOctets), kTransactionBodyMax, "Submits a signed transaction");
  one.rate_class = "transactions";
  one.run = http::Run::Inline;
  router.add_async(
      Method::Post, "/v1/transactions",
      [&parts](const Request& request, const Responder& responder) { submit(parts, request, responder); }, one);
  http::RouteOptions many = takes(std::string(kOctets), kBatchBodyMax, "Submits up to 1024 signed transactions");
  many.rate_class = "transactions";
  router.add_async(
      Method::Post, "/v1/transactions/batch",
      [&parts](const Request& request, const Responder& responder) { submit_batch(parts, request, responder); }, many);
}

}  // namespace starminer::api
