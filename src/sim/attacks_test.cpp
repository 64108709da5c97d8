// Cheating in small: what the protocol bounds stays bounded, and a defence that is switched off is missed.
#include "sim/attacks.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/commands.h"

namespace starminer::sim {
namespace {

using testing::HasSubstr;

AttackResult small(std::string_view name, bool undefended = false) {
  const AttackResult result = run_attack(name, {7, 2, undefended});
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
  const AttackResult checked = small("false-rating");
  EXPECT_EQ(checked.verdict, AttackVerdict::Holds);
  EXPECT_EQ(checked.attack, 0.0) << "suspect nodes get no work";
  const AttackResult unchecked = small("false-rating", true);
  EXPECT_GT(unchecked.gain, 0.0) << "without the check such a claim pays";
}

TEST(Attacks, AFullQueueTakesNoMoreFromTheCrowdThanWasPaidFor) {
  const AttackResult result = small("flood-queue");
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
