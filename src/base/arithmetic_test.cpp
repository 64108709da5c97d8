#include "base/arithmetic.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer {
namespace {

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
constexpr u128 kMax128 = ~u128{0};

u128 join(std::uint64_t high, std::uint64_t low) { return (u128{high} << 64) | low; }

// Numbers of 320 bits in 32-bit digits, lowest first: the schoolbook, without the tricks of the code under test.
using Wide = std::array<std::uint64_t, 10>;

Wide wide_of(u128 value) {
  Wide digits{};
  for (std::size_t i = 0; i < 4; ++i) digits[i] = static_cast<std::uint32_t>(value >> (32 * i));
  return digits;
}

Wide add(Wide a, const Wide& b) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::uint64_t sum = a[i] + b[i] + carry;
    a[i] = sum & 0xffffffffU;
    carry = sum >> 32;
  }
  return a;
}

Wide multiply(u128 a, u128 b) {
  const Wide x = wide_of(a), y = wide_of(b);
  Wide product{};
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t k = 0; k < 4; ++k) {
      Wide part{};
      const std::uint64_t digits = x[i] * y[k];
      part[i + k] = digits & 0xffffffffU;
      part[i + k + 1] = digits >> 32;
      product = add(product, part);
    }
  }
  return product;
}

bool less(const Wide& a, const Wide& b) {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

// d * 2^128
Wide shifted(u128 d) {
  Wide result{};
  const Wide digits = wide_of(d);
  std::copy(digits.begin(), digits.begin() + 4, result.begin() + 4);
  return result;
}

void expect_floor_and_ceil(u128 a, u128 n, u128 d) {
  const Wide product = multiply(a, n);
  const auto floor = mul_div_wide(a, n, d, Rounding::Floor);
  RC_ASSERT(floor.has_value() == less(product, shifted(d)));
  if (floor) {
    RC_ASSERT(!less(product, multiply(*floor, d)));
    RC_ASSERT(less(product, add(multiply(*floor, d), wide_of(d))));
  }
  const auto ceil = mul_div_wide(a, n, d, Rounding::Ceil);
  RC_ASSERT(ceil.has_value() == !less(multiply(kMax128, d), product));
  if (ceil) {
    RC_ASSERT(!less(multiply(*ceil, d), product));
    RC_ASSERT(*ceil == 0 || less(multiply(*ceil - 1, d), product));
  }
}

RC_GTEST_PROP(MulDivWide, AgreesWithLongMultiplication, (std::array<std::uint64_t, 6> part)) {
  const u128 a = join(part[0], part[1]), n = join(part[2], part[3]), d = join(part[4], part[5]);
  RC_PRE(d != 0);
  expect_floor_and_ceil(a, n, d);
  // Full-width factors, which the generator rarely makes, and exact divisions.
  expect_floor_and_ceil(kMax128 - a, kMax128 - n, kMax128 - d + 1);
  expect_floor_and_ceil(kMax128 - a, d, d);
  expect_floor_and_ceil(a, n, kMax128);
}

TEST(MulDivWide, Edges) {
  EXPECT_EQ(mul_div_wide(1, 1, 0, Rounding::Floor), std::nullopt);
  EXPECT_TRUE(mul_div_wide(kMax128, kMax128, kMax128, Rounding::Ceil) == kMax128);
  EXPECT_EQ(mul_div_wide(kMax128, 2, 1, Rounding::Floor), std::nullopt);
  // The floor of (2^128-1)^2 / (2^128-2) is 2^128, one too many.
  EXPECT_EQ(mul_div_wide(kMax128, kMax128, kMax128 - 1, Rounding::Floor), std::nullopt);
  EXPECT_TRUE(mul_div_wide(kMax128, 1, 2, Rounding::Ceil) == (u128{1} << 127));
  EXPECT_TRUE(mul_div_wide(0, kMax128, 7, Rounding::Ceil) == 0);
  // (2^96-1) * (2^96+1) = 2^192-1: over 2^64 the floor still fits, rounding up does not.
  const u128 x = u128{1} << 96, d = u128{1} << 64;
  EXPECT_TRUE(mul_div_wide(x - 1, x + 1, d, Rounding::Floor) == kMax128);
  EXPECT_EQ(mul_div_wide(x - 1, x + 1, d, Rounding::Ceil), std::nullopt);
}

RC_GTEST_PROP(MulDiv, AgreesWithWideProduct, (std::uint64_t a, std::uint64_t n, std::uint64_t d)) {
  RC_PRE(d != 0U);
  for (const std::uint64_t x : {a, kMax64 - a}) {
    const u128 product = u128{x} * n;
    for (const Rounding rounding : {Rounding::Floor, Rounding::Ceil}) {
      const u128 expected = rounding == Rounding::Floor ? product / d : (product + (d - 1)) / d;
      const auto actual = mul_div(x, n, d, rounding);
      RC_ASSERT(actual.has_value() == (expected <= kMax64));
      if (actual) RC_ASSERT(u128{*actual} == expected);
    }
  }
}

TEST(MulDiv, Edges) {
  EXPECT_EQ(mul_div(1, 1, 0, Rounding::Ceil), std::nullopt);
  EXPECT_EQ(mul_div(kMax64, kMax64, kMax64, Rounding::Floor), kMax64);
  EXPECT_EQ(mul_div(kMax64, 2, 2, Rounding::Ceil), kMax64);
  EXPECT_EQ(mul_div(kMax64, kMax64, kMax64 - 1, Rounding::Floor), std::nullopt);
  EXPECT_EQ(mul_div(10, 1, 3, Rounding::Floor), 3U);
  EXPECT_EQ(mul_div(10, 1, 3, Rounding::Ceil), 4U);
  EXPECT_EQ(mul_div(0, 5, 3, Rounding::Ceil), 0U);
}

RC_GTEST_PROP(Checked, AgreesWithWideSums, (std::uint64_t a, std::uint64_t b)) {
  for (const std::uint64_t x : {a, kMax64 - a}) {
    const u128 sum = u128{x} + b, product = u128{x} * b;
    RC_ASSERT(checked_add(x, b) == (sum <= kMax64 ? std::optional(static_cast<std::uint64_t>(sum)) : std::nullopt));
    RC_ASSERT(checked_mul(x, b) ==
              (product <= kMax64 ? std::optional(static_cast<std::uint64_t>(product)) : std::nullopt));
    RC_ASSERT(checked_sub(x, b) == (x >= b ? std::optional(x - b) : std::nullopt));
    RC_ASSERT(saturating_add(x, b) == (sum <= kMax64 ? static_cast<std::uint64_t>(sum) : kMax64));
    RC_ASSERT(saturating_sub(x, b) == (x >= b ? x - b : 0));
  }
}

TEST(Checked, NarrowTypesDoNotPromote) {
  EXPECT_EQ(checked_add<std::uint8_t>(200, 56), std::nullopt);
  EXPECT_EQ(checked_add<std::uint8_t>(200, 55), std::uint8_t{255});
  EXPECT_EQ(checked_mul<std::uint16_t>(256, 256), std::nullopt);
  EXPECT_EQ(saturating_add<std::uint16_t>(65'000, 1'000), std::uint16_t{65'535});
}

TEST(ExpQ32, PublishedVectors) {
  EXPECT_EQ(exp_q32(0), 4'294'967'296U);
  EXPECT_EQ(exp_q32(std::uint64_t{1} << 31), 7'081'203'937U);
  EXPECT_EQ(exp_q32(std::uint64_t{1} << 32), 11'674'931'554U);
  EXPECT_EQ(exp_q32(std::uint64_t{1} << 33), 31'735'754'293U);
  EXPECT_EQ(exp_q32(2'977'044'471), 8'589'934'590U);
  EXPECT_EQ(exp_q32(17'862'266'830), 274'877'906'885U);
}

TEST(ExpQ32, ClampsAboveTheLogarithmOf256) {
  EXPECT_EQ(exp_q32(kMax64), exp_q32(23'816'355'774));
  EXPECT_LE(exp_q32(kMax64), std::uint64_t{256} << 32);
  // One step of the exponent is worth 256 here, and the stated error 242.
  EXPECT_GT(exp_q32(kMax64), (std::uint64_t{256} << 32) - 500);
}

RC_GTEST_PROP(ExpQ32, IsMonotoneAndWithinTheStatedError, (std::uint64_t a, std::uint64_t b)) {
  constexpr std::uint64_t kBound = 23'816'355'774;
  const std::uint64_t x = std::min(a % kBound, b % kBound), y = std::max(a % kBound, b % kBound);
  RC_ASSERT(exp_q32(x) <= exp_q32(y));
  RC_ASSERT(exp_q32(x) <= exp_q32(x + 1));
  const long double exact = std::exp(static_cast<long double>(x) / 4'294'967'296.0L) * 4'294'967'296.0L;
  // 2.2e-10 of the recurrence and the loss of what stands below one unit.
  RC_ASSERT(std::abs(static_cast<long double>(exp_q32(x)) - exact) <= exact * 2.2e-10L + 1.0L);
}

TEST(Isqrt, PerfectSquaresAndTheirNeighbours) {
  for (std::uint64_t root = 1; root < 70'000; ++root) {
    ASSERT_EQ(isqrt(root * root), root);
    ASSERT_EQ(isqrt(root * root - 1), root - 1);
    ASSERT_EQ(isqrt(root * root + 1), root);
  }
  constexpr std::uint64_t kLargest = 0xffffffffU;
  EXPECT_EQ(isqrt(0), 0U);
  EXPECT_EQ(isqrt(kLargest * kLargest), kLargest);
  EXPECT_EQ(isqrt(kLargest * kLargest - 1), kLargest - 1);
  EXPECT_EQ(isqrt(kMax64), kLargest);
  EXPECT_EQ(isqrt128(kMax128), kMax64);
}

RC_GTEST_PROP(Isqrt, IsTheFloorOfTheRoot, (std::uint64_t high, std::uint64_t low)) {
  for (const u128 n : {join(high, low), join(~high, low), u128{low}}) {
    const u128 root = isqrt128(n);
    RC_ASSERT(root * root <= n);
    RC_ASSERT(root == kMax64 || (root + 1) * (root + 1) > n);
  }
  const u128 square = u128{~low} * ~low;
  RC_ASSERT(isqrt128(square) == ~low);
  if (square > 0) RC_ASSERT(isqrt128(square - 1) == ~low - 1);
}

TEST(Ilog2, PowersAndTheirNeighbours) {
  for (unsigned power = 0; power < 64; ++power) {
    EXPECT_EQ(ilog2(std::uint64_t{1} << power), power);
    if (power == 0) continue;
    EXPECT_EQ(ilog2((std::uint64_t{1} << power) - 1), power - 1);
  }
}

}  // namespace
}  // namespace starminer
