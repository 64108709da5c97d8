#include "protocol/randomness/seed.h"

#include "base/codec.h"

namespace starminer::protocol {
namespace {

struct SeedInput {
  Hash32 previous_app_hash;
  std::uint64_t height = 0;
};

struct TieInput {
  Hash32 seed;
  JobId job;
};

}  // namespace

Hash32 block_seed(const Hash32& previous_app_hash, std::uint64_t height) {
  return tagged_hash("starminer/seed/1", encode(SeedInput{previous_app_hash, height}));
}

std::uint64_t tie_rank(const Hash32& seed, const JobId& job) {
  const Hash32 hash = tagged_hash("starminer/tie/1", encode(TieInput{seed, job}));
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i < sizeof(rank); ++i) rank = (rank << 8) | hash.bytes[i];
  return rank;
}

}  // namespace starminer::protocol
