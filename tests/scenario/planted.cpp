// Bugs put into the protocol on purpose, one at a time, at the seams between its translation units: each must be seen
// by the campaign that STARMINER_PLANTED names it to (planted_test.py). The shipped libraries hold nothing of this: the
// linker calls `planted` where others call the named function (--wrap, which CMake reads from here).
#include <array>
#include <cstdlib>
#include <string_view>

#include "protocol/contracts/contracts.h"
#include "protocol/ledger/ledger.h"
#include "protocol/market/gang.h"
#include "protocol/market/market.h"
#include "protocol/pricing/pricing.h"
#include "protocol/registry/registry.h"
#include "protocol/staking/staking.h"
#include "protocol/timers/timers.h"

namespace starminer::protocol {

// clang-format off
#define REAL(symbol) __asm__("__real_" symbol)
#define PLANTED(symbol) __asm__("__wrap_" symbol)
#define PAY_FROM_LOCK "_ZN9starminer8protocol6Ledger13pay_from_lockENS0_11LockPurposeERKSt5arrayIhLm20EERKNS_2IdINS_10AccountTagEEENS_6AmountILNS_5AssetE0EEE"
#define POOL_FROM_LOCK "_ZN9starminer8protocol6Ledger14pool_from_lockENS0_11LockPurposeERKSt5arrayIhLm20EENS0_4PoolENS_6AmountILNS_5AssetE0EEE"
#define BURN_FROM_LOCK "_ZN9starminer8protocol6Ledger14burn_from_lockENS0_11LockPurposeERKSt5arrayIhLm20EENS_6AmountILNS_5AssetE0EEE"
#define LOCK "_ZN9starminer8protocol6Ledger4lockENS0_11LockPurposeERKSt5arrayIhLm20EERKNS_2IdINS_10AccountTagEEENS_5AssetEm"
#define UNLOCK "_ZN9starminer8protocol6Ledger6unlockENS0_11LockPurposeERKSt5arrayIhLm20EENS_5AssetE"
#define CREDIT "_ZN9starminer8protocol6Ledger6creditERKNS_2IdINS_10AccountTagEEENS_5AssetEm"
#define BALANCE "_ZNK9starminer8protocol6Ledger7balanceERKNS_2IdINS_10AccountTagEEENS_5AssetE"
#define ADD_ROLE "_ZN9starminer8protocol6Ledger8add_roleERKNS_2IdINS_10AccountTagEEE"
#define COST "_ZN9starminer8protocol7Pricing4costENS_5PriceEmmNS_8RoundingE"
#define SPLIT "_ZNK9starminer8protocol7Pricing5splitENS_6AmountILNS_5AssetE0EEEmmb"
#define RELEASE "_ZN9starminer8protocol8Registry7releaseERKNS_2IdINS_7NodeTagEEERKNS0_10AllocationERKNS0_12BlockContextE"
#define SCHEDULE "_ZN9starminer8protocol6Timers8scheduleENS_6TimeMsENS0_9TimerKindERKSt5arrayIhLm20EE"
#define SET_TIMER "_ZN9starminer8protocol9Contracts9set_timerERKNS_2IdINS_11ContractTagEEERNS0_11ContractRowENS0_9TimerKindENS_6TimeMsE"
#define ON_UNBONDED "_ZN9starminer8protocol7Staking11on_unbondedERKNS_2IdINS_12UnbondingTagEEERKNS0_12BlockContextE"
#define SPEND_CREDITS "_ZN9starminer8protocol7Staking13spend_creditsERKNS_2IdINS_10AccountTagEEEmNS_6TimeMsE"
#define CHECK_ACCEPT "_ZNK9starminer8protocol9Contracts5checkERKNS0_5ValidINS0_14ContractAcceptEEERKNS0_6SenderE"
#define CHECK_HOST_DONE "_ZNK9starminer8protocol9Contracts5checkERKNS0_5ValidINS0_16ContractHostDoneEEERKNS0_6SenderE"
#define CHECK_CANCEL "_ZNK9starminer8protocol6Market5checkERKNS0_5ValidINS0_9JobCancelEEERKNS0_6SenderE"
#define REQUEUE "_ZN9starminer8protocol6Market7requeueERKNS_2IdINS_6JobTagEEERKNS2_INS_10AccountTagEEERKNS0_12BlockContextE"
#define PART_OF "_ZN9starminer8protocol7part_ofERKNS0_9ResourcesEj"
#define CHANGE_FREE "_ZN9starminer8protocol9SiteIndex11change_freeEjj"
#define VALIDATE_TRANSFER "_ZN9starminer8protocol8Transfer8validateES1_"
#define VALIDATE_UNBOND "_ZN9starminer8protocol11StakeUnbond8validateES1_"
// clang-format on

using Subject = std::array<std::uint8_t, 20>;

namespace {

bool plants(std::string_view bug) {
  static const char* const given = std::getenv("STARMINER_PLANTED");
  return given != nullptr && bug == given;
}

/// True every seventh time.
bool now_and_then() {
  static unsigned calls = 0;
  return ++calls % 7 == 0;
}

}  // namespace

// Money
void real_pay(Ledger*, LockPurpose, const Subject&, const AccountId&, Agpu) REAL(PAY_FROM_LOCK);
void planted_pay(Ledger*, LockPurpose, const Subject&, const AccountId&, Agpu) PLANTED(PAY_FROM_LOCK);
void planted_pay(Ledger* ledger, LockPurpose purpose, const Subject& subject, const AccountId& to, Agpu amount) {
  if (plants("provider-paid-less") && amount.base > 0) --amount.base;
  real_pay(ledger, purpose, subject, to, amount);
}

void real_pool(Ledger*, LockPurpose, const Subject&, Pool, Agpu) REAL(POOL_FROM_LOCK);
void planted_pool(Ledger*, LockPurpose, const Subject&, Pool, Agpu) PLANTED(POOL_FROM_LOCK);
void planted_pool(Ledger* ledger, LockPurpose purpose, const Subject& subject, Pool pool, Agpu amount) {
  if (plants("wrong-pool") && pool == Pool::Stakers) pool = Pool::Treasury;
  real_pool(ledger, purpose, subject, pool, amount);
}

void real_burn(Ledger*, LockPurpose, const Subject&, Agpu) REAL(BURN_FROM_LOCK);
void planted_burn(Ledger*, LockPurpose, const Subject&, Agpu) PLANTED(BURN_FROM_LOCK);
void planted_burn(Ledger* ledger, LockPurpose purpose, const Subject& subject, Agpu amount) {
  if (!plants("nothing-burned")) real_burn(ledger, purpose, subject, amount);
}

void real_lock(Ledger*, LockPurpose, const Subject&, const AccountId&, Asset, std::uint64_t) REAL(LOCK);
void planted_lock(Ledger*, LockPurpose, const Subject&, const AccountId&, Asset, std::uint64_t) PLANTED(LOCK);
void planted_lock(Ledger* ledger, LockPurpose purpose, const Subject& subject, const AccountId& owner, Asset asset,
                  std::uint64_t amount) {
  if (plants("escrow-too-small") && purpose == LockPurpose::Escrow && now_and_then()) amount /= 2;
  if (plants("locks-cut-to-size")) amount &= 0xffffffffU;
  real_lock(ledger, purpose, subject, owner, asset, amount);
}

std::uint64_t real_unlock(Ledger*, LockPurpose, const Subject&, Asset) REAL(UNLOCK);
std::uint64_t planted_unlock(Ledger*, LockPurpose, const Subject&, Asset) PLANTED(UNLOCK);
std::uint64_t planted_unlock(Ledger* ledger, LockPurpose purpose, const Subject& subject, Asset asset) {
  if (plants("escrow-kept") && purpose == LockPurpose::Escrow && now_and_then()) return 0;
  return real_unlock(ledger, purpose, subject, asset);
}

void real_credit(Ledger*, const AccountId&, Asset, std::uint64_t) REAL(CREDIT);
void planted_credit(Ledger*, const AccountId&, Asset, std::uint64_t) PLANTED(CREDIT);
void planted_credit(Ledger* ledger, const AccountId& account, Asset asset, std::uint64_t amount) {
  real_credit(ledger, account, asset, plants("one-unit-out-of-nothing") ? amount + 1 : amount);
}

std::uint64_t real_balance(const Ledger*, const AccountId&, Asset) REAL(BALANCE);
std::uint64_t planted_balance(const Ledger*, const AccountId&, Asset) PLANTED(BALANCE);
std::uint64_t planted_balance(const Ledger* ledger, const AccountId& account, Asset asset) {
  const std::uint64_t balance = real_balance(ledger, account, asset);
  return plants("twice-the-balance") ? 2 * balance : balance;
}

void real_add_role(Ledger*, const AccountId&) REAL(ADD_ROLE);
void planted_add_role(Ledger*, const AccountId&) PLANTED(ADD_ROLE);
void planted_add_role(Ledger* ledger, const AccountId& account) {
  if (!plants("account-in-use-may-close")) real_add_role(ledger, account);
}

void real_on_unbonded(Staking*, const UnbondingId&, const BlockContext&) REAL(ON_UNBONDED);
void planted_on_unbonded(Staking*, const UnbondingId&, const BlockContext&) PLANTED(ON_UNBONDED);
void planted_on_unbonded(Staking* staking, const UnbondingId& id, const BlockContext& context) {
  if (!plants("stake-never-returns")) real_on_unbonded(staking, id, context);
}

void real_spend_credits(Staking*, const AccountId&, std::uint64_t, TimeMs) REAL(SPEND_CREDITS);
void planted_spend_credits(Staking*, const AccountId&, std::uint64_t, TimeMs) PLANTED(SPEND_CREDITS);
void planted_spend_credits(Staking* staking, const AccountId& account, std::uint64_t micro, TimeMs now) {
  real_spend_credits(staking, account, plants("credits-spent-by-half") ? micro / 2 : micro, now);
}

// Arithmetic
Agpu real_cost(Price, std::uint64_t, std::uint64_t, Rounding) REAL(COST);
Agpu planted_cost(Price, std::uint64_t, std::uint64_t, Rounding) PLANTED(COST);
Agpu planted_cost(Price unit, std::uint64_t gpu_milli, std::uint64_t ms, Rounding rounding) {
  constexpr std::uint64_t kMilliMsPerHour = 3'600'000'000;
  if (plants("cost-in-64-bits")) return {unit.nagpu_per_gpu_hour * gpu_milli * ms / kMilliMsPerHour & kAmountMax};
  return real_cost(unit, gpu_milli, ms, plants("cost-rounds-down") ? Rounding::Floor : rounding);
}

FeeSplit real_split(const Pricing*, Agpu, std::uint64_t, std::uint64_t, bool) REAL(SPLIT);
FeeSplit planted_split(const Pricing*, Agpu, std::uint64_t, std::uint64_t, bool) PLANTED(SPLIT);
FeeSplit planted_split(const Pricing* pricing, Agpu pay, std::uint64_t log_price, std::uint64_t slow, bool referred) {
  FeeSplit split = real_split(pricing, pay, log_price, slow, referred);
  if (plants("remainder-to-treasury") && split.provider.base > 0) {
    --split.provider.base;
    ++split.treasury.base;
  }
  return split;
}

Result<Valid<Transfer>, Refusal> real_validate_transfer(Transfer) REAL(VALIDATE_TRANSFER);
Result<Valid<Transfer>, Refusal> planted_validate_transfer(Transfer) PLANTED(VALIDATE_TRANSFER);
Result<Valid<Transfer>, Refusal> planted_validate_transfer(Transfer op) {
  if (plants("amounts-cut-to-size")) op.amount &= 0xffffffffU;
  return real_validate_transfer(op);
}

Result<Valid<StakeUnbond>, Refusal> real_validate_unbond(StakeUnbond) REAL(VALIDATE_UNBOND);
Result<Valid<StakeUnbond>, Refusal> planted_validate_unbond(StakeUnbond) PLANTED(VALIDATE_UNBOND);
Result<Valid<StakeUnbond>, Refusal> planted_validate_unbond(StakeUnbond op) {
  if (plants("stake-cut-to-size")) op.amount &= 0xffffffffU;
  return real_validate_unbond(op);
}

// Time and capacity
void real_release(Registry*, const NodeId&, const Allocation&, const BlockContext&) REAL(RELEASE);
void planted_release(Registry*, const NodeId&, const Allocation&, const BlockContext&) PLANTED(RELEASE);
void planted_release(Registry* registry, const NodeId& node, const Allocation& allocation,
                     const BlockContext& context) {
  if (!plants("capacity-not-released")) real_release(registry, node, allocation, context);
}

Resources real_part_of(const Resources&, std::uint32_t) REAL(PART_OF);
Resources planted_part_of(const Resources&, std::uint32_t) PLANTED(PART_OF);
Resources planted_part_of(const Resources& whole, std::uint32_t hosts) {
  Resources part = real_part_of(whole, hosts);
  if (plants("hosts-hold-less-than-is-billed") && hosts > 1 && part.gpus > 0) --part.gpus;
  return part;
}

void real_change_free(SiteIndex*, std::uint32_t, std::uint32_t) REAL(CHANGE_FREE);
void planted_change_free(SiteIndex*, std::uint32_t, std::uint32_t) PLANTED(CHANGE_FREE);
void planted_change_free(SiteIndex* sites, std::uint32_t dense_id, std::uint32_t free_devices) {
  if (!plants("sites-forget-what-is-free")) real_change_free(sites, dense_id, free_devices);
}

void real_schedule(Timers*, TimeMs, TimerKind, const Subject&) REAL(SCHEDULE);
void planted_schedule(Timers*, TimeMs, TimerKind, const Subject&) PLANTED(SCHEDULE);
void planted_schedule(Timers* timers, TimeMs due, TimerKind kind, const Subject& subject) {
  if (plants("deadline-forgotten") && kind == TimerKind::JobDeadline) return;
  real_schedule(timers, due, kind, subject);
}

void real_set_timer(Contracts*, const ContractId&, ContractRow&, TimerKind, TimeMs) REAL(SET_TIMER);
void planted_set_timer(Contracts*, const ContractId&, ContractRow&, TimerKind, TimeMs) PLANTED(SET_TIMER);
void planted_set_timer(Contracts* contracts, const ContractId& id, ContractRow& row, TimerKind kind, TimeMs due) {
  constexpr std::uint64_t kMonthMs = 30ULL * 24 * 3'600'000;
  if (plants("late-start-forgiven") && kind == TimerKind::StartDue) due.ms += kMonthMs;
  real_set_timer(contracts, id, row, kind, due);
}

// Who may do what
Result<Checked<ContractAccept>, Refusal> real_accept(const Contracts*, const Valid<ContractAccept>&, const Sender&)
    REAL(CHECK_ACCEPT);
Result<Checked<ContractAccept>, Refusal> planted_accept(const Contracts*, const Valid<ContractAccept>&, const Sender&)
    PLANTED(CHECK_ACCEPT);
Result<Checked<ContractAccept>, Refusal> planted_accept(const Contracts* contracts, const Valid<ContractAccept>& op,
                                                        const Sender& sender) {
  const ContractRow* row = contracts->table().find(op->contract);
  if (plants("anybody-accepts") && row != nullptr) return real_accept(contracts, op, {row->requester, sender.sequence});
  return real_accept(contracts, op, sender);
}

Result<Checked<ContractHostDone>, Refusal> real_done(const Contracts*, const Valid<ContractHostDone>&, const Sender&)
    REAL(CHECK_HOST_DONE);
Result<Checked<ContractHostDone>, Refusal> planted_done(const Contracts*, const Valid<ContractHostDone>&, const Sender&)
    PLANTED(CHECK_HOST_DONE);
Result<Checked<ContractHostDone>, Refusal> planted_done(const Contracts* contracts, const Valid<ContractHostDone>& op,
                                                        const Sender& sender) {
  const ContractRow* row = contracts->table().find(op->contract);
  if (plants("anybody-ends-a-host") && row != nullptr)
    return real_done(contracts, op, {row->provider, sender.sequence});
  return real_done(contracts, op, sender);
}

Result<Checked<JobCancel>, Refusal> real_cancel(const Market*, const Valid<JobCancel>&, const Sender&)
    REAL(CHECK_CANCEL);
Result<Checked<JobCancel>, Refusal> planted_cancel(const Market*, const Valid<JobCancel>&, const Sender&)
    PLANTED(CHECK_CANCEL);
Result<Checked<JobCancel>, Refusal> planted_cancel(const Market* market, const Valid<JobCancel>& op,
                                                   const Sender& sender) {
  const JobRow* row = market->jobs().find(op->job);
  if (plants("anybody-cancels") && row != nullptr) return real_cancel(market, op, {row->requester, sender.sequence});
  return real_cancel(market, op, sender);
}

void real_requeue(Market*, const JobId&, const AccountId&, const BlockContext&) REAL(REQUEUE);
void planted_requeue(Market*, const JobId&, const AccountId&, const BlockContext&) PLANTED(REQUEUE);
void planted_requeue(Market* market, const JobId& job, const AccountId& provider, const BlockContext& context) {
  real_requeue(market, job, plants("failed-provider-again") ? AccountId{} : provider, context);
}

}  // namespace starminer::protocol
