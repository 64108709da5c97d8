// Accounts, balances, locks, pools and supply of the three assets. The only module that moves money.
// Invariant, held after every transaction by its own accumulators (TOK-3):
//   minted - burned = balances + locks + pools, per asset; minted AGPU <= cap, minted AMAX and USD <= kAmountMax.
// No sum of amounts that exist can therefore pass kAmountMax. Every lock has exactly one purpose and one subject.
// An account exists while it holds a deposit: a closed account keeps its row (zero balances, next sequence), so that no
// old transaction runs again, and a later first transfer of AGPU opens it again. Single writer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/amount.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

class Ledger;

/// 10^9 AGPU in base units: the most that will ever be minted.
inline constexpr std::uint64_t kAgpuCap = 1'000'000'000 * kBasePerToken;

struct AccountRow {
  std::array<std::uint64_t, kAssetCount> balance{};  // base units, by Asset
  std::uint64_t next_sequence = 0;
  std::uint32_t roles = 0;    // reference count of things that need the account: nodes, live jobs, payout roles
  std::uint64_t deposit = 0;  // AGPU that closing returns, counted with the locks; 0: closed, or never opened
};

enum class LockPurpose : std::uint8_t {
  Escrow = 0,
  NodeIdentity = 1,
  Stake = 2,
  Unbonding = 3,
  PriceLock = 4,
  Notice = 5,
  Reserve = 6
};
[[nodiscard]] constexpr std::uint8_t enum_count(LockPurpose) { return 7; }

struct LockKey {
  LockPurpose purpose{};
  std::array<std::uint8_t, 20> subject{};  // job, node, staking account, unbonding or contract
  Asset asset{};

  auto operator<=>(const LockKey&) const = default;
};

struct LockRow {
  AccountId owner;
  std::uint64_t amount = 0;
};

/// Accounts of the protocol itself, with no key.
enum class Pool : std::uint8_t { Treasury = 0, Stakers = 1, Insurance = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Pool) { return 3; }
[[nodiscard]] std::string_view pool_name(Pool pool);

struct PoolKey {
  Pool pool{};
  Asset asset{};

  auto operator<=>(const PoolKey&) const = default;
};

struct PoolRow {
  std::uint64_t amount = 0;
};

struct SupplyRow {
  std::uint64_t minted = 0;
  std::uint64_t burned = 0;
};

/// What stands where, of one asset.
struct SupplyBreakdown {
  std::uint64_t minted = 0;
  std::uint64_t burned = 0;
  u128 balances = 0;
  u128 locks = 0;  // and deposits of accounts
  u128 pools = 0;

  bool operator==(const SupplyBreakdown&) const = default;
  [[nodiscard]] bool conserved() const { return u128{minted} - burned == balances + locks + pools; }
};

/// Moves an amount to another account. A first transfer of AGPU creates the account; the deposit is taken from what
/// arrives and set aside there.
struct Transfer {
  using Module = Ledger;
  struct Evidence {
    bool creates_account = false;
  };
  AccountId to;
  Asset asset{};
  std::uint64_t amount = 0;  // base units

  /// Fails, in this order, with InvalidField, AmountZero, AmountTooLarge.
  static Result<Valid<Transfer>, Refusal> validate(Transfer op);
};

/// Moves all balances and the deposit to another account. The row stays with zero balances and its next sequence.
struct AccountClose {
  using Module = Ledger;
  struct Evidence {};
  AccountId beneficiary;

  /// Every shape is valid.
  static Result<Valid<AccountClose>, Refusal> validate(AccountClose op);
};

/// Whether the running sums are kept. `LeftOut` is for measuring what they cost, and for nothing else: such a ledger
/// does not know its supply, and every account may be closed.
enum class Conservation : std::uint8_t { Checked, LeftOut };

/// Is told of every change of an account and of a lock: how auditors follow money through a replay.
struct LedgerObserver : state::Observer<AccountId, AccountRow>, state::Observer<LockKey, LockRow> {};

class Ledger {
 public:
  Ledger(state::Store& store, const Params& params, Conservation conservation = Conservation::Checked);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Genesis
  /// Mints to an account, which AGPU creates: its deposit is taken out of the amount. False, with nothing changed, if
  /// the asset's cap would be passed, the amount is zero, AGPU does not cover the deposit of a new account, or another
  /// asset goes to an account that does not exist.
  [[nodiscard]] bool mint_at_genesis(const AccountId& account, Asset asset, std::uint64_t amount);
  /// False, with nothing changed, if the asset's cap would be passed or the amount is zero.
  [[nodiscard]] bool mint_to_pool_at_genesis(Pool pool, Asset asset, std::uint64_t amount);

  // Operations. `check` sees the state after the fee: what the sender has is what the fee left.
  /// Fails, in this order, with SelfTransfer, BalanceTooSmall, ReceiverUnknown, DepositNotCovered.
  [[nodiscard]] Result<Checked<Transfer>, Refusal> check(const Valid<Transfer>& op, const Sender& sender) const;
  void apply(const Checked<Transfer>& op, const Sender& sender, const BlockContext& context);
  /// Fails, in this order, with SelfTransfer, ReceiverUnknown, AccountInUse (a lock or a role).
  [[nodiscard]] Result<Checked<AccountClose>, Refusal> check(const Valid<AccountClose>& op, const Sender& sender) const;
  void apply(const Checked<AccountClose>& op, const Sender& sender, const BlockContext& context);

  // Envelope: the engine's one place for fee and sequence
  /// The sequence of the account's next transaction, also of a closed account. Empty if it never existed.
  [[nodiscard]] std::optional<std::uint64_t> next_sequence(const AccountId& account) const;
  [[nodiscard]] bool covers_fee(const AccountId& account) const;
  /// Burns the flat fee and uses the sequence up. Requires: covers_fee.
  void charge_fee(const AccountId& account);

  // For the modules above
  /// True from the first transfer of AGPU until the account is closed.
  [[nodiscard]] bool exists(const AccountId& account) const;
  /// What closing the account would return besides its balances; 0 for one that does not exist.
  [[nodiscard]] std::uint64_t deposit(const AccountId& account) const;
  /// 0 for an account that does not exist.
  [[nodiscard]] std::uint64_t balance(const AccountId& account, Asset asset) const;
  /// 0 where there is no such lock.
  [[nodiscard]] std::uint64_t locked(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject,
                                     Asset asset) const;
  /// Balance to lock; an amount of zero makes an empty lock. Requires: the owner exists, its balance covers the amount
  /// and this lock does not exist.
  void lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, const AccountId& owner, Asset asset,
            std::uint64_t amount);
  /// More of the owner's balance into its lock. Requires: the lock exists and the balance covers the amount.
  void add_to_lock(const LockKey& key, std::uint64_t amount);
  /// Part of a lock becomes a lock of its own, of the same owner and asset; a source that is empty then ends. Requires:
  /// `from` holds that much, `to` does not exist.
  void split_lock(const LockKey& from, const LockKey& to, std::uint64_t amount);
  /// What is left of the lock goes back to its owner's balance, and the lock ends. Requires: the lock exists, empty or
  /// not. Returns the amount.
  std::uint64_t unlock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Asset asset);
  /// Part of a lock to an account's balance, a pool, or out of existence; zero is allowed. The lock stays, even empty,
  /// until `unlock`. Only AGPU pays (TOK-9). Requires: the lock holds that much; `to` exists.
  void pay_from_lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, const AccountId& to,
                     Agpu amount);
  void pool_from_lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Pool pool, Agpu amount);
  void burn_from_lock(LockPurpose purpose, const std::array<std::uint8_t, 20>& subject, Agpu amount);
  /// Part of a pool to an account's balance; zero is allowed. Requires: the pool holds that much; `to` exists.
  void pay_from_pool(Pool pool, const AccountId& to, Agpu amount);
  /// Keeps an account from being closed while something needs it. Requires: the account exists.
  void add_role(const AccountId& account);
  /// Requires: a role that was added.
  void drop_role(const AccountId& account);

  // Queries
  [[nodiscard]] SupplyBreakdown supply(Asset asset) const;
  /// The conservation identity of every asset and the cap, from the running accumulators: O(1).
  [[nodiscard]] bool invariants_hold() const;
  /// The same from a scan of all rows, for tests and start-up.
  [[nodiscard]] SupplyBreakdown recount(Asset asset) const;
  [[nodiscard]] const state::Table<AccountId, AccountRow>& accounts() const { return accounts_; }
  [[nodiscard]] const state::Table<LockKey, LockRow>& locks() const { return locks_; }
  [[nodiscard]] std::uint64_t pool(Pool pool, Asset asset) const;
  /// The observer must outlive the ledger. It is told of the rows that exist already.
  void add_observer(LedgerObserver& observer);

 private:
  struct Accumulators;  // running sums, fed by table observers and by nothing else

  [[nodiscard]] bool fits_cap(Asset asset, std::uint64_t amount) const;
  void mint(Asset asset, std::uint64_t amount);
  void take_deposit(const AccountId& account);
  void credit(const AccountId& account, Asset asset, std::uint64_t amount);
  void debit(const AccountId& account, Asset asset, std::uint64_t amount);
  void take_from_lock(const LockKey& key, std::uint64_t amount);
  void burn(Asset asset, std::uint64_t amount);

  const Params& params_;
  const Conservation conservation_;
  state::Table<AccountId, AccountRow> accounts_;
  state::Table<LockKey, LockRow> locks_;
  state::Table<PoolKey, PoolRow> pools_;
  state::Table<std::uint8_t, SupplyRow> supply_;
  std::unique_ptr<Accumulators> accumulators_;
};

}  // namespace starminer::protocol
