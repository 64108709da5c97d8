#include "protocol/ledger/ledger.h"

#include <limits>

#include "base/check.h"
#include "protocol/ledger/accumulators.h"

namespace starminer::protocol {
namespace {

constexpr std::array<Asset, kAssetCount> kAssets = {Asset::Agpu, Asset::Amax, Asset::Usd};

constexpr std::size_t at(Asset asset) { return static_cast<std::size_t>(asset); }

}  // namespace

std::string_view pool_name(Pool pool) {
  switch (pool) {
    case Pool::Treasury: return "treasury";
    case Pool::Stakers: return "stakers";
    case Pool::Insurance: return "insurance";
  }
  return "";
}

Ledger::Ledger(state::Store& store, const Params& params, Conservation conservation)
    : params_(params),
      conservation_(conservation),
      accounts_(store, state::TableId::Accounts),
      locks_(store, state::TableId::Locks),
      pools_(store, state::TableId::Pools),
      supply_(store, state::TableId::Supply),
      accumulators_(std::make_unique<Accumulators>()) {
  if (conservation_ == Conservation::LeftOut) return;
  accounts_.add_observer(*accumulators_);
  locks_.add_observer(*accumulators_);
  pools_.add_observer(*accumulators_);
  supply_.add_observer(*accumulators_);
}

Ledger::~Ledger() = default;

bool Ledger::fits_cap(Asset asset, std::uint64_t amount) const {
  const SupplyRow* row = supply_.find(static_cast<std::uint8_t>(asset));
  const auto minted = checked_add(row != nullptr ? row->minted : 0, amount);
  return minted && *minted <= (asset == Asset::Agpu ? kAgpuCap : kAmountMax);
}

void Ledger::mint(Asset asset, std::uint64_t amount) {
  STARMINER_CHECK(fits_cap(asset, amount));
  const auto key = static_cast<std::uint8_t>(asset);
  const SupplyRow* row = supply_.find(key);
  SupplyRow changed = row != nullptr ? *row : SupplyRow{};
  changed.minted += amount;
  supply_.put(key, changed);
}

bool Ledger::mint_at_genesis(const AccountId& account, Asset asset, std::uint64_t amount) {
  if (amount == 0 || !fits_cap(asset, amount)) return false;
  const bool creates = !exists(account);
  if (creates && (asset != Asset::Agpu || amount < params_.get(Parameter::AccountDeposit))) return false;
  mint(asset, amount);
  credit(account, asset, amount);
  if (creates) take_deposit(account);
  return true;
}

bool Ledger::mint_to_pool_at_genesis(Pool pool, Asset asset, std::uint64_t amount) {
  if (amount == 0 || !fits_cap(asset, amount)) return false;
  mint(asset, amount);
  pools_.put({pool, asset}, {this->pool(pool, asset) + amount});
  return true;
}

std::optional<std::uint64_t> Ledger::next_sequence(const AccountId& account) const {
  const AccountRow* row = accounts_.find(account);
  if (row == nullptr) return std::nullopt;
  return row->next_sequence;
}

bool Ledger::covers_fee(const AccountId& account) const {
  return balance(account, Asset::Agpu) >= params_.get(Parameter::TxFee);
}

void Ledger::charge_fee(const AccountId& account) {
  const std::uint64_t fee = params_.get(Parameter::TxFee);
  accounts_.update(account, [fee](AccountRow& row) {
    STARMINER_CHECK(row.balance[at(Asset::Agpu)] >= fee);
    row.balance[at(Asset::Agpu)] -= fee;
    ++row.next_sequence;
  });
  burn(Asset::Agpu, fee);
}

bool Ledger::exists(const AccountId& account) const { return deposit(account) != 0; }

std::uint64_t Ledger::deposit(const AccountId& account) const {
  const AccountRow* row = accounts_.find(account);
  return row != nullptr ? row->deposit : 0;
}

std::uint64_t Ledger::balance(const AccountId& account, Asset asset) const {
  const AccountRow* row = accounts_.find(account);
  return row != nullptr ? row->balance[at(asset)] : 0;
}

std::uint64_t Ledger::locked(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Asset asset) const {
  const LockRow* row = locks_.find({purpose, subject, asset});
  return row != nullptr ? row->amount : 0;
}

void Ledger::lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, const AccountId& owner, Asset asset,
                  std::uint64_t amount) {
  const LockKey key{purpose, subject, asset};
  STARMINER_CHECK(!locks_.contains(key));
  STARMINER_CHECK(exists(owner));
  debit(owner, asset, amount);
  locks_.put(key, {owner, amount});
}

void Ledger::add_to_lock(const LockKey& key, std::uint64_t amount) {
  debit(locks_.get(key).owner, key.asset, amount);
  locks_.update(key, [amount](LockRow& row) { row.amount += amount; });  // both were minted: less than kAmountMax
}

void Ledger::split_lock(const LockKey& from, const LockKey& to, std::uint64_t amount) {
  STARMINER_CHECK(from.asset == to.asset && !locks_.contains(to));
  const AccountId owner = locks_.get(from).owner;
  take_from_lock(from, amount);
  locks_.put(to, {owner, amount});
  if (locks_.get(from).amount == 0) locks_.erase(from);
}

std::uint64_t Ledger::unlock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Asset asset) {
  const LockKey key{purpose, subject, asset};
  const LockRow row = locks_.get(key);
  locks_.erase(key);
  credit(row.owner, asset, row.amount);
  return row.amount;
}

void Ledger::pay_from_lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, const AccountId& to,
                           Agpu amount) {
  STARMINER_CHECK(exists(to));
  take_from_lock({purpose, subject, Asset::Agpu}, amount.base);
  credit(to, Asset::Agpu, amount.base);
}

void Ledger::pool_from_lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Pool pool, Agpu amount) {
  take_from_lock({purpose, subject, Asset::Agpu}, amount.base);
  if (amount.base != 0) pools_.put({pool, Asset::Agpu}, {this->pool(pool, Asset::Agpu) + amount.base});
}

void Ledger::burn_from_lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Agpu amount) {
  take_from_lock({purpose, subject, Asset::Agpu}, amount.base);
  burn(Asset::Agpu, amount.base);
}

void Ledger::pay_from_pool(Pool pool, const AccountId& to, Agpu amount) {
  const std::uint64_t held = this->pool(pool, Asset::Agpu);
  STARMINER_CHECK(exists(to) && amount.base <= held);
  if (amount.is_zero()) return;
  pools_.put({pool, Asset::Agpu}, {held - amount.base});
  credit(to, Asset::Agpu, amount.base);
}

void Ledger::add_role(const AccountId& account) {
  STARMINER_CHECK(exists(account));
  accounts_.update(account, [](AccountRow& row) {
    STARMINER_CHECK(row.roles != std::numeric_limits<std::uint32_t>::max());
    ++row.roles;
  });
}

void Ledger::drop_role(const AccountId& account) {
  accounts_.update(account, [](AccountRow& row) {
    STARMINER_CHECK(row.roles > 0);
    --row.roles;
  });
}

SupplyBreakdown Ledger::supply(Asset asset) const { return accumulators_->sums[at(asset)]; }

bool Ledger::invariants_hold() const {
  if (conservation_ == Conservation::LeftOut) return true;
  for (const Asset asset : kAssets) {
    const SupplyBreakdown& sum = accumulators_->sums[at(asset)];
    if (sum.burned > sum.minted || !sum.conserved()) return false;
    if (sum.minted > (asset == Asset::Agpu ? kAgpuCap : kAmountMax)) return false;
  }
  return true;
}

SupplyBreakdown Ledger::recount(Asset asset) const {
  SupplyBreakdown sum;
  if (const SupplyRow* row = supply_.find(static_cast<std::uint8_t>(asset)); row != nullptr) {
    sum.minted = row->minted;
    sum.burned = row->burned;
  }
  for (const auto& [id, row] : accounts_) {
    sum.balances += row.balance[at(asset)];
    if (asset == Asset::Agpu) sum.locks += row.deposit;
  }
  for (const auto& [key, row] : locks_) {
    if (key.asset == asset) sum.locks += row.amount;
  }
  for (const auto& [key, row] : pools_) {
    if (key.asset == asset) sum.pools += row.amount;
  }
  return sum;
}

std::uint64_t Ledger::pool(Pool pool, Asset asset) const {
  const PoolRow* row = pools_.find({pool, asset});
  return row != nullptr ? row->amount : 0;
}

void Ledger::add_observer(LedgerObserver& observer) {
  accounts_.add_observer(observer);
  locks_.add_observer(observer);
}

void Ledger::take_deposit(const AccountId& account) {
  const std::uint64_t deposit = params_.get(Parameter::AccountDeposit);
  STARMINER_CHECK(deposit != 0);
  accounts_.update(account, [deposit](AccountRow& row) {
    STARMINER_CHECK(row.deposit == 0 && row.balance[at(Asset::Agpu)] >= deposit);
    row.balance[at(Asset::Agpu)] -= deposit;
    row.deposit = deposit;
  });
}

void Ledger::credit(const AccountId& account, Asset asset, std::uint64_t amount) {
  const auto add = [asset, amount](AccountRow& row) {
    const auto sum = checked_add(row.balance[at(asset)], amount);
    STARMINER_CHECK(sum && *sum <= kAmountMax);  // cannot happen: less than this was ever minted
    row.balance[at(asset)] = *sum;
  };
  if (accounts_.try_update(account, add)) return;
  AccountRow row;
  add(row);
  accounts_.put(account, row);
}

void Ledger::debit(const AccountId& account, Asset asset, std::uint64_t amount) {
  accounts_.update(account, [asset, amount](AccountRow& row) {
    STARMINER_CHECK(row.balance[at(asset)] >= amount);
    row.balance[at(asset)] -= amount;
  });
}

void Ledger::take_from_lock(const LockKey& key, std::uint64_t amount) {
  locks_.update(key, [amount](LockRow& row) {
    STARMINER_CHECK(row.amount >= amount);
    row.amount -= amount;
  });
}

void Ledger::burn(Asset asset, std::uint64_t amount) {
  supply_.update(static_cast<std::uint8_t>(asset), [amount](SupplyRow& row) {
    STARMINER_CHECK(row.minted - row.burned >= amount);
    row.burned += amount;
  });
}

}  // namespace starminer::protocol
