// Rows of the state as the JSON that the API shows: ids in text form, amounts and prices as strings of base units,
// times in Unix milliseconds. One function per kind of thing, so that every endpoint shows it alike.
// Pure functions; the caller holds the state while they run.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "protocol/machine.h"
#include "storage/chain_store.h"
#include "storage/ended_index.h"

namespace starminer::protocol {
struct Explanation;
}

namespace starminer::api {

/// Turns market time into Unix time: what a reader of the API sees.
class Clock {
 public:
  explicit Clock(const protocol::Machine& machine) : halted_(machine.chain().halted) {}
  /// As it was when the market's clock showed `market` and the world's `unix`.
  Clock(TimeMs market, TimeMs unix) : halted_(elapsed(unix, market)) {}
  [[nodiscard]] std::uint64_t unix_ms(TimeMs market) const { return (market + halted_).ms; }

 private:
  DurationMs halted_;
};

[[nodiscard]] nlohmann::json render_receipt(const storage::StoredReceipt& receipt, bool duplicate);
[[nodiscard]] nlohmann::json render_account(const protocol::Machine& machine, const AccountId& account);
/// What of an account is staked, what unbonds, and the credits it has at this Unix time.
[[nodiscard]] nlohmann::json render_stake(const protocol::Machine& machine, const AccountId& account, TimeMs now);
[[nodiscard]] nlohmann::json render_provider(const protocol::Machine& machine, const AccountId& account);
/// The last benchmark that the protocol asked of a node. Requires: there was one.
[[nodiscard]] nlohmann::json render_benchmark(const protocol::Machine& machine, const NodeId& id);
[[nodiscard]] nlohmann::json render_node(const protocol::Machine& machine, const NodeId& id, TimeMs now);
[[nodiscard]] nlohmann::json render_class(const protocol::Machine& machine, protocol::ClassId id);
/// `archived`: where the history has it, for one that is no longer in the state.
[[nodiscard]] nlohmann::json render_job(const protocol::Machine& machine, const JobId& id, const protocol::JobRow& row,
                                        const storage::EndedPlace* archived);
[[nodiscard]] nlohmann::json render_contract(const protocol::Machine& machine, const ContractId& id,
                                             const protocol::ContractRow& row, const storage::EndedPlace* archived);
/// Block and leaf of what is archived; null else.
[[nodiscard]] nlohmann::json render_place(const storage::EndedPlace* place);
[[nodiscard]] nlohmann::json render_prices(const protocol::Machine& machine);
/// The ticks that the state keeps of one price.
[[nodiscard]] nlohmann::json render_price_history(const protocol::Machine& machine, protocol::TierId tier,
                                                  protocol::ClassId hardware_class);
/// Predicts the start of the first in each class, which takes looks at all nodes.
[[nodiscard]] nlohmann::json render_queues(const protocol::Machine& machine, TimeMs now);
[[nodiscard]] nlohmann::json render_quote(const protocol::Machine& machine, const protocol::Quote& quote);
/// sentence, exclusions, relaxations, held.
[[nodiscard]] nlohmann::json render_explanation(const protocol::Machine& machine, const protocol::JobRow& row,
                                                const protocol::Explanation& explained);
[[nodiscard]] nlohmann::json render_exclusions(const protocol::Exclusions& exclusions);
[[nodiscard]] nlohmann::json render_split(const protocol::FeeSplit& split);
[[nodiscard]] nlohmann::json render_status(const protocol::Machine& machine, TimeMs now);
[[nodiscard]] nlohmann::json render_parameters(const protocol::Machine& machine);
/// "escrow", "stake"; the deposit of an account is shown beside the locks as "account_deposit".
[[nodiscard]] std::string_view purpose_name(protocol::LockPurpose purpose);
[[nodiscard]] std::string_view refusal_class_name(protocol::RefusalClass refusal_class);
/// Refusals, end reasons and operations: the registries that documentation and SDKs use.
[[nodiscard]] nlohmann::json render_codes();
[[nodiscard]] nlohmann::json render_block(const storage::StoredBlock& block);

}  // namespace starminer::api
