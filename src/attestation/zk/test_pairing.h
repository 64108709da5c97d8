// The optimal ate pairing from its definition, for tests: Fp12 as polynomials in w over numbers of OpenSSL, lines
// through affine points, and the whole exponent (p^12 - 1) / r. Slow and obvious.
#pragma once

#include <array>

#include "attestation/zk/g1.h"
#include "attestation/zk/g2.h"
#include "attestation/zk/test_curve.h"

namespace starminer::attestation::zk {

/// Coefficients of w^0 ... w^11; w^12 = 18 w^6 - 82, as (w^6 - 9)^2 = -1.
struct PlainFp12 {
  std::array<Big, 12> c;

  static PlainFp12 one() {
    PlainFp12 value;
    value.c[0] = Big(1);
    return value;
  }

  /// Adds (a + b * u) * w^power, where u = w^6 - 9.
  void add(const Fp2& part, std::size_t power) {
    const Big& p = field_prime();
    c[power] = (c[power] + big(part.real) - Big(9) * big(part.imaginary)) % p;
    c[power + 6] = (c[power + 6] + big(part.imaginary)) % p;
  }

  friend bool operator==(const PlainFp12& a, const PlainFp12& b) { return a.c == b.c; }

  friend PlainFp12 operator*(const PlainFp12& a, const PlainFp12& b) {
    std::array<Big, 23> product;
    for (std::size_t i = 0; i < 12; ++i) {
      for (std::size_t k = 0; k < 12; ++k) product[i + k] = product[i + k] + a.c[i] * b.c[k];
    }
    for (std::size_t i = 22; i >= 12; --i) {
      product[i - 6] = product[i - 6] + Big(18) * product[i];
      product[i - 12] = product[i - 12] - Big(82) * product[i];
    }
    PlainFp12 result;
    for (std::size_t i = 0; i < 12; ++i) result.c[i] = product[i] % field_prime();
    return result;
  }
};

inline PlainFp12 plain(const Fp12& value) {
  PlainFp12 result;
  result.add(value.c0.c0, 0);
  result.add(value.c1.c0, 1);
  result.add(value.c0.c1, 2);
  result.add(value.c1.c1, 3);
  result.add(value.c0.c2, 4);
  result.add(value.c1.c2, 5);
  return result;
}

inline PlainFp12 plain_power(const PlainFp12& base, const Big& exponent) {
  PlainFp12 power = PlainFp12::one();
  for (std::size_t bit = exponent.bits(); bit-- > 0;) {
    power = power * power;
    if (exponent.bit(bit)) power = power * base;
  }
  return power;
}

/// The line through the images of two points of the twist on the curve over Fp12, (x w^2, y w^3), at `point`, after
/// which `a` is their sum.
inline PlainFp12 plain_line(G2& a, const G2& b, const G1& point) {
  const Fp2 slope = a == b ? (a.x.squared() + a.x.squared() + a.x.squared()) * (a.y + a.y).inverse()
                           : (b.y - a.y) * (b.x - a.x).inverse();
  PlainFp12 line;
  line.add({point.y, {}}, 0);
  line.add(-(slope * point.x), 1);
  line.add(slope * a.x - a.y, 3);
  a = *plain_add(std::optional(a), std::optional(b));
  return line;
}

inline Big curve_parameter() { return {std::uint64_t{4965661367192848881}}; }

inline PlainFp12 plain_miller_loop(const G1& point, const G2& other) {
  const Big length = Big(6) * curve_parameter() + Big(2);
  PlainFp12 value = PlainFp12::one();
  G2 sum = other;
  for (std::size_t bit = length.bits() - 1; bit-- > 0;) {
    value = value * value * plain_line(sum, sum, point);
    if (length.bit(bit)) value = value * plain_line(sum, other, point);
  }
  const G2 image = other.frobenius();
  value = value * plain_line(sum, image, point);
  return value * plain_line(sum, -image.frobenius(), point);
}

/// (p^12 - 1) / r
inline Big final_exponent() {
  Big power(1);
  for (int i = 0; i < 12; ++i) power = power * field_prime();
  return (power - Big(1)) / group_order();
}

}  // namespace starminer::attestation::zk
