// A block's preamble as it travels among the transactions of CometBFT: the first of them, in the form of a transaction
// without a signer, so that whoever reads blocks with the published schema sees what it is. Nobody else can bring one:
// what has this form is refused everywhere else. Pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace starminer::engine::cometbft {

/// `preamble` is that of a block (protocol::SeedStep::preamble_bytes).
[[nodiscard]] Bytes wrap_preamble(std::string_view chain_id, ByteView preamble);
/// The preamble in a transaction of exactly the form that `wrap_preamble` gives; nothing where it is none.
[[nodiscard]] std::optional<Bytes> unwrap_preamble(std::string_view chain_id, ByteView transaction);

/// The account by which the genesis names a validator: the 20 bytes of its address (CometBFT: SHA-256 of its consensus
/// key). The zero account where the address has another length.
[[nodiscard]] AccountId proposer_account(std::string_view address);

}  // namespace starminer::engine::cometbft
