// Keys, proofs and signals as bytes: every coordinate a word of 32 bytes, big-endian, as the EVM's precompiles have
// them (EIP-196, EIP-197), which write the imaginary part of an element of Fp2 first. One value has one byte string.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "attestation/zk/groth16.h"
#include "base/bytes.h"

namespace starminer::attestation::zk {

/// What the bytes of a key begin with. Then alpha, beta, gamma, delta and the points of the constant and the signals.
inline constexpr std::string_view kKeyMagic = "SMZKKEY1";
/// A, B, C.
inline constexpr std::size_t kProofBytes = 8 * kWordBytes;

[[nodiscard]] Bytes encode_key(const KeyNumbers& numbers);
/// Nothing for bytes that do not begin as a key or have no whole number of points, at least one and at most
/// kSignalsMax + 1, at their end.
[[nodiscard]] std::optional<KeyNumbers> decode_key(ByteView bytes);

[[nodiscard]] Bytes encode_proof(const ProofNumbers& proof);
/// Nothing for another length.
[[nodiscard]] std::optional<ProofNumbers> decode_proof(ByteView bytes);

/// Nothing for a length that is no multiple of 32, or for more than kSignalsMax.
[[nodiscard]] std::optional<std::vector<Number>> decode_signals(ByteView bytes);

[[nodiscard]] G1Numbers take_g1(ByteView& rest);
/// Requires: 64 (G1) or 128 (G2) bytes are left.
[[nodiscard]] G2Numbers take_g2(ByteView& rest);
void append_g1(const G1Numbers& point, Bytes& out);
void append_g2(const G2Numbers& point, Bytes& out);

}  // namespace starminer::attestation::zk
