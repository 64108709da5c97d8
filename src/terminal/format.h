// Figures as people read them: amounts, durations, sizes, times, counts, with units and the precision that matters.
// Lossy on purpose; exact text that can be parsed again comes from config/units.h. Integer arithmetic, pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starminer::terminal {

enum class Zone : std::uint8_t { Local, Utc };

/// Tokens from base units (10^-9): four digits after the point, three from 100 on, two from 1000 on, and for less than
/// 0.01 as many as give four figures, so that a small charge never reads as zero. Rounds half up. No unit.
[[nodiscard]] std::string human_tokens(std::uint64_t base_units);
/// The same with the symbol: "0.4035 AGPU".
[[nodiscard]] std::string human_amount(std::uint64_t base_units, std::string_view symbol);

/// Decimal units as networks and disks count: "12.4 MB", "873 B".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
/// Binary units as memory counts: "24 GiB", "1.5 GiB".
[[nodiscard]] std::string human_memory(std::uint64_t bytes);
/// The two largest units: "420 ms", "4.2 s", "1 min 18 s", "3 h 10 min", "2 d 4 h".
[[nodiscard]] std::string human_duration(std::uint64_t milliseconds);
/// "01:18" or "1:02:03", for running clocks.
[[nodiscard]] std::string clock_text(std::uint64_t milliseconds);
/// Digits in groups of three: "1 213".
[[nodiscard]] std::string human_count(std::uint64_t count);
/// Parts per million as percent with at most two digits: "70 %", "0.25 %".
[[nodiscard]] std::string human_percent(std::uint64_t ppm);

/// "2026-10-01 14:03:27 CEST" in the user's zone, "2026-10-01T12:03:27Z" in UTC (for scripts).
[[nodiscard]] std::string human_time(std::int64_t unix_ms, Zone zone);
/// How long ago or until: "3 min ago", "in 2 h 5 min", "now".
[[nodiscard]] std::string human_distance(std::int64_t unix_ms, std::int64_t now_ms);

}  // namespace starminer::terminal
