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

/// Tags of a slot, by slot and by tag.
template <class Bits, class Slots>
void write_tags(Bits& of_slot, Slots& by_tag, const Bits& tags, std::size_t slot) {
  if (of_slot == tags) return;
  of_slot = tags;
  for (std::size_t tag = 0; tag < by_tag.size(); ++tag) assign_bit(by_tag[tag], slot, tags.test(tag));
}

/// Kinds for which a slot counts, as bits.
std::uint8_t counted_kinds(const MatchBlock& block, std::size_t slot) {
  std::uint8_t kinds = 0;
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    if ((block.counted(kind) & bit_of(slot)) != 0) kinds = static_cast<std::uint8_t>(kinds | 1U << kind);
  }
  return kinds;
}

// Steps of each figure; the fields follow each other in a word. The interconnect asked of one device is none.
constexpr std::uint32_t kSiteTierSteps = 7;
constexpr std::uint32_t kSandboxSteps = 3;
constexpr std::uint32_t kInterconnectSteps = 3;
constexpr std::uint32_t kReputationSteps = 12;
constexpr std::uint32_t kReputationStep = 20;
static_assert(kSiteTierSteps + kSandboxSteps + kInterconnectSteps + kMatchKinds * kReputationSteps < 64);

/// Appends as many ones as a figure reaches steps.
class StandingWriter {
 public:
  void add(std::uint32_t reached, std::uint32_t steps) {
    bits_ |= ((StandingBits{1} << std::min(reached, steps)) - 1) << at_;
    at_ += steps;
  }
  [[nodiscard]] StandingBits bits() const { return bits_; }

 private:
  StandingBits bits_ = 0;
  std::uint32_t at_ = 0;
};

}  // namespace

void NodeFacts::set_room(const NodeRoom& room) {
  open = room.open;
  empty = room.empty;
  whole_free = room.whole_free;
  share_free = room.share_free;
  cpu_free_milli = room.cpu_free_milli;
  state = room.state;
  ram_free = room.ram_free;
  disk_free = room.disk_free;
}

StandingBits standing_of(const NodeFacts& facts) {
  StandingWriter writer;
  writer.add(facts.site_tier, kSiteTierSteps);
  writer.add(facts.sandbox_tier, kSandboxSteps);
  writer.add(facts.interconnect, kInterconnectSteps);
  for (const std::uint8_t reputation : facts.reputation) writer.add(reputation / kReputationStep, kReputationSteps);
  return writer.bits() | (facts.pooled ? kPooledBit : 0);
}

StandingBits standing_asked(const MatchRequest& request) {
  StandingWriter writer;
  writer.add(request.site_tier, kSiteTierSteps);
  writer.add(request.sandbox_tier, kSandboxSteps);
  writer.add(request.gpus > 1 ? request.interconnect : 0U, kInterconnectSteps);
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    writer.add(kind == request.kind ? request.reputation / kReputationStep : 0U, kReputationSteps);
  }
  return writer.bits();
}

MatchIndex::MatchIndex(std::vector<std::uint16_t> fit_weights, Layout layout)
    : layout_(layout), tiers_(fit_weights.size()), lane_count_(fit_weights.size() * kMatchKinds) {
  STARMINER_CHECK(tiers_ <= kMatchTiers);
  STARMINER_CHECK(layout.block_nodes >= 1 && layout.block_nodes <= kBlockNodes && layout.group_blocks >= 1);
  std::copy(fit_weights.begin(), fit_weights.end(), weights_.begin());
}

std::uint32_t MatchIndex::add_state(const FitRow& row) {
  rows_.push_back(row);
  nodes_in_state_.push_back(0);
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

void MatchIndex::set_state(std::uint32_t state, const FitRow& row) {
  STARMINER_CHECK(state < rows_.size() && nodes_in_state_[state] == 0);
  rows_[state] = row;
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
    if (block.place == facts.place && block.pooled == facts.pooled) {
      const Before before = before_change(block, spot.slot);
      const Union had = union_of(block, spot.slot);
      write(block, spot.slot, facts);
      update_memos(block, spot.slot, before);
      const Union has = union_of(block, spot.slot);
      if ((had.standing & ~has.standing) != 0 || had.device_memory > has.device_memory ||
          (had.runtimes & ~has.runtimes).any() || (had.images & ~has.images).any()) {
        refresh_unions(block);
      } else {
        widen_unions(block, spot.slot);
      }
      return;
    }
    erase(facts.id);
  }
  insert(find_room(facts.place, facts.pooled), facts);
  ++size_;
}

void MatchIndex::put_room(const NodeRoom& room) {
  STARMINER_CHECK(contains(room.id) && room.state < rows_.size());
  const Spot spot = spots_[room.id];
  const std::size_t slot = spot.slot;
  MatchBlock& block = *blocks_[spot.block];
  const bool same_worth = block.states[slot] == room.state && ((block.open & bit_of(slot)) != 0) == room.open;
  const Before before = same_worth ? Before{} : before_change(block, slot);
  --nodes_in_state_[block.states[slot]];
  ++nodes_in_state_[room.state];
  assign_bit(block.open, slot, room.open);
  assign_bit(block.empty, slot, room.empty);
  block.states[slot] = room.state;
  block.whole_free[slot] = room.whole_free;
  block.share_free[slot] = room.share_free;
  block.cpu_free_milli[slot] = room.cpu_free_milli;
  block.ram_free[slot] = room.ram_free;
  block.disk_free[slot] = room.disk_free;
  if (!same_worth) update_memos(block, slot, before);
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
  const Before before = before_change(block, spot.slot);
  block.used |= bit_of(spot.slot);
  block.states[spot.slot] = facts.state;
  ++nodes_in_state_[facts.state];
  write(block, spot.slot, facts);
  update_memos(block, spot.slot, before);
  widen_unions(block, spot.slot);
  --places_[block.place.number()].room[block.pooled ? 1 : 0];
}

void MatchIndex::take_out(Spot spot) {
  MatchBlock& block = *blocks_[spot.block];
  const Before before = before_change(block, spot.slot);
  spots_[block.ids[spot.slot]] = {};
  --nodes_in_state_[block.states[spot.slot]];
  block.used &= ~bit_of(spot.slot);
  update_memos(block, spot.slot, before);
  ++places_[block.place.number()].room[block.pooled ? 1 : 0];
  refresh_unions(block);
}

MatchIndex::Before MatchIndex::before_change(const MatchBlock& block, std::size_t slot) const {
  Before before;
  before.kinds = counted_kinds(block, slot);
  before.state = block.states[slot];
  for (std::size_t lane = 0; lane < lane_count_; ++lane) before.quality[lane] = block.lanes[lane].quality[slot];
  return before;
}

/// Brings the memos of a block up to date after a change of a slot, and all that rests on them.
void MatchIndex::update_memos(MatchBlock& block, std::size_t slot, const Before& before) {
  const std::uint8_t after = counted_kinds(block, slot);
  const FitRow& old_row = rows_[before.state];
  const FitRow& new_row = rows_[block.states[slot]];
  const bool same_row = before.state == block.states[slot];
  std::array<MemoChange, kMatchLanes> changes;
  std::uint32_t changed = 0;
  std::uint32_t stale = 0;
  for (std::size_t lane = 0; lane < lane_count_; ++lane) {
    const bool counted = (before.kinds >> (lane % kMatchKinds) & 1U) != 0;
    const bool counts = (after >> (lane % kMatchKinds) & 1U) != 0;
    const std::uint16_t new_quality = block.lanes[lane].quality[slot];
    if ((!counted && !counts) || (counted && counts && same_row && before.quality[lane] == new_quality)) continue;
    replaced_[lane] = block.lanes[lane].memo;
    changes[lane] = layout_.kernels->replace(block.lanes[lane].memo, counted ? old_row : kNowhere, before.quality[lane],
                                             counts ? new_row : kNowhere, new_quality, weights_[lane / kMatchKinds]);
    if ((changes[lane].raised | changes[lane].stale) != 0) changed |= 1U << lane;
    if (changes[lane].stale != 0) stale |= 1U << lane;
  }
  if (stale != 0) {
    MemoSource source{rows_.data(), &block.states, {}, weights_};
    for (std::size_t kind = 0; kind < kMatchKinds; ++kind) source.counted[kind] = block.counted(kind);
    layout_.kernels->recompute(block.lanes.data(), stale, source);
  }
  for (std::uint32_t lanes = changed; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
    publish(block, lane, changes[lane].raised | changes[lane].stale, replaced_[lane]);
  }
}

/// Tells the group and the place of a block which shapes of a lane may have changed from what they were.
void MatchIndex::publish(const MatchBlock& block, std::size_t lane, std::uint64_t shapes, const MemoRow& before) {
  const MemoRow& memo = block.lanes[lane].memo;
  Group& group = *groups_[block.group];
  const Place& place = places_[block.place.number()];
  const bool alone = place.groups.size() == 1 && group.columns.size() == 1;
  const std::size_t top_stride = tops_classes_ * tops_regions_;
  std::uint16_t* const top_of_lane = tops(lane * kMatchShapes, block.place.hardware_class) + block.place.region;
  std::uint16_t* const memo_of_lane = &group.memo[lane * kMatchShapes * group.capacity + block.column];
  for (; shapes != 0; shapes &= shapes - 1) {
    const auto shape = static_cast<std::size_t>(std::countr_zero(shapes));
    const std::uint16_t is = memo[shape];
    const std::uint16_t was = before[shape];
    if (is == was) continue;
    memo_of_lane[shape * group.capacity] = is;
    std::uint16_t& top = top_of_lane[shape * top_stride];
    if (alone || is >= top) {
      top = is;
    } else if (was == top) {
      top = most_of_place(place, lane * kMatchShapes + shape);
    }
  }
}

std::uint16_t MatchIndex::most_of_place(const Place& place, std::size_t cell) const {
  std::uint16_t most = 0;
  for (const std::uint32_t number : place.groups) {
    const Group& group = *groups_[number];
    const std::uint16_t* const row = &group.memo[cell * group.capacity];
    for (std::size_t column = 0; column < group.capacity; ++column) most = std::max(most, row[column]);
  }
  return most;
}

std::uint16_t* MatchIndex::tops(std::size_t cell, std::size_t hardware_class) {
  return &tops_[(cell * tops_classes_ + hardware_class) * tops_regions_];
}

const std::uint16_t* MatchIndex::tops(std::size_t cell, std::size_t hardware_class) const {
  return &tops_[(cell * tops_classes_ + hardware_class) * tops_regions_];
}

void MatchIndex::Union::add(const Union& other) {
  id_low = std::min(id_low, other.id_low);
  id_high = std::max(id_high, other.id_high);
  standing |= other.standing;
  device_memory = std::max(device_memory, other.device_memory);
  runtimes |= other.runtimes;
  images |= other.images;
}

MatchIndex::Union MatchIndex::union_of(const MatchBlock& block, std::size_t slot) {
  return {block.ids[slot],           block.ids[slot],      block.standing[slot],
          block.device_memory[slot], block.runtimes[slot], block.images[slot]};
}

MatchIndex::Union MatchIndex::union_of(const MatchBlock& block) {
  Union any;
  for (std::uint64_t slots = block.used; slots != 0; slots &= slots - 1) {
    any.add(union_of(block, static_cast<std::size_t>(std::countr_zero(slots))));
  }
  return any;
}

void MatchIndex::widen_unions(const MatchBlock& block, std::size_t slot) {
  const Union own = union_of(block, slot);
  Group& group = *groups_[block.group];
  group.columns[block.column].any.add(own);
  group.any.add(own);
  places_[block.place.number()].any.add(own);
}

/// After a node lost something. A place of many groups keeps what it had: to ask them all at each change costs more
/// than a visit in vain.
void MatchIndex::refresh_unions(const MatchBlock& block) {
  Group& group = *groups_[block.group];
  group.columns[block.column].any = union_of(block);
  group.any = {};
  for (const Column& column : group.columns) group.any.add(column.any);
  Place& place = places_[block.place.number()];
  if (place.groups.size() == 1) {
    place.any = group.any;
  } else {
    place.any.add(group.any);
  }
}

void MatchIndex::write(MatchBlock& block, std::size_t slot, const NodeFacts& facts) {
  --nodes_in_state_[block.states[slot]];
  ++nodes_in_state_[facts.state];
  assign_bit(block.open, slot, facts.open);
  assign_bit(block.empty, slot, facts.empty);
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    assign_bit(block.rated[kind], slot, (facts.kinds >> kind & 1U) != 0);
    block.reputation[kind][slot] = facts.reputation[kind];
  }
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
  block.standing[slot] = standing_of(facts);
  write_tags(block.runtimes[slot], block.with_runtime, facts.runtimes, slot);
  write_tags(block.images[slot], block.with_image, facts.images, slot);
  for (std::size_t lane = 0; lane < lane_count_; ++lane) block.lanes[lane].quality[slot] = facts.quality[lane];
}

NodeFacts MatchIndex::read(const MatchBlock& block, std::size_t slot) const {
  NodeFacts facts;
  facts.id = block.ids[slot];
  facts.place = block.place;
  facts.pooled = block.pooled;
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
  if (block.used == 0 || group.place != block.place || group.columns[block.column].number != number) return false;
  const Union any = union_of(block);
  for (const Union* wider : {&group.columns[block.column].any, &group.any, &places_[block.place.number()].any}) {
    if (any.id_low < wider->id_low || any.id_high > wider->id_high || (any.standing & ~wider->standing) != 0 ||
        any.device_memory > wider->device_memory || (any.runtimes & ~wider->runtimes).any() ||
        (any.images & ~wider->images).any()) {
      return false;
    }
  }
  for (std::uint64_t slots = block.used; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    const Spot spot = spots_[block.ids[slot]];
    if (spot.block != number || spot.slot != slot) return false;
    if (((block.standing[slot] & kPooledBit) != 0) != block.pooled) return false;
    for (std::size_t tag = 0; tag < block.with_runtime.size(); ++tag) {
      if (((block.with_runtime[tag] & bit_of(slot)) != 0) != block.runtimes[slot].test(tag)) return false;
    }
    for (std::size_t tag = 0; tag < block.with_image.size(); ++tag) {
      if (((block.with_image[tag] & bit_of(slot)) != 0) != block.images[slot].test(tag)) return false;
    }
  }
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
      if (group.memo[(lane * kMatchShapes + shape) * group.capacity + block.column] != most[shape]) return false;
    }
  }
  return true;
}

/// Its tops are the highest memos of its blocks, and its room the free slots.
bool MatchIndex::place_is_consistent(std::size_t number) const {
  const Place& place = places_[number];
  const std::size_t hardware_class = number / kRegionsMax;
  const std::size_t region = number % kRegionsMax;
  if (((regions_[hardware_class] >> region & 1U) != 0) != !place.groups.empty()) return false;
  if (hardware_class >= tops_classes_ || region >= tops_regions_) return place.groups.empty();
  std::array<std::uint32_t, 2> room{};
  for (const std::uint32_t group : place.groups) {
    for (const Column& column : groups_[group]->columns) {
      const MatchBlock& block = *blocks_[column.number];
      room[block.pooled ? 1 : 0] +=
          static_cast<std::uint32_t>(layout_.block_nodes) - static_cast<std::uint32_t>(std::popcount(block.used));
    }
  }
  if (room != place.room) return false;
  for (std::size_t cell = 0; cell < cells(); ++cell) {
    std::uint16_t most = 0;
    for (const std::uint32_t group : place.groups) {
      for (const Column& column : groups_[group]->columns) {
        most = std::max(most, blocks_[column.number]->lanes[cell / kMatchShapes].memo[cell % kMatchShapes]);
      }
    }
    if (tops(cell, hardware_class)[region] != most) return false;
  }
  return true;
}

bool MatchIndex::is_consistent() const {
  std::size_t nodes = 0;
  std::vector<std::uint32_t> in_state(rows_.size());
  for (std::uint32_t number = 0; number < blocks_.size(); ++number) {
    if (blocks_[number] == nullptr) continue;
    const MatchBlock& block = *blocks_[number];
    nodes += static_cast<std::size_t>(std::popcount(block.used));
    for (std::uint64_t slots = block.used; slots != 0; slots &= slots - 1) {
      ++in_state[block.states[static_cast<std::size_t>(std::countr_zero(slots))]];
    }
    if (!block_is_consistent(number)) return false;
  }
  for (std::size_t place = 0; place < kMatchPlaces; ++place) {
    if (!place_is_consistent(place)) return false;
  }
  return nodes == size_ && in_state == nodes_in_state_;
}

std::uint64_t MatchIndex::memory_bytes() const {
  std::uint64_t bytes = rows_.capacity() * (sizeof(FitRow) + sizeof(std::uint32_t)) + spots_.capacity() * sizeof(Spot) +
                        tops_.capacity() * sizeof(std::uint16_t) + sizeof(*this) +
                        kMatchPlaces * (sizeof(Place) + sizeof(PlaceTerms) + sizeof(std::uint64_t));
  for (const auto& block : blocks_) {
    if (block != nullptr) bytes += sizeof(MatchBlock) + block->lanes.capacity() * sizeof(MatchLane);
  }
  for (const auto& group : groups_) {
    if (group == nullptr) continue;
    bytes +=
        sizeof(Group) + group->memo.capacity() * sizeof(std::uint16_t) + group->columns.capacity() * sizeof(Column);
  }
  return bytes;
}

}  // namespace starminer::protocol
