// The prime field of BN254's coordinates. An element is kept as n * 2^256 mod p (Montgomery, "Modular multiplication
// without trial division", 1985), always reduced, so that one element has one representation. Plain values.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string_view>

#include "attestation/zk/number.h"

namespace starminer::attestation::zk {

namespace montgomery {

/// -1/p mod 2^64
inline constexpr std::uint64_t kInverse = 0x87d20782e4866389;
static_assert(kInverse * kFieldPrime[0] == ~std::uint64_t{0});
/// 2^256 mod p
inline constexpr Number kOne = {0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f};
/// 2^512 mod p
inline constexpr Number kSquareOfOne = {0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f};

/// n - p where n is not below p. Requires n < 2p.
constexpr Number reduced_once(const Number& n) {
  std::uint64_t borrow = 0;
  const Number less = {subtract_limb(n[0], kFieldPrime[0], borrow), subtract_limb(n[1], kFieldPrime[1], borrow),
                       subtract_limb(n[2], kFieldPrime[2], borrow), subtract_limb(n[3], kFieldPrime[3], borrow)};
  const std::uint64_t keep = 0 - borrow;
  return {(n[0] & keep) | (less[0] & ~keep), (n[1] & keep) | (less[1] & ~keep), (n[2] & keep) | (less[2] & ~keep),
          (n[3] & keep) | (less[3] & ~keep)};
}

/// One limb of a * b added to `sum`, and `sum` made divisible by 2^64 with a multiple of p and divided. As p is below
/// 2^254, no carry leaves the four limbs.
constexpr void multiply_row(Number& sum, const Number& a, std::uint64_t b) {
  std::uint64_t high = 0;
  const std::uint64_t s0 = multiply_add_limb(a[0], b, sum[0], high);
  const std::uint64_t factor = s0 * kInverse;
  std::uint64_t low = 0;
  multiply_add_limb(factor, kFieldPrime[0], s0, low);
  const std::uint64_t s1 = multiply_add_limb(a[1], b, sum[1], high);
  sum[0] = multiply_add_limb(factor, kFieldPrime[1], s1, low);
  const std::uint64_t s2 = multiply_add_limb(a[2], b, sum[2], high);
  sum[1] = multiply_add_limb(factor, kFieldPrime[2], s2, low);
  const std::uint64_t s3 = multiply_add_limb(a[3], b, sum[3], high);
  sum[2] = multiply_add_limb(factor, kFieldPrime[3], s3, low);
  sum[3] = high + low;
}

/// a * b / 2^256 mod p. Requires a, b < p.
constexpr Number multiply(const Number& a, const Number& b) {
  Number sum{};
  multiply_row(sum, a, b[0]);
  multiply_row(sum, a, b[1]);
  multiply_row(sum, a, b[2]);
  multiply_row(sum, a, b[3]);
  return reduced_once(sum);
}

/// The same for one limb of a * b + c * d. The four limbs hold what is left: it is below 3p.
constexpr void multiply_two_rows(Number& sum, const Number& a, std::uint64_t b, const Number& c, std::uint64_t d) {
  std::uint64_t high = 0;
  std::uint64_t s0 = multiply_add_limb(a[0], b, sum[0], high);
  std::uint64_t s1 = multiply_add_limb(a[1], b, sum[1], high);
  std::uint64_t s2 = multiply_add_limb(a[2], b, sum[2], high);
  std::uint64_t s3 = multiply_add_limb(a[3], b, sum[3], high);
  std::uint64_t second = 0;
  s0 = multiply_add_limb(c[0], d, s0, second);
  s1 = multiply_add_limb(c[1], d, s1, second);
  s2 = multiply_add_limb(c[2], d, s2, second);
  s3 = multiply_add_limb(c[3], d, s3, second);
  const std::uint64_t factor = s0 * kInverse;
  std::uint64_t low = 0;
  multiply_add_limb(factor, kFieldPrime[0], s0, low);
  sum[0] = multiply_add_limb(factor, kFieldPrime[1], s1, low);
  sum[1] = multiply_add_limb(factor, kFieldPrime[2], s2, low);
  sum[2] = multiply_add_limb(factor, kFieldPrime[3], s3, low);
  sum[3] = high + second + low;
}

/// (a * b + c * d) / 2^256 mod p, reduced once. Requires a, b, c, d <= p; what is left is below 2p^2 / 2^256 + p < 2p.
constexpr Number multiply_sum(const Number& a, const Number& b, const Number& c, const Number& d) {
  Number sum{};
  multiply_two_rows(sum, a, b[0], c, d[0]);
  multiply_two_rows(sum, a, b[1], c, d[1]);
  multiply_two_rows(sum, a, b[2], c, d[2]);
  multiply_two_rows(sum, a, b[3], c, d[3]);
  return reduced_once(sum);
}

/// 9a + b mod p, by one division in place of four. Requires a < p, b <= p.
constexpr Number nine_times(const Number& a, const Number& b) {
  std::uint64_t top = 0;
  const Number low = {multiply_add_limb(a[0], 9, b[0], top), multiply_add_limb(a[1], 9, b[1], top),
                      multiply_add_limb(a[2], 9, b[2], top), multiply_add_limb(a[3], 9, b[3], top)};
  // The sum is below 10p. Of its bits from 2^250 on, divided by p / 2^250 = 12.098..., the quotient is right or one
  // too small.
  const std::uint64_t high = top << 6 | low[3] >> 58;
  const std::uint64_t quotient = high * 21'667 >> 18;
  std::uint64_t product = 0;
  std::uint64_t borrow = 0;
  const auto rest = [&](std::size_t i) {
    return subtract_limb(low[i], multiply_add_limb(kFieldPrime[i], quotient, 0, product), borrow);
  };
  const std::uint64_t r0 = rest(0);
  const std::uint64_t r1 = rest(1);
  const std::uint64_t r2 = rest(2);
  return reduced_once({r0, r1, r2, rest(3)});
}

}  // namespace montgomery

class Fp {
 public:
  /// 0
  constexpr Fp() = default;
  [[nodiscard]] static constexpr Fp one() { return Fp(montgomery::kOne); }
  /// Nothing for a number that is not below p: an element has one spelling.
  [[nodiscard]] static constexpr std::optional<Fp> from(const Number& number) {
    if (!is_below(number, kFieldPrime)) return std::nullopt;
    return Fp(montgomery::multiply(number, montgomery::kSquareOfOne));
  }
  /// 64 hexadecimal digits of a number below p, in the source.
  [[nodiscard]] static consteval Fp constant(std::string_view hex);
  [[nodiscard]] static constexpr Fp small(std::uint64_t number) { return *from({number, 0, 0, 0}); }
  /// a * b + c * d
  [[nodiscard]] static constexpr Fp sum_of_products(const Fp& a, const Fp& b, const Fp& c, const Fp& d) {
    return Fp(montgomery::multiply_sum(a.form_, b.form_, c.form_, d.form_));
  }

  [[nodiscard]] constexpr Number number() const { return montgomery::multiply(form_, {1, 0, 0, 0}); }
  /// As it is kept, for tests.
  [[nodiscard]] constexpr const Number& form() const { return form_; }
  [[nodiscard]] constexpr bool is_zero() const { return form_ == Number{}; }
  constexpr bool operator==(const Fp&) const = default;

  friend constexpr Fp operator+(const Fp& a, const Fp& b) {
    std::uint64_t carry = 0;
    return Fp(
        montgomery::reduced_once({add_limb(a.form_[0], b.form_[0], carry), add_limb(a.form_[1], b.form_[1], carry),
                                  add_limb(a.form_[2], b.form_[2], carry), add_limb(a.form_[3], b.form_[3], carry)}));
  }
  friend constexpr Fp operator-(const Fp& a, const Fp& b) {
    std::uint64_t borrow = 0;
    Number n = {subtract_limb(a.form_[0], b.form_[0], borrow), subtract_limb(a.form_[1], b.form_[1], borrow),
                subtract_limb(a.form_[2], b.form_[2], borrow), subtract_limb(a.form_[3], b.form_[3], borrow)};
    const std::uint64_t mask = 0 - borrow;
    std::uint64_t carry = 0;
    n[0] = add_limb(n[0], kFieldPrime[0] & mask, carry);
    n[1] = add_limb(n[1], kFieldPrime[1] & mask, carry);
    n[2] = add_limb(n[2], kFieldPrime[2] & mask, carry);
    n[3] = add_limb(n[3], kFieldPrime[3] & mask, carry);
    return Fp(n);
  }
  friend constexpr Fp operator*(const Fp& a, const Fp& b) { return Fp(montgomery::multiply(a.form_, b.form_)); }
  constexpr Fp operator-() const { return Fp() - *this; }
  [[nodiscard]] constexpr Fp doubled() const { return *this + *this; }
  [[nodiscard]] constexpr Fp squared() const { return *this * *this; }
  /// Half of it: the sum with p halves where its form is odd.
  [[nodiscard]] constexpr Fp halved() const;
  /// 9 * this + other.
  [[nodiscard]] constexpr Fp nine_times_plus(const Fp& other) const {
    return Fp(montgomery::nine_times(form_, other.form_));
  }
  /// 9 * this - other.
  [[nodiscard]] constexpr Fp nine_times_minus(const Fp& other) const {
    std::uint64_t borrow = 0;
    return Fp(montgomery::nine_times(form_, {subtract_limb(kFieldPrime[0], other.form_[0], borrow),
                                             subtract_limb(kFieldPrime[1], other.form_[1], borrow),
                                             subtract_limb(kFieldPrime[2], other.form_[2], borrow),
                                             subtract_limb(kFieldPrime[3], other.form_[3], borrow)}));
  }
  /// 1 / this, and 0 for 0: this^(p - 2).
  [[nodiscard]] Fp inverse() const;

 private:
  constexpr explicit Fp(const Number& form) : form_(form) {}

  Number form_{};
};

consteval Fp Fp::constant(std::string_view hex) {
  Number number{};
  for (std::size_t i = 0; i < 64; ++i) {
    const char c = hex[i];
    std::uint64_t& limb = number[3 - i / 16];
    limb = limb << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return from(number).value();
}

constexpr Fp Fp::halved() const {
  const std::uint64_t mask = 0 - (form_[0] & 1);
  std::uint64_t carry = 0;
  const Number even = {
      add_limb(form_[0], kFieldPrime[0] & mask, carry), add_limb(form_[1], kFieldPrime[1] & mask, carry),
      add_limb(form_[2], kFieldPrime[2] & mask, carry), add_limb(form_[3], kFieldPrime[3] & mask, carry)};
  return Fp({even[0] >> 1 | even[1] << 63, even[1] >> 1 | even[2] << 63, even[2] >> 1 | even[3] << 63, even[3] >> 1});
}

static_assert(Fp::one().number() == Number{1, 0, 0, 0});

}  // namespace starminer::attestation::zk
