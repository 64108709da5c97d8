#include "protocol/market/load_index.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/gang.h"
#include "protocol/market/node_index.h"
#include "protocol/randomness/draws.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kDeviceMilli = 1000;
// Nodes of a class that say whether a waiting job counts; a class with no more is looked at as a whole.
constexpr std::size_t kSampleNodes = 64;
// Ten times what there is: a load above it says nothing more.
constexpr std::uint64_t kClassLoadMaxPpm = 10 * kPpm;

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

/// Nodes of each class as this tick looks at them, and which jobs they could serve.
class LoadIndex::Sample {
 public:
  Sample(const LoadIndex& index, const MarketView& market, const BlockContext& context)
      : index_(index), market_(market), context_(context) {}

  /// Whether enough of the class's GPUs are on nodes that could serve the job, free or not.
  [[nodiscard]] bool serves(ClassId hardware_class, const WaitingJob& waiting);

 private:
  const std::vector<NodeView>& nodes(ClassId hardware_class);

  const LoadIndex& index_;
  const MarketView& market_;
  const BlockContext& context_;
  std::map<ClassId, std::vector<NodeView>> nodes_;
  std::map<std::pair<ClassId, Hash32>, bool> served_;  // by the signature of jobs that are alike
};

const std::vector<NodeView>& LoadIndex::Sample::nodes(ClassId hardware_class) {
  const auto [it, inserted] = nodes_.try_emplace(hardware_class);
  if (!inserted) return it->second;
  const auto& ids = index_.nodes_.at(hardware_class).dense_ids;
  Draw draw{context_.seed, DrawPurpose::Load, {}};
  draw.subject.bytes[0] = hardware_class;
  std::uint64_t counter = 0;
  for (std::size_t i = 0; i < std::min(ids.size(), kSampleNodes); ++i) {
    const std::size_t at = ids.size() <= kSampleNodes ? i : draw_index(draw, ids.size(), counter);
    const NodeId& id = market_.registry.node_at(ids[at]);
    it->second.push_back({id, &market_.registry.nodes().get(id), nullptr, false, {}});
  }
  return it->second;
}

bool LoadIndex::Sample::serves(ClassId hardware_class, const WaitingJob& waiting) {
  const auto [it, inserted] = served_.try_emplace({hardware_class, waiting.signature});
  if (!inserted) return it->second;
  const Demand demand(market_, *waiting.row, context_.time);
  const std::vector<Split> splits = splits_of(waiting.row->spec);
  std::vector<std::pair<HostCount, Demand>> parts;  // of gangs that some site of the class may form
  for (const Split& split : splits) {
    if (market_.known == nullptr) break;
    const HostCount count(market_.known->sites(), split, SiteIndex::Room::Installed);
    if (count.may_reach(ClassSet().set(hardware_class))) parts.emplace_back(count, part_of(demand, split));
  }
  std::uint64_t all = 0;
  std::uint64_t able = 0;
  for (const NodeView& node : nodes(hardware_class)) {
    all += node.node->hardware.devices;
    const bool as_host = std::any_of(parts.begin(), parts.end(), [&node](const auto& entry) {
      return entry.first.site_of(*node.node) && could_ever_run(entry.second, node);
    });
    if (as_host || could_ever_run(demand, node)) able += node.node->hardware.devices;
  }
  it->second = u128{able} * kPpm >= u128{all} * market_.params.get(Parameter::QueuedLoadServedPpm);
  return it->second;
}

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
  const auto at = std::lower_bound(nodes.dense_ids.begin(), nodes.dense_ids.end(), row.dense_id);
  if (enters) {
    nodes.dense_ids.insert(at, row.dense_id);
  } else {
    nodes.dense_ids.erase(at);
  }
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

bool LoadIndex::may_ever_fit(ClassId hardware_class, const JobSpec& spec) const {
  const auto nodes = nodes_.find(hardware_class);
  const Resources& resources = spec.resources;
  const std::uint32_t most_hosts = most_hosts_of(spec);
  return nodes != nodes_.end() && resources.gpus <= std::uint64_t{nodes->second.devices.rbegin()->first} * most_hosts &&
         Registry::device_memory_needed(resources) <= nodes->second.device_memory.rbegin()->first;
}

LoadIndex::Sums LoadIndex::queued(const MarketView& market, const BlockContext& context, const Sums& online,
                                  std::vector<JobId>& weighing) const {
  std::map<std::pair<PriceKey, AccountId>, std::uint64_t> by_requester;
  std::vector<ClassId> classes;
  Sample sample(*this, market, context);
  const DurationMs tick = market.params.duration(Parameter::TickMs);
  for (const auto& [place, waiting] : market.index.waiting()) {
    const JobRow& row = *waiting.row;
    const std::uint64_t milli = gpu_milli(row.spec.resources);
    // Who came within this tick may be gone with the next breath, at no cost.
    if (milli == 0 || elapsed(context.time, row.submitted) < tick) continue;
    classes.clear();
    for (const auto& [id, nodes] : nodes_) {
      const PriceKey key{row.tier, id};
      const auto& named = row.spec.resources.classes;
      if (!named.empty() && !std::binary_search(named.begin(), named.end(), market.registry.classes().get(id).name)) {
        continue;
      }
      if (at(online, key) == 0 || row.max_price < market.pricing.price(row.tier, id)) continue;
      if (may_ever_fit(id, row.spec) && sample.serves(id, waiting)) classes.push_back(id);
    }
    if (!classes.empty()) weighing.push_back(place.job);
    // A job that waits for several classes will take one: it weighs on each with its part.
    for (const ClassId id : classes) by_requester[{{row.tier, id}, row.requester}] += milli / classes.size();
  }
  Sums sums;
  const std::uint64_t share = market.params.get(Parameter::RequesterSharePpm);
  for (const auto& [who, milli] : by_requester) {
    sums[who.first] += std::min(milli, share_of(at(online, who.first), share));
  }
  const std::uint64_t most = market.params.get(Parameter::QueuedLoadMaxPpm);
  for (auto& [key, milli] : sums) milli = std::min(milli, share_of(at(online, key), most));
  return sums;
}

std::map<ClassId, std::uint32_t> LoadIndex::class_loads(const MarketView& market, const Sums& waiting) const {
  std::map<ClassId, std::uint32_t> loads;
  for (const auto& [id, nodes] : nodes_) {
    std::uint64_t active = 0;
    for (const auto& [floor, milli] : nodes.milli_by_floor) active += milli;
    std::uint64_t taken = 0;
    for (const auto& [tier, terms] : market.pricing.tiers())
      taken += at(busy_milli_, {tier, id}) + at(waiting, {tier, id});
    const u128 ppm = u128{taken} * kPpm / active;
    loads[id] = static_cast<std::uint32_t>(std::min(ppm, u128{kClassLoadMaxPpm}));
  }
  return loads;
}

MeasuredLoad LoadIndex::measure(const MarketView& market, const BlockContext& context) const {
  const std::uint64_t small_milli = market.params.get(Parameter::SmallClassGpus) * kDeviceMilli;
  Sums online;  // that serve at the tier's price
  Sums part;    // of these, what the tier has of its own
  for (const auto& [id, nodes] : nodes_) {
    const Price anchor = market.registry.classes().get(id).anchor;
    for (const auto& [tier, terms] : market.pricing.tiers()) {
      const std::uint64_t milli = online_milli(id, Pricing::highest_floor(market.pricing.price(tier, id), anchor));
      online[{tier, id}] = milli;
      part[{tier, id}] = milli < small_milli ? milli : share_of(milli, terms.capacity_share.value);
    }
  }
  MeasuredLoad measured;
  const Sums waiting = queued(market, context, part, measured.weighing);
  measured.class_ppm = class_loads(market, waiting);
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
    measured.loads.emplace(key, load);
  }
  return measured;
}

}  // namespace starminer::protocol
