// Byte ranges (RFC 9110 section 14): Range of downloads and Content-Range of resumed uploads. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace starminer::api::http {

/// Bytes [first, first + length).
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

enum class RangeKind : std::uint8_t { Whole, Part, Unsatisfiable };

struct RangeChoice {
  RangeKind kind = RangeKind::Whole;
  ByteRange range;
};

/// What to send for a Range header over `size` bytes. Headers that are malformed or name several ranges are ignored,
/// as the RFC allows, and give the whole.
[[nodiscard]] RangeChoice choose_range(std::string_view header, std::uint64_t size);

struct ContentRange {
  ByteRange range;
  std::uint64_t total = 0;
};

/// "bytes 5-9/10"; "bytes */10" gives the empty range at the end. Empty optional when malformed, when the total is
/// unknown or the range exceeds it.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace starminer::api::http
