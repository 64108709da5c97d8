// What the elements of an array are, and their bits as integers: no element is ever computed with as a floating-point
// number. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace starminer::verification {

/// Numbers are hashed in verdicts: frozen.
enum class Element : std::uint8_t {
  I8 = 0,
  U8 = 1,
  I16 = 2,
  U16 = 3,
  I32 = 4,
  U32 = 5,
  I64 = 6,
  U64 = 7,
  F16 = 8,
  Bf16 = 9,
  F32 = 10,
  F64 = 11,
};
inline constexpr std::uint8_t kElementCount = 12;
[[nodiscard]] constexpr std::uint8_t enum_count(Element) { return kElementCount; }

/// "f32", "bf16", "u8".
[[nodiscard]] std::string_view element_name(Element element);
[[nodiscard]] std::optional<Element> find_element(std::string_view name);
/// Bytes of one element.
[[nodiscard]] std::size_t element_bytes(Element element);
[[nodiscard]] constexpr bool is_floating(Element element) { return element >= Element::F16; }
[[nodiscard]] constexpr bool is_signed_integer(Element element) {
  return !is_floating(element) && static_cast<std::uint8_t>(element) % 2 == 0;
}

/// Element `i` of little-endian elements of the width of T. Requires: it is there.
template <class T>
[[nodiscard]] T load(const std::uint8_t* elements, std::size_t i) {
  T value;
  std::memcpy(&value, elements + i * sizeof(T), sizeof(T));
  return value;
}

/// The bits of element `i`, whatever its width. Requires: it is there.
[[nodiscard]] std::uint64_t load_bits(Element element, const std::uint8_t* elements, std::size_t i);

/// The value of such bits as an integer of 64 bits, sign-extended. Requires: an integer element.
[[nodiscard]] std::int64_t signed_value(Element element, std::uint64_t bits);

}  // namespace starminer::verification
