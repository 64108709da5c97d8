// Zero-knowledge proofs from files: a Groth16 proof over BN254 with its key and public signals, or a receipt of a zkVM
// that wraps one. Plain values.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "client/evidence/judgement.h"

namespace starminer::client::evidence {

/// What a file is of a proof: JSON by its members; bytes only for a key, which says what it is.
enum class ProofPart : std::uint8_t { None, Key, Proof, Signals, Receipt };
[[nodiscard]] ProofPart proof_part_of(ByteView file);

struct ProofFiles {
  Bytes key;
  /// Words may have the signals behind them, JSON of gnark has them in it.
  std::optional<Bytes> proof;
  std::optional<Bytes> signals;
  std::optional<Bytes> receipt;
};

struct ProofDemands {
  /// The image id or program key of a receipt; of a bare proof the digest of its verifying key.
  std::optional<Hash32> program;
};

/// Requires: a receipt or a proof. A key or a proof of another system than Groth16 over BN254 is UNSUPPORTED.
[[nodiscard]] Judgement judge_proof(const ProofFiles& files, const ProofDemands& demands);

/// The bytes behind hex with or without 0x, or base64; anything else is binary already.
[[nodiscard]] Bytes words_of(ByteView file);

}  // namespace starminer::client::evidence
