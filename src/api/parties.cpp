#include "api/parties.h"

#include "api/authorization.h"
#include "api/lookup.h"
#include "api/reply.h"
#include "engine/engine.h"

namespace starminer::api {

using http::Request;
using http::Response;
using protocol::Machine;

Result<AccountId, Response> signed_provider(const Parts& parts, const Request& request) {
  auto account = parts.authorizer.check(request);
  if (!account) return account;
  const bool known =
      parts.engine.read([&](const Machine& machine) { return machine.registry().providers().contains(*account); });
  if (known) return account;
  return fail(Response(http::forbidden("forbidden", "This path is for registered providers.",
                                       "Register the provider first: starminer-provider setup.")));
}

Result<ContractParties, Response> named_contract(const Parts& parts, const Request& request) {
  const auto id = parse_id<ContractId>(request.param("id"));
  if (!id) return fail(Response(id.error()));
  const auto parties =
      read_contract(parts.engine, *id,
                    [&](const Machine& machine, const protocol::ContractRow& row, const storage::EndedPlace* archived) {
                      const std::uint64_t ended = archived != nullptr ? archived->time.ms
                                                  : row.ended.ms == 0 ? 0
                                                                      : Clock(machine).unix_ms(row.ended);
                      return ContractParties{*id, row.job, row.requester, row.provider, row.state, ended};
                    });
  if (!parties) return fail(Response(damaged(parties.error())));
  if (!*parties) return fail(Response(no_such("contract", id->text())));
  return **parties;
}

Result<ContractParties, Response> signed_contract(const Parts& parts, const Request& request, Side side) {
  const auto account = parts.authorizer.check(request);
  if (!account) return fail(account.error());
  auto parties = named_contract(parts, request);
  if (!parties) return parties;
  if (*account == parties->provider || (side == Side::Either && *account == parties->requester)) return parties;
  return fail(Response(http::forbidden("forbidden",
                                       side == Side::Provider ? "This path is for the provider of the contract."
                                                              : "This path is for the contract's parties.",
                                       "Sign with the key of the account that the contract names.")));
}

}  // namespace starminer::api
