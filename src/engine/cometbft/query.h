// Queries over ABCI: rows of the state with their proofs, receipts, blocks. Paths, keys and values: README.md.
#pragma once

#include "protocol/machine.h"
#include "starminer/abci/abci.pb.h"
#include "storage/chain_store.h"

namespace starminer::engine::cometbft {

/// Types of the two steps of a proof: from a row to the root of the state, and from there to the app hash.
inline constexpr std::string_view kRowProof = "starminer:row";
inline constexpr std::string_view kCommitmentProof = "starminer:app";

/// What a query's code says besides 0.
enum class QueryFault : std::uint32_t { UnknownPath = 1, BadKey = 2, OtherHeight = 3, NotFound = 4, Damaged = 5 };

/// Reads what needs the state; the machine must stand still meanwhile.
[[nodiscard]] abci::ResponseQuery query_state(const protocol::Machine& machine, const abci::RequestQuery& request);
/// Reads the store; nothing where the path is one of the state.
[[nodiscard]] std::optional<abci::ResponseQuery> query_store(const storage::ChainStore& store,
                                                             const abci::RequestQuery& request);

}  // namespace starminer::engine::cometbft
