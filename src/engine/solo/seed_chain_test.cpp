#include "engine/solo/seed_chain.h"

#include <gtest/gtest.h>

namespace starminer::engine::solo {
namespace {

using protocol::Proposer;
using protocol::SeedStep;

Proposer proposer() { return {AccountId{}, attestation::vrf::SecretKey::from_seed(sha256("proposer").bytes)}; }

TEST(SeedChain, GivesTheStepsInOrderWhateverIsReady) {
  const Proposer same = proposer();
  for (const std::size_t ahead : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    SeedChain chain(proposer(), sha256("start"), 41, ahead);
    Hash32 seed = sha256("start");
    for (std::uint64_t height = 42; height < 62; ++height) {
      const SeedStep step = chain.take();
      const SeedStep expected = same.prove(seed, height);
      ASSERT_EQ(step.height(), height);
      ASSERT_EQ(step.previous(), seed);
      ASSERT_EQ(step.seed(), expected.seed());
      ASSERT_EQ(step.preamble_bytes(), expected.preamble_bytes());
      seed = step.seed();
    }
  }
}

TEST(SeedChain, EndsWithStepsLeftOver) {
  for (int i = 0; i < 20; ++i) {
    SeedChain chain(proposer(), Hash32{}, 0);
    if (i % 2 == 0) {
      EXPECT_EQ(chain.take().height(), 1U);
    }
  }
}

}  // namespace
}  // namespace starminer::engine::solo
