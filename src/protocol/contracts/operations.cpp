// The operations of contracts: shape, refusals in the order of README.md, and their effects.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "protocol/contracts/contracts.h"
#include "protocol/market/market_view.h"

namespace starminer::protocol {
namespace {

Refusal invalid(std::string detail) { return {RefusalCode::InvalidField, std::move(detail)}; }

Result<void, Refusal> contract_named(const ContractId& contract) {
  if (contract.is_zero()) return fail(invalid("contract: the id is missing"));
  return {};
}

/// The host that a report names, none for the contract's own node.
const NodeId& host_named(const ContractRow& row, const NodeId& node) { return node.is_zero() ? row.node : node; }

/// Null where the job runs on one node, or this is none of its hosts.
template <class Row>
auto* find_host(Row& row, const NodeId& node) {
  const auto at =
      std::find_if(row.gang.begin(), row.gang.end(), [&node](const GangHost& host) { return host.node == node; });
  return at != row.gang.end() ? &*at : nullptr;
}

bool is_host(const ContractRow& row, const NodeId& node) { return node == row.node || find_host(row, node) != nullptr; }

}  // namespace

std::string_view contract_state_name(ContractState state) {
  switch (state) {
    case ContractState::Assigned: return "assigned";
    case ContractState::Preparing: return "preparing";
    case ContractState::Running: return "running";
    case ContractState::Delivered: return "delivered";
    case ContractState::Settled: return "settled";
    case ContractState::Refunded: return "refunded";
    case ContractState::Requeued: return "requeued";
  }
  return "";
}

Result<Valid<ContractAcknowledge>, Refusal> ContractAcknowledge::validate(ContractAcknowledge op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  return Valid<ContractAcknowledge>(op);
}

Result<Valid<ContractDecline>, Refusal> ContractDecline::validate(ContractDecline op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  return Valid<ContractDecline>(op);
}

Result<Valid<ContractStart>, Refusal> ContractStart::validate(ContractStart op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  return Valid<ContractStart>(op);
}

Result<Valid<ContractHostDone>, Refusal> ContractHostDone::validate(ContractHostDone op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  if (op.report_hash.is_zero()) return fail(Refusal{RefusalCode::ResultInvalid, "report_hash is missing"});
  return Valid<ContractHostDone>(op);
}

Result<Valid<ContractProgress>, Refusal> ContractProgress::validate(ContractProgress op) {
  if (op.entries.empty()) return fail(invalid("entries: the report names no contract"));
  if (op.entries.size() > kProgressEntriesMax) {
    return fail(Refusal{RefusalCode::TooManyItems,
                        fmt::format("entries: {} named, at most {} allowed", op.entries.size(), kProgressEntriesMax)});
  }
  const auto by_host = [](const Entry& a, const Entry& b) {
    return std::tie(a.contract, a.node) < std::tie(b.contract, b.node);
  };
  if (std::adjacent_find(op.entries.begin(), op.entries.end(),
                         [&by_host](const Entry& a, const Entry& b) { return !by_host(a, b); }) != op.entries.end()) {
    return fail(invalid("entries: contracts must be in ascending order of their ids, each host of one once"));
  }
  return Valid<ContractProgress>(std::move(op));
}

Result<Valid<ContractComplete>, Refusal> ContractComplete::validate(ContractComplete op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  if (op.result_hash.is_zero()) return fail(Refusal{RefusalCode::ResultInvalid, "result_hash is missing"});
  if (op.proof_hash.is_zero()) return fail(Refusal{RefusalCode::ResultInvalid, "proof_hash is missing"});
  if (op.outputs.size() > kContractOutputsMax) {
    return fail(Refusal{RefusalCode::ResultInvalid,
                        fmt::format("{} outputs named, at most {} allowed", op.outputs.size(), kContractOutputsMax)});
  }
  return Valid<ContractComplete>(std::move(op));
}

Result<Valid<ContractFail>, Refusal> ContractFail::validate(ContractFail op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  if (op.reason == EndReason::None || end_reason_info(op.reason).reporter != EndReporter::Provider) {
    return fail(Refusal{RefusalCode::ReasonNotAllowed, op.reason == EndReason::None
                                                           ? std::string("no reason was named")
                                                           : std::string(end_reason_info(op.reason).code)});
  }
  return Valid<ContractFail>(op);
}

Result<Valid<ContractAccept>, Refusal> ContractAccept::validate(ContractAccept op) {
  if (auto named = contract_named(op.contract); !named) return fail(named.error());
  return Valid<ContractAccept>(op);
}

template <class Op>
Result<Checked<Op>, Refusal> Contracts::check_provider_op(const Valid<Op>& op, const Sender& sender,
                                                          std::initializer_list<ContractState> states) const {
  const ContractRow* row = contracts_.find(op->contract);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownContract, op->contract.text()});
  if (row->provider != sender.account) {
    return fail(Refusal{RefusalCode::NotContractProvider, fmt::format("it is served by {}", row->provider.text())});
  }
  if (std::find(states.begin(), states.end(), row->state) == states.end()) {
    return fail(
        Refusal{RefusalCode::WrongContractState, fmt::format("the contract is {}", contract_state_name(row->state))});
  }
  return Checked<Op>(op, typename Op::Evidence{});
}

Result<Checked<ContractAcknowledge>, Refusal> Contracts::check(const Valid<ContractAcknowledge>& op,
                                                               const Sender& sender) const {
  return check_provider_op(op, sender, {ContractState::Assigned});
}

void Contracts::apply(const Checked<ContractAcknowledge>& op, const Sender& /*sender*/, const BlockContext& context) {
  const ContractId id = op->contract;
  ContractRow row = contracts_.get(id);
  drop_timers(id, row);
  row.state = ContractState::Preparing;
  row.acknowledged = context.time;
  set_timer(id, row, TimerKind::StartDue,
            context.time + params_.duration(Parameter::StartMs) + fetch_time(params_, row.input_bytes));
  store(id, row, context);
}

Result<Checked<ContractDecline>, Refusal> Contracts::check(const Valid<ContractDecline>& op,
                                                           const Sender& sender) const {
  return check_provider_op(op, sender, {ContractState::Assigned, ContractState::Preparing});
}

void Contracts::apply(const Checked<ContractDecline>& op, const Sender& /*sender*/, const BlockContext& context) {
  fail_by_provider(op->contract, contracts_.get(op->contract), EndReason::ProviderRefused, context);
}

Result<Checked<ContractStart>, Refusal> Contracts::check(const Valid<ContractStart>& op, const Sender& sender) const {
  auto checked = check_provider_op(op, sender, {ContractState::Preparing});
  if (!checked) return checked;
  const ContractRow& row = contracts_.get(op->contract);
  const NodeId& node = host_named(row, op->node);
  if (!is_host(row, node)) return fail(Refusal{RefusalCode::NotContractHost, node.text()});
  if (const GangHost* host = find_host(row, node); host != nullptr && host->ready.ms != 0) {
    return fail(Refusal{RefusalCode::WrongContractState, fmt::format("host {} is ready already", node.text())});
  }
  return checked;
}

void Contracts::apply(const Checked<ContractStart>& op, const Sender& /*sender*/, const BlockContext& context) {
  const ContractId id = op->contract;
  ContractRow row = contracts_.get(id);
  if (GangHost* host = find_host(row, host_named(row, op->node))) host->ready = context.time;
  if (std::any_of(row.gang.begin(), row.gang.end(), [](const GangHost& host) { return host.ready.ms == 0; })) {
    store(id, row, context);  // the time to start runs on for the others
    return;
  }
  drop_timers(id, row);
  row.state = ContractState::Running;
  row.started = context.time;
  row.last_progress = context.time;
  for (GangHost& host : row.gang) host.heard = context.time;
  set_timer(id, row, TimerKind::SilenceDue, context.time + params_.duration(Parameter::SilenceMs));
  row.run_end_due = context.time + seconds(row.max_s) + params_.duration(Parameter::RunGraceMs);
  timers_.schedule(row.run_end_due, TimerKind::RunEnd, id.bytes);
  market_.on_started(row.job, context.time);
  store(id, row, context);
}

Result<Checked<ContractProgress>, Refusal> Contracts::check(const Valid<ContractProgress>& op,
                                                            const Sender& sender) const {
  ContractProgress::Evidence evidence;
  std::string goes_back;
  std::string unknown;
  for (const ContractProgress::Entry& entry : op->entries) {
    const ContractRow* row = contracts_.find(entry.contract);
    if (row == nullptr) {
      unknown = entry.contract.text();
      continue;
    }
    if (row->provider != sender.account) return fail(Refusal{RefusalCode::NotContractProvider, entry.contract.text()});
    const NodeId& node = host_named(*row, entry.node);
    if (!is_host(*row, node)) {
      return fail(Refusal{RefusalCode::NotContractHost, fmt::format("{} of {}", node.text(), entry.contract.text())});
    }
    if (row->state != ContractState::Running) continue;
    if (node == row->node && entry.run_ms < row->progress_run_ms) {
      goes_back = fmt::format("{}: {} ms after {} ms", entry.contract.text(), entry.run_ms, row->progress_run_ms);
      continue;
    }
    evidence.live.push_back(entry);
  }
  // One job's slip must not make the provider's other jobs look silent.
  if (evidence.live.empty() && !unknown.empty()) return fail(Refusal{RefusalCode::UnknownContract, unknown});
  if (evidence.live.empty() && !goes_back.empty()) return fail(Refusal{RefusalCode::ProgressGoesBack, goes_back});
  return Checked<ContractProgress>(op, std::move(evidence));
}

void Contracts::apply(const Checked<ContractProgress>& op, const Sender& /*sender*/, const BlockContext& context) {
  for (const ContractProgress::Entry& entry : op.evidence().live) {
    ContractRow row = contracts_.get(entry.contract);
    const NodeId node = host_named(row, entry.node);
    // A report may name the contract's own node twice, by its id and by none: it does not go back.
    if (node == row.node) row.progress_run_ms = std::max(row.progress_run_ms, entry.run_ms);
    hear(entry.contract, row, node, context.time);
    contracts_.put(entry.contract, row);
    context.emit({.kind = EventKind::ContractProgress,
                  .node = node,
                  .job = row.job,
                  .contract = entry.contract,
                  .state = static_cast<std::uint8_t>(row.state),
                  .amount = entry.run_ms});
  }
}

void Contracts::hear(const ContractId& id, ContractRow& row, const NodeId& node, TimeMs now) {
  row.last_progress = now;
  for (GangHost& host : row.gang) {
    if (host.node == node) host.heard = now;
    if (host.done.ms == 0) row.last_progress = std::min(row.last_progress, host.heard);
  }
  timers_.cancel(row.timer_due, row.timer, id.bytes);
  set_timer(id, row, TimerKind::SilenceDue, row.last_progress + params_.duration(Parameter::SilenceMs));
}

Result<Checked<ContractHostDone>, Refusal> Contracts::check(const Valid<ContractHostDone>& op,
                                                            const Sender& sender) const {
  auto checked = check_provider_op(op, sender, {ContractState::Running});
  if (!checked) return checked;
  const ContractRow& row = contracts_.get(op->contract);
  const GangHost* host = find_host(row, op->node);
  if (host == nullptr || op->node == row.node) {
    return fail(Refusal{RefusalCode::NotContractHost,
                        fmt::format("{}{}", op->node.text(), op->node == row.node ? ": it completes the job" : "")});
  }
  if (host->done.ms != 0) {
    return fail(Refusal{RefusalCode::WrongContractState, fmt::format("host {} is done already", op->node.text())});
  }
  return checked;
}

void Contracts::apply(const Checked<ContractHostDone>& op, const Sender& /*sender*/, const BlockContext& context) {
  const ContractId id = op->contract;
  ContractRow row = contracts_.get(id);
  GangHost* host = find_host(row, op->node);
  host->done = context.time;
  host->report = op->report_hash;
  hear(id, row, op->node, context.time);
  store(id, row, context);
}

Result<Checked<ContractComplete>, Refusal> Contracts::check(const Valid<ContractComplete>& op,
                                                            const Sender& sender) const {
  auto checked = check_provider_op(op, sender, {ContractState::Running});
  if (!checked) return checked;
  const ContractRow& row = contracts_.get(op->contract);
  if (op->run_ms < row.progress_run_ms) {
    return fail(
        Refusal{RefusalCode::ProgressGoesBack, fmt::format("{} ms after {} ms", op->run_ms, row.progress_run_ms)});
  }
  for (const GangHost& host : row.gang) {
    if (host.node != row.node && host.done.ms == 0) {
      return fail(Refusal{RefusalCode::HostsStillRun, host.node.text()});
    }
  }
  return checked;
}

void Contracts::apply(const Checked<ContractComplete>& op, const Sender& /*sender*/, const BlockContext& context) {
  const ContractId id = op->contract;
  ContractRow row = contracts_.get(id);
  drop_timers(id, row);
  row.state = ContractState::Delivered;
  row.delivered = context.time;
  row.progress_run_ms = op->run_ms;
  row.last_progress = context.time;
  row.result_hash = op->result_hash;
  row.outputs = op->outputs;
  row.proof_hash = op->proof_hash;
  row.run_end_due = {};
  stop_meter(row, context.time);
  pay_notice(id, row, false);
  // The devices are free as soon as the result is there; the window is about money only.
  market_.release(row.job, context);
  const std::uint64_t quarter_ms = seconds(row.max_s).ms / 4;
  const std::uint64_t window_ms =
      std::min(std::max(quarter_ms, params_.get(Parameter::AcceptMinMs)), params_.get(Parameter::AcceptMaxMs));
  set_timer(id, row, TimerKind::AcceptDue, context.time + DurationMs{window_ms});
  store(id, row, context);
}

Result<Checked<ContractFail>, Refusal> Contracts::check(const Valid<ContractFail>& op, const Sender& sender) const {
  auto checked = check_provider_op(op, sender, {ContractState::Preparing, ContractState::Running});
  if (!checked) return checked;
  const ContractRow& row = contracts_.get(op->contract);
  if (op->reason == EndReason::Preempted && !row.notice) {
    return fail(Refusal{RefusalCode::ReasonNotAllowed, "preempted: the contract has no notice"});
  }
  if (op->run_ms < row.progress_run_ms) {
    return fail(
        Refusal{RefusalCode::ProgressGoesBack, fmt::format("{} ms after {} ms", op->run_ms, row.progress_run_ms)});
  }
  return checked;
}

void Contracts::apply(const Checked<ContractFail>& op, const Sender& /*sender*/, const BlockContext& context) {
  const ContractId id = op->contract;
  ContractRow row = contracts_.get(id);
  row.progress_run_ms = op->run_ms;
  if (row.started.ms != 0) row.last_progress = context.time;
  row.proof_hash = op->report_hash;
  if (op->reason == EndReason::Preempted) {
    preempt(id, std::move(row), context);
  } else if (end_reason_info(op->reason).party == Party::Requester) {
    claim_requester_fault(id, std::move(row), op->reason, context);
  } else {
    fail_by_provider(id, std::move(row), op->reason, context);
  }
}

Result<Checked<ContractAccept>, Refusal> Contracts::check(const Valid<ContractAccept>& op, const Sender& sender) const {
  const ContractRow* row = contracts_.find(op->contract);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownContract, op->contract.text()});
  if (row->requester != sender.account) {
    return fail(Refusal{RefusalCode::NotContractRequester, fmt::format("it belongs to {}", row->requester.text())});
  }
  if (row->state != ContractState::Delivered) {
    return fail(
        Refusal{RefusalCode::WrongContractState, fmt::format("the contract is {}", contract_state_name(row->state))});
  }
  return Checked<ContractAccept>(op, {});
}

void Contracts::apply(const Checked<ContractAccept>& op, const Sender& /*sender*/, const BlockContext& context) {
  settle(op->contract, contracts_.get(op->contract), EndReason::Accepted, context);
}

}  // namespace starminer::protocol
