// The arithmetic of BN254 as the precompiled contracts of the EVM have it: 0x06 and 0x07 (EIP-196), 0x08 (EIP-197). By
// them this code can be held against the vectors of every other implementation. Pure functions.
#pragma once

#include <optional>

#include "base/bytes.h"

namespace starminer::attestation::zk {

/// The sum of two points, each two words, infinity (0, 0); missing bytes are zero, more than 128 are passed over.
/// Nothing where the call fails.
[[nodiscard]] std::optional<Bytes> evm_add(ByteView input);
/// A point by a number of 256 bits; missing bytes are zero, more than 96 are passed over. Nothing where the call fails.
[[nodiscard]] std::optional<Bytes> evm_multiply(ByteView input);
/// Whether the pairings of the given pairs, six words each, multiply to 1. Nothing where the call fails.
[[nodiscard]] std::optional<bool> evm_pairing(ByteView input);

}  // namespace starminer::attestation::zk
