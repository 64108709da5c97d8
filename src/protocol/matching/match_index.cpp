#include "protocol/matching/match_index.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr FitRow kNowhere{};

constexpr std::uint64_t bit_of(std::size_t slot) { return std::uint64_t{1} << slot; }

void assign_bit(std::uint64_t& bits, std::size_t slot, bool value) {
  bits = value ? bits | bit_of(slot) : bits & ~bit_of(slot);
}

void refresh_bounds(MatchBlock& block) {
  block.id_low = ~std::uint32_t{0};
  block.id_high = 0;
  block.runtimes_any.reset();
  block.images_any.reset();
  for (std::uint64_t slots = block.used; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    block.id_low = std::min(block.id_low, block.ids[slot]);
    block.id_high = std::max(block.id_high, block.ids[slot]);
    block.runtimes_any |= block.runtimes[slot];
    block.images_any |= block.images[slot];
  }
}

/// Kinds for which a slot counts, as bits.
std::uint8_t counted_kinds(const MatchBlock& block, std::size_t slot) {
  std::uint8_t kinds = 0;
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    if ((block.counted(kind) & bit_of(slot)) != 0) kinds = static_cast<std::uint8_t>(kinds | 1U << kind);
  }
  return kinds;
}

}  // namespace

MatchIndex::MatchIndex(std::vector<std::uint16_t> fit_weights, Layout layout)
    : layout_(layout), tiers_(fit_weights.size()), lane_count_(fit_weights.size() * kMatchKinds) {
  STARMINER_CHECK(tiers_ <= kMatchTiers);
  STARMINER_CHECK(layout.block_nodes >= 1 && layout.block_nodes <= kBlockNodes && layout.group_blocks >= 1);
  std::copy(fit_weights.begin(), fit_weights.end(), weights_.begin());
}

std::uint32_t MatchIndex::add_state(const FitRow& row) {
  rows_.push_back(row);
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

bool MatchIndex::contains(std::uint32_t id) const { return id < spots_.size() && spots_[id].block != kNone; }

NodeFacts MatchIndex::facts(std::uint32_t id) const {
  STARMINER_CHECK(contains(id));
  const Spot spot = spots_[id];
  return read(*blocks_[spot.block], spot.slot);
}

void MatchIndex::put(const NodeFacts& facts) {
  STARMINER_CHECK(facts.state < rows_.size());
  if (contains(facts.id)) {
    const Spot spot = spots_[facts.id];
    MatchBlock& block = *blocks_[spot.block];
    if (block.place == facts.place) {
      const bool tags_differ = block.runtimes[spot.slot] != facts.runtimes || block.images[spot.slot] != facts.images;
      change(spot, facts);
      if (tags_differ) refresh_bounds(block);
      return;
    }
    erase(facts.id);
  }
  insert(find_room(facts.place), facts);
  ++size_;
}

void MatchIndex::erase(std::uint32_t id) {
  if (!contains(id)) return;
  const Spot spot = spots_[id];
  take_out(spot);
  --size_;
  if (blocks_[spot.block]->used == 0) {
    close_block(spot.block);
  } else {
    merge_sparse(spot.block);
  }
}

void MatchIndex::insert(Spot spot, const NodeFacts& facts) {
  if (facts.id >= spots_.size()) spots_.resize(facts.id + std::size_t{1});
  spots_[facts.id] = spot;
  MatchBlock& block = *blocks_[spot.block];
  change(spot, facts);
  --room_[block.place.number()];
}

void MatchIndex::take_out(Spot spot) {
  MatchBlock& block = *blocks_[spot.block];
  NodeFacts gone = read(block, spot.slot);
  spots_[gone.id] = {};
  gone.open = false;
  change(spot, gone);
  block.used &= ~bit_of(spot.slot);
  ++room_[block.place.number()];
  refresh_bounds(block);
}

/// Writes what a slot holds and brings the memos of its block up to date, and all that rests on them.
void MatchIndex::change(Spot spot, const NodeFacts& facts) {
  MatchBlock& block = *blocks_[spot.block];
  const std::size_t slot = spot.slot;
  const std::uint8_t before = counted_kinds(block, slot);
  const FitRow& old_row = rows_[block.states[slot]];
  const FitRow& new_row = rows_[facts.state];
  const bool same_row = block.states[slot] == facts.state;
  std::array<std::uint16_t, kMatchLanes> old_quality{};
  for (std::size_t lane = 0; lane < lane_count_; ++lane) old_quality[lane] = block.lanes[lane].quality[slot];
  block.used |= bit_of(slot);
  write(block, slot, facts);
  const std::uint8_t after = counted_kinds(block, slot);

  std::uint32_t changed = 0;
  std::uint32_t stale = 0;
  for (std::size_t lane = 0; lane < lane_count_; ++lane) {
    const bool counted = (before >> (lane % kMatchKinds) & 1U) != 0;
    const bool counts = (after >> (lane % kMatchKinds) & 1U) != 0;
    const std::uint16_t new_quality = facts.quality[lane];
    if ((!counted && !counts) || (counted && counts && same_row && old_quality[lane] == new_quality)) continue;
    before_[lane] = block.lanes[lane].memo;
    changed |= 1U << lane;
    if (layout_.kernels->replace(block.lanes[lane].memo, counted ? old_row : kNowhere, old_quality[lane],
                                 counts ? new_row : kNowhere, new_quality, weights_[lane / kMatchKinds])) {
      stale |= 1U << lane;
    }
  }
  if (stale != 0) {
    MemoSource source{rows_.data(), &block.states, {}, weights_};
    for (std::size_t kind = 0; kind < kMatchKinds; ++kind) source.counted[kind] = block.counted(kind);
    layout_.kernels->recompute(block.lanes.data(), stale, source);
  }
  for (std::uint32_t lanes = changed; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
    publish(block, lane, before_[lane]);
  }
}

/// Tells the group of a block what changed in a lane, and raises the group's own bound. Bounds fall when they are
/// looked at.
void MatchIndex::publish(const MatchBlock& block, std::size_t lane, const MemoRow& before) {
  const MemoRow& memo = block.lanes[lane].memo;
  Group& group = *groups_[block.group];
  for (std::uint64_t shapes = layout_.kernels->differ(before, memo); shapes != 0; shapes &= shapes - 1) {
    const auto shape = static_cast<std::size_t>(std::countr_zero(shapes));
    const std::size_t cell = lane * kMatchShapes + shape;
    group.memo[cell * group.capacity + block.column] = memo[shape];
    std::uint16_t& top = tops_[cell * tops_capacity_ + block.group];
    top = std::max(top, memo[shape]);
  }
}

void MatchIndex::write(MatchBlock& block, std::size_t slot, const NodeFacts& facts) {
  Group& group = *groups_[block.group];
  assign_bit(block.open, slot, facts.open);
  assign_bit(block.empty, slot, facts.empty);
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    assign_bit(block.rated[kind], slot, (facts.kinds >> kind & 1U) != 0);
    block.reputation[kind][slot] = facts.reputation[kind];
  }
  block.id_low = std::min(block.id_low, facts.id);
  block.id_high = std::max(block.id_high, facts.id);
  block.runtimes_any |= facts.runtimes;
  block.images_any |= facts.images;
  group.id_low = std::min(group.id_low, facts.id);
  group.id_high = std::max(group.id_high, facts.id);
  group.images_any |= facts.images;
  block.ids[slot] = facts.id;
  block.states[slot] = facts.state;
  block.devices[slot] = facts.devices;
  block.whole_free[slot] = facts.whole_free;
  block.share_free[slot] = facts.share_free;
  block.interconnect[slot] = facts.interconnect;
  block.site_tier[slot] = facts.site_tier;
  block.sandbox_tier[slot] = facts.sandbox_tier;
  block.floor[slot] = facts.floor;
  block.country[slot] = facts.country;
  block.providers[slot] = facts.provider;
  block.cpu_free_milli[slot] = facts.cpu_free_milli;
  block.ram_free[slot] = facts.ram_free;
  block.disk_free[slot] = facts.disk_free;
  block.device_memory[slot] = facts.device_memory;
  block.runtimes[slot] = facts.runtimes;
  block.images[slot] = facts.images;
  for (std::size_t lane = 0; lane < lane_count_; ++lane) block.lanes[lane].quality[slot] = facts.quality[lane];
}

NodeFacts MatchIndex::read(const MatchBlock& block, std::size_t slot) const {
  NodeFacts facts;
  facts.id = block.ids[slot];
  facts.place = block.place;
  facts.open = (block.open & bit_of(slot)) != 0;
  facts.empty = (block.empty & bit_of(slot)) != 0;
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    if ((block.rated[kind] & bit_of(slot)) != 0) facts.kinds = static_cast<std::uint8_t>(facts.kinds | 1U << kind);
    facts.reputation[kind] = block.reputation[kind][slot];
  }
  facts.devices = block.devices[slot];
  facts.whole_free = block.whole_free[slot];
  facts.share_free = block.share_free[slot];
  facts.interconnect = block.interconnect[slot];
  facts.site_tier = block.site_tier[slot];
  facts.sandbox_tier = block.sandbox_tier[slot];
  facts.floor = block.floor[slot];
  facts.country = block.country[slot];
  facts.provider = block.providers[slot];
  facts.cpu_free_milli = block.cpu_free_milli[slot];
  facts.state = block.states[slot];
  facts.ram_free = block.ram_free[slot];
  facts.disk_free = block.disk_free[slot];
  facts.device_memory = block.device_memory[slot];
  facts.runtimes = block.runtimes[slot];
  facts.images = block.images[slot];
  for (std::size_t lane = 0; lane < lane_count_; ++lane) facts.quality[lane] = block.lanes[lane].quality[slot];
  return facts;
}

bool MatchIndex::block_is_consistent(std::uint32_t number) const {
  const MatchBlock& block = *blocks_[number];
  const Group& group = *groups_[block.group];
  if (block.used == 0 || group.place != block.place || group.blocks[block.column] != number) return false;
  for (std::uint64_t slots = block.used; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    const std::uint32_t id = block.ids[slot];
    const Spot spot = spots_[id];
    if (spot.block != number || spot.slot != slot || id < block.id_low || id > block.id_high ||
        block.id_low < group.id_low || block.id_high > group.id_high ||
        (block.runtimes[slot] & ~block.runtimes_any).any() || (block.images[slot] & ~block.images_any).any()) {
      return false;
    }
  }
  if ((block.images_any & ~group.images_any).any()) return false;
  for (std::size_t lane = 0; lane < lane_count_; ++lane) {
    MemoRow most{};
    for (std::size_t slot = 0; slot < kBlockNodes; ++slot) {
      if ((block.counted(lane % kMatchKinds) & bit_of(slot)) == 0) continue;
      for (std::size_t shape = 0; shape < kMatchShapes; ++shape) {
        const std::uint16_t worth = match_worth(rows_[block.states[slot]].fit[shape], block.lanes[lane].quality[slot],
                                                weights_[lane / kMatchKinds]);
        most[shape] = std::max(most[shape], worth);
      }
    }
    if (most != block.lanes[lane].memo) return false;
    for (std::size_t shape = 0; shape < kMatchShapes; ++shape) {
      const std::size_t cell = lane * kMatchShapes + shape;
      if (group.memo[cell * group.capacity + block.column] != most[shape] ||
          tops_[cell * tops_capacity_ + block.group] < most[shape]) {
        return false;
      }
    }
  }
  return true;
}

bool MatchIndex::is_consistent() const {
  std::size_t nodes = 0;
  for (std::uint32_t number = 0; number < blocks_.size(); ++number) {
    if (blocks_[number] == nullptr) continue;
    nodes += static_cast<std::size_t>(std::popcount(blocks_[number]->used));
    if (!block_is_consistent(number)) return false;
  }
  for (std::size_t place = 0; place < kMatchPlaces; ++place) {
    const bool open = (regions_[place / kRegionsMax] >> (place % kRegionsMax) & 1U) != 0;
    if (open != !of_place_[place].empty()) return false;
  }
  return nodes == size_;
}

std::uint64_t MatchIndex::memory_bytes() const {
  std::uint64_t bytes = rows_.capacity() * sizeof(FitRow) + spots_.capacity() * sizeof(Spot) +
                        tops_.capacity() * sizeof(std::uint16_t) + sizeof(*this);
  for (const auto& block : blocks_) {
    if (block != nullptr) bytes += sizeof(MatchBlock) + block->lanes.capacity() * sizeof(MatchLane);
  }
  for (const auto& group : groups_) {
    if (group != nullptr) bytes += sizeof(Group) + group->memo.capacity() * sizeof(std::uint16_t);
  }
  return bytes;
}

}  // namespace starminer::protocol
