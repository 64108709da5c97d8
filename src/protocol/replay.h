// Replay of a block log (DEC-2, AUD-1): applies blocks of any origin to a fresh machine and compares what each comes to
// with what it claims. Nothing in a block is believed: heights, times and links are checked before the machine sees
// them. The first difference ends the replay. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "protocol/block.h"
#include "protocol/machine.h"

namespace starminer::protocol {

/// Where a log and its replay part.
struct ReplayFault {
  std::uint64_t height = 0;
  std::string what;  // a sentence with both values
};
/// "height 812: ...".
[[nodiscard]] std::string describe(const ReplayFault& fault);

class Replay {
 public:
  /// Fails with a sentence where the genesis is not valid.
  [[nodiscard]] static Result<Replay, std::string> start(const Genesis& genesis);
  ~Replay();
  Replay(Replay&&) noexcept;
  Replay& operator=(Replay&&) noexcept;

  /// What the genesis made: receipts none, changes all.
  [[nodiscard]] const BlockResult& genesis_result() const { return genesis_result_; }
  /// The first block of the log, of height 0, which has no transactions.
  [[nodiscard]] Result<void, ReplayFault> check_genesis(const LoggedBlock& block) const;
  /// Called after the timers of a block (without arguments), under OrderRule::Lanes after the fee of each transaction
  /// (without a receipt), and after each transaction.
  using Step = std::function<void(const VerifiedTransaction* transaction, const Receipt* receipt)>;
  /// The next block. After a failure the object can only be destroyed.
  [[nodiscard]] Result<BlockResult, ReplayFault> apply(const LoggedBlock& block, const Step& step = {});

  [[nodiscard]] const Machine& machine() const { return *machine_; }
  /// The observer must outlive this object. It is told of what the genesis made.
  void observe_ledger(LedgerObserver& observer) { machine_->observe_ledger(observer); }

 private:
  Replay(std::unique_ptr<Machine> machine, BlockResult genesis_result);

  std::unique_ptr<Machine> machine_;
  BlockResult genesis_result_;
  std::optional<OrderRule> order_rule_;  // of the first block: one chain has one
};

}  // namespace starminer::protocol
