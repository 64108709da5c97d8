// The life of a job after admission: into the queue, parked, matched, released, queued again, ended.
#include <algorithm>

#include "base/check.h"
#include "protocol/market/admission.h"
#include "protocol/market/dispatch.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/gang.h"
#include "protocol/market/market.h"
#include "protocol/market/node_index.h"
#include "protocol/market/start_promise.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kCancelMs = 60'000;

/// The latest moment at which the job may start; it leaves the queue then.
TimeMs latest_start(const JobSpec& spec) { return {saturating_sub(spec.deadline.ms, seconds(spec.max_s).ms)}; }

/// The unit price of the first match: the ceiling of all later ones, also after a cheaper one between.
Price first_unit(const JobRow& row) { return row.attempts <= 1 ? row.unit : row.max_price; }

/// When a job that ends now leaves the state: at a whole second, so that an idle chain makes no block for each.
TimeMs archive_due(const Params& params, TimeMs ended) {
  constexpr std::uint64_t kSecondMs = 1000;
  const std::uint64_t due = (ended + params.duration(Parameter::ArchiveAfterMs)).ms;
  return {due / kSecondMs * kSecondMs + (due % kSecondMs == 0 ? 0 : kSecondMs)};
}

void add_sorted(std::vector<AccountId>& accounts, const AccountId& account) {
  const auto place = std::lower_bound(accounts.begin(), accounts.end(), account);
  if (place == accounts.end() || *place != account) accounts.insert(place, account);
}

}  // namespace

void Market::enter_queue(const JobId& id, JobRow row, const BlockContext& context) {
  row.state = JobState::Queued;
  const MarketView market = view();
  row.parked = Demand(market, row, context.time).is_priced_out(nodes_->places());
  if (row.attempts == 0 && !row.parked) begin_waiting(row, context.time);
  if (row.spec.deadline.ms != 0) timers_.schedule(latest_start(row.spec), TimerKind::JobDeadline, id.bytes);
  context.emit({.kind = row.parked ? EventKind::JobParked : EventKind::JobQueued,
                .account = row.requester,
                .job = id,
                .state = static_cast<std::uint8_t>(row.state),
                .amount = row.cap.base});
  jobs_.put(id, std::move(row));
  trigger();
}

void Market::park(const JobId& id, const BlockContext& context) {
  jobs_.update(id, [](JobRow& row) {
    row.parked = true;
    if (row.attempts > 0) return;
    row.waiting_since = {};
    row.start_promise.reset();
  });
  const JobRow& row = jobs_.get(id);
  context.emit({.kind = EventKind::JobParked,
                .account = row.requester,
                .job = id,
                .state = static_cast<std::uint8_t>(row.state),
                .amount = row.cap.base});
}

void Market::begin_waiting(JobRow& row, TimeMs now) const {
  row.waiting_since = now;
  row.start_promise.reset();
  const MarketView market = view();
  const auto within = promised_start(Demand(market, row, now), start_waits_);
  if (within) row.start_promise = StartPromise{now + *within, StartState::Open};
}

void Market::end_waiting(JobRow& row, ClassId hardware_class, TimeMs now) {
  const PriceKey key{row.tier, hardware_class};
  const StartWaitsRow* stands = start_waits_.find(key);
  StartWaitsRow waits = stands != nullptr ? *stands : StartWaitsRow{};
  count_wait(waits, elapsed(now, row.waiting_since), wait_unit_ms(params_));
  start_waits_.put(key, waits);
  switch (pricing_.tier(row.tier).promise) {
    case StartRule::None: return;
    case StartRule::Queue:
      if (row.start_promise)
        row.start_promise->state = now <= row.start_promise->due ? StartState::Kept : StartState::Missed;
      return;
    case StartRule::Now:
      if (!row.start_promise) {
        row.start_promise = StartPromise{now + premium_allowance(params_, row.spec.input_bytes), StartState::Open};
      }
  }
}

std::optional<MatchMade> Market::next_match(const BlockContext& context) {
  if (!triggered_) return std::nullopt;
  if (index_->waiting().empty()) {  // most triggers find nobody waiting
    triggered_ = false;
    pass_.reset();
    // Those who ask at any moment would look at each node that changed.
    constexpr std::size_t kMarkedMax = 256;
    if (nodes_->supply().marked() > kMarkedMax) nodes_->refresh_supply(view());
    return std::nullopt;
  }
  DispatchPass& found = pass(context);
  const auto start = found.next_start();
  for (const JobId& job : found.priced_out()) park(job, context);
  if (!found.lost_nodes().empty()) {
    // Without its node it is a waiting job like any other, and may come before what this pass found.
    for (const JobId& job : found.lost_nodes()) jobs_.update(job, [](JobRow& row) { row.notice.reset(); });
    pass_.reset();
    return next_match(context);
  }
  if (start && !start->notice) {
    MatchMade made = place(start->job, start->winner, start->others, context);
    pass_->queue_version = index_->version();
    pass_->nodes_version = nodes_->version();
    pass_is_old_ = false;
    return made;
  }
  pass_.reset();
  if (start) {
    give_notice(start->job, *start->notice, context);
  } else {
    triggered_ = false;
  }
  return std::nullopt;
}

DispatchPass& Market::pass(const BlockContext& context) {
  const auto goes_on = [&] {
    return pass_ != nullptr && !pass_is_old_ && pass_->context.height == context.height &&
           pass_->context.time == context.time && pass_->context.seed == context.seed &&
           pass_->queue_version == index_->version() && pass_->nodes_version == nodes_->version() &&
           pass_->pass.go_on();
  };
  if (!goes_on()) {
    MarketView market = view();
    market.nodes = nodes_.get();
    pass_ = std::make_unique<StandingPass>(market, context);
  }
  return pass_->pass;
}

void Market::give_notice(const JobId& id, const Preemption& preemption, const BlockContext& context) {
  const TimeMs due = context.time + params_.duration(Parameter::NoticeMs);
  NoticeGiven notice{id, preemption.node, due, {}};
  for (const Victim& victim : preemption.victims) {
    const ContractId contract = jobs_.get(victim.job).contract;
    const auto both = checked_add(victim.share, victim.unsaved);
    STARMINER_CHECK(both.has_value() && !contract.is_zero());
    ledger_.split_lock({LockPurpose::Escrow, id.bytes, Asset::Agpu}, {LockPurpose::Notice, contract.bytes, Asset::Agpu},
                       both->base);
    assignments_.update(victim.job, [&id](AssignmentRow& row) { row.preempted_by = id; });
    notice.victims.push_back({contract, victim.share, victim.unsaved});
  }
  JobRow row = jobs_.get(id);
  const auto cap = checked_sub(row.cap, preemption.compensation);
  const auto compensation = checked_add(row.compensation, preemption.compensation);
  STARMINER_CHECK(cap.has_value() && !cap->is_zero() && compensation.has_value());
  row.cap = *cap;
  row.compensation = *compensation;
  // A second notice, after the first node was lost, promises nothing new, nor does one for a later attempt.
  if (row.attempts == 0 && row.compensation == preemption.compensation) {
    const TimeMs start = due + premium_allowance(params_, row.spec.input_bytes);
    row.start_promise =
        StartPromise{row.start_promise ? std::max(row.start_promise->due, start) : start, StartState::Open};
  }
  row.notice = NodeNotice{preemption.node, due};
  context.emit({.kind = EventKind::NoticeGiven,
                .account = row.requester,
                .node = preemption.node,
                .job = id,
                .amount = preemption.compensation.base});
  jobs_.put(id, std::move(row));
  notices_.push_back(std::move(notice));
}

std::vector<NoticeGiven> Market::take_notices() { return std::exchange(notices_, {}); }

MatchMade Market::place(const JobId& id, const Candidate& winner, const std::vector<Candidate>& others,
                        const BlockContext& context) {
  JobRow row = jobs_.get(id);
  const NodeId node_id = winner.node;
  const NodeRow& node = registry_.nodes().get(node_id);
  const Resources part = part_of(row.spec.resources, static_cast<std::uint32_t>(others.size() + 1));
  const auto take = [&](const NodeId& host) {
    auto allocation = registry_.find_allocation(host, part);
    STARMINER_CHECK(allocation.has_value());
    registry_.allocate(host, *allocation);
    return std::move(*allocation);
  };
  const Allocation allocation = take(node_id);
  std::vector<HostShare> shares;
  shares.reserve(others.size());
  for (const Candidate& other : others) shares.push_back({other.node, take(other.node)});

  const std::uint64_t milli = gpu_milli(row.spec.resources);
  const ClassId hardware_class = node.hardware_class;
  assignments_.put(id, {node_id,
                        row.requester,
                        hardware_class,
                        row.tier,
                        allocation,
                        milli,
                        latest_end(params_, row.spec, context.time),
                        row.boost.ms != 0,
                        context.time,
                        {},
                        {},
                        shares});
  count_assignment({hardware_class, index_->identity_of(node.provider)}, milli);

  MatchMade made{id, winner, allocation, std::move(shares), {row.tier, hardware_class}, {}, 0, 0};
  if (row.spec.resources.gpus == 0) {
    made.base = pricing_.side_price(row.spec.resources);  // no controller moves it, so it has no surge part
  } else {
    const MarketView market = view();
    const Demand demand(market, row, context.time);
    const LockedPrice price = demand.tier_price(hardware_class);
    made.base = price.base;
    made.log_price = price.log_price;
    made.slow_log_price = price.slow_log_price;
    if (demand.lock() != nullptr) row.price_lock->held = true;
  }
  if (row.spec.deadline.ms != 0) timers_.cancel(latest_start(row.spec), TimerKind::JobDeadline, id.bytes);
  if (row.attempts == 0) end_waiting(row, hardware_class, context.time);
  row.state = JobState::Active;
  row.unit = winner.unit;
  row.contract = {};
  row.notice.reset();
  jobs_.put(id, std::move(row));
  return made;
}

void Market::set_contract(const JobId& job, const ContractId& contract) {
  jobs_.update(job, [&contract](JobRow& row) {
    STARMINER_CHECK(row.state == JobState::Active && row.contract.is_zero());
    row.contract = contract;
    ++row.attempts;
  });
}

void Market::pay_price_lock(const JobId& job, const AccountId& payee) {
  const JobRow& row = jobs_.get(job);
  if (!row.price_lock || !row.price_lock->held || !row.price_lock->paid.is_zero()) return;
  const Agpu half{row.price_lock->fee.base / 2};
  ledger_.pay_from_lock(LockPurpose::PriceLock, job.bytes, payee, half);
  jobs_.update(job, [half](JobRow& changed) { changed.price_lock->paid = half; });
}

void Market::on_started(const JobId& job, TimeMs now) {
  const TimeMs end = now + seconds(jobs_.get(job).spec.max_s);
  assignments_.update(job, [end, now](AssignmentRow& row) {
    row.projected_end = end;
    row.started = now;
  });
  const JobRow& row = jobs_.get(job);
  if (pricing_.tier(row.tier).promise != StartRule::Now || !row.start_promise) return;
  if (row.start_promise->state != StartState::Open) return;
  const StartState state = now <= row.start_promise->due ? StartState::Kept : StartState::Missed;
  jobs_.update(job, [state](JobRow& started) { started.start_promise->state = state; });
}

DurationMs Market::start_p90(TierId tier, ClassId hardware_class) const {
  const StartWaitsRow* waits = start_waits_.find({tier, hardware_class});
  return waits != nullptr ? waits->p90 : DurationMs{};
}

void Market::release(const JobId& job, const BlockContext& context) {
  const AssignmentRow row = assignments_.get(job);
  assignments_.erase(job);
  for_each_host(
      row, [&](const NodeId& node, const Allocation& allocation) { registry_.release(node, allocation, context); });
  trigger();
}

bool Market::can_ever_run(const JobId& job, const AccountId& also_avoid, const BlockContext& context) const {
  const JobRow& row = jobs_.get(job);
  std::vector<AccountId> avoided = row.avoided;
  add_sorted(avoided, also_avoid);
  const MarketView market = view();
  const Demand demand(market, row.spec, {row.tier, row.max_price, row.cap, &avoided, {}}, context.time);
  return nodes_->supply().any_node(demand, [&demand](const NodeView& node) { return could_ever_run(demand, node); }) ||
         could_be_gang(*nodes_, demand, [](const Demand& /*part*/, const NodeView& /*node*/) { return true; });
}

bool Market::can_requeue(const JobId& job, const AccountId& failed_provider, const BlockContext& context) const {
  const JobRow& row = jobs_.get(job);
  // What gave way to others was nobody's fault.
  if (row.attempts > params_.get(Parameter::AttemptsMax) + row.preemptions) return false;
  std::vector<AccountId> avoided = row.avoided;
  add_sorted(avoided, failed_provider);
  return is_served_again(row, avoided, row.preemptions > 0, context);
}

bool Market::can_queue_preempted(const JobId& job, const BlockContext& context) const {
  const JobRow& row = jobs_.get(job);
  return is_served_again(row, row.avoided, true, context);
}

bool Market::is_served_again(const JobRow& row, const std::vector<AccountId>& avoided, bool any_price,
                             const BlockContext& context) const {
  if (row.spec.deadline.ms != 0 && latest_start(row.spec) < context.time) return false;
  const MarketView market = view();
  const Price ceiling = first_unit(row);
  const Demand demand(market, row.spec, {row.tier, ceiling, row.cap, &avoided, row.submitted, nullptr, any_price},
                      context.time);
  // A job that nobody serves at its first price now would wait for a price that may never come: its money returns.
  const auto serves = [](const Demand& of, const NodeView& node) { return !fails(Constraint::Price, of, node); };
  const bool served = nodes_->supply().any_node(demand, [&](const NodeView& node) {
    return could_ever_run(demand, node) && serves(demand, node);
  }) || could_be_gang(*nodes_, demand, serves);
  return served && row.cap >= minimum_charge(market, row.spec, ceiling);
}

void Market::requeue(const JobId& job, const AccountId& failed_provider, const BlockContext& context) {
  STARMINER_CHECK(!assignments_.contains(job));
  JobRow row = jobs_.get(job);
  STARMINER_CHECK(row.state == JobState::Active);
  row.max_price = first_unit(row);
  add_sorted(row.avoided, failed_provider);
  enter_queue(job, std::move(row), context);
}

void Market::queue_preempted(const JobId& job, const BlockContext& context) {
  STARMINER_CHECK(!assignments_.contains(job));
  JobRow row = jobs_.get(job);
  STARMINER_CHECK(row.state == JobState::Active);
  row.max_price = first_unit(row);
  ++row.preemptions;
  enter_queue(job, std::move(row), context);
}

void Market::end(const JobId& job, JobState final_state, EndReason reason, Agpu paid, const BlockContext& context) {
  finish(job, final_state, reason, paid, {}, context);
}

void Market::finish(const JobId& id, JobState final_state, EndReason reason, Agpu paid, Agpu burned,
                    const BlockContext& context) {
  STARMINER_CHECK(!assignments_.contains(id));
  JobRow row = jobs_.get(id);
  STARMINER_CHECK(row.state == JobState::Queued || row.state == JobState::Active);
  if (row.spec.deadline.ms != 0) timers_.cancel(latest_start(row.spec), TimerKind::JobDeadline, id.bytes);
  row.state = final_state;
  row.parked = false;
  row.notice.reset();
  row.end_reason = reason;
  row.ended = context.time;
  row.paid = paid;
  row.burned = burned;
  row.refunded = {ledger_.unlock(LockPurpose::Escrow, id.bytes, Asset::Agpu)};
  if (row.price_lock) {
    const auto unpaid = checked_sub(row.price_lock->fee, row.price_lock->paid);
    STARMINER_CHECK(unpaid.has_value());
    ledger_.burn_from_lock(LockPurpose::PriceLock, id.bytes, *unpaid);
    static_cast<void>(ledger_.unlock(LockPurpose::PriceLock, id.bytes, Asset::Agpu));
  }
  ledger_.drop_role(row.requester);
  context.emit({.kind = EventKind::JobEnded,
                .account = row.requester,
                .job = id,
                .contract = row.contract.is_zero() ? std::optional<ContractId>() : row.contract,
                .state = static_cast<std::uint8_t>(final_state),
                .amount = paid.base});
  timers_.schedule(archive_due(params_, context.time), TimerKind::JobArchive, id.bytes);
  ended_.push_back({id, row});
  jobs_.put(id, std::move(row));
  trigger();
}

Agpu Market::leaving_burn(const JobRow& row) const {
  const auto share = mul_div(row.cap.base, params_.get(Parameter::CancelBurnPpm), kPpm, Rounding::Ceil);
  STARMINER_CHECK(share.has_value());
  const Agpu minute = Pricing::cost(row.max_price, billing_milli(row.spec.resources), kCancelMs, Rounding::Ceil);
  return std::min(Agpu{*share}, minute);
}

std::vector<EndedJob> Market::take_ended() { return std::exchange(ended_, {}); }

void Market::archive(const JobId& job) {
  const JobRow& row = jobs_.get(job);
  STARMINER_CHECK(row.state == JobState::Settled || row.state == JobState::Refunded);
  if (!row.client_key.is_zero()) client_ids_.erase(row.client_key);
  jobs_.erase(job);
}

void Market::set_fault_claim(const JobId& job, const ContractId& contract) {
  jobs_.update(job, [&contract](JobRow& row) { row.fault_claim = contract; });
}

void Market::on_deadline(const JobId& job, const BlockContext& context) {
  const JobRow& row = jobs_.get(job);
  if (row.state != JobState::Queued) return;
  // A deadline is no free way out for jobs that moved the price and never ran (economics 2.6). Who had a match and was
  // let down or pre-empted has paid enough.
  Agpu burned;
  if (row.weighed && row.unit.nagpu_per_gpu_hour == 0) {
    burned = leaving_burn(row);
    ledger_.burn_from_lock(LockPurpose::Escrow, job.bytes, burned);
  }
  finish(job, JobState::Refunded, EndReason::DeadlinePassed, {}, burned, context);
}

}  // namespace starminer::protocol
