// A verifiable random function: for each key and input exactly one output exists, only the holder of the key finds it,
// and everyone can check it. Output = secret * HashToGroup(input) with a DLEQ proof, the verifiable mode of RFC 9497
// without blinding. Proofs are deterministic: one input has one proof, and no source of randomness is asked.
// Invariants: a verified output is a canonical point other than the identity. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>

#include "attestation/vrf/dleq.h"
#include "base/bytes.h"

namespace starminer::attestation::vrf {

/// The output of a verified evaluation. Hash it before use: its bytes are a point, not uniform.
using Output = Element;
using PublicKey = Element;
using Proof = DleqProof;
using Seed = std::array<std::uint8_t, 32>;

struct Evaluation {
  Output output;
  Proof proof;
};

/// A key. The secret is wiped when the object goes.
class SecretKey {
 public:
  /// The key of 32 secret bytes (DeriveKeyPair of RFC 9497 section 3.2.1 with info "starminer/vrf/1").
  [[nodiscard]] static SecretKey from_seed(const Seed& seed);
  ~SecretKey();
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] Evaluation prove(ByteView input) const;

 private:
  SecretKey() = default;
  Scalar secret_;
  PublicKey public_key_;
};

/// BadKey, BadElement (the output), BadScalar: bytes that no prover makes. Mismatch: well formed, but another output
/// belongs to this key and input, or the proof is another statement's.
[[nodiscard]] DleqFault verify(const PublicKey& key, ByteView input, const Evaluation& evaluation);

}  // namespace starminer::attestation::vrf
