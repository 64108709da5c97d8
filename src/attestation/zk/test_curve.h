// The groups of BN254 by schoolbook formulas, and keys whose secrets are known, for tests.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <rapidcheck.h>

#include "attestation/zk/groth16.h"
#include "attestation/zk/test_big.h"

namespace starminer::attestation::zk {

/// Sum of two affine points of either group; nothing is infinity.
template <class Point>
std::optional<Point> plain_add(const std::optional<Point>& a, const std::optional<Point>& b) {
  if (!a || !b) return a ? a : b;
  if (a->x == b->x && a->y == -b->y) return std::nullopt;
  const auto slope = a->x == b->x ? (a->x.squared() + a->x.squared() + a->x.squared()) * (a->y + a->y).inverse()
                                  : (b->y - a->y) * (b->x - a->x).inverse();
  const auto x = slope.squared() - a->x - b->x;
  return Point{x, slope * (a->x - x) - a->y};
}

template <class Point>
std::optional<Point> plain_multiply(const Point& point, const Big& scalar) {
  std::optional<Point> sum;
  for (std::size_t bit = scalar.bits(); bit-- > 0;) {
    sum = plain_add(sum, sum);
    if (scalar.bit(bit)) sum = plain_add(sum, std::optional(point));
  }
  return sum;
}

/// A number below `modulus` that the label draws.
inline Big drawn(std::string_view label, const Big& modulus = group_order()) {
  Bytes word(kWordBytes);
  const Hash32 hash = sha256(label);
  word.assign(hash.bytes.begin(), hash.bytes.end());
  return Big(number_of_word(word)) % modulus;
}

inline rc::Gen<Number> any_number() {
  const auto limb = rc::gen::arbitrary<std::uint64_t>();
  return rc::gen::apply(
      [](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
        return Number{a, b, c, d};
      },
      limb, limb, limb, limb);
}

/// Any element, often one at an edge.
inline rc::Gen<Fp> any_element() {
  const auto edge = rc::gen::map(rc::gen::inRange(0, 8), [](int which) {
    return which < 4 ? element(Big(static_cast<std::uint64_t>(which)))
                     : element(field_prime() - Big(static_cast<std::uint64_t>(which - 3)));
  });
  return rc::gen::weightedOneOf<Fp>(
      {{3, rc::gen::map(any_number(), [](const Number& number) { return element(Big(number)); })}, {1, edge}});
}

inline rc::Gen<Big> any_scalar() {
  return rc::gen::map(any_number(),
                      [](const Number& number) { return Big(number) % (group_order() - Big(1)) + Big(1); });
}

/// Multiples by a few bits of a point that is drawn: as good as any, and soon made.
template <class Point>
rc::Gen<Point> any_multiple(const Point& generator) {
  return rc::gen::map(rc::gen::inRange<std::uint64_t>(1, 1U << 16), [generator](std::uint64_t scalar) {
    static const Point drawn_point = *plain_multiply(generator, drawn("point"));
    return *plain_multiply(drawn_point, Big(scalar));
  });
}
inline rc::Gen<G1> any_g1() { return any_multiple(kG1Generator); }
inline rc::Gen<G2> any_g2() { return any_multiple(kG2Generator); }

inline G1Numbers numbers_of(const G1& point) { return {point.x.number(), point.y.number()}; }
inline G2Numbers numbers_of(const G2& point) {
  return {point.x.real.number(), point.x.imaginary.number(), point.y.real.number(), point.y.imaginary.number()};
}
inline G1Numbers g1(const Big& scalar) {
  return numbers_of(*multiply(kG1Generator, (scalar % group_order()).number()));
}
inline G2Numbers g2(const Big& scalar) { return numbers_of(*plain_multiply(kG2Generator, scalar % group_order())); }

/// The secrets of a key's ceremony, by which any signals can be proved.
struct Ceremony {
  Big alpha;
  Big beta;
  Big gamma;
  Big delta;
  std::vector<Big> ic;

  explicit Ceremony(std::size_t signals, std::string_view label = "ceremony") {
    const auto draw = [&](const std::string& name) { return drawn(std::string(label) + "/" + name); };
    alpha = draw("alpha");
    beta = draw("beta");
    gamma = draw("gamma");
    delta = draw("delta");
    for (std::size_t i = 0; i <= signals; ++i) ic.push_back(draw("ic" + std::to_string(i)));
  }

  [[nodiscard]] KeyNumbers key() const {
    KeyNumbers numbers{g1(alpha), g2(beta), g2(gamma), g2(delta), {}};
    for (const Big& scalar : ic) numbers.ic.push_back(g1(scalar));
    return numbers;
  }

  [[nodiscard]] ProofNumbers prove(const std::vector<Number>& signals, std::string_view label = "proof") const {
    Big sum = ic[0];
    for (std::size_t i = 0; i < signals.size(); ++i) sum = sum + Big(signals[i]) * ic[i + 1];
    const Big a = drawn(std::string(label) + "/a");
    const Big b = drawn(std::string(label) + "/b", Big(1U << 16)) + Big(1);
    const Big c = (a * b - alpha * beta - sum * gamma) % group_order() * delta.inverse(group_order());
    return {g1(a), g2(b), g1(c)};
  }
};

}  // namespace starminer::attestation::zk
