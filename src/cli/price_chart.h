// A chart of prices for the terminal: one column a tick, as high as its price. Pure text; works without Unicode, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace starminer::cli {

struct PricePoint {
  std::uint64_t tick = 0;
  std::uint64_t price = 0;  // base units
  std::uint64_t load_ppm = 0;
};

/// Lines of at most `width` columns with the prices of the latest ticks between their lowest and highest, and below
/// them the load in tenths. Ticks without a point stay empty. Empty text without points.
[[nodiscard]] std::string price_chart(const std::vector<PricePoint>& oldest_first, std::size_t width, bool unicode);

}  // namespace starminer::cli
