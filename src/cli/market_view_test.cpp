#include "cli/market_view.h"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/supply_view.h"

namespace starminer::cli {
namespace {

using nlohmann::json;

class MarketViewTest : public ::testing::Test {
 protected:
  static json a100(std::uint64_t free_milli, const json& head) {
    return {{"class", "A100"},
            {"nodes", 3},
            {"devices", 4},
            {"free_milli", free_milli},
            {"load_ppm", (4'000 - free_milli) * 250},
            {"waiting", 2},
            {"parked", 1},
            {"running", 5},
            {"tiers",
             {{{"tier", "Economy"}, {"price", "600000000"}, {"waiting", 2}, {"parked", 0}, {"running", 1}},
              {{"tier", "Standard"}, {"price", "1000000000"}, {"waiting", 0}, {"parked", 1}, {"running", 4}}}},
            {"head", head}};
  }
  static json idle(const char* name) {
    return {{"class", name}, {"nodes", 0}, {"devices", 0}, {"waiting", 0}, {"parked", 0}, {"running", 0}};
  }
  std::ostringstream out_;
  terminal::Terminal plain_{out_, {false, false, true, 80}};
};

TEST_F(MarketViewTest, ShowsLoadPricesAndHowLongTheFirstWaits) {
  const json head = {{"job", "j1x"}, {"submitted_ms", 1'000}, {"starts_by_ms", 901'000}};
  const json queues = {{"queues", {a100(1'000, head), idle("H100")}}};
  const std::string text = market_text(plain_, {queues, json::object(), 61'000});
  EXPECT_NE(text.find("3 nodes, 4 GPUs: 3 busy, 1 free (75 % load), 5 jobs run"), std::string::npos) << text;
  EXPECT_NE(text.find("A100   75 %   1/4        2  1 min    14 min   0.6000    1.0000        5       1  Economy 2"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("H100"), std::string::npos);
  json known = queues;
  known["queues"][0]["tiers"][0]["start_p90_ms"] = 300'000;
  EXPECT_NE(market_text(plain_, {known, json::object(), 61'000}).find("Economy 2 (9 of 10 within 5 min)"),
            std::string::npos);
  EXPECT_NE(text.find("1 class without nodes and jobs left out"), std::string::npos);
  EXPECT_NE(queues_text(plain_, queues, 0).find("H100"), std::string::npos);
}

TEST_F(MarketViewTest, TakesAnyShapeOfAnswer) {
  for (const json& odd : {json(), json::array(), json{{"queues", 3}}, json{{"queues", {nullptr, 7, "x"}}},
                          json{{"queues", {{{"class", 9}, {"tiers", "x"}, {"head", 4}, {"nodes", "many"}}}}}}) {
    EXPECT_FALSE(market_text(plain_, {odd, odd, 0}).empty());
  }
}

TEST_F(MarketViewTest, ANodeTableFitsANarrowTerminal) {
  const json node = {{"id", "n1" + std::string(41, 'q')},
                     {"name", "a-rack-with-a-rather-long-name"},
                     {"class", "RTX4090"},
                     {"region", "eu-central"},
                     {"status", "active"},
                     {"devices", 8},
                     {"free", {{"devices_milli", {1'000U, 500U}}}},
                     {"reputation", {{"training", 192}}},
                     {"prices", {{"Standard", "375000000"}}},
                     {"runtimes", {"debian/pytorch-1.13"}}};
  const terminal::Terminal narrow{out_, {true, false, true, 80}};
  std::istringstream lines(node_table(narrow, json::array({node})).render(narrow));
  std::string line;
  std::size_t count = 0;
  while (std::getline(lines, line)) {
    ++count;
    EXPECT_LE(line.size(), 82U) << line;  // an ellipsis is three bytes and one column
  }
  EXPECT_EQ(count, 2U);
  const std::string whole = node_table(plain_, json::array({node})).render(plain_);
  EXPECT_NE(whole.find(node["id"].get<std::string>()), std::string::npos);
  EXPECT_NE(whole.find("debian/pytorch-1.13"), std::string::npos);
  EXPECT_NE(whole.find(" 1.5 "), std::string::npos);
  EXPECT_NE(whole.find(" 0.80 "), std::string::npos);
}

}  // namespace
}  // namespace starminer::cli
