#include "api/reply.h"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace starminer::api {
namespace {

using protocol::RefusalClass;
using protocol::RefusalCode;

constexpr int kBusyRetrySeconds = 1;
constexpr int kFullRetrySeconds = 5;

}  // namespace

http::Response json_response(const nlohmann::json& value, int status) {
  // Names in the state may come from anybody; bytes that are no UTF-8 must not make the answer fail.
  return http::Response::json(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), status);
}

int status_of(RefusalCode code) {
  switch (code) {
    case RefusalCode::FeeNotCovered: return 402;
    case RefusalCode::SequenceUsed:
    case RefusalCode::SequenceAhead:
    case RefusalCode::UnknownAccount: return 409;
    case RefusalCode::NodeBusy: return 503;
    case RefusalCode::DiskFull: return 507;
    default: break;
  }
  return refusal_info(code).refusal_class == RefusalClass::Malformed ? 400 : 422;
}

http::Problem problem_of(const protocol::Refusal& refusal) {
  http::Problem problem;
  problem.status = status_of(refusal.code);
  problem.code = refusal_label(refusal.code);
  problem.title = refusal.info().what;
  problem.detail = refusal.detail;
  problem.advice = refusal.info().advice;
  if (problem.status == 503) problem.retry_after_s = kBusyRetrySeconds;
  if (problem.status == 507) problem.retry_after_s = kFullRetrySeconds;
  return problem;
}

nlohmann::json render_refusal(const protocol::Refusal& refusal) {
  return {{"code", refusal_label(refusal.code)},
          {"title", refusal.info().what},
          {"detail", refusal.detail},
          {"advice", refusal.info().advice},
          {"status", status_of(refusal.code)}};
}

http::Problem no_such(std::string_view thing, std::string_view id) {
  return http::not_found("not_found", fmt::format("There is no {} {}.", thing, id),
                         "Check the id, and that this node serves the chain you mean.");
}

http::Problem damaged(const storage::StorageError& error) {
  spdlog::critical("{}", error.text);
  http::Problem problem = http::internal_error();
  problem.code = "store_damaged";
  problem.detail = "This node cannot read what it has stored, or it does not check.";
  problem.advice = "Ask another node; the operator finds in the log what is damaged and what to do.";
  return problem;
}

http::Problem bad_parameter(std::string_view name, std::string_view expected) {
  return http::bad_request("bad_parameter", fmt::format("The parameter '{}' has no value that it may have.", name),
                           fmt::format("Use {}.", expected));
}

Result<Hash32, http::Problem> parse_hash(std::string_view text) {
  if (const auto hash = Hash32::from_hex(text)) return *hash;
  return fail(http::bad_request("bad_hash", fmt::format("'{}' is no SHA-256.", text),
                                "A hash is 64 lower-case hexadecimal characters."));
}

}  // namespace starminer::api
