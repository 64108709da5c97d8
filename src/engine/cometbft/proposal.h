// Blocks before they are decided: what this validator proposes, and whether it votes for what another one does. Both
// are functions of the committed state and the request; neither changes anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/cometbft/verifier.h"
#include "protocol/machine.h"
#include "starminer/abci/abci.pb.h"

namespace starminer::engine::cometbft {

/// Rules of this engine, the same on every validator: a block that passes one is not voted for.
inline constexpr std::size_t kBlockTransactionsMax = 10'000;  // besides the preamble

/// Unix time of a Timestamp; nothing where it lies before 1970 or too far ahead to count in milliseconds.
[[nodiscard]] std::optional<TimeMs> to_time(const abci::Timestamp& time);
/// A block's time, never before the last block's.
[[nodiscard]] TimeMs block_time(const protocol::Machine& machine, const abci::Timestamp& time);

/// What CometBFT counts for a transaction of a block: its bytes, their length and a tag.
[[nodiscard]] std::uint64_t encoded_bytes(std::uint64_t transaction_bytes);

/// Transactions for the block after the machine's: of those that CometBFT names, what can stand in it and has room, in
/// the order of the block's seed, behind the preamble. `step` is the proposer's own.
[[nodiscard]] std::vector<Bytes> make_proposal(const protocol::Machine& machine, Verifier& verifier,
                                               const protocol::SeedStep& step,
                                               const abci::RequestPrepareProposal& request);

/// Why this validator does not vote for a block; nothing where it does.
[[nodiscard]] std::optional<std::string> find_fault(const protocol::Machine& machine, Verifier& verifier,
                                                    const abci::RequestProcessProposal& request);

}  // namespace starminer::engine::cometbft
