// Checked integer arithmetic of the protocol: 128-bit products, stated rounding, no floating point, no throw.
// Formulas and test vectors: design "economics", section 0. Pure functions, safe from any thread.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

namespace starminer {

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

/// Direction in which a division loses its remainder. An argument without a default: whoever divides says who keeps it.
enum class Rounding : std::uint8_t { Floor, Ceil };

inline constexpr std::uint64_t kPpm = 1'000'000;
inline constexpr std::uint64_t kQ32 = std::uint64_t{1} << 32;

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> checked_sub(T a, T b) {
  if (b > a) return std::nullopt;
  return static_cast<T>(a - b);
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
  T product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// a + b, or the largest value of the type where the sum does not fit. For bounds and deadlines, never for money.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T saturating_add(T a, T b) {
  return checked_add(a, b).value_or(std::numeric_limits<T>::max());
}

/// a - b, or 0 where b is larger. For durations, never for money.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T saturating_sub(T a, T b) {
  return b > a ? T{0} : static_cast<T>(a - b);
}

/// a * numerator / denominator, exact in 128 bits. Empty if the denominator is zero or the result exceeds 64 bits.
[[nodiscard]] std::optional<std::uint64_t> mul_div(std::uint64_t a, std::uint64_t numerator, std::uint64_t denominator,
                                                   Rounding rounding);

/// The same for a 128-bit factor; the product is kept in 256 bits.
[[nodiscard]] std::optional<u128> mul_div_wide(u128 a, u128 numerator, u128 denominator, Rounding rounding);

/// e^(y / 2^32) in units of 2^-32 for 0 <= y <= ln(256) * 2^32; larger inputs are clamped to that bound.
/// The recurrence of EIP-4844 on an accumulator of 2^60: at most 41 terms, monotone, relative error below 2.2e-10.
[[nodiscard]] std::uint64_t exp_q32(std::uint64_t y);

/// Largest integer whose square is at most n.
[[nodiscard]] std::uint64_t isqrt(std::uint64_t n);
[[nodiscard]] std::uint64_t isqrt128(u128 n);

/// floor(log2(n)); n must be positive.
[[nodiscard]] constexpr unsigned ilog2(std::uint64_t n) {
  return 63U - static_cast<unsigned>(std::countl_zero(n | 1U));
}

}  // namespace starminer
