// Running sums of the ledger's tables: what stands in balances, deposits, locks and pools, what was minted and burned,
// and what each account has locked. Fed by table observers and by nothing else, so that they agree with the rows by
// their own count and not by that of the code that moves money. Rollbacks and loads pass through the observers as well.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "base/amount.h"
#include "base/ids.h"
#include "protocol/ledger/ledger.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

struct Ledger::Accumulators final : state::Observer<AccountId, AccountRow>,
                                    state::Observer<LockKey, LockRow>,
                                    state::Observer<PoolKey, PoolRow>,
                                    state::Observer<std::uint8_t, SupplyRow> {
  /// Locks of one account: how many, and the AGPU in them.
  struct Held {
    std::uint64_t count = 0;
    u128 agpu = 0;
  };

  void on_change(const AccountId& key, const AccountRow* before, const AccountRow* after) override;
  void on_change(const LockKey& key, const LockRow* before, const LockRow* after) override;
  void on_change(const PoolKey& key, const PoolRow* before, const PoolRow* after) override;
  void on_change(const std::uint8_t& key, const SupplyRow* before, const SupplyRow* after) override;

  [[nodiscard]] Held held_by(const AccountId& account) const;

  std::array<SupplyBreakdown, kAssetCount> sums{};
  std::map<AccountId, Held> held;
};

}  // namespace starminer::protocol
