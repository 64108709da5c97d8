// The one call of a node's own operator: a copy of the chain beside it, which a snapshot is made from.
#include <filesystem>
#include <memory>
#include <mutex>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "api/authorization.h"
#include "api/parts.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/engine.h"

namespace starminer::api {
namespace {

constexpr std::uint64_t kBodyMax = 256;
constexpr int kRetrySeconds = 5;

http::Response copy_chain(const Parts& parts, const http::Request& request, std::mutex& one_at_a_time) {
  const auto signer = parts.authorizer.check(request);
  if (!signer) return signer.error();
  const auto& key = parts.options.operator_key;
  if (!key || key->account() != *signer || parts.options.checkpoint_folder.empty()) {
    return http::forbidden("forbidden", "Only the operator of this node has it copy its chain.",
                           "Sign with the operator's key of the node's own data folder.");
  }
  const std::lock_guard lock(one_at_a_time);
  // A copy that is there was left by a program that died over it.
  std::error_code error;
  std::filesystem::remove_all(parts.options.checkpoint_folder, error);
  const auto tip = parts.engine.store().tip();
  if (const auto made = parts.engine.store().copy_to(parts.options.checkpoint_folder); !made) {
    spdlog::error("copy of the chain: {}", made.error().text);
    return http::unavailable("io_error", "The disk of this node refused the copy; its log says why.", kRetrySeconds);
  }
  return json_response({{"height", tip ? tip->height : 0}});
}

}  // namespace

void add_checkpoint_routes(http::Router& router, const Parts& parts) {
  const auto one_at_a_time = std::make_shared<std::mutex>();
  router.add(
      http::Method::Post, "/v1/checkpoints",
      [&parts, one_at_a_time](const http::Request& request) { return copy_chain(parts, request, *one_at_a_time); },
      takes("application/json", kBodyMax, "Copies the chain beside itself, for a snapshot", kOperator));
}

}  // namespace starminer::api
