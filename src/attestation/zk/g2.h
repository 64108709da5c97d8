// The second group of BN254: a subgroup of order r of the twist y^2 = x^3 + 3 / (9 + u) over Fp2, whose other points
// pairings must never see. Plain values.
#pragma once

#include "attestation/zk/fp12.h"

namespace starminer::attestation::zk {

/// 3 / (9 + u)
inline constexpr Fp2 kTwistCoefficient = {
    Fp::constant("2b149d40ceb8aaae81be18991be06ac3b5b4c5e559dbefa33267e6dc24a138e5"),
    Fp::constant("009713b03af0fed4cd2cafadeed8fdf4a74fa084e52d1852e4a2bd0685c315d2")};
static_assert(kTwistCoefficient.times_non_residue() == Fp2{Fp::small(3), {}});

/// An affine point, perhaps outside of the subgroup; whether it is inside, its `G2Lines` tell.
struct G2 {
  Fp2 x;
  Fp2 y;

  constexpr bool operator==(const G2&) const = default;
  constexpr G2 operator-() const { return {x, -y}; }
  [[nodiscard]] constexpr bool is_on_twist() const { return y.squared() == x.squared() * x + kTwistCoefficient; }
  /// The image of raising to p on the curve over Fp12, back on the twist. It multiplies the points of the subgroup by
  /// p.
  [[nodiscard]] constexpr G2 frobenius() const {
    return {x.conjugate() * kFrobeniusOfW2, y.conjugate() * kFrobeniusOfW3};
  }
};

inline constexpr G2 kG2Generator = {{Fp::constant("1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"),
                                     Fp::constant("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2")},
                                    {Fp::constant("12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"),
                                     Fp::constant("090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b")}};

}  // namespace starminer::attestation::zk
