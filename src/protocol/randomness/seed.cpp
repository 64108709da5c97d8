#include "protocol/randomness/seed.h"

#include "base/codec.h"

namespace starminer::protocol {
namespace {

struct GenesisInput {
  std::string chain_id;
  TimeMs time;
  std::vector<GenesisProposer> proposers;
};

struct StepInput {
  Hash32 previous_seed;
  std::uint64_t height = 0;
};

struct SeedInput {
  Hash32 previous_seed;
  attestation::vrf::Output output;
  std::uint64_t height = 0;
};

struct TieInput {
  Hash32 seed;
  JobId job;
};

}  // namespace

Hash32 genesis_seed(const std::string& chain_id, TimeMs time, const std::vector<GenesisProposer>& proposers) {
  return tagged_hash("starminer/seed/genesis/1", encode(GenesisInput{chain_id, time, proposers}));
}

Bytes vrf_input(const Hash32& previous_seed, std::uint64_t height) { return encode(StepInput{previous_seed, height}); }

Hash32 next_seed(const Hash32& previous_seed, const attestation::vrf::Output& output, std::uint64_t height) {
  return tagged_hash("starminer/seed/2", encode(SeedInput{previous_seed, output, height}));
}

Hash32 skipped_seed(const Hash32& previous_seed, std::uint64_t height) {
  return tagged_hash("starminer/seed/skip/1", encode(StepInput{previous_seed, height}));
}

std::uint64_t tie_rank(const Hash32& seed, const JobId& job) {
  const Hash32 hash = tagged_hash("starminer/tie/1", encode(TieInput{seed, job}));
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i < sizeof(rank); ++i) rank = (rank << 8) | hash.bytes[i];
  return rank;
}

}  // namespace starminer::protocol
