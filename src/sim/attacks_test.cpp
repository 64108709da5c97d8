// Cheating in small: what the protocol bounds stays bounded, and a defence that is switched off is missed.
#include "sim/attacks.h"

#include <cmath>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/commands.h"

namespace starminer::sim {
namespace {

using testing::HasSubstr;

AttackResult small(std::string_view name, bool undefended = false, std::uint32_t worlds = 2) {
  const AttackResult result = run_attack(name, {7, worlds, undefended});
  std::ostringstream text;
  text << result.name << ": honest " << result.control << ", attacked " << result.attack << ", gain " << result.gain
       << " +- " << result.gain_error << ", spent " << result.spent;
  testing::Test::RecordProperty(std::string(name), text.str());
  return result;
}

// REQ: MTP-3
TEST(Attacks, WhatCanNeverRunMovesNoPrice) {
  const AttackResult result = small("pump-impossible");
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_GT(result.spent, 0.0) << "fees";
  EXPECT_NEAR(result.gain, -result.spent, 1e-6) << "the same market to the last unit";
}

// REQ: MTP-3
TEST(Attacks, FloorsRaisedTogetherEarnLess) {
  const AttackResult result = small("floors-together");
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_LT(result.gain, 0.0);
}

TEST(Attacks, AClaimOutOfLineEarnsNothingWhereTheCheckStands) {
  for (const char* name : {"false-rating", "false-rating-first"}) {
    const AttackResult checked = small(name);
    EXPECT_EQ(checked.verdict, AttackVerdict::Holds);
    EXPECT_EQ(checked.attack, 0.0) << "suspect nodes get no work";
    EXPECT_GT(checked.control, 0.0);
  }
}

// REQ: MAT-8
TEST(Attacks, AThousandAccountsGetNoMoreThanOne) {
  const AttackResult result = small("split-requester");
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_GT(result.control, 0.0);
}

// REQ: MTP-3
TEST(Attacks, WhatOneNodeCouldServeMovesNoPrice) {
  const AttackResult result = small("pump-unfillable-inelastic", false, 6);
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_LT(std::abs(result.price_change), 0.25) << "worlds differ by as much";
  EXPECT_GT(small("pump-unfillable-inelastic", true).price_change, 0.5) << "without the defence it does";
}

TEST(Attacks, AFullQueueTakesNoMoreFromTheCrowdThanWasPaidFor) {
  const AttackResult result = small("flood-queue", false, 6);  // worlds differ much
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_GT(result.spent, 0.0) << "who cancels after a tick burns";
}

TEST(Attacks, NoticesCostWhoGivesThem) {
  const AttackResult result = small("notice-harm");
  EXPECT_GT(result.attack, 0.0) << "notices are given";
  EXPECT_GT(result.spent, 0.0) << "and what they cost is not returned";
}

TEST(Attacks, TheCommandTellsOfEach) {
  std::ostringstream out;
  std::ostringstream err;
  AttacksRequest request;
  request.only = {"pump-impossible"};
  request.seeds = 1;
  const config::Invocation call{terminal::Terminal(out, {}), terminal::Terminal(err, {})};
  EXPECT_EQ(run_attacks(call, request), config::ExitCode::Ok);
  EXPECT_THAT(out.str(), HasSubstr("pump-impossible"));
  request.only = {"kindness"};
  EXPECT_EQ(run_attacks(call, request), config::ExitCode::Usage);
  request.only.clear();
  request.seeds = 0;
  EXPECT_EQ(run_attacks(call, request), config::ExitCode::Usage);
}

}  // namespace
}  // namespace starminer::sim
