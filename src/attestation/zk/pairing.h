// The optimal ate pairing of BN254 (Vercauteren, "Optimal pairings", 2010; Aranha et al., "Faster explicit formulas for
// computing pairings over ordinary curves", 2011) as a product of pairings under one final exponentiation.
// Pure functions and plain values.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "attestation/zk/g1.h"
#include "attestation/zk/g2.h"

namespace starminer::attestation::zk {

/// What the Miller loop needs of a point of the second group: the lines through its multiples. They exist only for
/// points of the subgroup of order r, so whoever pairs has checked. Made once for a fixed point, used for many
/// pairings.
class G2Lines {
 public:
  /// The line 1 + slope * (x / y) * w + offset * (1 / y) * w^3 at a point (x, y) of the first group.
  struct Line {
    Fp2 slope;
    Fp2 offset;
  };

  /// Nothing for a point outside of the subgroup. Requires: it is on the twist.
  [[nodiscard]] static std::optional<G2Lines> make(const G2& point);

  [[nodiscard]] std::span<const Line> list() const& { return lines_; }
  std::span<const Line> list() && = delete;

 private:
  G2Lines() = default;

  std::vector<Line> lines_;
};

struct Pair {
  G1 point;
  const G2Lines* lines;
};

/// The product of the Miller functions of the pairs; a pairing only after the final exponentiation.
[[nodiscard]] Fp12 miller_loop(std::span<const Pair> pairs);
/// Requires: not zero.
[[nodiscard]] Fp12 final_exponentiation(const Fp12& value);

/// The product of the pairings, a value in the subgroup of order r of Fp12; 1 for no pairs.
[[nodiscard]] inline Fp12 pairing(std::span<const Pair> pairs) { return final_exponentiation(miller_loop(pairs)); }

}  // namespace starminer::attestation::zk
