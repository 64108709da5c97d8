// Stake: amounts that an account locked, and what of them is on its way back. AMAX only, so far.
// A stake is a lock of purpose Stake of its account; a part that unbonds is a lock of purpose Unbonding of its own and
// returns to the balance by a timer, UnbondAmaxMs of market time after it began (economics 8.1). A locked unit has
// exactly one purpose. Stake brings credits, in proportion to its value and to time, which jobs spend (economics 8.2);
// they are settled when an account's row is touched. Rewards, votes and slashing build on these rows.
// Invariant: a row's figures are those of its locks; every unbonding part has its timer. Single writer.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "base/unbonding_id.h"
#include "protocol/ledger/ledger.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/state/table.h"
#include "protocol/timers/timers.h"

namespace starminer::protocol {

class Staking;

/// Moves an amount from the balance into the sender's stake. Together they are at least StakeMinimum.
struct StakeLock {
  using Module = Staking;
  struct Evidence {};
  Asset asset{};
  std::uint64_t amount = 0;  // base units

  /// Fails, in this order, with InvalidField (asset), AmountZero, AmountTooLarge.
  static Result<Valid<StakeLock>, Refusal> validate(StakeLock op);
};

/// Part of the sender's stake begins to unbond; what stays is at least StakeMinimum, or nothing.
struct StakeUnbond {
  using Module = Staking;
  struct Evidence {};
  Asset asset{};
  std::uint64_t amount = 0;  // base units

  /// Fails, in this order, with InvalidField (asset), AmountZero, AmountTooLarge.
  static Result<Valid<StakeUnbond>, Refusal> validate(StakeUnbond op);
};

struct StakeKey {
  AccountId account;
  Asset asset{};

  auto operator<=>(const StakeKey&) const = default;
};

/// Stands while one of the two amounts is not zero.
struct StakeRow {
  std::uint64_t bonded = 0;
  std::uint64_t unbonding = 0;  // sum of the parts
  std::uint32_t unbondings = 0;
  std::uint64_t credits_micro = 0;  // millionths of a credit, at `credits_at`
  TimeMs credits_at;                // 0 where nothing is bonded
};

struct UnbondingRow {
  AccountId account;
  Asset asset{};
  std::uint64_t amount = 0;
  TimeMs due;  // market time of its return
};

class Staking {
 public:
  Staking(state::Store& store, const Params& params, Ledger& ledger, Timers& timers);

  /// Fails, in this order, with AssetNotStaked, BalanceTooSmall, StakeTooSmall.
  [[nodiscard]] Result<Checked<StakeLock>, Refusal> check(const Valid<StakeLock>& op, const Sender& sender) const;
  /// Returns the account.
  AccountId apply(const Checked<StakeLock>& op, const Sender& sender, const BlockContext& context);
  /// Fails, in this order, with AssetNotStaked, StakeNotCovered, StakeTooSmall, TooManyUnbondings.
  [[nodiscard]] Result<Checked<StakeUnbond>, Refusal> check(const Valid<StakeUnbond>& op, const Sender& sender) const;
  UnbondingId apply(const Checked<StakeUnbond>& op, const Sender& sender, const BlockContext& context);
  /// Timer Unbonded: the part returns to its owner's balance.
  void on_unbonded(const UnbondingId& id, const BlockContext& context);

  /// Millionths of a credit that the account could spend at this market time: what its stake brought since they were
  /// last touched, rounded down, at most those of CreditSpanMs. Only bonded stake brings credits (QUE-3, STK-2).
  [[nodiscard]] std::uint64_t credits_micro(const AccountId& account, TimeMs now) const;
  /// What the account's present stake brings in a time.
  [[nodiscard]] std::uint64_t credits_micro_in(const AccountId& account, DurationMs time) const;
  /// Requires: the account has them.
  void spend_credits(const AccountId& account, std::uint64_t micro, TimeMs now);

  /// Zeros where nothing is staked.
  [[nodiscard]] StakeRow stake(const AccountId& account, Asset asset) const;
  [[nodiscard]] const state::Table<StakeKey, StakeRow>& stakes() const { return stakes_; }
  [[nodiscard]] const state::Table<UnbondingId, UnbondingRow>& unbondings() const { return unbondings_; }
  /// The observer must outlive the object.
  void observe(state::Observer<StakeKey, StakeRow>& observer) { stakes_.add_observer(observer); }
  /// A scan of all rows.
  [[nodiscard]] bool invariants_hold() const;

 private:
  void put(const StakeKey& key, const StakeRow& row);
  [[nodiscard]] std::uint64_t brought_micro(std::uint64_t bonded, DurationMs time) const;
  [[nodiscard]] std::uint64_t credits_micro(const StakeRow& row, TimeMs now) const;
  /// Brings the credits of a row to this time and sets what is bonded; a smaller stake keeps what it could hold.
  void set_bonded(StakeRow& row, std::uint64_t bonded, TimeMs now) const;

  const Params& params_;
  Ledger& ledger_;
  Timers& timers_;
  state::Table<StakeKey, StakeRow> stakes_;
  state::Table<UnbondingId, UnbondingRow> unbondings_;
};

}  // namespace starminer::protocol
