#include "protocol/registry/registry.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/registry/index.h"
#include "protocol/registry/shipped.h"

namespace starminer::protocol {
namespace {

template <class Key, class Row>
std::optional<Key> find_by_name(const state::Table<Key, Row>& table, std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [name](const auto& row) { return row.second.name == name; });
  if (found == table.end()) return std::nullopt;
  return found->first;
}

}  // namespace

std::string_view node_status_name(NodeStatus status) {
  switch (status) {
    case NodeStatus::Pending: return "pending";
    case NodeStatus::Active: return "active";
    case NodeStatus::Draining: return "draining";
    case NodeStatus::Left: return "left";
    case NodeStatus::Suspect: return "suspect";
    case NodeStatus::Jailed: return "jailed";
  }
  return "";
}

std::string_view reserve_standing_name(ReserveStanding standing) {
  switch (standing) {
    case ReserveStanding::None: return "none";
    case ReserveStanding::Lapsed: return "lapsed";
    case ReserveStanding::StandsBy: return "stands_by";
  }
  return "";
}

Registry::Registry(state::Store& store, const Params& params, Ledger& ledger, Reputation& reputation, Timers& timers)
    : params_(params),
      ledger_(ledger),
      reputation_(reputation),
      timers_(timers),
      providers_(store, state::TableId::Providers),
      nodes_(store, state::TableId::Nodes),
      capacity_(store, state::TableId::Capacity),
      classes_(store, state::TableId::Classes),
      regions_(store, state::TableId::Regions),
      latency_(store, state::TableId::RegionLatency),
      operators_(store, state::TableId::Operators),
      benchmarks_(store, state::TableId::Benchmarks),
      index_(std::make_unique<Index>(*this)) {
  nodes_.add_observer(*index_);
  capacity_.add_observer(*index_);
  providers_.add_observer(*index_);
  benchmarks_.add_observer(*index_);
}

Registry::~Registry() = default;

void Registry::write_genesis(const std::vector<AccountId>& operators) {
  ClassId hardware_class = 0;
  for (ClassRow& row : shipped_classes(params_.get(Parameter::PriceScale))) {
    classes_.put(hardware_class++, std::move(row));
  }
  RegionId region = 0;
  for (RegionRow& row : shipped_regions()) regions_.put(region++, std::move(row));
  for (const auto& [pair, row] : shipped_latencies()) latency_.put(pair, row);
  for (const AccountId& account : operators) operators_.put(account, {});
}

std::optional<ClassId> Registry::find_class(std::string_view name) const { return find_by_name(classes_, name); }

std::optional<RegionId> Registry::find_region(std::string_view name) const { return find_by_name(regions_, name); }

void Registry::observe(state::Observer<NodeId, NodeRow>& nodes, state::Observer<NodeId, CapacityRow>& capacity) {
  nodes_.add_observer(nodes);
  capacity_.add_observer(capacity);
}

std::uint32_t Registry::latency_ms(RegionId from, RegionId to) const {
  const LatencyRow* const row = latency_.find({std::min(from, to), std::max(from, to)});
  if (row != nullptr) return row->ms;
  std::uint32_t largest = 0;
  for (const auto& [pair, known] : latency_) largest = std::max(largest, known.ms);
  return largest;
}

std::optional<std::uint32_t> Registry::median_rating(ClassId hardware_class, JobKind kind) const {
  const SortedRatings* const sorted = index_->ratings(hardware_class, kind);
  if (sorted == nullptr || sorted->size() < params_.get(Parameter::RatingClassNodesMin)) return std::nullopt;
  return sorted->at((sorted->size() - 1) / 2);
}

Ppm Registry::uptime(const NodeRow& node, TimeMs now) const {
  const std::uint64_t age = elapsed(now, node.registered).ms;
  if (age == 0) return {kPpm};
  const std::uint64_t silence = node.silent_since ? elapsed(now, *node.silent_since).ms : 0;
  const std::uint64_t heard = saturating_sub(age, saturating_add(node.suspect_ms, silence));
  return {*mul_div(kPpm, heard, age, Rounding::Floor)};
}

bool Registry::invariants_hold() const {
  return index_->judge() && reputation_.table().size() <= nodes_.size() * kJobKindCount;
}

std::vector<NodeId> Registry::benchmarks_due(const AccountId& provider) const {
  return index_->benchmarks_due(provider);
}

const NodeId& Registry::node_at(std::uint32_t dense_id) const { return index_->node_at(dense_id); }

std::uint32_t Registry::total_nodes() const { return static_cast<std::uint32_t>(nodes_.size()); }

}  // namespace starminer::protocol
