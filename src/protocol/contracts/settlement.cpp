// How a contract ends and who is paid: settlement by responsible party (protocol section 5, economics section 2.6).
#include <algorithm>

#include "base/check.h"
#include "protocol/contracts/contracts.h"
#include "protocol/market/start_promise.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kFullOutcomeMilli = 1000;

/// Whether two contracts were served, or are paid, by the same hand.
bool are_linked(const ContractRow& a, const ContractRow& b) {
  return a.provider == b.provider || a.payout == b.payout || a.payout == b.provider || a.provider == b.payout;
}

}  // namespace

std::uint64_t Contracts::metered_ms(const ContractRow& row, TimeMs stop) const {
  if (row.started.ms == 0) return 0;
  // Three bounds: the chain's own clock, the last sign of life on that clock, and what the provider says was run.
  const std::uint64_t slack_ms = params_.get(Parameter::ProgressSlackMs);
  const std::uint64_t since_start = elapsed(stop, row.started).ms;
  const std::uint64_t heard_ms = saturating_add(elapsed(row.last_progress, row.started).ms, slack_ms);
  const std::uint64_t signed_ms = saturating_add(row.progress_run_ms, slack_ms);
  const std::uint64_t over_expected =
      mul_div(seconds(row.expected_s).ms, params_.get(Parameter::MeterOverExpectedPpm), kPpm, Rounding::Floor)
          .value_or(~std::uint64_t{0});
  const std::uint64_t metered = std::min({since_start, heard_ms, signed_ms, over_expected, seconds(row.max_s).ms});
  return std::max(metered, params_.get(Parameter::MinimumMeterMs));
}

void Contracts::stop_meter(ContractRow& row, TimeMs stop) const {
  if (row.started.ms == 0 || row.stopped.ms != 0) return;
  row.stopped = stop;
  row.metered_ms = metered_ms(row, stop);
  std::uint64_t devices_milli = row.allocation.devices.size() * std::uint64_t{row.allocation.milli_per_device};
  if (!row.gang.empty()) devices_milli *= row.gang.size();  // equal parts
  const auto device_seconds_milli = mul_div(row.metered_ms / 1000, devices_milli, 1, Rounding::Floor);
  row.compute_units_milli =
      device_seconds_milli ? mul_div(*device_seconds_milli, row.rating_cu_x1000, 1000, Rounding::Floor).value_or(0) : 0;
}

/// The price of the metered time by the fee table, never more than `at_most`.
FeeSplit Contracts::bill_of(const ContractRow& row, Agpu at_most) const {
  const std::uint64_t whole_seconds_ms = row.metered_ms / 1000 * 1000;
  Agpu due = Pricing::cost(row.price.unit, row.billing_milli, whole_seconds_ms, Rounding::Ceil);
  due = std::max(due, params_.agpu(Parameter::MinimumJobFee));
  due = std::min({due, row.cap, at_most});
  return pricing_.split(due, row.price.log_price, row.price.slow_log_price, false);
}

/// A bill out of its job's escrow.
void Contracts::pay(const ContractRow& row, const FeeSplit& bill) {
  const auto& subject = row.job.bytes;
  const auto burned = checked_add(bill.surge_burn, bill.burn);
  STARMINER_CHECK(burned.has_value());
  ledger_.burn_from_lock(LockPurpose::Escrow, subject, *burned);
  ledger_.pool_from_lock(LockPurpose::Escrow, subject, Pool::Stakers, bill.stakers);
  ledger_.pool_from_lock(LockPurpose::Escrow, subject, Pool::Treasury, bill.treasury);
  ledger_.pool_from_lock(LockPurpose::Escrow, subject, Pool::Insurance, bill.insurance);
  const AccountId& payee = ledger_.exists(row.payout) ? row.payout : row.provider;
  ledger_.pay_from_lock(LockPurpose::Escrow, subject, payee, bill.provider);
  market_.pay_price_lock(row.job, payee);
}

/// Standard: what of the price is not the provider's, but for the surge part. Premium: a share of the price, from a
/// node that was late itself, else from the insurance fund. Nothing is owed for work that a requester sells itself.
void Contracts::make_good(ContractRow& row, const JobRow& job, FeeSplit& bill) {
  if (!job.start_promise || job.start_promise->state != StartState::Missed) return;
  if (pricing_.tier(job.tier).promise == StartRule::Queue) {
    row.returned = {bill.burn.base + bill.stakers.base + bill.treasury.base + bill.insurance.base + bill.referrer.base};
    bill = FeeSplit{{bill.pay.base - row.returned.base}, bill.surge_burn, {}, {}, {}, {}, {}, bill.provider};
    return;
  }
  if (row.requester == row.provider || row.requester == row.payout) return;
  const Agpu credit{
      mul_div(bill.pay.base, params_.get(Parameter::PremiumCreditPpm), kPpm, Rounding::Floor).value_or(0)};
  const bool node_was_late = row.started > row.matched + premium_allowance(params_, row.input_bytes);
  if (node_was_late) {
    row.returned = std::min(credit, bill.provider);
    bill.provider.base -= row.returned.base;
    bill.pay.base -= row.returned.base;
  } else {
    row.insured = from_insurance(row.requester, credit, bill.pay);
  }
}

Agpu Contracts::from_insurance(const AccountId& requester, Agpu credit, Agpu paid) {
  const auto share = [this](std::uint64_t of, Parameter ppm) {
    return mul_div(of, params_.get(ppm), kPpm, Rounding::Floor).value_or(0);
  };
  const PremiumFeesRow* stands = premium_fees_.find(requester);
  const PremiumFeesRow fees = stands != nullptr ? *stands : PremiumFeesRow{};
  const std::uint64_t most = share(saturating_add(fees.settled.base, paid.base), Parameter::InsuranceShareMaxPpm);
  const Agpu amount{std::min({credit.base, saturating_sub(most, fees.insured.base),
                              share(ledger_.pool(Pool::Insurance, Asset::Agpu), Parameter::InsuranceCreditPpm)})};
  ledger_.pay_from_pool(Pool::Insurance, requester, amount);
  return amount;
}

void Contracts::count_premium(const ContractRow& row) {
  const PremiumFeesRow* stands = premium_fees_.find(row.requester);
  PremiumFeesRow fees = stands != nullptr ? *stands : PremiumFeesRow{};
  fees.settled.base = std::min(saturating_add(fees.settled.base, row.bill.pay.base), kAmountMax);
  fees.insured.base += row.insured.base;
  premium_fees_.put(row.requester, fees);
}

void Contracts::record_outcome(const ContractRow& row, Outcome outcome, const BlockContext& context) {
  // Outcomes between linked accounts count nothing: who pays itself learns nothing about its node.
  if (row.requester == row.provider || row.requester == row.payout) return;
  const auto kind = static_cast<std::uint8_t>(row.kind);
  if (row.gang.empty()) reputation_.record(row.node, kind, outcome, kFullOutcomeMilli, context.time);
  for (const GangHost& host : row.gang) reputation_.record(host.node, kind, outcome, kFullOutcomeMilli, context.time);
}

void Contracts::finish(const ContractId& id, ContractRow row, ContractState state, EndReason reason,
                       const BlockContext& context) {
  drop_timers(id, row);
  pay_notice(id, row, reason == EndReason::Preempted);
  row.state = state;
  row.end_reason = reason;
  row.party = end_reason_info(reason).party;
  row.ended = context.time;
  row.run_end_due = {};
  store(id, row, context);
  settlements_.push_back({id, std::move(row)});
}

/// The requester pays the metered time, the rest of the escrow returns, the job ends.
void Contracts::settle(const ContractId& id, ContractRow row, EndReason reason, const BlockContext& context) {
  stop_meter(row, context.time);
  const JobRow& job = market_.jobs().get(row.job);
  const bool ran = row.started.ms != 0;
  const Agpu cap = job.cap;
  if (ran) {
    row.bill = bill_of(row, cap);
    make_good(row, job, row.bill);
    pay(row, row.bill);
    if (pricing_.tier(job.tier).promise == StartRule::Now) count_premium(row);
  }
  const Agpu paid = row.bill.pay;
  const auto refund = checked_sub(cap, paid);
  STARMINER_CHECK(refund.has_value());
  row.refund = *refund;
  if (end_reason_info(reason).party == Party::Nobody) record_outcome(row, Outcome::Success, context);
  const JobId job_id = row.job;
  const bool held = market_.assignments().contains(job_id);
  finish(id, std::move(row), ran ? ContractState::Settled : ContractState::Refunded, reason, context);
  if (held) market_.release(job_id, context);
  market_.end(job_id, ran ? JobState::Settled : JobState::Refunded, reason, paid, context);
}

/// Whatever word it finds for it: a node that took a job and never began it has declined it.
void Contracts::charge_decline(const ContractId& id, ContractRow& row, const BlockContext& context) {
  if (row.started.ms != 0) return;
  const Agpu expected = Pricing::cost(row.price.unit, row.billing_milli, seconds(row.expected_s).ms, Rounding::Ceil);
  row.decline =
      reserve_.charge({row.node, row.job, id, row.requester, row.matched, std::min(expected, row.cap)}, context);
}

/// The provider's fault pays nothing; the job is matched again where that is allowed, else refunded.
void Contracts::fail_by_provider(const ContractId& id, ContractRow row, EndReason reason, const BlockContext& context) {
  stop_meter(row, context.time);
  record_outcome(row, reason == EndReason::ProviderLate ? Outcome::Late : Outcome::Failure, context);
  charge_decline(id, row, context);
  const JobId job = row.job;
  const AccountId provider = row.provider;
  market_.release(job, context);
  const bool again = market_.can_requeue(job, provider, context);
  if (!again) row.refund = market_.jobs().get(job).cap;
  finish(id, std::move(row), again ? ContractState::Requeued : ContractState::Refunded, reason, context);
  if (again) {
    market_.requeue(job, provider, context);
  } else {
    market_.end(job, JobState::Refunded, reason, {}, context);
  }
}

/// Nobody is at fault: no outcome is recorded, and the provider stays open to the job.
void Contracts::preempt(const ContractId& id, ContractRow row, const BlockContext& context) {
  stop_meter(row, context.time);
  const JobId job = row.job;
  market_.release(job, context);
  const bool again = market_.can_queue_preempted(job, context);
  if (!again) row.refund = market_.jobs().get(job).cap;
  finish(id, std::move(row), again ? ContractState::Requeued : ContractState::Refunded, EndReason::Preempted, context);
  if (again) {
    market_.queue_preempted(job, context);
  } else {
    market_.end(job, JobState::Refunded, EndReason::Preempted, {}, context);
  }
}

void Contracts::pay_notice(const ContractId& id, ContractRow& row, bool preempted) {
  if (!row.notice || !row.notice->open) return;
  Notice& notice = *row.notice;
  notice.open = false;
  if (preempted && row.started.ms != 0) {
    const std::uint64_t whole_seconds_ms = row.metered_ms / 1000 * 1000;
    const Agpu ran = Pricing::cost(row.price.unit, row.billing_milli, whole_seconds_ms, Rounding::Floor);
    notice.provider = std::min(notice.unsaved, ran);
    const AccountId& payee = ledger_.exists(row.payout) ? row.payout : row.provider;
    ledger_.pay_from_lock(LockPurpose::Notice, id.bytes, payee, notice.provider);
  }
  const Agpu rest{ledger_.locked(LockPurpose::Notice, id.bytes, Asset::Agpu)};
  ledger_.pay_from_lock(LockPurpose::Notice, id.bytes, row.requester, rest);
  static_cast<void>(ledger_.unlock(LockPurpose::Notice, id.bytes, Asset::Agpu));
}

std::optional<ContractId> Contracts::equal_claim(const ContractRow& row, EndReason reason) const {
  for (std::uint32_t attempt = 0; attempt < row.attempt; ++attempt) {
    const ContractId id = contract_id_of(row.job, attempt);
    const ContractRow& earlier = contracts_.get(id);
    if (earlier.end_reason == reason && !are_linked(earlier, row)) return id;
  }
  return std::nullopt;
}

/// A first claim of the requester's fault pays nothing and sends the job to another provider, if there is one; a second
/// equal claim of somebody else makes it the requester's fault and pays both.
void Contracts::claim_requester_fault(const ContractId& id, ContractRow row, EndReason reason,
                                      const BlockContext& context) {
  stop_meter(row, context.time);
  const JobId job_id = row.job;
  const AccountId provider = row.provider;
  const JobRow job = market_.jobs().get(job_id);
  market_.release(job_id, context);
  if (const auto prior = equal_claim(row, reason)) {
    Agpu left = job.cap;
    const auto pay_for = [&](const ContractRow& served) {
      if (served.started.ms == 0) return FeeSplit{};
      const FeeSplit bill = bill_of(served, left);
      pay(served, bill);
      left = *checked_sub(left, bill.pay);
      return bill;
    };
    row.prior_claim = *prior;
    row.prior_bill = pay_for(contracts_.get(*prior));
    row.bill = pay_for(row);
    const Agpu paid = *checked_sub(job.cap, left);
    row.refund = left;
    finish(id, std::move(row), paid.is_zero() ? ContractState::Refunded : ContractState::Settled, reason, context);
    market_.end(job_id, paid.is_zero() ? JobState::Refunded : JobState::Settled, reason, paid, context);
    return;
  }
  const bool again = market_.can_requeue(job_id, provider, context);
  if (!again) row.refund = job.cap;
  finish(id, std::move(row), again ? ContractState::Requeued : ContractState::Refunded, reason, context);
  if (again) {
    if (job.fault_claim.is_zero()) market_.set_fault_claim(job_id, id);
    market_.requeue(job_id, provider, context);
  } else {
    market_.end(job_id, JobState::Refunded, reason, {}, context);
  }
}

}  // namespace starminer::protocol
