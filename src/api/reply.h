// Small functions that all routes share: ids from paths and queries, protocol refusals as problems, JSON as responses,
// pages. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json_fwd.hpp>

#include "api/http/message.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/operation/refusal.h"
#include "storage/storage_error.h"

namespace starminer::api {

inline constexpr std::string_view kOctets = "application/octet-stream";

[[nodiscard]] http::Response json_response(const nlohmann::json& value, int status = 200);

/// HTTP status of a refusal: 400 malformed, 402 fee, 409 sequence and account, 422 charged, 503 busy,
/// 507 disk full.
[[nodiscard]] int status_of(protocol::RefusalCode code);
/// Code "E2104", title and advice of the registry, detail with the figures.
[[nodiscard]] http::Problem problem_of(const protocol::Refusal& refusal);
/// The same as members of an object, where one answer holds several outcomes.
[[nodiscard]] nlohmann::json render_refusal(const protocol::Refusal& refusal);

[[nodiscard]] http::Problem no_such(std::string_view thing, std::string_view id);
/// 500: what is stored cannot be read or is damaged; which is not "there is none". Writes it to the log.
[[nodiscard]] http::Problem damaged(const storage::StorageError& error);
[[nodiscard]] http::Problem bad_parameter(std::string_view name, std::string_view expected);

/// An id out of text that a client sent. Fails with 400 bad_id.
template <class AnyId>
[[nodiscard]] Result<AnyId, http::Problem> parse_id(std::string_view text) {
  if (auto id = AnyId::parse(text)) return *id;
  return fail(http::bad_request("bad_id", fmt::format("'{}' is no id of this kind or has a typing error.", text),
                                "Ids are bech32m texts: sm1... account, j1... job, c1... contract, n1... node."));
}

/// The id in a query parameter, or nothing where it is absent.
template <class AnyId>
[[nodiscard]] Result<std::optional<AnyId>, http::Problem> query_id(const http::Request& request,
                                                                   std::string_view name) {
  const std::string* text = request.find_query(name);
  if (text == nullptr) return std::optional<AnyId>();
  auto id = parse_id<AnyId>(*text);
  if (!id) return fail(std::move(id.error()));
  return std::optional<AnyId>(*id);
}

/// Fails with 400 bad_hash.
[[nodiscard]] Result<Hash32, http::Problem> parse_hash(std::string_view text);

/// Rows of a page at most; more are asked for with `after`.
inline constexpr std::uint64_t kPageMax = 500;
inline constexpr std::uint64_t kPageDefault = 100;
/// Rows that one page looks at: a filter that few rows pass gives shorter pages, not longer locks.
inline constexpr std::size_t kScanMax = 20'000;

}  // namespace starminer::api
