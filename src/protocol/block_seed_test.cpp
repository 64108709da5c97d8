// The seed of a block through the machine: who may set it, what depends on it, and how a chain goes on without one.
#include <gtest/gtest.h>

#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::genesis_of;
using chain_test::proposer;

/// A machine whose blocks are empty.
class BlockSeed : public ::testing::Test {
 protected:
  BlockSeed() { EXPECT_TRUE(start(machine_)); }
  static bool start(Machine& machine) { return machine.start(genesis_of(Preset::Main, {"ada"})).has_value(); }
  [[nodiscard]] static BlockHeader next(const Machine& machine) {
    return {machine.chain().height + 1, machine.chain().block_time, machine.app_hash(), OrderRule::Arrival};
  }
  [[nodiscard]] static SeedStep proven(const Machine& machine) {
    return proposer().prove(machine.randomness().last().seed, machine.chain().height + 1);
  }
  static BlockResult make(Machine& machine, const SeedStep& step) {
    machine.begin_block(next(machine), step);
    return machine.finish_block();
  }

  Machine machine_;
};

// REQ: AUD-1
TEST_F(BlockSeed, WhoChecksComesToTheSameHashAsWhoProved) {
  Machine other;
  ASSERT_TRUE(start(other));
  for (int i = 0; i < 5; ++i) {
    const SeedStep step = proven(machine_);
    const BlockResult made = make(machine_, step);
    const auto checked = other.randomness().check(made.height, step.proposer(), step.preamble_bytes());
    ASSERT_TRUE(checked.has_value()) << describe(checked.error());
    EXPECT_EQ(make(other, *checked).app_hash, made.app_hash);
    EXPECT_EQ(made.seed, step.seed());
    EXPECT_EQ(machine_.query_context(machine_.chain().block_time).seed, step.seed());
  }
}

TEST_F(BlockSeed, IsPartOfTheStateAndSurvivesARestart) {
  chain_test::Chain chain({"ada"});
  chain.pass({120'000});
  const Hash32 seed = chain.machine().randomness().last().seed;
  EXPECT_NE(seed, machine_.randomness().last().seed);
  chain.reload();
  EXPECT_EQ(chain.machine().randomness().last().seed, seed);
  // One bit of it is another state.
  auto disk = chain.disk();
  disk.rows.at({state::TableId::Seeds, Bytes{0}}).front() ^= 1;
  Machine machine;
  EXPECT_FALSE(disk.load(machine));
}

TEST_F(BlockSeed, GoesOnByTheSkipRuleWhereABlockWasDecidedWithoutAProof) {
  Machine other;
  ASSERT_TRUE(start(other));
  const BlockResult with = make(machine_, proven(machine_));
  const BlockResult without = make(other, other.randomness().skip(1, proposer().account()));
  EXPECT_NE(with.seed, without.seed);
  EXPECT_NE(with.app_hash, without.app_hash);
  EXPECT_EQ(other.randomness().last().skipped, 1U);
  EXPECT_EQ(make(other, proven(other)).height, 2U);
}

using BlockSeedDeathTest = BlockSeed;

TEST_F(BlockSeedDeathTest, AStepOfAnotherHeightIsABug) {
  const SeedStep late = proposer().prove(machine_.randomness().last().seed, 2);
  EXPECT_DEATH(machine_.begin_block(next(machine_), late), "height");
}

TEST_F(BlockSeedDeathTest, AStepIsUsedOnce) {
  const SeedStep step = proven(machine_);
  static_cast<void>(make(machine_, step));
  EXPECT_DEATH(machine_.begin_block(next(machine_), step), "height");
}

}  // namespace
}  // namespace starminer::protocol
