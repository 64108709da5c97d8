// Which node lies in which block, and which block in which group. Free to differ: no decision shows it.
#include <algorithm>
#include <bit>

#include "base/check.h"
#include "protocol/matching/match_index.h"

namespace starminer::protocol {
namespace {

std::size_t count_of(const MatchBlock& block) { return static_cast<std::size_t>(std::popcount(block.used)); }

std::uint32_t take_number(std::vector<std::uint32_t>& free, std::size_t used) {
  if (free.empty()) return static_cast<std::uint32_t>(used);
  const std::uint32_t number = free.back();
  free.pop_back();
  return number;
}

}  // namespace

/// A free slot at a place: in the youngest block that has one, so that nodes which registered together lie together.
MatchIndex::Spot MatchIndex::find_room(const MatchPlace& place) {
  if (room_[place.number()] == 0) return {open_block(place), 0};
  const auto& groups = of_place_[place.number()];
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    const auto& blocks = groups_[*group]->blocks;
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
      if (count_of(*blocks_[*block]) < layout_.block_nodes) {
        return {*block, static_cast<std::uint32_t>(std::countr_one(blocks_[*block]->used))};
      }
    }
  }
  STARMINER_CHECK(false);
  return {};
}

std::uint32_t MatchIndex::open_block(const MatchPlace& place) {
  const auto& groups = of_place_[place.number()];
  const auto roomy = std::find_if(groups.begin(), groups.end(), [this](std::uint32_t group) {
    return groups_[group]->blocks.size() < layout_.group_blocks;
  });
  const std::uint32_t group_number = roomy != groups.end() ? *roomy : open_group(place);
  Group& group = *groups_[group_number];
  if (group.blocks.size() == group.capacity) widen(group, std::max<std::size_t>(group.capacity * 2, 1));
  const std::uint32_t number = take_number(free_blocks_, blocks_.size());
  if (number == blocks_.size()) blocks_.emplace_back();
  blocks_[number] = std::make_unique<MatchBlock>();
  MatchBlock& block = *blocks_[number];
  block.place = place;
  block.group = group_number;
  block.column = static_cast<std::uint32_t>(group.blocks.size());
  block.lanes.resize(lane_count_);
  group.blocks.push_back(number);
  room_[place.number()] += static_cast<std::uint32_t>(layout_.block_nodes);
  return number;
}

std::uint32_t MatchIndex::open_group(const MatchPlace& place) {
  const std::uint32_t number = take_number(free_groups_, groups_.size());
  if (number == groups_.size()) groups_.emplace_back();
  groups_[number] = std::make_unique<Group>();
  groups_[number]->place = place;
  of_place_[place.number()].push_back(number);
  of_class_[place.hardware_class].push_back(number);
  regions_[place.hardware_class] |= std::uint64_t{1} << place.region;
  if (number >= tops_capacity_) {
    const std::size_t capacity = std::max<std::size_t>(tops_capacity_ * 2, 16);
    std::vector<std::uint16_t> wider(cells() * capacity);
    for (std::size_t cell = 0; cell < cells(); ++cell) {
      std::copy_n(tops_.begin() + static_cast<std::ptrdiff_t>(cell * tops_capacity_), tops_capacity_,
                  wider.begin() + static_cast<std::ptrdiff_t>(cell * capacity));
    }
    tops_ = std::move(wider);
    tops_capacity_ = capacity;
  }
  for (std::size_t cell = 0; cell < cells(); ++cell) tops_[cell * tops_capacity_ + number] = 0;
  return number;
}

/// Requires: no node is in it. The last block of the group takes its column.
void MatchIndex::close_block(std::uint32_t number) {
  const std::uint32_t column = blocks_[number]->column;
  const std::uint32_t group_number = blocks_[number]->group;
  room_[blocks_[number]->place.number()] -= static_cast<std::uint32_t>(layout_.block_nodes);
  Group& group = *groups_[group_number];
  const std::size_t last = group.blocks.size() - 1;
  for (std::size_t cell = 0; cell < cells(); ++cell) {
    std::uint16_t* const row = &group.memo[cell * group.capacity];
    row[column] = row[last];
    row[last] = 0;
  }
  group.blocks[column] = group.blocks[last];
  blocks_[group.blocks[column]]->column = column;
  group.blocks.pop_back();
  blocks_[number].reset();
  free_blocks_.push_back(number);
  if (group.blocks.empty()) close_group(group_number);
}

void MatchIndex::close_group(std::uint32_t number) {
  const MatchPlace place = groups_[number]->place;
  auto& of_place = of_place_[place.number()];
  auto& of_class = of_class_[place.hardware_class];
  of_place.erase(std::find(of_place.begin(), of_place.end(), number));
  of_class.erase(std::find(of_class.begin(), of_class.end(), number));
  if (of_place.empty()) regions_[place.hardware_class] &= ~(std::uint64_t{1} << place.region);
  groups_[number].reset();
  free_groups_.push_back(number);
}

void MatchIndex::widen(Group& group, std::size_t capacity) {
  std::vector<std::uint16_t> wider(cells() * capacity);
  for (std::size_t cell = 0; cell < cells(); ++cell) {
    std::copy_n(group.memo.begin() + static_cast<std::ptrdiff_t>(cell * group.capacity), group.blocks.size(),
                wider.begin() + static_cast<std::ptrdiff_t>(cell * capacity));
  }
  group.memo = std::move(wider);
  group.capacity = capacity;
}

/// Empties a block of few nodes into another of the place, so that nodes that leave do not leave blocks behind.
void MatchIndex::merge_sparse(std::uint32_t number) {
  const std::size_t sparse = std::min(kSparse, layout_.block_nodes / 2);
  const std::size_t count = count_of(*blocks_[number]);
  if (count > sparse) return;
  for (const std::uint32_t group : of_place_[blocks_[number]->place.number()]) {
    for (const std::uint32_t other : groups_[group]->blocks) {
      if (other == number || count_of(*blocks_[other]) + count > layout_.block_nodes) continue;
      for (std::uint64_t slots = blocks_[number]->used; slots != 0; slots &= slots - 1) {
        const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
        const NodeFacts facts = read(*blocks_[number], slot);
        take_out({number, slot});
        insert({other, static_cast<std::uint32_t>(std::countr_one(blocks_[other]->used))}, facts);
      }
      close_block(number);
      return;
    }
  }
}

}  // namespace starminer::protocol
