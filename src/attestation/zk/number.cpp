#include "attestation/zk/number.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::attestation::zk {
namespace {

// 2^256 - 1 has 78 digits.
constexpr std::size_t kDigitsMax = 78;

}  // namespace

Number number_of_word(ByteView word) {
  STARMINER_CHECK(word.size() == kWordBytes);
  Number number{};
  for (std::size_t i = 0; i < kWordBytes; ++i) {
    std::uint64_t& limb = number[3 - i / 8];
    limb = limb << 8 | word[i];
  }
  return number;
}

void append_word(const Number& number, Bytes& out) {
  for (std::size_t i = 0; i < kWordBytes; ++i) {
    out.push_back(static_cast<std::uint8_t>(number[3 - i / 8] >> (56 - 8 * (i % 8))));
  }
}

std::optional<Number> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > kDigitsMax || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  Number number{};
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    auto carry = static_cast<std::uint64_t>(c - '0');
    for (std::uint64_t& limb : number) limb = multiply_add_limb(limb, 10, 0, carry);
    if (carry != 0) return std::nullopt;
  }
  return number;
}

std::string format_decimal(const Number& number) {
  Number rest = number;
  std::string digits;
  do {
    std::uint64_t remainder = 0;
    for (std::size_t i = rest.size(); i-- > 0;) {
      const u128 value = u128{remainder} << 64 | rest[i];
      rest[i] = static_cast<std::uint64_t>(value / 10);
      remainder = static_cast<std::uint64_t>(value % 10);
    }
    digits.push_back(static_cast<char>('0' + remainder));
  } while (rest != Number{});
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace starminer::attestation::zk
