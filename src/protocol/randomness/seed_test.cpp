#include "protocol/randomness/seed.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"

namespace starminer::protocol {
namespace {

JobId job_of(std::uint64_t sequence) { return job_id_of(AccountId{}, sequence); }

TEST(BlockSeed, IsTheTaggedHashOfAppHashAndHeight) {
  const Hash32 app_hash = sha256("state");
  Bytes bytes(app_hash.bytes.begin(), app_hash.bytes.end());
  for (int i = 0; i < 7; ++i) bytes.push_back(0);
  bytes.push_back(9);
  EXPECT_EQ(block_seed(app_hash, 9), tagged_hash("starminer/seed/1", bytes));
}

RC_GTEST_PROP(BlockSeed, ChangesWithItsInputs, (std::uint64_t height, Bytes state)) {
  const Hash32 app_hash = sha256(state);
  RC_ASSERT(block_seed(app_hash, height) != block_seed(app_hash, height + 1));
  RC_ASSERT(block_seed(app_hash, height) != block_seed(Hash32{}, height));
  RC_ASSERT(block_seed(app_hash, height) == block_seed(app_hash, height));
}

TEST(TieRank, DiffersByJobAndByBlock) {
  std::set<std::uint64_t> ranks;
  for (std::uint64_t height = 0; height < 50; ++height) {
    const Hash32 seed = block_seed({}, height);
    for (std::uint64_t sequence = 0; sequence < 50; ++sequence) ranks.insert(tie_rank(seed, job_of(sequence)));
  }
  EXPECT_EQ(ranks.size(), 2'500U);
}

// No side of the circle is preferred: fixed inputs, so the figures are the same on every run. The bounds are six
// standard deviations of 16 equal shares of 16,000.
TEST(TieRank, IsSpreadEvenly) {
  std::array<unsigned, 16> counts{};
  const Hash32 seed = block_seed({}, 1);
  for (std::uint64_t sequence = 0; sequence < 16'000; ++sequence) ++counts[tie_rank(seed, job_of(sequence)) >> 60];
  for (const unsigned count : counts) {
    EXPECT_GT(count, 1'000U - 184U);
    EXPECT_LT(count, 1'000U + 184U);
  }
}

}  // namespace
}  // namespace starminer::protocol
