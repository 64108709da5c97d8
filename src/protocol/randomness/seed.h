// The seeds of the chain and what a block orders by them: each seed is a hash of the one before and of the output that
// the block's proposer had to prove (verification.md section 4.2). Invariant: nothing else enters a seed, so neither
// the order nor the choice of transactions changes it. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attestation/vrf/vrf.h"
#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"

namespace starminer::protocol {

/// Who may propose blocks, and the key of its verifiable random function.
struct GenesisProposer {
  AccountId account;
  attestation::vrf::PublicKey vrf_key;
};

/// The seed before the first block. Whoever writes the genesis can grind it; from then on nobody can.
[[nodiscard]] Hash32 genesis_seed(const std::string& chain_id, TimeMs time,
                                  const std::vector<GenesisProposer>& proposers);
/// What the proposer of the block at `height` evaluates its function on.
[[nodiscard]] Bytes vrf_input(const Hash32& previous_seed, std::uint64_t height);
/// Seed of a block whose proposer proved `output`.
[[nodiscard]] Hash32 next_seed(const Hash32& previous_seed, const attestation::vrf::Output& output,
                               std::uint64_t height);
/// Seed of a block that was decided without a valid proof: the chain of seeds goes on, and nobody chose it.
[[nodiscard]] Hash32 skipped_seed(const Hash32& previous_seed, std::uint64_t height);

/// Where the cyclic order of node ids starts for this job in this block: equal scores go to the first node id at or
/// after it. Uniform over 64 bits, and unrelated between jobs and between blocks.
[[nodiscard]] std::uint64_t tie_rank(const Hash32& seed, const JobId& job);

}  // namespace starminer::protocol
