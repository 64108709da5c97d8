#include "cli/price_chart.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "cli/json_view.h"
#include "terminal/format.h"

namespace starminer::cli {
namespace {

constexpr std::uint64_t kRows = 8;
constexpr std::uint64_t kSteps = 8;  // of one row, as the block characters have them
constexpr std::size_t kLabel = 14;
constexpr std::uint64_t kTenthPpm = 100'000;
constexpr std::array<std::string_view, kSteps + 1> kBlocks = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                                              "\u2585", "\u2586", "\u2587", "\u2588"};

/// How many steps of a row a column fills, from the lowest price (one step) to the highest (all rows).
std::uint64_t height_of(std::uint64_t price, std::uint64_t low, std::uint64_t high) {
  if (high == low) return kRows * kSteps / 2;
  __extension__ using Wide = unsigned __int128;
  return 1 + static_cast<std::uint64_t>(Wide{price - low} * (kRows * kSteps - 1) / (high - low));
}

std::string_view cell(std::uint64_t height, std::uint64_t row, bool unicode) {
  const std::uint64_t below = row * kSteps;
  const std::uint64_t filled = height > below ? std::min(height - below, kSteps) : 0;
  if (unicode) return kBlocks[filled];
  return filled > kSteps / 2 || (filled > 0 && row == 0) ? "#" : " ";
}

char load_digit(std::uint64_t load_ppm) {
  return load_ppm >= 10 * kTenthPpm ? '+' : static_cast<char>('0' + static_cast<char>(load_ppm / kTenthPpm));
}

}  // namespace

std::string price_chart(const std::vector<PricePoint>& oldest_first, std::size_t width, bool unicode) {
  if (oldest_first.empty() || width <= kLabel + 1) return {};
  const std::uint64_t last = oldest_first.back().tick;
  const std::uint64_t columns = std::min<std::uint64_t>(width - kLabel, last - oldest_first.front().tick + 1);
  std::vector<const PricePoint*> shown(columns, nullptr);
  std::uint64_t low = ~std::uint64_t{0};
  std::uint64_t high = 0;
  for (const PricePoint& point : oldest_first) {
    if (point.tick > last || last - point.tick >= columns) continue;
    shown[columns - 1 - (last - point.tick)] = &point;
    low = std::min(low, point.price);
    high = std::max(high, point.price);
  }
  std::string text;
  for (std::uint64_t row = kRows; row-- > 0;) {
    const std::string label = row == kRows - 1 ? agpu(high) : row == 0 ? agpu(low) : std::string();
    text += fmt::format("{:>{}} ", label, kLabel - 1);
    for (const PricePoint* point : shown) {
      text += point != nullptr ? cell(height_of(point->price, low, high), row, unicode) : " ";
    }
    text += '\n';
  }
  text += fmt::format("{:>{}} ", "load, tenths", kLabel - 1);
  for (const PricePoint* point : shown) text += point != nullptr ? load_digit(point->load_ppm) : ' ';
  return text + '\n';
}

}  // namespace starminer::cli
