// Randomness of a block. Until the chain of verifiable random functions stands, the seed is a hash of the state that
// the previous block left. Every replica finds the same seed, but whoever orders transactions can grind it: a proposer
// who tries k variants of a block (another order, one transaction more or less) picks the best of k seeds for the next
// block. Use it for ties and order inside a block only; nothing that pays for being drawn may hang on it.
// Pure functions, any thread.
#pragma once

#include <cstdint>

#include "base/hash.h"
#include "base/ids.h"

namespace starminer::protocol {

/// Seed of the block at `height`, from the app hash of the block before it (the zero hash before the first block).
[[nodiscard]] Hash32 block_seed(const Hash32& previous_app_hash, std::uint64_t height);

/// Where the cyclic order of node ids starts for this job in this block: equal scores go to the first node id at or
/// after it. Uniform over 64 bits, and unrelated between jobs and between blocks.
[[nodiscard]] std::uint64_t tie_rank(const Hash32& seed, const JobId& job);

}  // namespace starminer::protocol
