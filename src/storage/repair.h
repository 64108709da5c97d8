// Repair of a damaged chain: finds what is damaged, and makes a whole chain of what is left and of other copies, which
// are folders of the same chain and snapshots. A chain is begun from a database or snapshot that checks as a whole, or
// from the genesis, and every later block comes from any of the logs, its record by checksum and its place by the app
// hash before it; at the end everything is checked once more. The damaged folder is never written to: the whole one
// takes its name in one step, and it is kept beside. No acknowledged block goes without a word: a repair that cannot
// reach the newest block that is known of is refused, unless the caller says that the rest is lost. No process may have
// the chain open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/machine.h"

namespace starminer::storage {

struct RepairRequest {
  std::filesystem::path chain;
  std::vector<std::filesystem::path> copies;     // other chain folders of this chain
  std::vector<std::filesystem::path> snapshots;  // folders of snapshots
  protocol::Genesis genesis;
  bool examine_only = false;
  bool accept_loss = false;  // end at an earlier block than the newest known one
  std::function<void(const std::string& step)> progress;
};

struct RepairReport {
  std::vector<std::string> damage;  // empty: the chain is whole, and nothing was done
  std::vector<std::string> notes;   // what is no damage: the end of a torn log, blocks that the database has already
  bool repaired = false;
  std::string base;             // what the new chain begins with
  std::uint64_t from_logs = 0;  // blocks taken from logs
  std::uint64_t height = 0;     // of the chain, whole or repaired
  Hash32 app_hash;
  std::string lost;            // which blocks; only where the caller accepted that
  std::filesystem::path kept;  // where the damaged folder lies
};

struct RepairFailure {
  std::vector<std::string> damage;  // of the chain
  std::vector<std::string> tried;   // each source, and why it does not do
  std::string text;
};

/// Fails where there is no chain, another process has it open, or the sources do not reach far enough; nothing is
/// changed then.
[[nodiscard]] Result<RepairReport, RepairFailure> repair_chain(const RepairRequest& request);

}  // namespace starminer::storage
