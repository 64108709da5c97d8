// The first group of BN254: y^2 = x^3 + 3 over Fp, of prime order r, so that every point but infinity generates it.
// Plain values. Infinity has no coordinates, so the affine point has no spelling of it.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "attestation/zk/fp.h"

namespace starminer::attestation::zk {

struct G1 {
  Fp x;
  Fp y;

  constexpr bool operator==(const G1&) const = default;
  constexpr G1 operator-() const { return {x, -y}; }
  [[nodiscard]] constexpr bool is_on_curve() const { return y.squared() == x.squared() * x + Fp::small(3); }
};

inline constexpr G1 kG1Generator = {Fp::small(1), Fp::small(2)};

/// A sum in the making: (x / z^2, y / z^3), infinity where z = 0 (Jacobian coordinates). All cases of the group law are
/// covered: the points of strangers meet where they like.
class G1Sum {
 public:
  /// Infinity.
  constexpr G1Sum() = default;
  explicit constexpr G1Sum(const G1& point) : x_(point.x), y_(point.y), z_(Fp::one()) {}

  [[nodiscard]] constexpr bool is_infinity() const { return z_.is_zero(); }
  void add(const G1& point);
  void double_up();
  /// Nothing for infinity.
  [[nodiscard]] std::optional<G1> affine() const;

  /// The same for many sums at the price of one inversion. Requires: none is infinity.
  [[nodiscard]] static std::vector<G1> affine(std::span<const G1Sum> sums);

 private:
  [[nodiscard]] G1 scaled(const Fp& inverse_of_z) const;

  Fp x_;
  Fp y_ = Fp::one();
  Fp z_;
};

/// point * scalar, by doubling and adding; nothing for infinity.
[[nodiscard]] std::optional<G1> multiply(const G1& point, const Number& scalar);

/// All sums of a point's multiples by 2^0, 2^32, ... 2^224, so that a multiple of a fixed point takes 32 doublings that
/// it shares with those of other points, and 32 additions (Lim and Lee, "More flexible exponentiation with
/// precomputation", 1994).
class G1Comb {
 public:
  static constexpr std::size_t kTeeth = 8;
  static constexpr std::size_t kColumns = 32;

  explicit G1Comb(const G1& point);
  /// Adds what the scalar has in this column. Requires: column < kColumns.
  void add_column(const Number& scalar, std::size_t column, G1Sum& sum) const;

 private:
  /// By the bits of their teeth, from 1 on. No sum of powers of 2^32 below 2^256 is a multiple of r, so none is
  /// infinity.
  std::vector<G1> sums_;
};

}  // namespace starminer::attestation::zk
