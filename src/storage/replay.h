// Replay of the block log: applies every stored block to a fresh machine and compares the roots (DEC-2, AUD-1).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "protocol/machine.h"
#include "storage/chain_store.h"

namespace starminer::storage {

struct ReplayReport {
  std::uint64_t blocks = 0;
  std::uint64_t transactions = 0;
  Hash32 app_hash;
};

/// Replays from the genesis up to the tip. The error names the first height whose roots differ.
[[nodiscard]] Result<ReplayReport, std::string> replay(const ChainStore& store, const protocol::Genesis& genesis,
                                                       const std::function<void(std::uint64_t height)>& progress);

}  // namespace starminer::storage
