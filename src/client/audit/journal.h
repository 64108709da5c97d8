// How money moves, account by account, as a replay sees it: every change of a balance and of what is held, with the
// lock it belongs to. Complete by construction: it hears of every change of every row, from the genesis on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/amount.h"
#include "base/ids.h"
#include "protocol/ledger/ledger.h"

namespace starminer::client::audit {

enum class MovementKind : std::uint8_t {
  Fee,         // of a transaction, burned
  Moved,       // between balances, or out of somebody's lock
  Locked,      // from the balance into a lock, or into the account's deposit where no lock is named
  Released,    // what was left of a lock or deposit, back into the balance
  PaidOfLock,  // out of a lock to somebody else
};

/// Base units, rising or falling. `held` is the account's deposit and what lies in locks that it owns.
struct Movement {
  AccountId account;
  Asset asset{};
  MovementKind kind{};
  std::int64_t balance = 0;
  std::int64_t held = 0;
  std::optional<protocol::LockKey> lock{};
};

class Journal final : public protocol::LedgerObserver {
 public:
  void on_change(const AccountId& account, const protocol::AccountRow* before,
                 const protocol::AccountRow* after) override;
  void on_change(const protocol::LockKey& key, const protocol::LockRow* before,
                 const protocol::LockRow* after) override;

  /// What moved since the last call, in order.
  [[nodiscard]] std::vector<Movement> take();

 private:
  void add_balance(const AccountId& account, Asset asset, std::int64_t change, bool is_fee);
  void add_held(const protocol::LockKey& key, const AccountId& owner, std::int64_t change, MovementKind kind);

  std::vector<Movement> movements_;
};

}  // namespace starminer::client::audit
