#include "base/arithmetic.h"

#include <array>

namespace starminer {
namespace {

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kLn256Q32 = 23'816'355'774;  // floor(ln(256) * 2^32)

struct U256 {
  u128 high = 0;
  u128 low = 0;
};

U256 multiply_wide(u128 a, u128 b) {
  const u128 a_low = static_cast<std::uint64_t>(a), a_high = a >> 64;
  const u128 b_low = static_cast<std::uint64_t>(b), b_high = b >> 64;
  const u128 low = a_low * b_low;
  const u128 mid1 = a_high * b_low;
  const u128 mid2 = a_low * b_high;
  const u128 mid = (low >> 64) + static_cast<std::uint64_t>(mid1) + static_cast<std::uint64_t>(mid2);
  return {a_high * b_high + (mid1 >> 64) + (mid2 >> 64) + (mid >> 64), (mid << 64) | static_cast<std::uint64_t>(low)};
}

struct Division {
  u128 quotient = 0;
  u128 remainder = 0;
};

// Schoolbook long division, bit by bit. Requires n.high < divisor, so that the quotient fits 128 bits.
Division divide_wide(const U256& n, u128 divisor) {
  u128 remainder = n.high;
  u128 quotient = 0;
  for (int bit = 127; bit >= 0; --bit) {
    const bool carry = (remainder >> 127) != 0;
    remainder = (remainder << 1) | ((n.low >> bit) & 1U);
    quotient <<= 1;
    if (carry || remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1U;
    }
  }
  return {quotient, remainder};
}

}  // namespace

std::optional<std::uint64_t> mul_div(std::uint64_t a, std::uint64_t numerator, std::uint64_t denominator,
                                     Rounding rounding) {
  if (denominator == 0) return std::nullopt;
  const u128 product = static_cast<u128>(a) * numerator;
  u128 quotient = product / denominator;
  if (rounding == Rounding::Ceil && product % denominator != 0) ++quotient;
  if (quotient > kMax64) return std::nullopt;
  return static_cast<std::uint64_t>(quotient);
}

std::optional<u128> mul_div_wide(u128 a, u128 numerator, u128 denominator, Rounding rounding) {
  if (denominator == 0) return std::nullopt;
  const U256 product = multiply_wide(a, numerator);
  if (product.high >= denominator) return std::nullopt;
  Division result = divide_wide(product, denominator);
  if (rounding == Rounding::Ceil && result.remainder != 0) {
    if (result.quotient == ~u128{0}) return std::nullopt;
    ++result.quotient;
  }
  return result.quotient;
}

std::uint64_t exp_q32(std::uint64_t y) {
  if (y > kLn256Q32) y = kLn256Q32;
  u128 sum = 0;
  u128 term = u128{1} << 60;
  for (std::uint64_t i = 1; term > 0; ++i) {
    sum += term;
    term = term * y / (static_cast<u128>(i) << 32);
  }
  return static_cast<std::uint64_t>(sum >> 28);
}

std::uint64_t isqrt(std::uint64_t n) { return isqrt128(n); }

std::uint64_t isqrt128(u128 n) {
  if (n == 0) return 0;
  const auto high = static_cast<std::uint64_t>(n >> 64);
  const unsigned bits = high != 0 ? 64U + ilog2(high) : ilog2(static_cast<std::uint64_t>(n));
  // Start at or above the root, so that Newton's iteration falls monotonically and stops at the floor.
  u128 root = u128{1} << (bits / 2 + 1);
  for (;;) {
    const u128 next = (root + n / root) >> 1;
    if (next >= root) return static_cast<std::uint64_t>(root);
    root = next;
  }
}

}  // namespace starminer
