// Byte strings and their text forms. Parsers are total: any input gives a value or nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starminer {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::string to_text(ByteView bytes) { return std::string(as_text(bytes)); }

/// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(ByteView bytes);
/// Accepts lower case only, so that one value has one text. Empty optional on any other character or an odd length.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);

/// Standard alphabet with padding (RFC 4648 section 4).
[[nodiscard]] std::string to_base64(ByteView bytes);
/// Strict: padding required, no white space, unused bits zero.
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

}  // namespace starminer
