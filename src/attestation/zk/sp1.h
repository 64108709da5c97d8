// Proofs of SP1 in their Groth16 wrapping: each release has a key of its own, named by the first bytes of a proof. What
// a proof shows is that the program with this key wrote these public values. Source: verification.md 3. Pure functions.
#pragma once

#include <vector>

#include "attestation/zk/groth16.h"
#include "attestation/zk/risc0.h"
#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::attestation::zk {

/// What stands between the first bytes and the words of the proof: nothing up to SP1 5; exit code, root of the
/// recursion programs and nonce from SP1 6 on, which are public signals, too.
enum class Sp1Form : std::uint8_t { Plain, WithRoot };

struct Sp1Release {
  Selector prefix{};
  Sp1Form form = Sp1Form::Plain;
  /// Of the form with a root.
  Hash32 recursion_root;
};

struct Sp1Receipt {
  /// A field element, big-endian.
  Hash32 program_key;
  Bytes public_values;
  Bytes proof;
};

/// The hash of the public values as a signal: SHA-256 without its three highest bits.
[[nodiscard]] Number sp1_values_signal(ByteView public_values);

/// Program key, hash of the public values, and the words before the proof, as many as there are.
[[nodiscard]] std::vector<Number> sp1_signals(const Sp1Receipt& receipt, Sp1Form form);

/// ZK_RECEIPT_FORM, ZK_SELECTOR, with a root ZK_EXIT_CODE and ZK_RECURSION_ROOT, then as `verify`.
[[nodiscard]] evidence::Steps verify(const PreparedKey& key, const Sp1Receipt& receipt, const Sp1Release& release);

}  // namespace starminer::attestation::zk
