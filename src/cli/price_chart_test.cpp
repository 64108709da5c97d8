#include "cli/price_chart.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "cli/json_view.h"

namespace starminer::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(PriceChart, TheHighestFillsItsColumnAndTheLowestLiesAtTheBottom) {
  const auto lines = lines_of(price_chart({{7, 1'000'000'000, 850'000}, {8, 3'000'000'000, 1'200'000}}, 80, false));
  ASSERT_EQ(lines.size(), 9U);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(lines[i].back(), '#') << i;
    EXPECT_EQ(lines[i][lines[i].size() - 2], i == 7 ? '#' : ' ') << i;
  }
  EXPECT_NE(lines[0].find(agpu(3'000'000'000)), std::string::npos);
  EXPECT_NE(lines[7].find(agpu(1'000'000'000)), std::string::npos);
  EXPECT_TRUE(lines[8].ends_with("8+")) << "85 % and more than all";
}

TEST(PriceChart, LeavesMissingTicksEmptyAndDropsTheOldestWhereTheTerminalIsNarrow) {
  const auto gap = lines_of(price_chart({{1, 5, 0}, {3, 5, 100'000}}, 80, false));
  EXPECT_TRUE(gap.back().ends_with("0 1"));
  const auto narrow = lines_of(price_chart({{1, 9, 0}, {2, 9, 200'000}, {3, 9, 300'000}}, 16, false));
  EXPECT_TRUE(narrow.back().ends_with(" 23"));
  EXPECT_EQ(narrow.back().size(), 16U);
}

TEST(PriceChart, UsesEighthsOfARowWhereTheTerminalHasThem) {
  const std::string chart = price_chart({{1, 100, 0}, {2, 150, 0}, {3, 200, 0}}, 80, true);
  EXPECT_NE(chart.find("\u2588"), std::string::npos);
  EXPECT_NE(chart.find("\u2581"), std::string::npos);
}

TEST(PriceChart, IsEmptyWithoutPointsAndTakesAnyFigures) {
  EXPECT_EQ(price_chart({}, 80, true), "");
  EXPECT_EQ(price_chart({{1, 1, 1}}, 3, true), "");
  EXPECT_FALSE(price_chart({{0, 0, 0}, {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}}}, 80, true).empty());
}

}  // namespace
}  // namespace starminer::cli
