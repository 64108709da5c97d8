#include "protocol/staking/staking.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/check.h"

namespace starminer::protocol {
namespace {

template <class Op>
std::optional<Refusal> shape_fault(const Op& op) {
  const auto asset = static_cast<unsigned>(op.asset);
  if (asset >= kAssetCount) return Refusal{RefusalCode::InvalidField, fmt::format("asset number {}", asset)};
  if (op.amount == 0) return Refusal{RefusalCode::AmountZero, format_amount(op.asset, 0)};
  if (op.amount > kAmountMax) {
    return Refusal{RefusalCode::AmountTooLarge, fmt::format("amount {}, largest {}", format_amount(op.asset, op.amount),
                                                            format_amount(op.asset, kAmountMax))};
  }
  return std::nullopt;
}

Refusal too_small(Asset asset, std::uint64_t staked, std::uint64_t minimum) {
  return {RefusalCode::StakeTooSmall, fmt::format("it would be {}, at least {} needed", format_amount(asset, staked),
                                                  format_amount(asset, minimum))};
}

Refusal not_staked(Asset asset) { return {RefusalCode::AssetNotStaked, fmt::format("asset {}", asset_name(asset))}; }

}  // namespace

Result<Valid<StakeLock>, Refusal> StakeLock::validate(StakeLock op) {
  if (auto fault = shape_fault(op)) return fail(std::move(*fault));
  return Valid<StakeLock>(op);
}

Result<Valid<StakeUnbond>, Refusal> StakeUnbond::validate(StakeUnbond op) {
  if (auto fault = shape_fault(op)) return fail(std::move(*fault));
  return Valid<StakeUnbond>(op);
}

Staking::Staking(state::Store& store, const Params& params, Ledger& ledger, Timers& timers)
    : params_(params),
      ledger_(ledger),
      timers_(timers),
      stakes_(store, state::TableId::Stakes),
      unbondings_(store, state::TableId::Unbondings) {}

StakeRow Staking::stake(const AccountId& account, Asset asset) const {
  const StakeRow* row = stakes_.find({account, asset});
  return row != nullptr ? *row : StakeRow{};
}

std::uint64_t Staking::brought_micro(std::uint64_t bonded, DurationMs time) const {
  // Stake in base units x its value x credits in an hour x time, each with its own unit.
  constexpr std::uint64_t kHourMs = 3'600'000;
  constexpr u128 kUnits = u128{kBasePerToken} * kPpm * kHourMs;
  const u128 value = u128{bonded} * params_.get(Parameter::AmaxValueMicro);
  const u128 rate = u128{params_.get(Parameter::CreditRateMicro)} * time.ms;
  const auto micro = mul_div_wide(value, rate, kUnits, Rounding::Floor);
  return micro && *micro <= kAmountMax ? static_cast<std::uint64_t>(*micro) : kAmountMax;
}

std::uint64_t Staking::credits_micro(const StakeRow& row, TimeMs now) const {
  if (row.bonded == 0) return 0;
  const DurationMs span = params_.duration(Parameter::CreditSpanMs);
  const std::uint64_t brought = brought_micro(row.bonded, std::min(elapsed(now, row.credits_at), span));
  return std::min(saturating_add(row.credits_micro, brought), brought_micro(row.bonded, span));
}

std::uint64_t Staking::credits_micro(const AccountId& account, TimeMs now) const {
  return credits_micro(stake(account, Asset::Amax), now);
}

std::uint64_t Staking::credits_micro_in(const AccountId& account, DurationMs time) const {
  return brought_micro(stake(account, Asset::Amax).bonded, time);
}

void Staking::spend_credits(const AccountId& account, std::uint64_t micro, TimeMs now) {
  const StakeKey key{account, Asset::Amax};
  StakeRow row = stakes_.get(key);
  const auto left = checked_sub(credits_micro(row, now), micro);
  STARMINER_CHECK(left.has_value());
  row.credits_micro = *left;
  row.credits_at = now;
  put(key, row);
}

void Staking::set_bonded(StakeRow& row, std::uint64_t bonded, TimeMs now) const {
  const std::uint64_t before = credits_micro(row, now);
  row.bonded = bonded;
  row.credits_at = bonded != 0 ? now : TimeMs{};
  row.credits_micro = before;
  row.credits_micro = credits_micro(row, now);
}

void Staking::put(const StakeKey& key, const StakeRow& row) {
  if (row.bonded == 0 && row.unbonding == 0) {
    stakes_.erase(key);
  } else {
    stakes_.put(key, row);
  }
}

Result<Checked<StakeLock>, Refusal> Staking::check(const Valid<StakeLock>& op, const Sender& sender) const {
  if (op->asset != Asset::Amax) return fail(not_staked(op->asset));
  const std::uint64_t available = ledger_.balance(sender.account, op->asset);
  if (available < op->amount) {
    return fail(
        Refusal{RefusalCode::BalanceTooSmall,
                fmt::format("available {}, needed {}, missing {}", format_amount(op->asset, available),
                            format_amount(op->asset, op->amount), format_amount(op->asset, op->amount - available))});
  }
  // Both exist: their sum is less than what was minted.
  const std::uint64_t bonded = stake(sender.account, op->asset).bonded + op->amount;
  const std::uint64_t minimum = params_.get(Parameter::StakeMinimum);
  if (bonded < minimum) return fail(too_small(op->asset, bonded, minimum));
  return Checked<StakeLock>(op, {});
}

AccountId Staking::apply(const Checked<StakeLock>& op, const Sender& sender, const BlockContext& context) {
  const StakeKey key{sender.account, op->asset};
  StakeRow row = stake(sender.account, op->asset);
  const LockKey lock{LockPurpose::Stake, sender.account.bytes, op->asset};
  if (row.bonded == 0) {
    ledger_.lock(lock.purpose, lock.subject, sender.account, lock.asset, op->amount);
  } else {
    ledger_.add_to_lock(lock, op->amount);
  }
  set_bonded(row, row.bonded + op->amount, context.time);
  put(key, row);
  context.emit({.kind = EventKind::StakeLocked,
                .account = sender.account,
                .state = static_cast<std::uint8_t>(op->asset),
                .amount = op->amount});
  return sender.account;
}

Result<Checked<StakeUnbond>, Refusal> Staking::check(const Valid<StakeUnbond>& op, const Sender& sender) const {
  if (op->asset != Asset::Amax) return fail(not_staked(op->asset));
  const StakeRow row = stake(sender.account, op->asset);
  if (row.bonded < op->amount) {
    return fail(
        Refusal{RefusalCode::StakeNotCovered, fmt::format("staked {}, asked {}", format_amount(op->asset, row.bonded),
                                                          format_amount(op->asset, op->amount))});
  }
  const std::uint64_t left = row.bonded - op->amount;
  const std::uint64_t minimum = params_.get(Parameter::StakeMinimum);
  if (left != 0 && left < minimum) return fail(too_small(op->asset, left, minimum));
  const std::uint64_t most = params_.get(Parameter::UnbondingsMax);
  if (row.unbondings >= most) {
    return fail(Refusal{RefusalCode::TooManyUnbondings, fmt::format("{} of {}", row.unbondings, most)});
  }
  return Checked<StakeUnbond>(op, {});
}

UnbondingId Staking::apply(const Checked<StakeUnbond>& op, const Sender& sender, const BlockContext& context) {
  const UnbondingId id = unbonding_id_of(sender.account, sender.sequence);
  const TimeMs due = context.time + params_.duration(Parameter::UnbondAmaxMs);
  ledger_.split_lock({LockPurpose::Stake, sender.account.bytes, op->asset},
                     {LockPurpose::Unbonding, id.bytes, op->asset}, op->amount);
  StakeRow row = stake(sender.account, op->asset);
  set_bonded(row, row.bonded - op->amount, context.time);
  row.unbonding += op->amount;
  ++row.unbondings;
  put({sender.account, op->asset}, row);
  unbondings_.put(id, {sender.account, op->asset, op->amount, due});
  timers_.schedule(due, TimerKind::Unbonded, id.bytes);
  context.emit({.kind = EventKind::StakeUnbonding,
                .account = sender.account,
                .state = static_cast<std::uint8_t>(op->asset),
                .amount = op->amount});
  return id;
}

void Staking::on_unbonded(const UnbondingId& id, const BlockContext& context) {
  const UnbondingRow part = unbondings_.get(id);
  unbondings_.erase(id);
  const std::uint64_t returned = ledger_.unlock(LockPurpose::Unbonding, id.bytes, part.asset);
  StakeRow row = stakes_.get({part.account, part.asset});
  row.unbonding -= part.amount;
  --row.unbondings;
  put({part.account, part.asset}, row);
  context.emit({.kind = EventKind::StakeReturned,
                .account = part.account,
                .state = static_cast<std::uint8_t>(part.asset),
                .amount = returned});
}

bool Staking::invariants_hold() const {
  std::map<StakeKey, StakeRow> counted;
  for (const auto& [id, row] : unbondings_) {
    if (ledger_.locked(LockPurpose::Unbonding, id.bytes, row.asset) != row.amount || row.amount == 0) return false;
    if (!timers_.is_armed({row.due, TimerKind::Unbonded, id.bytes})) return false;
    StakeRow& sum = counted[{row.account, row.asset}];
    sum.unbonding += row.amount;
    ++sum.unbondings;
  }
  for (const auto& [key, row] : stakes_) {
    if (ledger_.locked(LockPurpose::Stake, key.account.bytes, key.asset) != row.bonded) return false;
    if (row.bonded == 0 && row.unbonding == 0) return false;
    if (row.bonded == 0 && (row.credits_micro != 0 || row.credits_at.ms != 0)) return false;
    const auto found = counted.find(key);
    const StakeRow parts = found != counted.end() ? found->second : StakeRow{};
    if (parts.unbonding != row.unbonding || parts.unbondings != row.unbondings) return false;
    if (found != counted.end()) counted.erase(found);
  }
  return counted.empty();
}

}  // namespace starminer::protocol
