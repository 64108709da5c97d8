// Amounts of the three assets, prices and shares as types of their own. No conversion between them, no operator+:
// every sum is checked. 1 token = 10^9 base units; a value is at most 2^63-1 (TOK-3 leaves 9x headroom).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arithmetic.h"

namespace starminer {

enum class Asset : std::uint8_t { Agpu = 0, Amax = 1, Usd = 2 };
inline constexpr std::uint8_t kAssetCount = 3;
[[nodiscard]] constexpr std::uint8_t enum_count(Asset) { return kAssetCount; }
inline constexpr std::uint64_t kBasePerToken = 1'000'000'000;
inline constexpr std::uint64_t kAmountMax = (std::uint64_t{1} << 63) - 1;

/// "AGPU", "AMAX" or "USD".
[[nodiscard]] std::string_view asset_name(Asset asset);
[[nodiscard]] std::optional<Asset> find_asset(std::string_view name);

/// An amount of one asset in base units (10^-9 tokens).
template <Asset kAsset>
struct Amount {
  std::uint64_t base = 0;

  auto operator<=>(const Amount&) const = default;
  [[nodiscard]] bool is_zero() const { return base == 0; }
};

using Agpu = Amount<Asset::Agpu>;
using Amax = Amount<Asset::Amax>;
using Usd = Amount<Asset::Usd>;

template <Asset kAsset>
[[nodiscard]] std::optional<Amount<kAsset>> checked_add(Amount<kAsset> a, Amount<kAsset> b) {
  const auto sum = checked_add(a.base, b.base);
  if (!sum || *sum > kAmountMax) return std::nullopt;
  return Amount<kAsset>{*sum};
}

template <Asset kAsset>
[[nodiscard]] std::optional<Amount<kAsset>> checked_sub(Amount<kAsset> a, Amount<kAsset> b) {
  if (b.base > a.base) return std::nullopt;
  return Amount<kAsset>{a.base - b.base};
}

/// nAGPU per GPU-hour of a hardware class (protocol section 0.1).
struct Price {
  std::uint64_t nagpu_per_gpu_hour = 0;

  auto operator<=>(const Price&) const = default;
};

/// Parts per million: factors, shares and scores.
struct Ppm {
  std::uint64_t value = 0;

  auto operator<=>(const Ppm&) const = default;
};

/// A point of block time, milliseconds since the Unix epoch.
struct TimeMs {
  std::uint64_t ms = 0;

  auto operator<=>(const TimeMs&) const = default;
};

/// A length of block time in milliseconds.
struct DurationMs {
  std::uint64_t ms = 0;

  auto operator<=>(const DurationMs&) const = default;
};

[[nodiscard]] constexpr DurationMs seconds(std::uint64_t s) {
  return {checked_mul<std::uint64_t>(s, 1000).value_or(~std::uint64_t{0})};
}

/// Saturates at the end of time: a deadline that does not fit never comes.
[[nodiscard]] constexpr TimeMs operator+(TimeMs t, DurationMs d) { return {saturating_add(t.ms, d.ms)}; }
/// Time from b to a, 0 if a is earlier.
[[nodiscard]] constexpr DurationMs elapsed(TimeMs a, TimeMs b) { return {saturating_sub(a.ms, b.ms)}; }

/// Decimal text with exactly nine digits after the point, without unit: "12.500000000".
[[nodiscard]] std::string format_tokens(std::uint64_t base);
/// The same with at least two and at most nine digits, trailing zeros cut, and the asset's name: "12.50 AGPU".
[[nodiscard]] std::string format_amount(Asset asset, std::uint64_t base);
template <Asset kAsset>
[[nodiscard]] std::string format_amount(Amount<kAsset> amount) {
  return format_amount(kAsset, amount.base);
}
/// Decimal tokens with at most nine digits after the point, no sign, no exponent. Empty on anything else or overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_tokens(std::string_view text);

}  // namespace starminer
