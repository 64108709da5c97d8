#include "protocol/ledger/accumulators.h"

namespace starminer::protocol {

void Ledger::Accumulators::on_change(const AccountId& /*key*/, const AccountRow* before, const AccountRow* after) {
  for (std::size_t i = 0; i < kAssetCount; ++i) {
    if (before != nullptr) sums[i].balances -= before->balance[i];
    if (after != nullptr) sums[i].balances += after->balance[i];
  }
  u128& locks = sums[static_cast<std::size_t>(Asset::Agpu)].locks;
  if (before != nullptr) locks -= before->deposit;
  if (after != nullptr) locks += after->deposit;
}

void Ledger::Accumulators::on_change(const LockKey& key, const LockRow* before, const LockRow* after) {
  SupplyBreakdown& sum = sums[static_cast<std::size_t>(key.asset)];
  const bool is_agpu = key.asset == Asset::Agpu;
  if (before != nullptr) {
    sum.locks -= before->amount;
    Held& entry = held[before->owner];
    --entry.count;
    if (is_agpu) entry.agpu -= before->amount;
    if (entry.count == 0) held.erase(before->owner);
  }
  if (after != nullptr) {
    sum.locks += after->amount;
    Held& entry = held[after->owner];
    ++entry.count;
    if (is_agpu) entry.agpu += after->amount;
  }
}

void Ledger::Accumulators::on_change(const PoolKey& key, const PoolRow* before, const PoolRow* after) {
  SupplyBreakdown& sum = sums[static_cast<std::size_t>(key.asset)];
  if (before != nullptr) sum.pools -= before->amount;
  if (after != nullptr) sum.pools += after->amount;
}

void Ledger::Accumulators::on_change(const std::uint8_t& key, const SupplyRow* /*before*/, const SupplyRow* after) {
  if (key >= kAssetCount) return;  // a stored row of an asset that this version does not know breaks the identity below
  sums[key].minted = after != nullptr ? after->minted : 0;
  sums[key].burned = after != nullptr ? after->burned : 0;
}

Ledger::Accumulators::Held Ledger::Accumulators::held_by(const AccountId& account) const {
  const auto it = held.find(account);
  return it == held.end() ? Held{} : it->second;
}

}  // namespace starminer::protocol
