#include "protocol/registry/index.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint16_t kDeviceMilli = 1000;
constexpr std::uint64_t kThreadMilli = 1000;

bool capacity_fits(const NodeRow& node, const CapacityRow& free) {
  const auto& devices = free.device_free_milli;
  return devices.size() == node.hardware.devices &&
         std::all_of(devices.begin(), devices.end(), [](std::uint16_t milli) { return milli <= kDeviceMilli; }) &&
         free.cpu_free_milli <= node.hardware.cpu_threads * kThreadMilli &&
         free.ram_free_bytes <= node.hardware.ram_bytes && free.disk_free_bytes <= node.hardware.disk_bytes;
}

bool is_idle(const NodeRow& node, const CapacityRow& free) {
  const auto& devices = free.device_free_milli;
  return std::all_of(devices.begin(), devices.end(), [](std::uint16_t milli) { return milli == kDeviceMilli; }) &&
         free.cpu_free_milli == node.hardware.cpu_threads * kThreadMilli &&
         free.ram_free_bytes == node.hardware.ram_bytes && free.disk_free_bytes == node.hardware.disk_bytes;
}

// Most changes of a node leave what it counts for in the medians as it is.
bool rated_alike(const NodeRow& a, const NodeRow& b) {
  return (a.status == NodeStatus::Active) == (b.status == NodeStatus::Active) && a.hardware_class == b.hardware_class &&
         std::equal(a.ratings.begin(), a.ratings.end(), b.ratings.begin(),
                    [](const auto& x, const auto& y) { return x.cu_x1000 == y.cu_x1000; });
}

}  // namespace

void Registry::Index::count(const NodeId& id, const NodeRow& row, bool enters) {
  if (row.dense_id >= dense_uses_.size()) {
    dense_uses_.resize(row.dense_id + std::size_t{1});
    dense_nodes_.resize(dense_uses_.size());
  }
  std::uint8_t& uses = dense_uses_[row.dense_id];
  if (enters) {
    if (uses++ > 0) ++dense_repeats_;
    dense_nodes_[row.dense_id] = id;
  } else {
    if (--uses > 0) --dense_repeats_;
    while (!dense_uses_.empty() && dense_uses_.back() == 0) dense_uses_.pop_back();
  }
  if (row.status != NodeStatus::Left) {
    std::uint64_t& live = live_by_provider_[row.provider];
    live += enters ? 1 : ~std::uint64_t{0};
    if (live == 0) live_by_provider_.erase(row.provider);
  }
  touched_providers_.insert(row.provider);
}

void Registry::Index::rate(const NodeRow& row, bool enters) {
  if (row.status != NodeStatus::Active) return;
  for (std::uint8_t kind = 0; kind < kJobKindCount; ++kind) {
    const std::uint32_t rating = row.ratings[kind].cu_x1000;
    if (rating == 0) continue;
    SortedRatings& sorted = ratings_[{row.hardware_class, kind}];
    enters ? sorted.add(rating) : sorted.remove(rating);
  }
}

void Registry::Index::on_change(const NodeId& id, const NodeRow* before, const NodeRow* after) {
  if (before != nullptr) count(id, *before, false);
  if (after != nullptr) count(id, *after, true);
  if (before == nullptr || after == nullptr || !rated_alike(*before, *after)) {
    if (before != nullptr) rate(*before, false);
    if (after != nullptr) rate(*after, true);
  }
  touched_.insert(id);
}

void Registry::Index::on_change(const NodeId& id, const CapacityRow* /*before*/, const CapacityRow* /*after*/) {
  touched_.insert(id);
}

void Registry::Index::on_change(const AccountId& id, const ProviderRow* /*before*/, const ProviderRow* /*after*/) {
  touched_providers_.insert(id);
}

void Registry::Index::on_change(const NodeId& id, const BenchmarkRow* before, const BenchmarkRow* after) {
  if (before != nullptr && before->open) {
    const auto due = benchmarks_due_.find(before->provider);
    due->second.erase(id);
    if (due->second.empty()) benchmarks_due_.erase(due);
  }
  if (after != nullptr && after->open) benchmarks_due_[after->provider].insert(id);
  touched_.insert(id);
}

std::vector<NodeId> Registry::Index::benchmarks_due(const AccountId& provider) const {
  const auto due = benchmarks_due_.find(provider);
  if (due == benchmarks_due_.end()) return {};
  return {due->second.begin(), due->second.end()};
}

const NodeId& Registry::Index::node_at(std::uint32_t dense_id) const {
  STARMINER_CHECK(dense_id < dense_uses_.size() && dense_uses_[dense_id] > 0);
  return dense_nodes_[dense_id];
}

const SortedRatings* Registry::Index::ratings(ClassId hardware_class, JobKind kind) const {
  const auto it = ratings_.find({hardware_class, static_cast<std::uint8_t>(kind)});
  return it == ratings_.end() ? nullptr : &it->second;
}

bool Registry::Index::is_consistent(const NodeId& id) const {
  const NodeRow* const node = registry_.nodes().find(id);
  const CapacityRow* const free = registry_.capacity().find(id);
  if (node == nullptr || free == nullptr) return node == nullptr && free == nullptr;
  const bool idle = free->jobs == 0;
  const bool left = node->status == NodeStatus::Left;
  const BenchmarkRow* const asked = registry_.benchmarks().find(id);
  const bool owes = asked != nullptr && asked->open;
  if (asked != nullptr && asked->provider != node->provider) return false;
  if (left ? owes : node->rating_in_doubt && !owes) return false;
  const bool flagged = node->rating_in_doubt || node->silent_since.has_value();
  return capacity_fits(*node, *free) && (!idle || is_idle(*node, *free)) && (!left || (idle && !node->leaving)) &&
         (!node->leaving || node->status == NodeStatus::Draining) && (node->status != NodeStatus::Active || !flagged) &&
         (node->status != NodeStatus::Suspect || flagged) && registry_.providers().contains(node->provider);
}

bool Registry::Index::judge() {
  for (const NodeId& id : touched_) {
    if (is_consistent(id)) {
      faulty_.erase(id);
    } else {
      faulty_.insert(id);
    }
  }
  touched_.clear();
  for (const AccountId& id : touched_providers_) {
    const ProviderRow* const row = registry_.providers().find(id);
    const auto live = live_by_provider_.find(id);
    if ((row != nullptr ? row->node_count : 0) == (live != live_by_provider_.end() ? live->second : 0)) {
      faulty_providers_.erase(id);
    } else {
      faulty_providers_.insert(id);
    }
  }
  touched_providers_.clear();
  return faulty_.empty() && faulty_providers_.empty() && dense_repeats_ == 0 &&
         dense_uses_.size() == registry_.nodes().size();
}

}  // namespace starminer::protocol
