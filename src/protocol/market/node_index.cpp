#include "protocol/market/node_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "protocol/market/score.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kDeviceMilli = 1000;

bool same_tags(const NodeRow& a, const NodeRow& b) {
  return a.offer.runtimes == b.offer.runtimes && a.offer.images == b.offer.images;
}

bool same(const QueueIndex::ShapeDemand& a, const QueueIndex::ShapeDemand& b) {
  return a.total == b.total && a.shapes == b.shapes;
}

}  // namespace

NodeIndex::NodeIndex(const Registry& registry, Policy policy) : registry_(registry), policy_(policy) {}

void NodeIndex::count(const NodeRow& row, bool enters) {
  const std::uint64_t step = enters ? 1 : ~std::uint64_t{0};
  if (row.status != NodeStatus::Left) {
    const auto at = places_.try_emplace({row.hardware_class, row.offer.region}).first;
    at->second.all += static_cast<std::uint32_t>(step);
    if (!row.offer.region_verified) at->second.unconfirmed += static_cast<std::uint32_t>(step);
    if (at->second.all == 0) places_.erase(at);
  }
  if (row.status == NodeStatus::Active) {
    total_milli_[row.hardware_class] += step * (row.hardware.devices * kDeviceMilli);
  }
  if (row.reserve == ReserveStanding::StandsBy) standing_by_[row.hardware_class] += static_cast<std::uint32_t>(step);
  medians_stale_.set(row.hardware_class);
}

void NodeIndex::enter(const NodeId& id, const NodeRow& row) {
  if (row.dense_id >= entries_.size()) entries_.resize(row.dense_id + std::size_t{1});
  Entry& entry = entries_[row.dense_id];
  entry.id = id;
  const auto number = static_cast<std::uint32_t>(providers_.size());
  entry.provider = providers_.try_emplace(row.provider, number).first->second;
  of_class_[row.hardware_class].push_back(row.dense_id);
  of_provider_[{row.hardware_class, row.provider}].push_back(row.dense_id);
}

void NodeIndex::leave(const NodeRow& row) {
  const auto drop = [&row](std::vector<std::uint32_t>& ids) {
    // A row goes only in a rollback, youngest first.
    const auto at = std::find(ids.rbegin(), ids.rend(), row.dense_id);
    STARMINER_CHECK(at != ids.rend());
    ids.erase(std::next(at).base());
  };
  drop(of_class_[row.hardware_class]);
  drop(of_provider_[{row.hardware_class, row.provider}]);
}

void NodeIndex::on_change(const NodeId& id, const NodeRow* before, const NodeRow* after) {
  ++version_;
  if (before != nullptr) count(*before, false);
  if (after != nullptr) count(*after, true);
  supply_.change(id, before, after);
  const CapacityRow* free = registry_.capacity().find(id);
  sites_.change(id, before, after, free != nullptr ? whole_devices(*free) : 0);
  if (before == nullptr) enter(id, *after);
  const bool tags_differ = before == nullptr || after == nullptr || !same_tags(*before, *after);
  const std::uint32_t dense_id = after != nullptr ? after->dense_id : before->dense_id;
  Entry& entry = entries_[dense_id];
  if (tags_differ && before != nullptr) {
    runtimes_.remove(before->offer.runtimes);
    images_.remove(before->offer.images);
  }
  if (tags_differ && after != nullptr) {
    entry.runtimes = runtimes_.add(after->offer.runtimes);
    entry.images = images_.add(after->offer.images);
  }
  if (after == nullptr) leave(*before);
  entry.row = after;
  if (after != nullptr) {
    const auto number = static_cast<std::uint16_t>(countries_.size() + 1);
    entry.country = countries_.try_emplace(after->offer.country, number).first->second;
  }
  mark(dense_id, kAll);
}

void NodeIndex::on_change(const NodeId& id, const CapacityRow* /*before*/, const CapacityRow* after) {
  // Where the node's own row is not there yet, or not any more, its change says all.
  ++version_;
  if (const NodeRow* row = registry_.nodes().find(id); row != nullptr) {
    mark(row->dense_id, kCapacity);
    supply_.mark(row->dense_id);
    sites_.change_free(row->dense_id, after != nullptr ? whole_devices(*after) : 0);
  }
}

/// Ends and notices are no part of the score, but of when a node will have room.
void NodeIndex::on_change(const JobId& /*id*/, const AssignmentRow* before, const AssignmentRow* after) {
  ++version_;
  for (const AssignmentRow* held : {before, after}) {
    if (held == nullptr) continue;
    for_each_host(*held, [this](const NodeId& node, const Allocation& /*allocation*/) {
      if (const NodeRow* row = registry_.nodes().find(node); row != nullptr) supply_.mark(row->dense_id);
    });
  }
}

void NodeIndex::on_change(const ReputationKey& key, const ReputationRow* /*before*/, const ReputationRow* /*after*/) {
  ++version_;
  if (const NodeRow* row = registry_.nodes().find(key.node); row != nullptr) mark(row->dense_id, kAll);
}

void NodeIndex::on_change(const ShareKey& key, const ShareRow* before, const ShareRow* after) {
  const std::uint8_t old_level = before != nullptr ? before->level : 0;
  const std::uint8_t new_level = after != nullptr ? after->level : 0;
  if (old_level == new_level) return;
  ++version_;
  if (key.provider.is_zero()) {  // all without stake: which ones these are is asked when the nodes are looked at
    for (const std::uint32_t dense_id : of_class_[key.hardware_class]) mark(dense_id, kAll);
  } else {
    mark_provider(key);
  }
}

/// With stake a provider's share is its own, without it is that of all others without.
void NodeIndex::on_change(const StakeKey& key, const StakeRow* before, const StakeRow* after) {
  if (key.asset != Asset::Amax) return;
  if ((before != nullptr && before->bonded > 0) == (after != nullptr && after->bonded > 0)) return;
  ++version_;
  for (std::size_t id = 0; id < kClassesMax; ++id) mark_provider({static_cast<ClassId>(id), key.account});
}

void NodeIndex::mark_provider(const ShareKey& key) {
  const auto nodes = of_provider_.find(key);
  if (nodes == of_provider_.end()) return;
  for (const std::uint32_t dense_id : nodes->second) mark(dense_id, kAll);
}

void NodeIndex::mark(std::uint32_t dense_id, Stale stale) {
  if (dense_id >= entries_.size()) entries_.resize(dense_id + std::size_t{1});
  Entry& entry = entries_[dense_id];
  if (entry.stale == kFresh) stale_.push_back(dense_id);
  entry.stale = std::max(entry.stale, stale);
}

/// Whether the rows of the fit term are those of the typical demand. Where it changed they are made anew once it has
/// stood a while: in the first epoch every submission may change it, and rows are dear.
bool NodeIndex::fit_is_current(const MarketView& market) {
  if (demand_version_ != market.index.demand_version() || fit_ == nullptr) {
    QueueIndex::ShapeDemand demand = market.index.demand(kTypicalShapesMax, std::nullopt);
    if (!same(demand, demand_)) waited_ = 0;
    demand_ = std::move(demand);
    demand_version_ = market.index.demand_version();
    if (fit_ == nullptr) waited_ = policy_.patience;
  }
  if (fit_ != nullptr && same(demand_, fit_demand_)) return true;
  if (waited_++ < policy_.patience) return false;
  rebuild(market);
  return true;
}

void NodeIndex::rebuild(const MarketView& market) {
  fit_demand_ = demand_;
  fit_ = std::make_unique<FitTable>(Fragmentation(fit_demand_.shapes, fit_demand_.total), *policy_.layout.kernels);
  weights_.clear();
  std::vector<std::uint16_t> fit_weights;
  for (const auto& [tier, row] : market.pricing.tiers()) {
    weights_.push_back(row.weights);
    fit_weights.push_back(row.weights[static_cast<std::size_t>(ScoreTerm::Fit)]);
  }
  index_ = std::make_unique<MatchIndex>(std::move(fit_weights), policy_.layout);
  for (std::uint32_t dense_id = 0; dense_id < entries_.size(); ++dense_id) mark(dense_id, kAll);
}

void NodeIndex::look_at_parameters(const MarketView& market) {
  const std::array<std::uint64_t, 4> values = {
      market.params.get(Parameter::ReputationPriorAll), market.params.get(Parameter::ReputationPriorGood),
      market.params.get(Parameter::ReputationHalfLifeMs), market.params.get(Parameter::RatingClassNodesMin)};
  if (values == parameters_) return;
  parameters_ = values;
  medians_stale_.set();
  for (std::uint32_t dense_id = 0; dense_id < entries_.size(); ++dense_id) mark(dense_id, kAll);
}

/// Reputation wears off with time: nodes whose score may have changed since the last decision.
void NodeIndex::look_at_time(TimeMs now) {
  const bool backwards = now < prepared_;
  prepared_ = now;
  while (!look_again_.empty() && (backwards || look_again_.begin()->first <= now)) {
    const auto [dense_id, kind] = look_again_.begin()->second;
    look_again_.erase(look_again_.begin());
    entries_[dense_id].look_again[kind] = {};
    mark(dense_id, kAll);
  }
}

/// A median that moves moves the levels of some nodes of its class.
void NodeIndex::look_at_medians(const MarketView& market) {
  if (medians_stale_.none()) return;
  for (const auto& [hardware_class, class_row] : market.registry.classes()) {
    if (!medians_stale_.test(hardware_class)) continue;
    for (std::uint8_t kind = 0; kind < kMatchKinds; ++kind) {
      const std::uint32_t median =
          market.registry.median_rating(hardware_class, static_cast<JobKind>(kind)).value_or(class_row.rating[kind]);
      const std::uint32_t before = std::exchange(medians_[hardware_class][kind], median);
      if (median == before) continue;
      for (const std::uint32_t dense_id : of_class_[hardware_class]) {
        const std::uint32_t rating = entries_[dense_id].row->ratings[kind].cu_x1000;
        if (rating_level(rating, before) != rating_level(rating, median)) mark(dense_id, kAll);
      }
    }
  }
  medians_stale_.reset();
}

bool NodeIndex::prepare(const MarketView& market, TimeMs now) {
  if (market.pricing.tiers().size() > kMatchTiers || !fit_is_current(market)) return false;
  look_at_parameters(market);
  look_at_time(now);
  look_at_medians(market);
  for (const std::uint32_t dense_id : stale_) refresh(market, dense_id, now);
  stale_.clear();
  return true;
}

void NodeIndex::refresh(const MarketView& market, std::uint32_t dense_id, TimeMs now) {
  Entry& entry = entries_[dense_id];
  const Stale stale = std::exchange(entry.stale, kFresh);
  if (entry.row == nullptr || entry.row->status == NodeStatus::Left) {
    index_->erase(dense_id);
    return;
  }
  const NodeRoom room = room_of(market, entry, dense_id);
  if (stale == kCapacity && index_->contains(dense_id)) {
    index_->put_room(room);
    return;
  }
  NodeFacts facts;
  fill_row(market, entry, facts, now);
  facts.set_room(room);
  index_->put(facts);
}

NodeRoom NodeIndex::room_of(const MarketView& market, const Entry& entry, std::uint32_t dense_id) {
  const CapacityRow& free = registry_.capacity().get(entry.id);
  NodeRoom room;
  room.id = dense_id;
  room.open = entry.row->status == NodeStatus::Active && !is_held_whole(market, entry.id, free);
  room.empty = free.jobs == 0;
  room.whole_free = static_cast<std::uint8_t>(whole_devices(free));
  room.share_free = static_cast<std::uint16_t>(largest_share(free));
  room.cpu_free_milli = free.cpu_free_milli;
  room.ram_free = free.ram_free_bytes;
  room.disk_free = free.disk_free_bytes;
  room.state = fit_->state_number(free, *index_);
  return room;
}

void NodeIndex::fill_row(const MarketView& market, Entry& entry, NodeFacts& facts, TimeMs now) {
  const NodeRow& row = *entry.row;
  facts.id = row.dense_id;
  facts.place = {row.hardware_class, row.offer.region};
  facts.pooled = row.reserve == ReserveStanding::StandsBy;
  facts.devices = static_cast<std::uint8_t>(row.hardware.devices);
  facts.interconnect = row.hardware.interconnect;
  facts.site_tier = row.offer.proven_site_tier();
  facts.sandbox_tier = row.offer.sandbox_tier;
  facts.floor = row.offer.floor_32nds;
  facts.country = entry.country;
  facts.provider = entry.provider;
  facts.device_memory = row.hardware.device_memory_bytes;
  facts.runtimes = entry.runtimes;
  facts.images = entry.images;
  const ShareRow* share = market.shares.find({row.hardware_class, market.index.identity_of(row.provider)});
  NodeQuality quality;
  quality.last_mile_level = row.offer.last_mile_level;
  quality.spread_level = share != nullptr ? share->level : 0;
  for (std::uint8_t kind = 0; kind < kMatchKinds; ++kind) {
    if (row.ratings[kind].cu_x1000 > 0) facts.kinds = static_cast<std::uint8_t>(facts.kinds | 1U << kind);
    quality.reputation = reputation_of(market, entry, kind, now);
    facts.reputation[kind] = quality.reputation;
    quality.rating_level = rating_level(row.ratings[kind].cu_x1000, medians_[row.hardware_class][kind]);
    for (std::size_t tier = 0; tier < weights_.size(); ++tier) {
      facts.quality[tier * kMatchKinds + kind] = static_cast<std::uint16_t>(quality.score(weights_[tier]));
    }
  }
}

std::uint8_t NodeIndex::reputation_of(const MarketView& market, Entry& entry, std::uint8_t kind, TimeMs now) {
  const std::uint32_t dense_id = entry.row->dense_id;
  TimeMs& look_again = entry.look_again[kind];
  if (look_again.ms != 0) look_again_.erase({look_again, {dense_id, kind}});
  look_again = {};
  const Reputation::Span span = market.reputation.score_span(entry.id, kind, now);
  if (span.until.ms == ~std::uint64_t{0}) return span.score;
  look_again = span.until;
  look_again_.insert({look_again, {dense_id, kind}});
  return span.score;
}

std::uint64_t NodeIndex::memory_bytes() const {
  constexpr std::uint64_t kTreeNode = 48;
  return (index_ != nullptr ? index_->memory_bytes() + fit_->memory_bytes() : 0) + entries_.capacity() * sizeof(Entry) +
         supply_.memory_bytes() + 2 * entries_.size() * sizeof(std::uint32_t) +
         look_again_.size() * (sizeof(LookAgain) + kTreeNode);
}

}  // namespace starminer::protocol
