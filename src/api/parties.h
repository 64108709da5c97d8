// Who stands behind a signed request and a contract: the checks that the routes of providers and parties share.
// Thread-safe.
#pragma once

#include <optional>

#include "api/http/message.h"
#include "api/parts.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/contracts/rows.h"

namespace starminer::api {

/// A contract as access to its data sees it.
struct ContractParties {
  ContractId id;
  JobId job;
  AccountId requester;
  AccountId provider;
  protocol::ContractState state{};
  std::uint64_t ended_ms = 0;  // Unix time; 0 while it lives
};

enum class Side : std::uint8_t { Provider, Either };

/// The signer, who must be a registered provider. Fails with 401, or 403 forbidden.
[[nodiscard]] Result<AccountId, http::Response> signed_provider(const Parts& parts, const http::Request& request);

/// The contract that the path's {id} names, for a request signed by this side of it. Fails with 401, 400 bad_id, 404,
/// 403 forbidden.
[[nodiscard]] Result<ContractParties, http::Response> signed_contract(const Parts& parts, const http::Request& request,
                                                                      Side side);
/// Without a signature.
[[nodiscard]] Result<ContractParties, http::Response> named_contract(const Parts& parts, const http::Request& request);

}  // namespace starminer::api
