// Which transactions may stand together in a block of OrderRule::Lanes, said before it is made: each behind those of
// its account, with the fees of all of them covered by what the account has now, since all pay before the first of them
// runs (Machine::charge). What the timers of the block change is not foreseen. One thread.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "base/result.h"
#include "protocol/machine.h"
#include "protocol/operation/refusal.h"
#include "protocol/transaction.h"

namespace starminer::protocol {

/// Whether the account's balance covers the fees of so many transactions.
[[nodiscard]] bool covers_fees(const Machine& machine, const AccountId& account, std::uint64_t transactions);

class BlockAdmission {
 public:
  /// For the block after the machine's last, at this Unix time. The machine must outlive this object, unchanged.
  BlockAdmission(const Machine& machine, TimeMs time) : machine_(machine), time_(time) {}

  /// What keeps the transaction out of the block behind those that were taken, if anything.
  [[nodiscard]] Result<void, Refusal> admit(const VerifiedTransaction& transaction) const;
  /// Requires: `admit` said nothing against it.
  void take(const VerifiedTransaction& transaction);

 private:
  struct Taken {
    std::uint64_t transactions = 0;
    bool closes = false;  // one of them closes the account
  };

  const Machine& machine_;
  TimeMs time_;
  std::map<AccountId, Taken> accounts_;
};

}  // namespace starminer::protocol
