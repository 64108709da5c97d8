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
MatchIndex::Spot MatchIndex::find_room(const MatchPlace& place, bool pooled) {
  if (places_[place.number()].room[pooled ? 1 : 0] == 0) return {open_block(place, pooled), 0};
  const auto& groups = places_[place.number()].groups;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    const auto& columns = groups_[*group]->columns;
    for (auto column = columns.rbegin(); column != columns.rend(); ++column) {
      const MatchBlock& block = *blocks_[column->number];
      if (block.pooled == pooled && count_of(block) < layout_.block_nodes) {
        return {column->number, static_cast<std::uint32_t>(std::countr_one(block.used))};
      }
    }
  }
  STARMINER_CHECK(false);
  return {};
}

std::uint32_t MatchIndex::open_block(const MatchPlace& place, bool pooled) {
  const auto& groups = places_[place.number()].groups;
  const auto roomy = std::find_if(groups.begin(), groups.end(), [this](std::uint32_t group) {
    return groups_[group]->columns.size() < layout_.group_blocks;
  });
  const std::uint32_t group_number = roomy != groups.end() ? *roomy : open_group(place);
  Group& group = *groups_[group_number];
  if (group.columns.size() == group.capacity) widen(group, std::max<std::size_t>(group.capacity * 2, 1));
  const std::uint32_t number = take_number(free_blocks_, blocks_.size());
  if (number == blocks_.size()) blocks_.emplace_back();
  blocks_[number] = std::make_unique<MatchBlock>();
  MatchBlock& block = *blocks_[number];
  block.place = place;
  block.pooled = pooled;
  block.group = group_number;
  block.column = static_cast<std::uint32_t>(group.columns.size());
  block.lanes.resize(lane_count_);
  group.columns.push_back({number, {}});
  places_[place.number()].room[pooled ? 1 : 0] += static_cast<std::uint32_t>(layout_.block_nodes);
  return number;
}

std::uint32_t MatchIndex::open_group(const MatchPlace& place) {
  const std::uint32_t number = take_number(free_groups_, groups_.size());
  if (number == groups_.size()) groups_.emplace_back();
  groups_[number] = std::make_unique<Group>();
  groups_[number]->place = place;
  places_[place.number()].groups.push_back(number);
  regions_[place.hardware_class] |= std::uint64_t{1} << place.region;
  reserve_tops(place);
  return number;
}

/// Makes room for the tops of a place.
void MatchIndex::reserve_tops(const MatchPlace& place) {
  constexpr std::size_t kRegionsAtOnce = 16;
  const std::size_t classes = std::max<std::size_t>(tops_classes_, place.hardware_class + std::size_t{1});
  const std::size_t regions =
      std::max<std::size_t>(tops_regions_, (place.region / kRegionsAtOnce + 1) * kRegionsAtOnce);
  if (classes == tops_classes_ && regions == tops_regions_) return;
  std::vector<std::uint16_t> wider(cells() * classes * regions);
  for (std::size_t row = 0; row < cells() * tops_classes_; ++row) {
    const std::size_t at = row / tops_classes_ * classes + row % tops_classes_;
    std::copy_n(tops_.begin() + static_cast<std::ptrdiff_t>(row * tops_regions_), tops_regions_,
                wider.begin() + static_cast<std::ptrdiff_t>(at * regions));
  }
  tops_ = std::move(wider);
  tops_classes_ = classes;
  tops_regions_ = regions;
}

/// Requires: no node is in it, so its memos are 0. The last block of the group takes its column.
void MatchIndex::close_block(std::uint32_t number) {
  const std::uint32_t column = blocks_[number]->column;
  const std::uint32_t group_number = blocks_[number]->group;
  places_[blocks_[number]->place.number()].room[blocks_[number]->pooled ? 1 : 0] -=
      static_cast<std::uint32_t>(layout_.block_nodes);
  Group& group = *groups_[group_number];
  const std::size_t last = group.columns.size() - 1;
  for (std::size_t cell = 0; cell < cells(); ++cell) {
    std::uint16_t* const row = &group.memo[cell * group.capacity];
    row[column] = row[last];
    row[last] = 0;
  }
  group.columns[column] = group.columns[last];
  blocks_[group.columns[column].number]->column = column;
  group.columns.pop_back();
  blocks_[number].reset();
  free_blocks_.push_back(number);
  if (group.columns.empty()) close_group(group_number);
}

void MatchIndex::close_group(std::uint32_t number) {
  const MatchPlace place = groups_[number]->place;
  Place& of_place = places_[place.number()];
  of_place.groups.erase(std::find(of_place.groups.begin(), of_place.groups.end(), number));
  if (of_place.groups.empty()) {
    regions_[place.hardware_class] &= ~(std::uint64_t{1} << place.region);
    of_place.any = {};
  }
  groups_[number].reset();
  free_groups_.push_back(number);
}

void MatchIndex::widen(Group& group, std::size_t capacity) {
  std::vector<std::uint16_t> wider(cells() * capacity);
  for (std::size_t cell = 0; cell < cells(); ++cell) {
    std::copy_n(group.memo.begin() + static_cast<std::ptrdiff_t>(cell * group.capacity), group.columns.size(),
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
  for (const std::uint32_t group : places_[blocks_[number]->place.number()].groups) {
    for (const Column& column : groups_[group]->columns) {
      const std::uint32_t other = column.number;
      if (other == number || blocks_[other]->pooled != blocks_[number]->pooled ||
          count_of(*blocks_[other]) + count > layout_.block_nodes) {
        continue;
      }
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
