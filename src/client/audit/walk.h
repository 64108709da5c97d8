// One way through a block log for everything that an auditor computes from it: replays block after block, compares
// every root, and tells the visitors what each transaction and each block did (DEC-2, AUD-2). Stops at the first
// difference.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/audit/block_log.h"
#include "client/audit/journal.h"
#include "protocol/machine.h"
#include "protocol/replay.h"

namespace starminer::client::audit {

/// A point in the replay: the genesis (height 0), the timers of a block, or one of its transactions; without a receipt
/// only its fee was taken, which validators' blocks do for all before the first runs.
struct Step {
  std::uint64_t height = 0;
  TimeMs time;  // Unix time of the block
  const protocol::VerifiedTransaction* transaction = nullptr;
  const protocol::Receipt* receipt = nullptr;
  const std::vector<Movement>& movements;
  const protocol::Machine& machine;  // as it stands after the step
};

struct BlockEnd {
  const protocol::LoggedBlock& block;
  const protocol::BlockResult& result;
  const protocol::Machine& machine;
};

/// What wants to know. Any of them may be empty.
struct Visitor {
  std::function<void(const Step&)> on_step{};
  std::function<void(const BlockEnd&)> on_block{};
  std::function<void(const protocol::Machine&)> on_end{};  // behind the last block
};

struct WalkReport {
  std::uint64_t blocks = 0;
  std::uint64_t transactions = 0;
  protocol::Commitment commitment;           // of the last block
  std::optional<std::uint64_t> root_height;  // where the app hash was the wanted one
  std::string chain_id;
};

enum class WalkFault : std::uint8_t {
  Difference,  // a block does not come to what it says
  Damaged,     // the log is no log
};
struct WalkError {
  WalkFault fault{};
  std::string what;  // a sentence; of a difference with its height
};

/// `wanted`: an app hash to look for. `progress` gets the bytes read.
[[nodiscard]] Result<WalkReport, WalkError> walk(const protocol::Genesis& genesis, const LogFolder& folder,
                                                 const std::vector<Visitor>& visitors,
                                                 const std::optional<Hash32>& wanted,
                                                 const std::function<void(std::uint64_t bytes)>& progress);

}  // namespace starminer::client::audit
