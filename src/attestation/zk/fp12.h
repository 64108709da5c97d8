// The tower above Fp2 in which pairings take their values: Fp6 = Fp2[v] / (v^3 - (9 + u)), Fp12 = Fp6[w] / (w^2 - v).
// Plain values.
#pragma once

#include "attestation/zk/fp2.h"

namespace starminer::attestation::zk {

/// c0 + c1 * v + c2 * v^2
struct Fp6 {
  Fp2 c0;
  Fp2 c1;
  Fp2 c2;

  constexpr bool operator==(const Fp6&) const = default;
  friend constexpr Fp6 operator+(const Fp6& a, const Fp6& b) { return {a.c0 + b.c0, a.c1 + b.c1, a.c2 + b.c2}; }
  friend constexpr Fp6 operator-(const Fp6& a, const Fp6& b) { return {a.c0 - b.c0, a.c1 - b.c1, a.c2 - b.c2}; }
  constexpr Fp6 operator-() const { return {-c0, -c1, -c2}; }
  friend Fp6 operator*(const Fp6& a, const Fp6& b);
  /// this * (b0 + b1 * v): five products for six.
  [[nodiscard]] Fp6 times_sparse(const Fp2& b0, const Fp2& b1) const;
  [[nodiscard]] constexpr Fp6 times_v() const { return {c2.times_non_residue(), c0, c1}; }
  [[nodiscard]] Fp6 inverse() const;
};

/// c0 + c1 * w
struct Fp12 {
  Fp6 c0;
  Fp6 c1;

  [[nodiscard]] static constexpr Fp12 one() { return {{Fp2::one(), {}, {}}, {}}; }
  constexpr bool operator==(const Fp12&) const = default;
  friend Fp12 operator*(const Fp12& a, const Fp12& b);
  [[nodiscard]] Fp12 squared() const;
  /// this * (1 + b * w + c * w^3): ten products for eighteen.
  [[nodiscard]] Fp12 times_line(const Fp2& b, const Fp2& c) const;
  /// 1 / this, and 0 for 0.
  [[nodiscard]] Fp12 inverse() const;
  /// this^p
  [[nodiscard]] Fp12 frobenius() const;
  /// this^(p^6), which is 1 / this for elements of the cyclotomic subgroup.
  [[nodiscard]] constexpr Fp12 conjugate() const { return {c0, -c1}; }
  /// The square of an element of the cyclotomic subgroup (this^(p^4 - p^2 + 1) = 1): Granger and Scott, "Faster
  /// squaring in the cyclotomic subgroup of sixth degree extensions", 2010.
  [[nodiscard]] Fp12 cyclotomic_squared() const;
};

/// (9 + u)^((p - 1) / 6): what raising to p does to w.
inline constexpr Fp2 kFrobeniusOfW = {Fp::constant("1284b71c2865a7dfe8b99fdd76e68b605c521e08292f2176d60b35dadcc9e470"),
                                      Fp::constant("246996f3b4fae7e6a6327cfe12150b8e747992778eeec7e5ca5cf05f80f362ac")};
inline constexpr Fp2 kFrobeniusOfW2 = kFrobeniusOfW * kFrobeniusOfW;
inline constexpr Fp2 kFrobeniusOfW3 = kFrobeniusOfW2 * kFrobeniusOfW;
inline constexpr Fp2 kFrobeniusOfW4 = kFrobeniusOfW2 * kFrobeniusOfW2;
inline constexpr Fp2 kFrobeniusOfW5 = kFrobeniusOfW4 * kFrobeniusOfW;

}  // namespace starminer::attestation::zk
