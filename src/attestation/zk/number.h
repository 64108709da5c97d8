// Whole numbers below 2^256 as four limbs, lowest first, and the one spelling of each: 32 bytes big-endian, or decimal
// without leading zeros. Another spelling of the same number is refused, so that a statement has one text. Pure
// functions; nothing here is secret, so time may depend on values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arithmetic.h"
#include "base/bytes.h"

namespace starminer::attestation::zk {

using Number = std::array<std::uint64_t, 4>;

inline constexpr std::size_t kWordBytes = 32;

/// The field of the curve's coordinates, p.
inline constexpr Number kFieldPrime = {0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029};
/// The prime order of the curve and of its pairing groups, r: what public signals are below.
inline constexpr Number kGroupOrder = {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029};

/// a + b + carry; carry is 0 or 1 before and after.
constexpr std::uint64_t add_limb(std::uint64_t a, std::uint64_t b, std::uint64_t& carry) {
  const u128 sum = u128{a} + b + carry;
  carry = static_cast<std::uint64_t>(sum >> 64);
  return static_cast<std::uint64_t>(sum);
}

/// a - b - borrow; borrow is 0 or 1 before and after.
constexpr std::uint64_t subtract_limb(std::uint64_t a, std::uint64_t b, std::uint64_t& borrow) {
  const u128 difference = u128{a} - b - borrow;
  borrow = static_cast<std::uint64_t>(difference >> 64) & 1;
  return static_cast<std::uint64_t>(difference);
}

/// low half of a * b + addend + carry, whose high half becomes the carry.
constexpr std::uint64_t multiply_add_limb(std::uint64_t a, std::uint64_t b, std::uint64_t addend,
                                          std::uint64_t& carry) {
  const u128 sum = u128{a} * b + addend + carry;
  carry = static_cast<std::uint64_t>(sum >> 64);
  return static_cast<std::uint64_t>(sum);
}

constexpr bool is_below(const Number& a, const Number& b) {
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) subtract_limb(a[i], b[i], borrow);
  return borrow == 1;
}

constexpr bool bit_of(const Number& a, std::size_t bit) { return (a[bit / 64] >> (bit % 64) & 1) != 0; }

/// Requires 32 bytes.
[[nodiscard]] Number number_of_word(ByteView word);
void append_word(const Number& number, Bytes& out);

/// Digits only, no leading zero, below 2^256.
[[nodiscard]] std::optional<Number> parse_decimal(std::string_view text);
[[nodiscard]] std::string format_decimal(const Number& number);

}  // namespace starminer::attestation::zk
