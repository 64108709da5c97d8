#include "protocol/contracts/contracts.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {

Contracts::Contracts(state::Store& store, const Params& params, Ledger& ledger, Registry& registry,
                     const Pricing& pricing, Reputation& reputation, Market& market, Reserve& reserve, Timers& timers)
    : params_(params),
      ledger_(ledger),
      registry_(registry),
      pricing_(pricing),
      reputation_(reputation),
      market_(market),
      reserve_(reserve),
      timers_(timers),
      contracts_(store, state::TableId::Contracts),
      premium_fees_(store, state::TableId::PremiumFees) {
  contracts_.add_observer(index_);
}

void Contracts::dispatch(const BlockContext& context) {
  for (;;) {
    const auto made = market_.next_match(context);
    const auto notices = market_.take_notices();
    if (!made && notices.empty()) return;
    if (made) open(*made, context);
    for (const NoticeGiven& given : notices) give_notice(given, context);
  }
}

void Contracts::give_notice(const NoticeGiven& given, const BlockContext& context) {
  for (const NoticeGiven::Receiver& receiver : given.victims) {
    const ContractId& id = receiver.contract;
    ContractRow row = contracts_.get(id);
    row.notice = Notice{given.by, context.time, given.due, true, receiver.share, receiver.unsaved, {}};
    if (row.state != ContractState::Running) {
      preempt(id, std::move(row), context);
      continue;
    }
    timers_.schedule(given.due, TimerKind::NoticeEnd, id.bytes);
    store(id, row, context);
  }
}

void Contracts::open(const MatchMade& made, const BlockContext& context) {
  const JobRow& job = market_.jobs().get(made.job);
  const NodeRow& node = registry_.nodes().get(made.winner.node);
  const ContractId id = contract_id_of(made.job, job.attempts);
  ContractRow row;
  row.job = made.job;
  row.attempt = job.attempts;
  row.requester = job.requester;
  row.provider = node.provider;
  row.payout = registry_.providers().get(node.provider).payout;
  row.node = made.winner.node;
  row.kind = job.spec.kind;
  row.allocation = made.allocation;
  row.billing_milli = billing_milli(job.spec.resources);
  row.rating_cu_x1000 = node.ratings[static_cast<std::size_t>(row.kind)].cu_x1000;
  row.price = {made.price_key.tier, made.price_key.hardware_class, made.base,     made.log_price,
               made.slow_log_price, made.winner.factors,           job.max_price, made.winner.unit};
  row.match = {context.height, made.winner.score, made.winner.parts, made.winner.reserve};
  if (!made.others.empty()) row.gang.push_back({row.node, row.allocation, {}, {}, {}, {}});
  for (const HostShare& host : made.others) {
    row.gang.push_back({host.node, host.allocation, {}, {}, {}, {}});
    // One figure stands for all of them: that of the slowest, at whose pace they go.
    const NodeRow& other = registry_.nodes().get(host.node);
    row.rating_cu_x1000 = std::min(row.rating_cu_x1000, other.ratings[static_cast<std::size_t>(row.kind)].cu_x1000);
  }
  if (made.winner.reserve != 0) reserve_.count_draw(row.node);
  row.cap = job.cap;
  row.expected_s = job.spec.expected_s;
  row.max_s = job.spec.max_s;
  row.manifest_hash = job.spec.manifest_hash;
  row.inputs = job.spec.inputs;
  row.input_bytes = job.spec.input_bytes;
  row.state = ContractState::Assigned;
  row.matched = context.time;
  set_timer(id, row, TimerKind::AckDue, context.time + params_.duration(Parameter::AckMs));
  market_.set_contract(made.job, id);
  context.emit({.kind = EventKind::JobMatched,
                .account = row.provider,
                .node = row.node,
                .job = row.job,
                .contract = id,
                .amount = row.price.unit.nagpu_per_gpu_hour});
  store(id, row, context);
}

void Contracts::store(const ContractId& id, const ContractRow& row, const BlockContext& context) {
  contracts_.put(id, row);
  context.emit({.kind = EventKind::ContractChanged,
                .account = row.requester,
                .node = row.node,
                .job = row.job,
                .contract = id,
                .state = static_cast<std::uint8_t>(row.state),
                .amount = row.bill.pay.base});
}

void Contracts::set_timer(const ContractId& id, ContractRow& row, TimerKind kind, TimeMs due) {
  row.timer = kind;
  row.timer_due = due;
  timers_.schedule(due, kind, id.bytes);
}

void Contracts::drop_timers(const ContractId& id, const ContractRow& row) {
  timers_.cancel(row.timer_due, row.timer, id.bytes);
  if (row.run_end_due.ms != 0) timers_.cancel(row.run_end_due, TimerKind::RunEnd, id.bytes);
  if (row.notice && row.notice->open) timers_.cancel(row.notice->due, TimerKind::NoticeEnd, id.bytes);
}

void Contracts::cancel(const JobId& job, const BlockContext& context) {
  const ContractId id = market_.jobs().get(job).contract;
  ContractRow row = contracts_.get(id);
  if (row.state == ContractState::Delivered) {
    // The work is done and metered; cancelling now is accepting it without a word.
    settle(id, std::move(row), EndReason::Accepted, context);
    return;
  }
  settle(id, std::move(row), EndReason::CancelledRequester, context);
}

void Contracts::archive(const JobId& job) {
  const std::uint32_t attempts = market_.jobs().get(job).attempts;
  for (std::uint32_t attempt = 0; attempt < attempts; ++attempt) contracts_.erase(contract_id_of(job, attempt));
  market_.archive(job);
}

void Contracts::on_timer(const TimerKey& timer, const BlockContext& context) {
  ContractId id;
  id.bytes = timer.subject;
  ContractRow row = contracts_.get(id);
  switch (timer.kind) {
    case TimerKind::AckDue: fail_by_provider(id, std::move(row), EndReason::ProviderRefused, context); break;
    case TimerKind::StartDue: fail_by_provider(id, std::move(row), EndReason::ProviderLate, context); break;
    case TimerKind::SilenceDue: fail_by_provider(id, std::move(row), EndReason::ProviderLost, context); break;
    case TimerKind::RunEnd:
      // Without a single report nothing says that the job ran at all: that is silence, not a job that took too long.
      if (row.progress_run_ms == 0) {
        fail_by_provider(id, std::move(row), EndReason::ProviderLost, context);
      } else {
        settle(id, std::move(row), EndReason::TimeoutRequester, context);
      }
      break;
    case TimerKind::AcceptDue: settle(id, std::move(row), EndReason::Completed, context); break;
    case TimerKind::NoticeEnd: preempt(id, std::move(row), context); break;
    case TimerKind::Tick:
    case TimerKind::Epoch:
    case TimerKind::JobDeadline:
    case TimerKind::LockRelease:
    case TimerKind::BenchmarkDue:
    case TimerKind::AttestationEnd:
    case TimerKind::AttestorSweep:
    case TimerKind::Unbonded:
    case TimerKind::JobArchive: assertion_failed("a timer of another module", __FILE__, __LINE__);
  }
}

std::vector<Settlement> Contracts::take_settlements() { return std::exchange(settlements_, {}); }

/// Money is locked under a contract exactly while a notice stands that it has not followed.
bool Contracts::notice_is_sound(const ContractId& id, const ContractRow& row) const {
  const LockRow* lock = ledger_.locks().find({LockPurpose::Notice, id.bytes, Asset::Agpu});
  if (!row.notice || !row.notice->open) return lock == nullptr;
  const Notice& notice = *row.notice;
  return row.state == ContractState::Running && lock != nullptr &&
         u128{lock->amount} == u128{notice.share.base} + notice.unsaved.base &&
         timers_.is_armed({notice.due, TimerKind::NoticeEnd, id.bytes}) &&
         market_.assignments().get(row.job).preempted_by == notice.by;
}

bool Contracts::gang_is_sound(const ContractRow& row) const {
  if (row.gang.empty()) return true;
  const bool runs = row.state == ContractState::Running;
  return row.gang.size() > 1 && row.gang.front().node == row.node && row.gang.front().done.ms == 0 &&
         std::all_of(row.gang.begin(), row.gang.end(), [&](const GangHost& host) {
           return !runs || host.done.ms != 0 || (host.ready.ms != 0 && host.heard >= row.last_progress);
         });
}

bool Contracts::live_is_sound(const ContractId& id, const ContractRow& row) const {
  const bool run_end = row.run_end_due.ms != 0 && timers_.is_armed({row.run_end_due, TimerKind::RunEnd, id.bytes});
  const bool holds_devices = row.state != ContractState::Delivered;
  const JobRow* job = market_.jobs().find(row.job);
  if (!notice_is_sound(id, row) || !gang_is_sound(row)) return false;
  return job != nullptr && timers_.is_armed({row.timer_due, row.timer, id.bytes}) &&
         run_end == (row.state == ContractState::Running) && market_.assignments().contains(row.job) == holds_devices &&
         row.end_reason == EndReason::None && row.bill.pay.is_zero() && job->state == JobState::Active &&
         job->contract == id && job->cap == row.cap;
}

bool Contracts::final_is_sound(const ContractId& id, const ContractRow& row) const {
  if (timers_.is_armed({row.timer_due, row.timer, id.bytes}) || row.run_end_due.ms != 0) return false;
  if ((row.notice && row.notice->open) || !notice_is_sound(id, row)) return false;
  if (row.end_reason == EndReason::None || row.party != end_reason_info(row.end_reason).party) return false;
  const u128 paid = u128{row.bill.pay.base} + row.prior_bill.pay.base;
  const JobRow* job = market_.jobs().find(row.job);
  if (job == nullptr || row.attempt >= job->attempts) return false;
  if (row.state == ContractState::Requeued) return paid == 0 && row.refund.is_zero();
  const JobState ended = row.state == ContractState::Settled ? JobState::Settled : JobState::Refunded;
  return paid + row.refund.base == row.cap.base && job->state == ended && job->contract == id &&
         job->end_reason == row.end_reason && job->paid.base == paid && job->refunded == row.refund;
}

bool Contracts::index_is_sound() const {
  ContractIndex rebuilt;
  for (const auto& [id, row] : contracts_) rebuilt.on_change(id, nullptr, &row);
  return rebuilt == index_;
}

bool Contracts::invariants_hold() const {
  std::size_t attempts = 0;
  for (const auto& [id, job] : market_.jobs()) attempts += job.attempts;
  for (const auto& [account, fees] : premium_fees_) {
    if (fees.insured > fees.settled) return false;
  }
  return attempts == contracts_.size() && index_is_sound() &&
         std::all_of(contracts_.begin(), contracts_.end(), [this](const auto& entry) {
           const auto& [id, row] = entry;
           return is_final(row.state) ? final_is_sound(id, row) : live_is_sound(id, row);
         });
}

}  // namespace starminer::protocol
