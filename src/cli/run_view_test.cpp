#include "cli/run_view.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/json_view.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json a_contract(const std::string& state) {
  return {{"id", "c1a"},
          {"node", "n1a"},
          {"state", state},
          {"unit_price", "3600000000"},
          {"billing_milli", 1000},
          {"cap", "100000000"},
          {"expected_s", 120},
          {"metered_ms", 78'000},
          {"attempt", 0},
          {"party", "provider"},
          {"end_reason_text", "the provider went silent"}};
}

JobNews news(const std::string& state, json contract = nullptr) {
  return {{{"id", "j1a"}, {"state", state}, {"queue_position", nullptr}}, std::move(contract), nullptr};
}

class RunViewTest : public ::testing::Test {
 protected:
  std::ostringstream out_;
  RunView view_{terminal::Terminal(out_, {}), "http://node"};
};

TEST_F(RunViewTest, EachStageIsToldOnce) {
  for (int repeat = 0; repeat < 3; ++repeat) view_.show(news("queued"), "");
  for (const char* const stage : {"assigned", "assigned", "preparing", "running", "running", "delivered"}) {
    view_.show(news("active", a_contract(stage)), "quarry");
  }
  view_.show(news("settled", a_contract("settled")), "quarry");
  const std::string text = out_.str();
  EXPECT_THAT(text, HasSubstr("matched quarry   contract c1a   3.6000 AGPU per GPU-hour locked\n"));
  EXPECT_THAT(text, HasSubstr("running\n"));
  EXPECT_THAT(text, HasSubstr("delivered, 1 min 18 s metered\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, Not(HasSubstr("\r"))) << "nothing is redrawn where the output is no terminal";
}

TEST_F(RunViewTest, ALostAttemptNamesWhoIsResponsible) {
  view_.show_lost_attempt(a_contract("requeued"));
  EXPECT_THAT(out_.str(), HasSubstr("attempt 1 ended: the provider went silent (responsible: provider)"));
}

TEST_F(RunViewTest, LogLinesKeepTheirOwnLines) {
  view_.print("one\ntwo\n");
  view_.print("three");
  EXPECT_EQ(out_.str(), "one\ntwo\nthree\n");
}

// REQ: MTP-9
TEST(CostSoFar, IsThePriceOfTheTimeAndNeverAboveTheCap) {
  const json contract = a_contract("running");
  EXPECT_EQ(cost_so_far(contract, 0), 0U);
  EXPECT_EQ(cost_so_far(contract, 1'000), 1'000'000U);
  EXPECT_EQ(cost_so_far(contract, 3'600'000), 100'000'000U) << "the cap";
  EXPECT_EQ(cost_so_far(json(), 1'000), 0U);
}

TEST(JsonView, NumbersOfEveryFormAndNothingElse) {
  const json object = {{"n", 7}, {"text", "8"}, {"negative", -1}, {"word", "x"}, {"half", 0.5}};
  EXPECT_EQ(find_number(object, "n"), 7U);
  EXPECT_EQ(find_number(object, "text"), 8U);
  for (const char* const name : {"negative", "word", "half", "missing"})
    EXPECT_FALSE(find_number(object, name)) << name;
  EXPECT_FALSE(find_number(json("no object"), "n"));
  EXPECT_EQ(factor_text(1'050'000), "1.05");
  EXPECT_EQ(factor_text(1'000'000), "1.00");
  EXPECT_EQ(factor_text(999'082), "0.999082");
}

}  // namespace
}  // namespace starminer::cli
