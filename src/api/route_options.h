// Who may call a route and what it takes: the words that the route table, the OpenAPI document, docs/api.md and the
// authorization test share.
#pragma once

#include <string>

#include "api/http/router.h"

namespace starminer::api {

inline constexpr const char* kPublic = "public";
/// Signed by the key of an existing account.
inline constexpr const char* kAccount = "account";
/// Signed by the key of a registered provider.
inline constexpr const char* kProvider = "provider";
/// Signed by the provider of the contract that the path names.
inline constexpr const char* kContractProvider = "contract_provider";
/// Signed by requester or provider of the contract that the path names.
inline constexpr const char* kParty = "party";
/// Signed by who uploaded the artifact, or by a party whose contract names it.
inline constexpr const char* kReader = "reader";

/// Signed by the key of the node's own operator.
inline constexpr const char* kOperator = "operator";

/// A read without a body.
[[nodiscard]] inline http::RouteOptions reads(std::string summary, const char* auth = kPublic) {
  http::RouteOptions options;
  options.body_limit = 0;
  options.content_types = {};
  options.summary = std::move(summary);
  options.auth = auth;
  options.rate_class = auth == kPublic ? "read" : "signed";
  return options;
}

/// A call with a body of one media type.
[[nodiscard]] inline http::RouteOptions takes(std::string media_type, std::uint64_t body_limit, std::string summary,
                                              const char* auth = kPublic) {
  http::RouteOptions options;
  options.body_limit = body_limit;
  options.content_types = {std::move(media_type)};
  options.summary = std::move(summary);
  options.auth = auth;
  options.rate_class = auth == kPublic ? "read" : "signed";
  return options;
}

}  // namespace starminer::api
