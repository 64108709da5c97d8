#include "protocol/randomness/seed.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

namespace vrf = attestation::vrf;

JobId job_of(std::uint64_t sequence) { return job_id_of(AccountId{}, sequence); }

vrf::Output output_of(std::string_view name) { return vrf::hash_to_group(as_bytes(name)); }

Bytes with_height(Bytes bytes, std::uint8_t height) {
  bytes.insert(bytes.end(), 7, 0);
  bytes.push_back(height);
  return bytes;
}

TEST(Seed, IsTheTaggedHashOfSeedOutputAndHeight) {
  const Hash32 previous = sha256("before");
  const vrf::Output output = output_of("out");
  const Bytes before(previous.bytes.begin(), previous.bytes.end());
  EXPECT_EQ(vrf_input(previous, 9), with_height(before, 9));
  EXPECT_EQ(skipped_seed(previous, 9), tagged_hash("starminer/seed/skip/1", with_height(before, 9)));
  Bytes both = before;
  both.insert(both.end(), output.bytes.begin(), output.bytes.end());
  EXPECT_EQ(next_seed(previous, output, 9), tagged_hash("starminer/seed/2", with_height(both, 9)));
}

RC_GTEST_PROP(Seed, ChangesWithItsInputs, (std::uint64_t height, Bytes state)) {
  const Hash32 previous = sha256(state);
  const vrf::Output output = output_of("out");
  const Hash32 seed = next_seed(previous, output, height);
  RC_ASSERT(seed == next_seed(previous, output, height));
  RC_ASSERT(seed != next_seed(previous, output, height + 1));
  RC_ASSERT(seed != next_seed(previous, output_of("other"), height));
  RC_ASSERT(seed != next_seed(Hash32{}, output, height));
  RC_ASSERT(seed != skipped_seed(previous, height));
  RC_ASSERT(skipped_seed(previous, height) != skipped_seed(previous, height + 1));
}

TEST(Seed, OfTheGenesisBindsChainTimeAndProposers) {
  const GenesisProposer ada{account_of({}), output_of("ada")};
  const Hash32 seed = genesis_seed("test-1", {5}, {ada});
  EXPECT_NE(seed, genesis_seed("test-2", {5}, {ada}));
  EXPECT_NE(seed, genesis_seed("test-1", {6}, {ada}));
  EXPECT_NE(seed, genesis_seed("test-1", {5}, {{ada.account, output_of("bob")}}));
  EXPECT_NE(seed, genesis_seed("test-1", {5}, {ada, ada}));
}

TEST(TieRank, DiffersByJobAndByBlock) {
  std::set<std::uint64_t> ranks;
  for (std::uint64_t height = 0; height < 50; ++height) {
    const Hash32 seed = skipped_seed({}, height);
    for (std::uint64_t sequence = 0; sequence < 50; ++sequence) ranks.insert(tie_rank(seed, job_of(sequence)));
  }
  EXPECT_EQ(ranks.size(), 2'500U);
}

// No side of the circle is preferred: fixed inputs, so the figures are the same on every run. The bounds are six
// standard deviations of 16 equal shares of 16,000.
TEST(TieRank, IsSpreadEvenly) {
  std::array<unsigned, 16> counts{};
  const Hash32 seed = skipped_seed({}, 1);
  for (std::uint64_t sequence = 0; sequence < 16'000; ++sequence) ++counts[tie_rank(seed, job_of(sequence)) >> 60];
  for (const unsigned count : counts) {
    EXPECT_GT(count, 1'000U - 184U);
    EXPECT_LT(count, 1'000U + 184U);
  }
}

}  // namespace
}  // namespace starminer::protocol
