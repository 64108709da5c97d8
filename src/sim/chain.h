// The modules of a market on an empty state, and how a trace's cluster becomes its rows: models as hardware classes
// with equal reference figures, nodes registered by operations. One thread; not movable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/contracts/contracts.h"
#include "protocol/market/market.h"
#include "protocol/reserve/reserve.h"
#include "sim/trace.h"

namespace starminer::sim {

using Weights = std::array<std::uint8_t, protocol::kScoreTermCount>;

/// Time at which every experiment begins.
inline constexpr TimeMs kStart{1'700'000'000'000};

struct Chain {
  protocol::state::Store store;
  protocol::Params params{store};
  protocol::Timers timers{store};
  protocol::Ledger ledger{store, params};
  protocol::Reputation reputation{store, params};
  protocol::Registry registry{store, params, ledger, reputation, timers};
  protocol::Pricing pricing{store, params, registry};
  protocol::Staking staking{store, params, ledger, timers};
  protocol::Market market{store, params, ledger, registry, pricing, reputation, staking, timers};
  protocol::Reserve reserve{store, params, ledger, registry};
  protocol::Contracts contracts{store, params, ledger, registry, pricing, reputation, market, reserve, timers};
};

/// A row of the state as it is stored.
struct StoredRow {
  protocol::state::TableId table{};
  Bytes key;
  Bytes row;
};

/// Rows of a genesis of preset main with the models of a trace as its hardware classes. `demand`, if it is not empty,
/// is what the market saw in its last epoch; `weights` replace those of the tier Standard.
[[nodiscard]] std::vector<StoredRow> trace_genesis(const std::vector<std::string>& models,
                                                   const std::vector<TraceJob>& demand,
                                                   const std::optional<Weights>& weights,
                                                   const std::vector<AccountId>& operators = {});
/// Requires: the tables have none of these rows.
void load_rows(protocol::state::Store& store, const std::vector<StoredRow>& rows);

/// Models of the nodes and of those that jobs name, sorted, each once.
[[nodiscard]] std::vector<std::string> models_of(const std::vector<TraceNode>& nodes,
                                                 const std::vector<TraceJob>& jobs);

/// What a node of the trace says of itself when it registers: a trace is a cluster, and all of its nodes lie at one
/// site.
[[nodiscard]] protocol::NodeRegister registration_of(const TraceNode& node);

/// Registers nodes in their order, for one provider after the other as many as one may have. Fails where the registry
/// refuses a node: with its name and the refusal.
[[nodiscard]] Result<void, std::string> register_nodes(protocol::Registry& registry, protocol::Ledger& ledger,
                                                       const protocol::Params& params,
                                                       const protocol::BlockContext& context,
                                                       const std::vector<TraceNode>& nodes);

/// The account's next sender, its fee paid.
[[nodiscard]] protocol::Sender next_sender(protocol::Ledger& ledger, const AccountId& account);

/// What a job of the trace asks of the market: its resources, in Standard, for an hour.
[[nodiscard]] protocol::JobSpec spec_of(const TraceJob& job);

}  // namespace starminer::sim
