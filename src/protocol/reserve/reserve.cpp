#include "protocol/reserve/reserve.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/job/field_check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kWindowMsMax = 31'536'000'000;

/// Rounded up: who declines never gains by a small stake.
std::uint64_t part_of(Agpu whole, std::uint64_t ppm) {
  return mul_div(whole.base, ppm, kPpm, Rounding::Ceil).value_or(whole.base);
}

}  // namespace

Result<Valid<ReserveJoin>, Refusal> ReserveJoin::validate(ReserveJoin op) {
  const auto shape = FieldCheck()
                         .require("node", !op.node.is_zero(), "must name a node")
                         .range("window_ms", op.window.ms, 1, kWindowMsMax)
                         .amount("amount", op.amount.base, true)
                         .result();
  if (!shape) return fail(shape.error());
  return Valid<ReserveJoin>(op);
}

Result<Valid<ReserveLeave>, Refusal> ReserveLeave::validate(ReserveLeave op) {
  const auto shape = FieldCheck().require("node", !op.node.is_zero(), "must name a node").result();
  if (!shape) return fail(shape.error());
  return Valid<ReserveLeave>(op);
}

void Reserve::Members::on_change(const NodeId& id, const ReserveNodeRow* before, const ReserveNodeRow* after) {
  if (before != nullptr) {
    const auto pool = by_pool.find(before->pool);
    pool->second.erase(id);
    if (pool->second.empty()) by_pool.erase(pool);
  }
  if (after != nullptr) by_pool[after->pool].insert(id);
}

Reserve::Reserve(state::Store& store, const Params& params, Ledger& ledger, Registry& registry)
    : params_(params),
      ledger_(ledger),
      registry_(registry),
      nodes_(store, state::TableId::ReserveNodes),
      pools_(store, state::TableId::ReservePools) {
  nodes_.add_observer(members_);
}

const std::set<NodeId>* Reserve::nodes_of(const ReserveKey& pool) const {
  const auto found = members_.by_pool.find(pool);
  return found != members_.by_pool.end() ? &found->second : nullptr;
}

Agpu Reserve::minimum_stake(std::uint32_t devices) const {
  const auto sum = mul_div(params_.get(Parameter::ReserveStakePerGpu), devices, 1, Rounding::Floor);
  return {std::min(sum.value_or(kAmountMax), kAmountMax)};
}

Result<const NodeRow*, Refusal> Reserve::find_own(const NodeId& node, const Sender& sender) const {
  const NodeRow* const row = registry_.nodes().find(node);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownNode, "node " + node.text()});
  if (row->provider != sender.account) {
    return fail(Refusal{RefusalCode::NotNodeOwner, "provider " + row->provider.text()});
  }
  return row;
}

Result<Checked<ReserveJoin>, Refusal> Reserve::check(const Valid<ReserveJoin>& op, const Sender& sender) const {
  const auto node = find_own(op->node, sender);
  if (!node) return fail(node.error());
  const NodeRow& row = **node;
  if (row.status != NodeStatus::Active && row.status != NodeStatus::Suspect) {
    return fail(Refusal{RefusalCode::WrongNodeStatus, fmt::format("status {}", node_status_name(row.status))});
  }
  const std::uint64_t shortest = params_.get(Parameter::ReserveWindowMinMs);
  const std::uint64_t longest = params_.get(Parameter::ReserveWindowMaxMs);
  if (op->window.ms < shortest || op->window.ms > longest) {
    return fail(Refusal{RefusalCode::WindowOutOfBounds,
                        fmt::format("{} ms, from {} to {} allowed", op->window.ms, shortest, longest)});
  }
  const ReserveNodeRow* const stands = nodes_.find(op->node);
  const Agpu minimum = minimum_stake(row.hardware.devices);
  // Both exist, or the balance does not cover the amount, which is at most kAmountMax.
  const u128 staked = u128{stands != nullptr ? stands->stake.base : 0} + op->amount.base;
  if (staked < minimum.base) {
    return fail(
        Refusal{RefusalCode::ReserveStakeTooSmall, fmt::format("it would be {}, at least {} needed for {} devices",
                                                               format_amount(Agpu{static_cast<std::uint64_t>(staked)}),
                                                               format_amount(minimum), row.hardware.devices)});
  }
  const std::uint64_t available = ledger_.balance(sender.account, Asset::Agpu);
  if (available < op->amount.base) {
    return fail(Refusal{RefusalCode::BalanceTooSmall,
                        fmt::format("available {}, needed {}, missing {}", format_amount(Agpu{available}),
                                    format_amount(op->amount), format_amount(Agpu{op->amount.base - available}))});
  }
  return Checked<ReserveJoin>(op, {minimum});
}

void Reserve::apply(const Checked<ReserveJoin>& op, const Sender& sender, const BlockContext& context) {
  const LockKey lock{LockPurpose::Reserve, op->node.bytes, Asset::Agpu};
  const NodeRow& node = registry_.nodes().get(op->node);
  ReserveNodeRow row;
  if (const ReserveNodeRow* stands = nodes_.find(op->node); stands != nullptr) {
    row = *stands;
    ledger_.add_to_lock(lock, op->amount.base);
  } else {
    row.pool = {node.hardware_class, node.offer.region};
    row.provider = sender.account;
    row.devices = node.hardware.devices;
    row.joined = context.time;
    ledger_.lock(lock.purpose, lock.subject, sender.account, lock.asset, op->amount.base);
    if (!pools_.contains(row.pool)) pools_.put(row.pool, {});
  }
  const auto stake = checked_add(row.stake, op->amount);
  STARMINER_CHECK(stake.has_value());
  row.stake = *stake;
  row.minimum = op.evidence().minimum;
  row.until = std::max(row.until, context.time + op->window);
  put(op->node, row, context);
  context.emit(
      {.kind = EventKind::ReserveJoined, .account = sender.account, .node = op->node, .amount = row.stake.base});
}

Result<Checked<ReserveLeave>, Refusal> Reserve::check(const Valid<ReserveLeave>& op, const Sender& sender,
                                                      const BlockContext& context) const {
  if (const auto node = find_own(op->node, sender); !node) return fail(node.error());
  const ReserveNodeRow* const row = nodes_.find(op->node);
  if (row == nullptr) return fail(Refusal{RefusalCode::NotInReserve, "node " + op->node.text()});
  if (context.time < row->until) {
    return fail(Refusal{RefusalCode::WindowStands,
                        fmt::format("it ends in {} s", (elapsed(row->until, context.time).ms + 999) / 1000)});
  }
  return Checked<ReserveLeave>(op, {});
}

void Reserve::apply(const Checked<ReserveLeave>& op, const Sender& sender, const BlockContext& context) {
  nodes_.erase(op->node);
  const std::uint64_t returned = ledger_.unlock(LockPurpose::Reserve, op->node.bytes, Asset::Agpu);
  registry_.set_reserve(op->node, ReserveStanding::None, context);
  context.emit({.kind = EventKind::ReserveLeft, .account = sender.account, .node = op->node, .amount = returned});
}

void Reserve::put(const NodeId& node, const ReserveNodeRow& row, const BlockContext& context) {
  nodes_.put(node, row);
  registry_.set_reserve(node, row.stands_by() ? ReserveStanding::StandsBy : ReserveStanding::Lapsed, context);
}

void Reserve::count_draw(const NodeId& node) {
  nodes_.update(node, [](ReserveNodeRow& row) { ++row.draws; });
  pools_.update(nodes_.get(node).pool, [](ReservePoolRow& pool) { ++pool.draws; });
}

std::optional<DeclineCharge> Reserve::charge(const DeclinedMatch& declined, const BlockContext& context) {
  const ReserveNodeRow* const stands = nodes_.find(declined.node);
  if (stands == nullptr || declined.matched < stands->joined) return std::nullopt;
  ReserveNodeRow row = *stands;
  if (row.epoch != context.epoch) row.declines_of_epoch = 0;
  if (row.declines_of_epoch >= params_.get(Parameter::DeclinesPerEpoch)) return std::nullopt;
  const Agpu charge{std::min(part_of(row.stake, params_.get(Parameter::DeclineStakePpm)),
                             part_of(declined.price, params_.get(Parameter::DeclinePricePpm)))};
  if (charge.is_zero()) return std::nullopt;
  const DeclineCharge shares{{charge.base / 2}, {charge.base - charge.base / 2}};
  ledger_.pay_from_lock(LockPurpose::Reserve, declined.node.bytes, declined.requester, shares.compensated);
  ledger_.burn_from_lock(LockPurpose::Reserve, declined.node.bytes, shares.burned);
  row.stake.base -= charge.base;
  row.charged.base += charge.base;
  row.epoch = context.epoch;
  ++row.declines;
  ++row.declines_of_epoch;
  pools_.update(row.pool, [&shares](ReservePoolRow& pool) {
    ++pool.declines;
    pool.burned.base += shares.burned.base;
    pool.compensated.base += shares.compensated.base;
  });
  context.emit({.kind = EventKind::ReserveCharged,
                .account = row.provider,
                .node = declined.node,
                .job = declined.job,
                .contract = declined.contract,
                .amount = charge.base});
  put(declined.node, row, context);
  return shares;
}

bool Reserve::invariants_hold() const {
  Members rebuilt;
  for (const auto& [id, row] : nodes_) {
    rebuilt.on_change(id, nullptr, &row);
    const LockRow* lock = ledger_.locks().find({LockPurpose::Reserve, id.bytes, Asset::Agpu});
    if (lock == nullptr || lock->amount != row.stake.base || lock->owner != row.provider) return false;
    const NodeRow* node = registry_.nodes().find(id);
    if (node == nullptr || node->status == NodeStatus::Left || node->provider != row.provider) return false;
    if (ReserveKey{node->hardware_class, node->offer.region} != row.pool || !pools_.contains(row.pool)) return false;
    const auto standing = row.stands_by() ? ReserveStanding::StandsBy : ReserveStanding::Lapsed;
    if (node->reserve != standing) return false;
  }
  const auto marked = std::count_if(registry_.nodes().begin(), registry_.nodes().end(),
                                    [](const auto& entry) { return entry.second.reserve != ReserveStanding::None; });
  return static_cast<std::size_t>(marked) == nodes_.size() && rebuilt.by_pool == members_.by_pool;
}

}  // namespace starminer::protocol
