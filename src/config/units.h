// Exact text forms of quantities in files, flags and environment: durations, sizes, token amounts, percentages, small
// decimals and addresses. Every parser is total, uses integers only and says what it expected; every format_* gives
// text that parses back to the same value (for people, see terminal/format.h). Pure functions.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starminer::config {

enum class UnitErrorCode : std::uint8_t { Malformed, UnitMissing, UnitUnknown, TooPrecise, OutOfRange };

struct UnitError {
  UnitErrorCode code;
  /// A sentence without a full stop: what is wrong with which text, and what a right one looks like.
  std::string text;
};

template <class T>
using UnitResult = Result<T, UnitError>;

/// A number of bytes.
struct ByteSize {
  std::uint64_t bytes = 0;

  auto operator<=>(const ByteSize&) const = default;
};

/// Where to listen or to connect. Port 0 asks the system for a free one.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  auto operator<=>(const HostPort&) const = default;
};

/// "90s", "2 min", "1h30m", "1.5 h", "500ms", "2 days"; units from large to small, each once. At most 100 years.
[[nodiscard]] UnitResult<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "1h30m", "500ms", "0s".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// "2 GiB", "512 MB", "1.5GiB", "100 B": binary and decimal units; a fraction of a byte is cut off.
[[nodiscard]] UnitResult<ByteSize> parse_size(std::string_view text);
/// The largest unit that divides the size: "1536 MiB", "512 MB", "1001 B".
[[nodiscard]] std::string format_size(ByteSize size);

/// "1.5 AGPU" in base units of 10^-9 with at most nine digits after the point. The symbol must stand there, so that no
/// amount is ever read in another asset than was meant.
[[nodiscard]] UnitResult<std::uint64_t> parse_token_amount(std::string_view text, std::string_view symbol);
/// "1.5 AGPU"; digits after the point only as far as they matter.
[[nodiscard]] std::string format_token_amount(std::uint64_t base_units, std::string_view symbol);

/// "25 %", "0.25%": parts per million, from 0 to 100 %.
[[nodiscard]] UnitResult<std::uint32_t> parse_percent(std::string_view text);
[[nodiscard]] std::string format_percent(std::uint32_t ppm);

/// "1.5" -> 1500: a decimal with at most three digits after the point, in thousandths.
[[nodiscard]] UnitResult<std::uint32_t> parse_milli(std::string_view text);
[[nodiscard]] std::string format_milli(std::uint32_t milli);

/// A whole number without sign or separators.
[[nodiscard]] UnitResult<std::uint64_t> parse_whole(std::string_view text);

/// "127.0.0.1:8545", "[::1]:8545", "node.example.org:443".
[[nodiscard]] UnitResult<HostPort> parse_host_port(std::string_view text);
[[nodiscard]] std::string format_host_port(const HostPort& address);

}  // namespace starminer::config
