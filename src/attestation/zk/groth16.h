// Groth16 over BN254 (Groth, "On the size of pairing-based non-interactive arguments", 2016): a proof (A, B, C) of the
// public signals x under a verifying key holds where
//     e(A, B) = e(alpha, beta) * e(IC0 + sum x_i * IC_i, gamma) * e(C, delta).
// What comes from strangers are numbers; a key and what is prepared of it exist only once every rule holds. Pure
// functions and plain values; from bytes to verdict nothing is random, secret or of the machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "attestation/evidence/steps.h"
#include "attestation/zk/pairing.h"
#include "base/hash.h"

namespace starminer::attestation::zk {

/// A key without signals binds its proofs to nothing, and every signal costs.
inline constexpr std::size_t kSignalsMax = 64;

struct G1Numbers {
  Number x{};
  Number y{};

  bool operator==(const G1Numbers&) const = default;
};

struct G2Numbers {
  Number x_real{};
  Number x_imaginary{};
  Number y_real{};
  Number y_imaginary{};

  bool operator==(const G2Numbers&) const = default;
};

struct KeyNumbers {
  G1Numbers alpha;
  G2Numbers beta;
  G2Numbers gamma;
  G2Numbers delta;
  /// One for the constant, then one for each signal.
  std::vector<G1Numbers> ic;

  bool operator==(const KeyNumbers&) const = default;
};

struct ProofNumbers {
  G1Numbers a;
  G2Numbers b;
  G1Numbers c;

  bool operator==(const ProofNumbers&) const = default;
};

/// The point, or nothing where a coordinate is not below p or the point is not on its curve. Infinity, which text and
/// bytes write as zeros, is on neither.
[[nodiscard]] std::optional<G1> point_of(const G1Numbers& numbers);
[[nodiscard]] std::optional<G2> point_of(const G2Numbers& numbers);

struct KeyCheck;

/// A key that may be registered: it holds for honest proofs, and nobody who only knows the key can forge one.
class VerifyingKey {
 public:
  [[nodiscard]] const KeyNumbers& numbers() const { return numbers_; }
  [[nodiscard]] std::size_t signal_count() const { return numbers_.ic.size() - 1; }
  /// Of the canonical bytes (words.h): what the key is called.
  [[nodiscard]] Hash32 digest() const;

 private:
  friend KeyCheck check_key(const KeyNumbers& numbers);
  friend class PreparedKey;
  explicit VerifyingKey(const KeyNumbers& numbers) : numbers_(numbers) {}

  KeyNumbers numbers_;
  G1 alpha_;
  G2 beta_;
  G2 gamma_;
  G2 delta_;
  std::vector<G1> ic_;
};

struct KeyCheck {
  /// ZK_KEY_FORM, ZK_KEY_POINTS, ZK_KEY_SUBGROUP, ZK_KEY_SOUND
  evidence::Steps steps;
  /// Where all of them passed.
  std::optional<VerifyingKey> key;
};

/// Everything that is asked of a key at its registration (verification.md 3): 1 to 64 signals, points on their curves
/// and in their groups, none at infinity, and no relation between them by which proofs can be made without a witness.
[[nodiscard]] KeyCheck check_key(const KeyNumbers& numbers);

/// A key with everything that does not depend on the proof: 20 KiB, and 16 KiB for each signal.
class PreparedKey {
 public:
  explicit PreparedKey(const VerifyingKey& key);

  [[nodiscard]] const VerifyingKey& key() const { return key_; }
  /// IC0 + sum x_i * IC_i. Requires: as many signals as the key has, each below r.
  [[nodiscard]] G1Sum sum_of(std::span<const Number> signals) const;
  /// Requires: `b` is of the proof's B.
  [[nodiscard]] bool equation_holds(const G1& a, const G2Lines& b, const G1& c, const G1Sum& signals) const;

 private:
  VerifyingKey key_;
  std::vector<G1Comb> combs_;
  G2Lines minus_gamma_;
  G2Lines minus_delta_;
  /// e(alpha, beta)
  Fp12 target_;
};

/// ZK_SIGNALS, ZK_POINTS, ZK_SUBGROUP, ZK_EQUATION. A valid proof can be changed into another valid proof of the same
/// signals by anybody ((-A, -B, C), among others), so a proof's bytes must never serve as its identity.
[[nodiscard]] evidence::Steps verify(const PreparedKey& key, const ProofNumbers& proof,
                                     std::span<const Number> signals);

/// What a block is charged for `verify` and for `check_key` with `PreparedKey`: microseconds of one core of a server of
/// 2023, about twice of what bench/evidence_bench measures, as machines of validators differ.
[[nodiscard]] constexpr std::uint64_t verification_weight_us(std::size_t signals) { return 2'000 + 25 * signals; }
[[nodiscard]] constexpr std::uint64_t registration_weight_us(std::size_t signals) { return 4'000 + 500 * signals; }

}  // namespace starminer::attestation::zk
