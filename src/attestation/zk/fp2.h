// Fp2 = Fp[u] / (u^2 + 1): the coordinates of the second group. Plain values.
#pragma once

#include "attestation/zk/fp.h"

namespace starminer::attestation::zk {

/// real + imaginary * u
struct Fp2 {
  Fp real;
  Fp imaginary;

  [[nodiscard]] static constexpr Fp2 one() { return {Fp::one(), {}}; }
  [[nodiscard]] constexpr bool is_zero() const { return real.is_zero() && imaginary.is_zero(); }
  constexpr bool operator==(const Fp2&) const = default;

  friend constexpr Fp2 operator+(const Fp2& a, const Fp2& b) { return {a.real + b.real, a.imaginary + b.imaginary}; }
  friend constexpr Fp2 operator-(const Fp2& a, const Fp2& b) { return {a.real - b.real, a.imaginary - b.imaginary}; }
  constexpr Fp2 operator-() const { return {-real, -imaginary}; }

  friend constexpr Fp2 operator*(const Fp2& a, const Fp2& b) {
    return {Fp::sum_of_products(a.real, b.real, -a.imaginary, b.imaginary),
            Fp::sum_of_products(a.real, b.imaginary, a.imaginary, b.real)};
  }
  friend constexpr Fp2 operator*(const Fp2& a, const Fp& b) { return {a.real * b, a.imaginary * b}; }

  [[nodiscard]] constexpr Fp2 squared() const {
    return {(real + imaginary) * (real - imaginary), (real * imaginary).doubled()};
  }
  [[nodiscard]] constexpr Fp2 doubled() const { return {real.doubled(), imaginary.doubled()}; }
  [[nodiscard]] constexpr Fp2 tripled() const { return doubled() + *this; }
  [[nodiscard]] constexpr Fp2 halved() const { return {real.halved(), imaginary.halved()}; }
  /// this^p
  [[nodiscard]] constexpr Fp2 conjugate() const { return {real, -imaginary}; }
  /// 1 / this, and 0 for 0.
  [[nodiscard]] Fp2 inverse() const {
    const Fp norm = (real.squared() + imaginary.squared()).inverse();
    return {real * norm, -(imaginary * norm)};
  }
  /// this * (9 + u), the number that is neither square nor cube, on which the tower and the twist are built.
  [[nodiscard]] constexpr Fp2 times_non_residue() const {
    return {real.nine_times_minus(imaginary), imaginary.nine_times_plus(real)};
  }
};

}  // namespace starminer::attestation::zk
