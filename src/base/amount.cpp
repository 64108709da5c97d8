#include "base/amount.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace starminer {
namespace {

constexpr std::array<std::string_view, kAssetCount> kAssetNames = {"AGPU", "AMAX", "USD"};
constexpr std::size_t kDecimals = 9;

}  // namespace

std::string_view asset_name(Asset asset) { return kAssetNames[static_cast<std::size_t>(asset)]; }

std::optional<Asset> find_asset(std::string_view name) {
  const auto* const found = std::find(kAssetNames.begin(), kAssetNames.end(), name);
  if (found == kAssetNames.end()) return std::nullopt;
  return static_cast<Asset>(found - kAssetNames.begin());
}

std::string format_tokens(std::uint64_t base) {
  return fmt::format("{}.{:09}", base / kBasePerToken, base % kBasePerToken);
}

std::string format_amount(Asset asset, std::uint64_t base) {
  std::string text = format_tokens(base);
  while (text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();
  return fmt::format("{} {}", text, asset_name(asset));
}

std::optional<std::uint64_t> parse_tokens(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || fraction.size() > kDecimals || (point != std::string_view::npos && fraction.empty())) {
    return std::nullopt;
  }
  std::uint64_t base = 0;
  const auto append = [&base](char digit) {
    if (digit < '0' || digit > '9') return false;
    const auto scaled = checked_mul<std::uint64_t>(base, 10);
    const auto sum = scaled ? checked_add(*scaled, static_cast<std::uint64_t>(digit - '0')) : std::nullopt;
    if (!sum) return false;
    base = *sum;
    return true;
  };
  for (const char digit : whole) {
    if (!append(digit)) return std::nullopt;
  }
  for (std::size_t i = 0; i < kDecimals; ++i) {
    if (!append(i < fraction.size() ? fraction[i] : '0')) return std::nullopt;
  }
  return base <= kAmountMax ? std::optional(base) : std::nullopt;
}

}  // namespace starminer
