// Cheating where providers do what they like with contracts: what it brings stays below what it costs.
#include <gtest/gtest.h>

#include "sim/attacks.h"

namespace starminer::sim {
namespace {

AttackResult one_world(std::string_view name) { return run_attack(name, {7, 1, false}); }

// REQ: RSV-1
TEST(AttacksOnReserves, WhoDeclinesIsCharged) {
  const AttackResult result = one_world("pool-decline");
  EXPECT_GT(result.spent, 0.0) << "out of the stakes";
  EXPECT_GT(result.control, 0.0) << "what serving earns";
}

// REQ: RSV-1
TEST(AttacksOnReserves, ARingCollectsLessThanItsNodesPay) {
  const AttackResult result = one_world("pool-collect");
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_LT(result.attack, 0.0) << "half of each charge burns, and nothing is earned";
}

TEST(AttacksOnStartPromises, ARingPutsInMoreThanItDraws) {
  const AttackResult result = one_world("promise-ring");
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_GT(result.spent, 0.0);
  EXPECT_LT(result.gain, 0.0);
}

TEST(AttacksOnStartPromises, RivalsPayNothingForAMatchThatSomebodyLetLapse) {
  const AttackResult result = one_world("promise-rival");
  EXPECT_EQ(result.verdict, AttackVerdict::Holds);
  EXPECT_GT(result.spent, 0.0) << "the pay of the jobs that lapsed";
}

TEST(AttacksOnGangs, WhoFailsThemLosesTheirPay) {
  const AttackResult profit = one_world("gang-fail");
  EXPECT_EQ(profit.verdict, AttackVerdict::Holds);
  EXPECT_LT(profit.gain, 0.0);
  const AttackResult harm = one_world("gang-fail-harm");
  EXPECT_EQ(harm.control, 0.0) << "who serves loses nothing";
  EXPECT_GT(harm.gain, 0.0) << "what ran for nothing";
  EXPECT_NEAR(harm.spent, -profit.gain, 1e-6);
}

}  // namespace
}  // namespace starminer::sim
