#include "attestation/zk/pairing.h"

#include <array>
#include <cstdint>

namespace starminer::attestation::zk {
namespace {

/// The parameter of the curve: p = 36x^4 + 36x^3 + 24x^2 + 6x + 1, r = p - 6x^2.
constexpr std::uint64_t kX = 4965661367192848881;

/// Digits of `number`, lowest first, each zero or odd and below 2^(width - 1) in size, the last not zero.
template <unsigned kWidth>
struct SignedDigits {
  std::array<std::int8_t, 72> digits{};
  std::size_t size = 0;

  constexpr explicit SignedDigits(u128 number) {
    constexpr std::int32_t kModulus = 1 << kWidth;
    for (; number != 0; number >>= 1) {
      std::int32_t digit = 0;
      if ((number & 1) != 0) {
        digit = static_cast<std::int32_t>(number % kModulus);
        if (digit >= kModulus / 2) digit -= kModulus;
        number = digit < 0 ? number + static_cast<unsigned>(-digit) : number - static_cast<unsigned>(digit);
      }
      digits[size++] = static_cast<std::int8_t>(digit);
    }
  }
};

/// 6x + 2 in digits -1, 0, 1: the Miller loop's length.
constexpr SignedDigits<2> kLoop(u128{6} * kX + 2);
constexpr SignedDigits<4> kExponent(kX);

/// A line before its constant coefficient is made 1.
struct RawLine {
  Fp2 constant;
  Fp2 slope;
  Fp2 offset;
};

/// A multiple of a point of the twist, (x / z, y / z), and the lines of its steps (Costello, Lange and Naehrig, "Faster
/// pairing computations on curves with high-degree twists", 2010). The formulas are not complete: once a step meets a
/// case that they leave out, z is 0 for good.
class Multiple {
 public:
  explicit Multiple(const G2& point) : x_(point.x), y_(point.y), z_(Fp2::one()) {}

  RawLine double_up() {
    const Fp2 a = (x_ * y_).halved();
    const Fp2 b = y_.squared();
    const Fp2 c = z_.squared();
    const Fp2 e = kTwistCoefficient * c.tripled();
    const Fp2 f = e.tripled();
    const Fp2 g = (b + f).halved();
    const Fp2 h = (y_ + z_).squared() - (b + c);
    const RawLine line = {-h, x_.squared().tripled(), e - b};
    x_ = a * (b - f);
    y_ = g.squared() - e.squared().tripled();
    z_ = b * h;
    return line;
  }

  RawLine add(const G2& point) {
    const Fp2 theta = y_ - point.y * z_;
    const Fp2 lambda = x_ - point.x * z_;
    const Fp2 d = lambda.squared();
    const Fp2 e = lambda * d;
    const Fp2 f = z_ * theta.squared();
    const Fp2 g = x_ * d;
    const Fp2 h = e + f - g.doubled();
    x_ = lambda * h;
    y_ = theta * (g - h) - e * y_;
    z_ = z_ * e;
    return {lambda, -theta, theta * point.x - lambda * point.y};
  }

  [[nodiscard]] bool is(const G2& point) const { return !z_.is_zero() && x_ == point.x * z_ && y_ == point.y * z_; }

 private:
  Fp2 x_;
  Fp2 y_;
  Fp2 z_;
};

/// Lines with their constants divided out, by one inversion. A factor in Fp2 does not change a pairing.
std::vector<G2Lines::Line> normalized(const std::vector<RawLine>& raw) {
  std::vector<Fp2> products;
  products.reserve(raw.size());
  Fp2 product = Fp2::one();
  for (const RawLine& line : raw) {
    products.push_back(product);
    product = product * line.constant;
  }
  Fp2 inverse = product.inverse();
  std::vector<G2Lines::Line> lines(raw.size());
  for (std::size_t i = raw.size(); i-- > 0;) {
    const Fp2 factor = inverse * products[i];
    inverse = inverse * raw[i].constant;
    lines[i] = {raw[i].slope * factor, raw[i].offset * factor};
  }
  return lines;
}

/// value^x in the cyclotomic subgroup.
Fp12 power_x(const Fp12& value) {
  const Fp12 square = value.cyclotomic_squared();
  std::array<Fp12, 4> odd = {value};
  for (std::size_t i = 1; i < odd.size(); ++i) odd[i] = odd[i - 1] * square;
  Fp12 power = odd[static_cast<std::size_t>(kExponent.digits[kExponent.size - 1]) / 2];
  for (std::size_t i = kExponent.size - 1; i-- > 0;) {
    power = power.cyclotomic_squared();
    const int digit = kExponent.digits[i];
    if (digit > 0) power = power * odd[static_cast<std::size_t>(digit) / 2];
    if (digit < 0) power = power * odd[static_cast<std::size_t>(-digit) / 2].conjugate();
  }
  return power;
}

}  // namespace

std::optional<G2Lines> G2Lines::make(const G2& point) {
  Multiple multiple(point);
  std::vector<RawLine> raw;
  raw.reserve(2 * kLoop.size);
  for (std::size_t i = kLoop.size - 1; i-- > 0;) {
    raw.push_back(multiple.double_up());
    if (kLoop.digits[i] != 0) raw.push_back(multiple.add(kLoop.digits[i] > 0 ? point : -point));
  }
  const G2 image = point.frobenius();
  const G2 second = image.frobenius();
  raw.push_back(multiple.add(image));
  raw.push_back(multiple.add(-second));
  // (6x + 2) + p - p^2 + p^3 is a multiple of r, so on the subgroup what the loop has summed is minus the third image.
  // Nowhere else: the polynomial's resultant with the Frobenius' own, X^2 - (6x^2 + 1)X + p, has no factor in common
  // with the cofactor 2p - r. No point meets a case that the formulas leave out before the images; if one did there,
  // its z would be 0. Both are computed in tests/vectors/zk/derive.py.
  if (!multiple.is(-second.frobenius())) return std::nullopt;
  G2Lines lines;
  lines.lines_ = normalized(raw);
  return lines;
}

Fp12 miller_loop(std::span<const Pair> pairs) {
  struct Factors {
    Fp slope;
    Fp offset;
    std::span<const G2Lines::Line> lines;
  };
  std::vector<Factors> factors;
  factors.reserve(pairs.size());
  // The order of the curve is odd, so no point has y = 0. All y are inverted at once.
  Fp product = Fp::one();
  for (const Pair& pair : pairs) {
    factors.push_back({pair.point.x, product, pair.lines->list()});
    product = product * pair.point.y;
  }
  Fp inverse = product.inverse();
  for (std::size_t i = pairs.size(); i-- > 0;) {
    factors[i].offset = inverse * factors[i].offset;
    factors[i].slope = factors[i].slope * factors[i].offset;
    inverse = inverse * pairs[i].point.y;
  }
  Fp12 value = Fp12::one();
  std::size_t next = 0;
  const auto step = [&] {
    for (const Factors& factor : factors) {
      const G2Lines::Line& line = factor.lines[next];
      value = value.times_line(line.slope * factor.slope, line.offset * factor.offset);
    }
    ++next;
  };
  for (std::size_t i = kLoop.size - 1; i-- > 0;) {
    value = value.squared();
    step();
    if (kLoop.digits[i] != 0) step();
  }
  step();
  step();
  return value;
}

Fp12 final_exponentiation(const Fp12& value) {
  // To (p^6 - 1)(p^2 + 1): into the cyclotomic subgroup.
  const Fp12 first = value.conjugate() * value.inverse();
  const Fp12 f = first.frobenius().frobenius() * first;
  // To 2x(6x^2 + 3x + 1)(p^4 - p^2 + 1) / r, written in powers of p (Fuentes-Castaneda, Knapp and Rodriguez-Henriquez,
  // "Faster hashing to G2", 2011): a + 6x^2 + 1, a - 2x, a, a - 2x - 1 with a = 12x^3 + 6x^2 + 6x.
  const Fp12 f2x = power_x(f).cyclotomic_squared();
  const Fp12 f6x = f2x.cyclotomic_squared() * f2x;
  const Fp12 f6x2 = power_x(f6x);
  const Fp12 f12x3 = power_x(f6x2.cyclotomic_squared());
  const Fp12 a = f12x3 * f6x2 * f6x;
  const Fp12 b = a * f2x.conjugate();
  Fp12 power = b * f.conjugate();
  power = power.frobenius() * a;
  power = power.frobenius() * b;
  return power.frobenius() * a * f6x2 * f;
}

}  // namespace starminer::attestation::zk
