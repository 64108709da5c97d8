// The life of a node: Active <-> Suspect, Draining, Left, and the return of its lock.
#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"
#include "protocol/registry/registry.h"

namespace starminer::protocol {
namespace {

bool in_both(const std::vector<NodeId>& a, const std::vector<NodeId>& b) {
  return std::any_of(a.begin(), a.end(), [&b](const NodeId& id) { return std::binary_search(b.begin(), b.end(), id); });
}

/// Ends the silence of a node and adds it to the total.
void hear(NodeRow& row, TimeMs now) {
  if (!row.silent_since) return;
  row.suspect_ms = saturating_add(row.suspect_ms, elapsed(now, *row.silent_since).ms);
  row.silent_since.reset();
}

bool may_change(const NodeRow& row, NodeChange change) {
  switch (change) {
    case NodeChange::Drain: return row.status == NodeStatus::Active || row.status == NodeStatus::Suspect;
    case NodeChange::Resume: return row.status == NodeStatus::Draining;
    case NodeChange::Leave: return row.status != NodeStatus::Left && row.status != NodeStatus::Jailed;
  }
  return false;
}

}  // namespace

Result<Valid<NodeSetStatus>, Refusal> NodeSetStatus::validate(NodeSetStatus op) {
  const auto shape =
      FieldCheck().range("change", static_cast<std::uint8_t>(op.change), 0, enum_count(NodeChange{}) - 1U).result();
  if (!shape) return fail(shape.error());
  return Valid<NodeSetStatus>(op);
}

Result<Valid<TelemetryReport>, Refusal> TelemetryReport::validate(TelemetryReport op) {
  FieldCheck check;
  check.count("silent", op.silent.size(), kTelemetryNodesMax).count("heard", op.heard.size(), kTelemetryNodesMax);
  check.sorted("silent", op.silent).sorted("heard", op.heard);
  if (check.ok()) check.require("heard", !in_both(op.silent, op.heard), "must not name a node that stands in silent");
  if (!check.ok()) return fail(check.result().error());
  return Valid<TelemetryReport>(std::move(op));
}

void Registry::put_node(const NodeId& id, NodeRow row, const BlockContext& context) {
  if (row.status == NodeStatus::Active || row.status == NodeStatus::Suspect) {
    const bool suspect = row.rating_in_doubt || row.silent_since.has_value();
    row.status = suspect ? NodeStatus::Suspect : NodeStatus::Active;
  }
  const NodeRow* const before = nodes_.find(id);
  if (before != nullptr && before->status != row.status) row.status_since = context.time;
  context.emit({.kind = EventKind::NodeChanged,
                .account = row.provider,
                .node = id,
                .state = static_cast<std::uint8_t>(row.status)});
  nodes_.put(id, std::move(row));
}

Result<Checked<NodeSetStatus>, Refusal> Registry::check(const Valid<NodeSetStatus>& op, const Sender& sender) const {
  const NodeRow* const row = nodes_.find(op->node);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownNode, "node " + op->node.text()});
  if (row->provider != sender.account) {
    return fail(Refusal{RefusalCode::NotNodeOwner, "provider " + row->provider.text()});
  }
  if (!may_change(*row, op->change)) {
    return fail(Refusal{RefusalCode::WrongNodeStatus, fmt::format("status {}", node_status_name(row->status))});
  }
  if (op->change != NodeChange::Resume && row->reserve != ReserveStanding::None) {
    return fail(Refusal{RefusalCode::NodeInReserve, "it can neither drain nor leave before"});
  }
  if (op->change == NodeChange::Leave && row->leaving) {
    return fail(Refusal{RefusalCode::NodeHasJobs, fmt::format("the node leaves by itself when {} jobs have ended",
                                                              capacity_.get(op->node).jobs)});
  }
  return Checked<NodeSetStatus>(op, {});
}

void Registry::apply(const Checked<NodeSetStatus>& op, const Sender& /*sender*/, const BlockContext& context) {
  NodeRow row = nodes_.get(op->node);
  row.leaving = op->change == NodeChange::Leave;
  if (row.leaving && capacity_.get(op->node).jobs == 0) return leave_now(op->node, std::move(row), context);
  row.status = op->change == NodeChange::Resume ? NodeStatus::Active : NodeStatus::Draining;
  put_node(op->node, std::move(row), context);
}

Result<Checked<TelemetryReport>, Refusal> Registry::check(const Valid<TelemetryReport>& op,
                                                          const Sender& sender) const {
  if (!operators_.contains(sender.account)) {
    return fail(Refusal{RefusalCode::NotOperator, "account " + sender.account.text()});
  }
  for (const auto* list : {&op->silent, &op->heard}) {
    for (const NodeId& id : *list) {
      if (!nodes_.contains(id)) return fail(Refusal{RefusalCode::UnknownNode, "node " + id.text()});
    }
  }
  return Checked<TelemetryReport>(op, {});
}

void Registry::apply(const Checked<TelemetryReport>& op, const Sender& /*sender*/, const BlockContext& context) {
  for (const NodeId& id : op->silent) {
    NodeRow row = nodes_.get(id);
    if (row.status == NodeStatus::Left || row.silent_since) continue;
    row.silent_since = context.time;
    put_node(id, std::move(row), context);
  }
  for (const NodeId& id : op->heard) {
    NodeRow row = nodes_.get(id);
    if (!row.silent_since) continue;
    hear(row, context.time);
    put_node(id, std::move(row), context);
  }
}

void Registry::set_reserve(const NodeId& node, ReserveStanding standing, const BlockContext& context) {
  NodeRow row = nodes_.get(node);
  if (row.reserve == standing) return;
  row.reserve = standing;
  put_node(node, std::move(row), context);
}

void Registry::leave_now(const NodeId& id, NodeRow row, const BlockContext& context) {
  hear(row, context.time);
  close_benchmark(id);
  row.leaving = false;
  row.status = NodeStatus::Left;
  const AccountId provider = row.provider;
  const TimeMs lock_until = row.lock_until;
  put_node(id, std::move(row), context);
  providers_.update(provider, [](ProviderRow& counted) { --counted.node_count; });
  ledger_.drop_role(provider);
  if (lock_until <= context.time) {
    on_lock_release(id, context);
  } else {
    timers_.schedule(lock_until, TimerKind::LockRelease, id.bytes);
  }
}

void Registry::on_lock_release(const NodeId& node, const BlockContext& /*context*/) {
  STARMINER_CHECK(nodes_.get(node).status == NodeStatus::Left);
  // A node that registered while the lock was set to zero holds none.
  if (ledger_.locked(LockPurpose::NodeIdentity, node.bytes, Asset::Agpu) == 0) return;
  static_cast<void>(ledger_.unlock(LockPurpose::NodeIdentity, node.bytes, Asset::Agpu));
}

}  // namespace starminer::protocol
