#include "attestation/zk/g1.h"

namespace starminer::attestation::zk {

// "dbl-2009-l" of the Explicit-Formulas Database, by Lange. No point of prime order has y = 0.
void G1Sum::double_up() {
  const Fp a = x_.squared();
  const Fp b = y_.squared();
  const Fp c = b.squared();
  const Fp d = ((x_ + b).squared() - a - c).doubled();
  const Fp e = a.doubled() + a;
  const Fp x = e.squared() - d.doubled();
  z_ = (y_ * z_).doubled();
  y_ = e * (d - x) - c.doubled().doubled().doubled();
  x_ = x;
}

// "madd-2007-bl" of the same, by Bernstein and Lange, and the cases that it leaves out.
void G1Sum::add(const G1& point) {
  if (is_infinity()) {
    *this = G1Sum(point);
    return;
  }
  const Fp z_squared = z_.squared();
  const Fp h = point.x * z_squared - x_;
  const Fp half_r = point.y * z_ * z_squared - y_;
  if (h.is_zero()) {
    if (half_r.is_zero()) {
      double_up();
    } else {
      *this = G1Sum();
    }
    return;
  }
  const Fp h_squared = h.squared();
  const Fp i = h_squared.doubled().doubled();
  const Fp j = h * i;
  const Fp r = half_r.doubled();
  const Fp v = x_ * i;
  const Fp x = r.squared() - j - v.doubled();
  y_ = r * (v - x) - (y_ * j).doubled();
  z_ = (z_ + h).squared() - z_squared - h_squared;
  x_ = x;
}

G1 G1Sum::scaled(const Fp& inverse_of_z) const {
  const Fp square = inverse_of_z.squared();
  return {x_ * square, y_ * square * inverse_of_z};
}

std::optional<G1> G1Sum::affine() const {
  if (is_infinity()) return std::nullopt;
  return scaled(z_.inverse());
}

std::vector<G1> G1Sum::affine(std::span<const G1Sum> sums) {
  // The inverse of the product of all, and from the last to the first each one's own of it (Montgomery's trick).
  std::vector<Fp> products;
  products.reserve(sums.size());
  Fp product = Fp::one();
  for (const G1Sum& sum : sums) {
    products.push_back(product);
    product = product * sum.z_;
  }
  Fp inverse = product.inverse();
  std::vector<G1> points(sums.size());
  for (std::size_t i = sums.size(); i-- > 0;) {
    points[i] = sums[i].scaled(inverse * products[i]);
    inverse = inverse * sums[i].z_;
  }
  return points;
}

std::optional<G1> multiply(const G1& point, const Number& scalar) {
  G1Sum sum;
  for (std::size_t bit = 256; bit-- > 0;) {
    sum.double_up();
    if (bit_of(scalar, bit)) sum.add(point);
  }
  return sum.affine();
}

G1Comb::G1Comb(const G1& point) {
  std::vector<G1Sum> teeth;
  G1Sum power(point);
  for (std::size_t tooth = 0; tooth < kTeeth; ++tooth) {
    teeth.push_back(power);
    for (std::size_t i = 0; i < kColumns; ++i) power.double_up();
  }
  const std::vector<G1> powers = G1Sum::affine(teeth);
  std::vector<G1Sum> sums = {G1Sum(powers[0])};
  for (std::size_t tooth = 1; tooth < kTeeth; ++tooth) {
    const std::size_t smaller = sums.size();
    sums.emplace_back(powers[tooth]);
    for (std::size_t i = 0; i < smaller; ++i) {
      sums.push_back(sums[i]);
      sums.back().add(powers[tooth]);
    }
  }
  sums_ = G1Sum::affine(sums);
}

void G1Comb::add_column(const Number& scalar, std::size_t column, G1Sum& sum) const {
  std::size_t bits = 0;
  for (std::size_t tooth = kTeeth; tooth-- > 0;) {
    bits = bits << 1 | static_cast<std::size_t>(bit_of(scalar, kColumns * tooth + column));
  }
  if (bits != 0) sum.add(sums_[bits - 1]);
}

}  // namespace starminer::attestation::zk
