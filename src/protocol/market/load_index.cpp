#include "protocol/market/load_index.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kDeviceMilli = 1000;

void add(std::map<std::uint64_t, std::uint64_t>& counts, std::uint64_t value, std::uint64_t by, bool enters) {
  const auto it = counts.try_emplace(value).first;
  STARMINER_CHECK(enters || it->second >= by);
  it->second = enters ? it->second + by : it->second - by;
  if (it->second == 0) counts.erase(it);
}

std::uint64_t at(const std::map<PriceKey, std::uint64_t>& sums, const PriceKey& key) {
  const auto it = sums.find(key);
  return it != sums.end() ? it->second : 0;
}

std::uint64_t share_of(std::uint64_t milli, std::uint64_t ppm) {
  return mul_div(milli, ppm, kPpm, Rounding::Floor).value_or(0);
}

}  // namespace

void LoadIndex::on_change(const NodeId& /*id*/, const NodeRow* before, const NodeRow* after) {
  if (before != nullptr) count(*before, false);
  if (after != nullptr) count(*after, true);
}

void LoadIndex::count(const NodeRow& row, bool enters) {
  if (row.status != NodeStatus::Active || row.hardware.devices == 0) return;
  Nodes& nodes = nodes_[row.hardware_class];
  add(nodes.milli_by_floor, row.offer.floor_32nds, row.hardware.devices * kDeviceMilli, enters);
  add(nodes.devices, row.hardware.devices, 1, enters);
  add(nodes.device_memory, row.hardware.device_memory_bytes, 1, enters);
  if (nodes.devices.empty()) nodes_.erase(row.hardware_class);
}

void LoadIndex::on_change(const JobId& /*id*/, const AssignmentRow* before, const AssignmentRow* after) {
  const auto change = [this](const AssignmentRow& row, bool enters) {
    const auto it = busy_milli_.try_emplace({row.tier, row.hardware_class}).first;
    it->second = enters ? it->second + row.gpu_milli : it->second - row.gpu_milli;
    if (it->second == 0) busy_milli_.erase(it);
  };
  if (before != nullptr) change(*before, false);
  if (after != nullptr) change(*after, true);
}

std::uint64_t LoadIndex::online_milli(ClassId hardware_class, std::uint8_t highest_floor) const {
  const auto nodes = nodes_.find(hardware_class);
  if (nodes == nodes_.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& [floor, milli] : nodes->second.milli_by_floor) {
    if (floor > highest_floor) break;
    sum += milli;
  }
  return sum;
}

bool LoadIndex::may_ever_fit(ClassId hardware_class, const Resources& resources) const {
  const auto nodes = nodes_.find(hardware_class);
  return nodes != nodes_.end() && resources.gpus <= nodes->second.devices.rbegin()->first &&
         Registry::device_memory_needed(resources) <= nodes->second.device_memory.rbegin()->first;
}

std::map<PriceKey, std::uint64_t> LoadIndex::queued(const MarketView& market,
                                                    const std::map<PriceKey, std::uint64_t>& online) const {
  std::map<std::pair<PriceKey, AccountId>, std::uint64_t> by_requester;
  std::vector<ClassId> classes;
  for (const auto& [place, waiting] : market.index.waiting()) {
    const JobRow& row = *waiting.row;
    const std::uint64_t milli = gpu_milli(row.spec.resources);
    if (milli == 0) continue;
    classes.clear();
    for (const auto& [id, nodes] : nodes_) {
      const PriceKey key{row.tier, id};
      const auto& named = row.spec.resources.classes;
      if (!named.empty() && !std::binary_search(named.begin(), named.end(), market.registry.classes().get(id).name)) {
        continue;
      }
      if (at(online, key) == 0 || row.max_price < market.pricing.price(row.tier, id)) continue;
      if (may_ever_fit(id, row.spec.resources)) classes.push_back(id);
    }
    // A job that waits for several classes will take one: it weighs on each with its part.
    for (const ClassId id : classes) by_requester[{{row.tier, id}, row.requester}] += milli / classes.size();
  }
  std::map<PriceKey, std::uint64_t> sums;
  const std::uint64_t share = market.params.get(Parameter::RequesterSharePpm);
  for (const auto& [who, milli] : by_requester) {
    sums[who.first] += std::min(milli, share_of(at(online, who.first), share));
  }
  const std::uint64_t most = market.params.get(Parameter::QueuedLoadMaxPpm);
  for (auto& [key, milli] : sums) milli = std::min(milli, share_of(at(online, key), most));
  return sums;
}

Loads LoadIndex::measure(const MarketView& market) const {
  const std::uint64_t small_milli = market.params.get(Parameter::SmallClassGpus) * kDeviceMilli;
  std::map<PriceKey, std::uint64_t> online;  // that serve at the tier's price
  std::map<PriceKey, std::uint64_t> part;    // of these, what the tier has of its own
  for (const auto& [id, nodes] : nodes_) {
    const Price anchor = market.registry.classes().get(id).anchor;
    for (const auto& [tier, terms] : market.pricing.tiers()) {
      const std::uint64_t milli = online_milli(id, Pricing::highest_floor(market.pricing.price(tier, id), anchor));
      online[{tier, id}] = milli;
      part[{tier, id}] = milli < small_milli ? milli : share_of(milli, terms.capacity_share.value);
    }
  }
  const auto waiting = queued(market, part);
  Loads loads;
  for (const auto& [key, own] : part) {
    if (own == 0) continue;
    Load load{own, at(busy_milli_, key), at(waiting, key)};
    const bool one_input = online.at(key) < small_milli;
    for (const auto& [tier, terms] : market.pricing.tiers()) {
      const PriceKey other{tier, key.hardware_class};
      if (tier == key.tier) continue;
      const std::uint64_t taken = at(busy_milli_, other) + at(waiting, other);
      if (one_input) {
        load.busy_milli += at(busy_milli_, other);
        load.queued_milli += at(waiting, other);
      } else if (market.pricing.tier(key.tier).preemptible) {
        load.online_milli += saturating_sub(at(part, other), taken);  // what nobody else uses is borrowed
      }
    }
    if (one_input) {
      const std::uint64_t most = market.params.get(Parameter::QueuedLoadMaxPpm);
      load.queued_milli = std::min(load.queued_milli, share_of(own, most));
    }
    loads.emplace(key, load);
  }
  return loads;
}

}  // namespace starminer::protocol
