#include "sim/live_market.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace starminer::sim {
namespace {

using namespace protocol;
using state::TableId;

constexpr std::uint64_t kOperatorBalance = 1'000 * kBasePerToken;

const AccountId& operator_account() {
  static const AccountId account = account_of("operator");
  return account;
}

bool is_of_a_contract(TimerKind kind) {
  return kind == TimerKind::AckDue || kind == TimerKind::StartDue || kind == TimerKind::SilenceDue ||
         kind == TimerKind::RunEnd || kind == TimerKind::AcceptDue || kind == TimerKind::NoticeEnd;
}

/// Runs an operation of a module as a block does: shape, refusals, effects.
template <class Op, class Module, class... Context>
Result<Checked<Op>, Refusal> check_in(Module& module, Op op, const Sender& sender, const Context&... context) {
  auto valid = Op::validate(std::move(op));
  if (!valid) return fail(std::move(valid.error()));
  return module.check(*valid, sender, context...);
}

}  // namespace

AccountId account_of(const std::string& name) {
  AccountId account;
  const Hash32 hash = tagged_hash("starminer-sim/account", Bytes(name.begin(), name.end()));
  std::copy_n(hash.bytes.begin(), account.bytes.size(), account.bytes.begin());
  return account;
}

LiveMarket::LiveMarket(const std::vector<std::string>& models, const LiveOptions& options)
    : prices_move_(options.prices_move) {
  auto parameters = options.parameters;
  parameters.try_emplace(Parameter::MaxSecondsCap, kLongestStandardS);
  std::vector<StoredRow> rows = trace_genesis(models, {}, std::nullopt, {operator_account()});
  for (StoredRow& row : rows) {
    if (row.table != TableId::Parameters) continue;
    for (const auto& [parameter, value] : parameters) {
      if (row.key == encode(static_cast<std::uint16_t>(parameter))) row.row = encode(ParameterRow{value});
    }
  }
  load_rows(chain_.store, rows);
  context_.height = 1;
  context_.time = kStart;
  context_.seed = tagged_hash("starminer-sim/replay", encode(options.seed));
  next_tick_ = context_.time + chain_.params.duration(Parameter::TickMs);
  next_epoch_ = context_.time + chain_.params.duration(Parameter::EpochMs);
  fund(operator_account(), {kOperatorBalance});
  if (options.conduct) service_.emplace(chain_, options.conduct);
}

void LiveMarket::fund(const AccountId& account, Agpu balance) {
  STARMINER_CHECK(chain_.ledger.mint_at_genesis(account, Asset::Agpu, balance.base));
}

void LiveMarket::stake(const AccountId& account, std::uint64_t amax) {
  STARMINER_CHECK(chain_.ledger.mint_at_genesis(account, Asset::Amax, amax));
  const Sender sender = next_sender(chain_.ledger, account);
  auto checked = check_in(chain_.staking, StakeLock{Asset::Amax, amax}, sender);
  STARMINER_CHECK(checked.has_value());
  chain_.staking.apply(*checked, sender, context_);
}

void LiveMarket::join_reserve(const AccountId& owner, const NodeId& node) {
  const Agpu least = chain_.reserve.minimum_stake(chain_.registry.nodes().get(node).hardware.devices);
  const Sender sender = next_sender(chain_.ledger, owner);
  auto checked =
      check_in(chain_.reserve, ReserveJoin{node, least, chain_.params.duration(Parameter::ReserveWindowMaxMs)}, sender);
  STARMINER_CHECK(checked.has_value());
  chain_.reserve.apply(*checked, sender, context_);
}

Result<void, std::string> LiveMarket::add_nodes(const std::vector<TraceNode>& nodes) {
  auto added = register_nodes(chain_.registry, chain_.ledger, chain_.params, context_, nodes);
  chain_.store.commit();
  return added;
}

Result<NodeId, std::string> LiveMarket::add_node(const AccountId& provider, const NodeRegister& node) {
  if (!chain_.registry.providers().contains(provider)) {
    const Sender sender = next_sender(chain_.ledger, provider);
    auto checked = check_in(chain_.registry, ProviderRegister{"provider", {}}, sender);
    if (!checked) return fail(checked.error().detail);
    chain_.registry.apply(*checked, sender, context_);
  }
  const Sender sender = next_sender(chain_.ledger, provider);
  auto checked = check_in(chain_.registry, node, sender);
  if (!checked) return fail(checked.error().detail);
  return chain_.registry.apply(*checked, sender, context_);
}

void LiveMarket::lose(std::vector<NodeId> nodes) {
  std::sort(nodes.begin(), nodes.end());
  std::vector<JobId> lost;
  for (const auto& [job, row] : chain_.market.assignments()) {
    if (std::binary_search(nodes.begin(), nodes.end(), row.node)) lost.push_back(job);
  }
  const Sender sender = next_sender(chain_.ledger, operator_account());
  auto checked = check_in(chain_.registry, TelemetryReport{nodes, {}}, sender);
  STARMINER_CHECK(checked.has_value());
  chain_.registry.apply(*checked, sender, context_);
  for (const JobId& job : lost) {
    const AccountId provider = running_.at(job).provider;
    pay_notice(job, false);
    running_.erase(job);
    chain_.market.release(job, context_);
    if (chain_.market.can_requeue(job, provider, context_)) {
      chain_.market.requeue(job, provider, context_);
    } else {
      chain_.market.end(job, JobState::Refunded, EndReason::ProviderLost, {}, context_);
    }
  }
  chain_.store.commit();
}

void LiveMarket::pass_tick() {
  ++ticks_;
  if (prices_move_) chain_.pricing.on_tick(chain_.market.weigh_load(context_), ticks_, context_.time);
  chain_.market.on_tick(context_);
  if (service_) service_->report(context_);
  if (listener_) listener_(ticks_);
}

std::optional<TimeMs> LiveMarket::next_act(TimeMs until) const {
  return service_ ? service_->next_act(until) : std::nullopt;
}

void LiveMarket::advance(TimeMs now) {
  const auto next = [this, now] {
    TimeMs first = std::min(next_tick_, next_epoch_);
    if (const auto act = next_act(now)) first = std::min(first, *act);
    for (const auto& [job, leaving] : leaving_) first = std::min(first, leaving.due);
    return first;
  };
  while (next() <= now) {
    context_.time = next();
    leave();
    if (service_) service_->act(context_);
    if (next_epoch_ == context_.time) {
      chain_.market.on_epoch(context_);
      ++context_.epoch;
      next_epoch_ = next_epoch_ + chain_.params.duration(Parameter::EpochMs);
    }
    if (next_tick_ == context_.time) {
      pass_tick();
      next_tick_ = next_tick_ + chain_.params.duration(Parameter::TickMs);
    }
    serve_timers();
    if (service_) service_->dispatch(context_);
  }
  context_.time = now;
  serve_timers();
  context_.seed = sha256(context_.seed.view());
  ++context_.height;
}

void LiveMarket::serve_timers() {
  while (const auto timer = chain_.timers.pop_due(context_.time)) {
    JobId job;
    job.bytes = timer->subject;
    if (timer->kind == TimerKind::JobDeadline) chain_.market.on_deadline(job, context_);
    if (timer->kind == TimerKind::JobArchive) {
      if (service_) {
        chain_.contracts.archive(job);
      } else {
        chain_.market.archive(job);
      }
    }
    if (is_of_a_contract(timer->kind)) service_->on_timer(*timer, context_);
  }
  // History and storage would take these.
  static_cast<void>(chain_.market.take_ended());
  chain_.store.commit();
  static_cast<void>(chain_.store.take_changes());
}

Result<JobId, Refusal> LiveMarket::submit(const AccountId& requester, const JobSpec& spec) {
  auto valid = JobSubmit::validate({"", spec});
  if (!valid) return fail(std::move(valid.error()));
  const Sender sender = next_sender(chain_.ledger, requester);
  auto checked = chain_.market.check(*valid, sender, context_);
  if (!checked) return fail(std::move(checked.error()));
  return chain_.market.apply(*checked, sender, context_);
}

bool LiveMarket::cancel(const AccountId& requester, const JobId& job) {
  const JobRow* row = chain_.market.jobs().find(job);
  const bool is_served = row != nullptr && row->state == JobState::Active && service_;
  if (row == nullptr || (row->state != JobState::Queued && !is_served)) return false;
  const Sender sender = next_sender(chain_.ledger, requester);
  if (is_served) {
    service_->cancel(job, context_);
    return true;
  }
  auto checked = check_in(chain_.market, JobCancel{job}, sender);
  STARMINER_CHECK(checked.has_value());
  chain_.market.apply(*checked, sender, context_);
  return true;
}

void LiveMarket::start() {
  if (service_) {
    service_->dispatch(context_);
    chain_.store.commit();
    return;
  }
  for (;;) {
    auto made = chain_.market.next_match(context_);
    const auto notices = chain_.market.take_notices();
    for (const NoticeGiven& given : notices) give_notice(given);
    if (!made && notices.empty()) break;
    if (!made) continue;
    const std::uint32_t attempt = chain_.market.jobs().get(made->job).attempts;
    chain_.market.set_contract(made->job, contract_id_of(made->job, attempt));
    chain_.market.on_started(made->job, context_.time);
    running_[made->job] = {chain_.registry.nodes().get(made->winner.node).provider, made->winner.unit, made->log_price,
                           made->slow_log_price, context_.time};
    begun_.push_back({made->job, made->winner.node, made->winner.unit, context_.time});
  }
  chain_.store.commit();
}

std::vector<Begun> LiveMarket::take_begun() { return service_ ? service_->take_begun() : std::exchange(begun_, {}); }

void LiveMarket::give_notice(const NoticeGiven& given) {
  for (const auto& [job, running] : running_) {
    const ContractId& contract = chain_.market.jobs().get(job).contract;
    for (const NoticeGiven::Receiver& receiver : given.victims) {
      if (receiver.contract == contract) leaving_[job] = {given.due, contract, receiver.unsaved};
    }
  }
}

void LiveMarket::leave() {
  std::vector<JobId> gone;
  for (const auto& [job, leaving] : leaving_) {
    if (leaving.due <= context_.time) gone.push_back(job);
  }
  for (const JobId& job : gone) {
    pay_notice(job, true);
    running_.erase(job);
    chain_.market.release(job, context_);
    if (chain_.market.can_queue_preempted(job, context_)) {
      chain_.market.queue_preempted(job, context_);
    } else {
      chain_.market.end(job, JobState::Refunded, EndReason::Preempted, {}, context_);
    }
    preempted_.push_back(job);
  }
}

void LiveMarket::pay_notice(const JobId& job, bool preempted) {
  const auto found = leaving_.find(job);
  if (found == leaving_.end()) return;
  const Leaving leaving = found->second;
  leaving_.erase(found);
  const JobRow& row = chain_.market.jobs().get(job);
  const Running& running = running_.at(job);
  const auto& subject = leaving.contract.bytes;
  if (preempted) {
    const Agpu ran = Pricing::cost(running.unit, billing_milli(row.spec.resources),
                                   elapsed(context_.time, running.started).ms, Rounding::Floor);
    chain_.ledger.pay_from_lock(LockPurpose::Notice, subject, running.provider, std::min(ran, leaving.unsaved));
  }
  const Agpu rest{chain_.ledger.locked(LockPurpose::Notice, subject, Asset::Agpu)};
  chain_.ledger.pay_from_lock(LockPurpose::Notice, subject, row.requester, rest);
  static_cast<void>(chain_.ledger.unlock(LockPurpose::Notice, subject, Asset::Agpu));
}

std::vector<JobId> LiveMarket::take_lost() { return service_ ? service_->take_lost() : std::exchange(preempted_, {}); }

Agpu LiveMarket::due(const JobRow& row, const Running& running) const {
  const std::uint64_t ran_ms =
      std::max(elapsed(context_.time, running.started).ms, chain_.params.get(Parameter::MinimumMeterMs));
  const Agpu cost = Pricing::cost(running.unit, billing_milli(row.spec.resources), ran_ms, Rounding::Ceil);
  return std::min(row.cap, std::max(cost, chain_.params.agpu(Parameter::MinimumJobFee)));
}

FeeSplit LiveMarket::finish(const JobId& job) {
  if (service_) return service_->finish(job, context_);
  const Running running = running_.at(job);
  pay_notice(job, false);
  running_.erase(job);
  const Agpu paid = due(chain_.market.jobs().get(job), running);
  const FeeSplit bill = chain_.pricing.split(paid, running.log_price, running.slow_log_price, false);
  Ledger& ledger = chain_.ledger;
  ledger.burn_from_lock(LockPurpose::Escrow, job.bytes, *checked_add(bill.surge_burn, bill.burn));
  ledger.pool_from_lock(LockPurpose::Escrow, job.bytes, Pool::Stakers, bill.stakers);
  ledger.pool_from_lock(LockPurpose::Escrow, job.bytes, Pool::Treasury, bill.treasury);
  ledger.pool_from_lock(LockPurpose::Escrow, job.bytes, Pool::Insurance, bill.insurance);
  ledger.pay_from_lock(LockPurpose::Escrow, job.bytes, running.provider, bill.provider);
  chain_.market.release(job, context_);
  chain_.market.end(job, JobState::Settled, EndReason::Completed, paid, context_);
  return bill;
}

}  // namespace starminer::sim
