#include "verification/comparison/element.h"

#include <array>
#include <bit>

#include "base/check.h"

namespace starminer::verification {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are loaded as they lie in files");

struct Row {
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<Row, kElementCount> kRows = {{{"i8", 1},
                                                   {"u8", 1},
                                                   {"i16", 2},
                                                   {"u16", 2},
                                                   {"i32", 4},
                                                   {"u32", 4},
                                                   {"i64", 8},
                                                   {"u64", 8},
                                                   {"f16", 2},
                                                   {"bf16", 2},
                                                   {"f32", 4},
                                                   {"f64", 8}}};

}  // namespace

std::string_view element_name(Element element) { return kRows[static_cast<std::size_t>(element)].name; }

std::optional<Element> find_element(std::string_view name) {
  for (std::uint8_t i = 0; i < kElementCount; ++i) {
    if (kRows[i].name == name) return static_cast<Element>(i);
  }
  return std::nullopt;
}

std::size_t element_bytes(Element element) { return kRows[static_cast<std::size_t>(element)].bytes; }

std::uint64_t load_bits(Element element, const std::uint8_t* elements, std::size_t i) {
  switch (element_bytes(element)) {
    case 1: return elements[i];
    case 2: return load<std::uint16_t>(elements, i);
    case 4: return load<std::uint32_t>(elements, i);
    default: return load<std::uint64_t>(elements, i);
  }
}

std::int64_t signed_value(Element element, std::uint64_t bits) {
  STARMINER_CHECK(!is_floating(element));
  if (!is_signed_integer(element)) return static_cast<std::int64_t>(bits);
  const std::size_t unused = 64 - 8 * element_bytes(element);
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

}  // namespace starminer::verification
