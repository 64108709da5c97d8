// What the mempool of this node may hold: a transaction that could stand in the next block behind those of its account
// that were let in before it. Nothing here changes the state; the decided block is checked again. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/ids.h"
#include "protocol/machine.h"
#include "protocol/transaction.h"

namespace starminer::engine::cometbft {

class Mempool {
 public:
  /// `per_account_max` transactions of an account wait at most.
  explicit Mempool(std::uint64_t per_account_max) : per_account_max_(per_account_max) {}

  /// Whether the transaction may wait, after the state's last block; then it counts. `again`: CometBFT asks of one that
  /// it has, all of them in order after a block.
  [[nodiscard]] std::optional<protocol::Refusal> check(const protocol::Machine& machine,
                                                       const protocol::VerifiedTransaction& transaction, TimeMs now,
                                                       bool again);

  /// Accounts with transactions that count.
  [[nodiscard]] std::size_t accounts() const { return next_.size(); }

 private:
  struct Expected {
    std::uint64_t sequence = 0;  // of the next transaction
    std::uint64_t height = 0;    // at which it was last said so
  };
  struct HashOfAccount {
    std::size_t operator()(const AccountId& account) const;
  };

  using Sequences = std::unordered_map<AccountId, Expected, HashOfAccount>;

  /// Drops what the blocks since the last call have settled.
  void follow(const protocol::Machine& machine);
  void begin_again();

  std::uint64_t per_account_max_;
  Sequences next_;
  Sequences again_;                            // the same among those that are asked of again
  std::uint64_t height_ = 0;                   // of the state that was last looked at
  std::optional<std::uint64_t> again_height_;  // at which CometBFT last asked again
};

}  // namespace starminer::engine::cometbft
