// Transactions: one, or a batch. No thread waits for the disk: the engine calls back when the block is durable.
#include <atomic>

#include <nlohmann/json.hpp>

#include "api/parts.h"
#include "api/render.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/solo/engine.h"
#include "protocol/operation_registry.h"
#include "protocol/transaction.h"

namespace starminer::api {
namespace {

using engine::solo::SubmitResult;
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

/// render_receipt of an applied transaction, without the detour over a JSON tree: thousands of them are answered by the
/// thread that writes blocks. No member can hold a character that JSON escapes.
std::string applied_text(const storage::StoredReceipt& receipt, bool duplicate) {
  const protocol::ReceiptCore& core = receipt.core;
  return fmt::format(
      R"({{"account":"{}","duplicate":{},"fee":"{}","height":{},"history_index":{},"index":{},"operation":"{}",)"
      R"("sequence":{},"status":"applied","subject":"{}","time_ms":{},"transaction":"{}"}})",
      core.account.text(), duplicate, core.fee.base, core.height, receipt.history_index, core.index,
      protocol::operation_name(core.operation), core.sequence, core.subject, receipt.time.ms, core.transaction.hex());
}

Response answer_of(const SubmitResult& result) {
  if (!result) return problem_of(result.error());
  if (result->receipt.core.code == 0) return Response::json(applied_text(result->receipt, result->duplicate));
  const json receipt = render_receipt(result->receipt, result->duplicate);
  http::Problem problem = problem_of(
      protocol::Refusal{static_cast<protocol::RefusalCode>(result->receipt.core.code), result->receipt.detail});
  // It stands in a block and has paid its fee, whatever the code would mean outside of one.
  problem.status = 422;
  problem.retry_after_s = 0;
  problem.json_members.emplace_back("receipt", receipt.dump(-1, ' ', false, json::error_handler_t::replace));
  return problem;
}

Bytes to_bytes(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

void submit(const Parts& parts, const Request& request, const Responder& responder) {
  parts.engine.submit(to_bytes(request.body),
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

/// Answers of a batch as they come in; the last one has them sent.
struct Batch {
  explicit Batch(std::size_t count) : results(count), left(count) {}
  std::vector<std::optional<SubmitResult>> results;
  std::atomic<std::size_t> left;
};

json render_result(const SubmitResult& result) {
  return result ? render_receipt(result->receipt, result->duplicate) : render_refusal(result.error());
}

void submit_batch(const Parts& parts, const Request& request, const Responder& responder) {
  auto transactions = split_batch(request.body);
  if (!transactions || transactions->empty()) {
    responder.send(http::bad_request(
        "bad_batch", fmt::format("The body is no sequence of 1 to {} transactions with their lengths.", kBatchMax),
        "Send each transaction as its length in four bytes, big-endian, and its bytes."));
    return;
  }
  const auto batch = std::make_shared<Batch>(transactions->size());
  for (std::size_t i = 0; i < batch->results.size(); ++i) {
    parts.engine.submit(std::move((*transactions)[i]), [&parts, batch, i, responder](SubmitResult result) {
      batch->results[i] = std::move(result);
      if (--batch->left > 0) return;
      // This is the thread that writes blocks: it must not spend its time on text.
      parts.post([batch, responder] {
        json results = json::array();
        for (const auto& one : batch->results) results.push_back(render_result(*one));
        responder.send(json_response({{"results", std::move(results)}}));
      });
    });
  }
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
