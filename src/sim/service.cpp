#include "sim/service.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/market/market_view.h"

namespace starminer::sim {

using namespace protocol;

namespace {

/// Bytes that stand for a result, a proof or a report: nobody looks at them here.
const Hash32& some_hash() {
  static const Hash32 hash = sha256("starminer-sim");
  return hash;
}

}  // namespace

template <class Op>
void Service::run(Op op, const AccountId& sender, const BlockContext& context) {
  auto valid = Op::validate(std::move(op));
  STARMINER_CHECK(valid.has_value());
  const Sender from{sender, 0};
  auto checked = chain_.contracts.check(*valid, from);
  STARMINER_CHECK(checked.has_value());
  chain_.contracts.apply(*checked, from, context);
}

std::optional<TimeMs> Service::next_act(TimeMs until) const {
  const bool acts = !acts_.empty() && acts_.top().at <= until;
  const TimeMs next = acts ? acts_.top().at : until;
  for (const auto& [timer, row] : chain_.timers.table()) {
    if (timer.due > next) break;
    // Timers of jobs and nodes are served with the ticks, and who is heard is never silent.
    if (timer.kind == TimerKind::AckDue || timer.kind == TimerKind::StartDue || timer.kind == TimerKind::NoticeEnd) {
      return timer.due;
    }
  }
  return acts ? std::optional(next) : std::nullopt;
}

void Service::act(const BlockContext& context) {
  while (!acts_.empty() && acts_.top().at <= context.time) {
    const Act act = acts_.top();
    acts_.pop();
    do_act(act, context);
  }
  look_at_ends();
}

void Service::do_act(const Act& act, const BlockContext& context) {
  const ContractRow* row = chain_.contracts.table().find(act.contract);
  if (row == nullptr) return;
  const AccountId provider = row->provider;
  switch (act.kind) {
    case Kind::Acknowledge:
      if (row->state == ContractState::Assigned) run(ContractAcknowledge{act.contract}, provider, context);
      break;
    case Kind::Decline:
      if (row->state == ContractState::Assigned) run(ContractDecline{act.contract}, provider, context);
      break;
    case Kind::Begin:
      if (row->state == ContractState::Preparing) begin(act.contract, context);
      break;
    case Kind::Fail:
      if (row->state == ContractState::Running) {
        run(ContractFail{act.contract, elapsed(context.time, row->started).ms, EndReason::ProviderError, some_hash()},
            provider, context);
      }
      break;
  }
}

void Service::begin(const ContractId& id, const BlockContext& context) {
  const ContractRow row = chain_.contracts.table().get(id);
  if (row.gang.empty()) run(ContractStart{id, {}}, row.provider, context);
  for (const GangHost& host : row.gang) run(ContractStart{id, host.node}, row.provider, context);
  begun_.push_back({row.job, row.node, row.price.unit, context.time});
  const auto fails = fails_.find(id);
  if (fails == fails_.end()) return;
  plan(context.time + fails->second, id, Kind::Fail);
  fails_.erase(fails);
}

void Service::dispatch(const BlockContext& context) {
  std::vector<Event> events;
  BlockContext heard = context;
  heard.events = &events;
  chain_.contracts.dispatch(heard);
  for (const Event& event : events) {
    if (event.kind != EventKind::JobMatched) continue;
    const ContractId& id = *event.contract;
    const ContractRow& row = chain_.contracts.table().get(id);
    const Conduct conduct = conduct_(row);
    if (conduct.fails_after) fails_.emplace(id, *conduct.fails_after);
    switch (conduct.answer) {
      case Conduct::Answer::Serves:
        plan(context.time + conduct.acknowledges_after, id, Kind::Acknowledge);
        plan(context.time + conduct.begins_after + fetch_time(chain_.params, row.input_bytes), id, Kind::Begin);
        break;
      case Conduct::Answer::Declines: plan(context.time + conduct.acknowledges_after, id, Kind::Decline); break;
      case Conduct::Answer::Ignores: break;
    }
  }
  look_at_ends();
}

void Service::report(const BlockContext& context) {
  std::map<AccountId, ContractProgress> reports;
  for (const ContractId& id : chain_.contracts.index().live()) {
    const ContractRow& row = chain_.contracts.table().get(id);
    if (row.state != ContractState::Running) continue;
    const std::uint64_t run_ms = elapsed(context.time, row.started).ms;
    std::vector<NodeId> hosts;
    for (const GangHost& host : row.gang) hosts.push_back(host.node);
    std::sort(hosts.begin(), hosts.end());
    if (hosts.empty()) hosts.push_back({});
    for (const NodeId& host : hosts) reports[row.provider].entries.push_back({id, run_ms, host});
  }
  for (auto& [provider, report] : reports) run(std::move(report), provider, context);
}

void Service::on_timer(const TimerKey& timer, const BlockContext& context) {
  chain_.contracts.on_timer(timer, context);
  look_at_ends();
}

FeeSplit Service::finish(const JobId& job, const BlockContext& context) {
  const ContractId id = chain_.market.jobs().get(job).contract;
  const ContractRow row = chain_.contracts.table().get(id);
  for (const GangHost& host : row.gang) {
    if (host.node != row.node) run(ContractHostDone{id, host.node, some_hash()}, row.provider, context);
  }
  const std::uint64_t run_ms = elapsed(context.time, row.started).ms;
  run(ContractComplete{id, run_ms, some_hash(), {}, some_hash()}, row.provider, context);
  run(ContractAccept{id}, row.requester, context);
  look_at_ends();
  return chain_.contracts.table().get(id).bill;
}

void Service::cancel(const JobId& job, const BlockContext& context) {
  chain_.contracts.cancel(job, context);
  look_at_ends();
}

void Service::look_at_ends() {
  for (const Settlement& end : chain_.contracts.take_settlements()) {
    const ContractRow& row = end.row;
    if (row.state == ContractState::Settled) {
      if (row.returned.base + row.insured.base == 0) continue;
      made_good_.push_back({row.provider, row.requester, row.returned, row.insured});
    } else if (row.end_reason != EndReason::CancelledRequester) {
      lost_.push_back(row.job);
    }
  }
}

}  // namespace starminer::sim
