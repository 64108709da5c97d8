// Keys, proofs and public signals as snarkjs writes them, and gnark-to-snarkjs, read strictly: known members only,
// numbers as decimal strings in their one spelling, points with third coordinate 1. Total functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/zk/groth16.h"
#include "base/result.h"

namespace starminer::attestation::zk {

/// "groth16-bn254", "plonk-bn254", "groth16-bls12-381", ...: protocol and curve of a key or a proof in JSON. Empty
/// where the text is not of this form or names no protocol or curve.
[[nodiscard]] std::string system_of(std::string_view text);

/// Fails with a sentence. `vk_alphabeta_12` is passed over: it follows from the rest, and `PreparedKey` computes it.
[[nodiscard]] Result<KeyNumbers, std::string> parse_key(std::string_view text);

struct StatedProof {
  ProofNumbers proof;
  /// Where the file has them beside the proof.
  std::optional<std::vector<Number>> signals;
};

/// Fails with a sentence.
[[nodiscard]] Result<StatedProof, std::string> parse_proof(std::string_view text);
/// Fails with a sentence.
[[nodiscard]] Result<std::vector<Number>, std::string> parse_signals(std::string_view text);

}  // namespace starminer::attestation::zk
