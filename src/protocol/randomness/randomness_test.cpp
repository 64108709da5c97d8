#include "protocol/randomness/randomness.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "protocol/state/store.h"

namespace starminer::protocol {
namespace {

namespace vrf = attestation::vrf;

constexpr TimeMs kTime{1'760'000'000'000};

Proposer proposer_of(std::string_view name) {
  return {account_of(PublicKey{sha256(name).bytes}), vrf::SecretKey::from_seed(sha256(name).bytes)};
}

GenesisProposer entry_of(const Proposer& proposer) { return {proposer.account(), proposer.public_key()}; }

/// A chain of seeds of ada and ben.
struct World {
  World() {
    EXPECT_TRUE(randomness.write_genesis("test-1", kTime, {entry_of(ada), entry_of(ben)}).has_value());
    store.commit();
  }
  [[nodiscard]] Hash32 seed() const { return randomness.last().seed; }
  [[nodiscard]] PreambleFault fault_of(std::uint64_t height, const AccountId& proposer, const Bytes& preamble) const {
    const auto step = randomness.check(height, proposer, preamble);
    EXPECT_FALSE(step.has_value());
    return step ? PreambleFault{} : step.error();
  }

  state::Store store;
  Randomness randomness{store};
  Proposer ada = proposer_of("ada");
  Proposer ben = proposer_of("ben");
  Proposer eve = proposer_of("eve");
};

TEST(Randomness, TheGenesisIsChecked) {
  const Proposer ada = proposer_of("ada");
  const auto error_of = [](const std::vector<GenesisProposer>& proposers) {
    state::Store store;
    Randomness randomness(store);
    const auto written = randomness.write_genesis("test-1", kTime, proposers);
    return written ? "" : written.error();
  };
  EXPECT_NE(error_of({}).find("no proposer"), std::string::npos);
  EXPECT_NE(error_of({{ada.account(), {}}}).find("no point"), std::string::npos);
  EXPECT_NE(error_of({entry_of(ada), {{}, ada.public_key()}}).find("another has its VRF key"), std::string::npos);
  EXPECT_NE(error_of({entry_of(ada), {ada.account(), proposer_of("ben").public_key()}}).find("twice"),
            std::string::npos);
  EXPECT_EQ(error_of({entry_of(ada)}), "");
}

// REQ: AUD-1
TEST(Randomness, OneReplicaProvesAndAnotherChecks) {
  World maker;
  World checker;
  for (std::uint64_t height = 1; height <= 20; ++height) {
    const Proposer& proposer = height % 3 == 0 ? maker.ben : maker.ada;
    const SeedStep made = proposer.prove(maker.seed(), height);
    const Bytes bytes = made.preamble_bytes();
    EXPECT_EQ(bytes.size(), 96U);
    const auto checked = checker.randomness.check(height, proposer.account(), bytes);
    ASSERT_TRUE(checked.has_value()) << describe(checked.error());
    EXPECT_EQ(checked->preamble_bytes(), bytes);
    maker.randomness.advance(made);
    checker.randomness.advance(*checked);
    ASSERT_EQ(maker.seed(), checker.seed());
    EXPECT_EQ(maker.seed(), next_seed(made.previous(), made.preamble()->vrf.output, height));
  }
  EXPECT_EQ(checker.randomness.last().skipped, 0U);
}

TEST(Randomness, EachFaultHasItsName) {
  const World world;
  const Bytes good = world.ada.prove(world.seed(), 1).preamble_bytes();
  const AccountId& ada = world.ada.account();
  EXPECT_EQ(world.fault_of(1, ada, {}), PreambleFault::Missing);
  Bytes wrong = good;
  wrong.pop_back();
  EXPECT_EQ(world.fault_of(1, ada, wrong), PreambleFault::Malformed);
  wrong = good;
  wrong.push_back(0);
  EXPECT_EQ(world.fault_of(1, ada, wrong), PreambleFault::Malformed);
  EXPECT_EQ(world.fault_of(1, world.eve.account(), world.eve.prove(world.seed(), 1).preamble_bytes()),
            PreambleFault::UnknownProposer);
  wrong = good;
  std::fill_n(wrong.begin(), 32, std::uint8_t{0});
  EXPECT_EQ(world.fault_of(1, ada, wrong), PreambleFault::BadOutput) << "the identity";
  std::fill_n(wrong.begin(), 32, std::uint8_t{0xff});
  EXPECT_EQ(world.fault_of(1, ada, wrong), PreambleFault::BadOutput);
  wrong = good;
  wrong[95] |= 0x80;
  EXPECT_EQ(world.fault_of(1, ada, wrong), PreambleFault::BadScalar);
  // Proofs that verify for something else: another proposer, height, or seed.
  EXPECT_EQ(world.fault_of(1, world.ben.account(), good), PreambleFault::WrongProof);
  EXPECT_EQ(world.fault_of(2, ada, good), PreambleFault::WrongProof);
  EXPECT_EQ(world.fault_of(1, ada, world.ada.prove(sha256("a seed that I like"), 1).preamble_bytes()),
            PreambleFault::WrongProof);
}

TEST(Randomness, ThePreambleOfAnEarlierBlockDoesNotFitAgain) {
  World world;
  const SeedStep first = world.ada.prove(world.seed(), 1);
  world.randomness.advance(first);
  EXPECT_EQ(world.fault_of(1, world.ada.account(), first.preamble_bytes()), PreambleFault::WrongProof);
  EXPECT_EQ(world.fault_of(2, world.ada.account(), first.preamble_bytes()), PreambleFault::WrongProof);
}

RC_GTEST_PROP(Randomness, AnAlteredPreambleIsRefused, ()) {
  static const World world;
  static const Bytes good = world.ada.prove(world.seed(), 1).preamble_bytes();
  const auto bit = *rc::gen::inRange<std::size_t>(0, good.size() * 8);
  Bytes wrong = good;
  wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
  RC_ASSERT(!world.randomness.check(1, world.ada.account(), wrong).has_value());
}

TEST(Randomness, ABlockWithoutAPreambleGoesOnByTheSkipRule) {
  World world;
  const Hash32 before = world.seed();
  const SeedStep skipped = world.randomness.skip(1, world.ada.account());
  EXPECT_TRUE(skipped.preamble_bytes().empty());
  world.randomness.advance(skipped);
  EXPECT_EQ(world.seed(), skipped_seed(before, 1));
  EXPECT_EQ(world.randomness.last().skipped, 1U);
  // The chain goes on from there, and leaving the preamble out gives one fixed other seed, not a choice of many.
  EXPECT_TRUE(
      world.randomness.check(2, world.ben.account(), world.ben.prove(world.seed(), 2).preamble_bytes()).has_value());
  EXPECT_NE(world.seed(), world.ada.prove(before, 1).seed());
}

TEST(RandomnessDeathTest, AStepFromAnotherSeedOrKeyIsABug) {
  World world;
  const SeedStep elsewhere = world.ada.prove(sha256("elsewhere"), 1);
  EXPECT_DEATH(world.randomness.advance(elsewhere), "previous");
  const Proposer impostor(world.ada.account(), vrf::SecretKey::from_seed(sha256("eve").bytes));
  const SeedStep wrong_key = impostor.prove(world.seed(), 1);
  EXPECT_DEATH(world.randomness.advance(wrong_key), "vrf_key");
}

TEST(Randomness, RollsBackAndLoads) {
  World world;
  const Hash32 before = world.seed();
  world.store.commit();
  const auto mark = world.store.checkpoint();
  world.randomness.advance(world.ada.prove(before, 1));
  EXPECT_NE(world.seed(), before);
  world.store.rollback(mark);
  EXPECT_EQ(world.seed(), before);
  EXPECT_TRUE(world.randomness.invariants_hold());
  state::Store other;
  const Randomness empty(other);
  EXPECT_FALSE(empty.invariants_hold());
}

}  // namespace
}  // namespace starminer::protocol
