// Points in time as certificates and collateral write them. The time at which evidence is judged is always an argument:
// nothing here reads a clock.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attestation/x509/der.h"

namespace starminer::attestation::x509 {

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
struct UnixTime {
  std::int64_t seconds = 0;

  auto operator<=>(const UnixTime&) const = default;
};

/// "2025-06-15T00:00:00Z" exactly (RFC 3339 in UTC with whole seconds), of the years 1950 to 9999.
[[nodiscard]] std::optional<UnixTime> parse_time(std::string_view text);
[[nodiscard]] std::string format_time(UnixTime time);

/// UTCTime with two-digit years of 1950 to 2049, or GeneralizedTime; both with seconds and Z (RFC 5280
/// section 4.1.2.5).
[[nodiscard]] std::optional<UnixTime> time_of(const der::Element& element);

/// Both ends are inside.
struct Validity {
  UnixTime not_before;
  UnixTime not_after;

  auto operator<=>(const Validity&) const = default;
  [[nodiscard]] bool contains(UnixTime time) const { return not_before <= time && time <= not_after; }
};

/// Why `time` is outside of the window of `what`; empty if it is inside.
[[nodiscard]] std::string time_fault(const Validity& validity, UnixTime time, std::string_view what);

}  // namespace starminer::attestation::x509
