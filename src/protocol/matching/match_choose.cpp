// Decisions: bounds of places, then of groups and blocks, then nodes, from the highest bound down until none can win.
#include <algorithm>
#include <bit>

#include "protocol/matching/match_index.h"

namespace starminer::protocol {
namespace {

/// The least distance in the order of ties that an id within these ends can have.
std::uint32_t nearest(std::uint32_t low, std::uint32_t high, const MatchRequest& request) {
  if (low >= request.tie_start) return low - request.tie_start;
  if (high >= request.tie_start) return 0;
  return tie_distance(low, request.tie_start, request.total_nodes);
}

}  // namespace

/// A decision on its way: the best node so far, and what still may hold a better one: places by their keys, groups and
/// blocks of the places that were looked into by their bounds.
struct MatchIndex::Search {
  explicit Search(const MatchRequest& asked)
      : request(asked),
        cell(asked.lane() * kMatchShapes + asked.shape),
        standing(standing_asked(asked)),
        device_memory(asked.gpus > 0 ? asked.device_memory : 0),
        runtime(asked.needs_runtime ? asked.runtime._Find_first() : 0),
        bonus(asked.image.any() ? asked.image_bonus : 0),
        image(asked.image._Find_first()),
        most_bonus(bonus + (asked.reserves != 0 ? asked.reserve_bonus : 0U)) {}

  [[nodiscard]] bool may_pass(const Union& any) const {
    return (any.standing & standing) == standing && any.device_memory >= device_memory &&
           (!request.needs_runtime || (any.runtimes & request.runtime).any());
  }
  /// What the job's image and the reserve of the class add at most.
  [[nodiscard]] std::uint32_t bonus_in(const Union& any, std::uint8_t hardware_class) const {
    if (most_bonus == 0) return 0;
    const std::uint32_t of_image = bonus != 0 && (any.images & request.image).any() ? bonus : 0;
    return of_image + ((any.standing & kPooledBit) != 0 ? request.reserve_bonus_in(hardware_class) : 0);
  }
  /// Whether a node with this score, as near in the order of ties as the union lets it be, would be the best.
  [[nodiscard]] bool may_win(std::uint32_t score, const Union& any) const {
    if (!best.found || score > best.score) return true;
    return score == best.score && nearest(any.id_low, any.id_high, request) < best.distance;
  }

  const MatchRequest& request;
  std::size_t cell;
  StandingBits standing;
  std::uint64_t device_memory;
  std::size_t runtime;       // its bit
  std::uint32_t bonus;       // that the image adds
  std::size_t image;         // its bit
  std::uint32_t most_bonus;  // with what a reserve adds
  Best best;
  PlaceKeys bounds;  // by region: what it brings at most, and the bonuses
  PlaceKeys masks;   // by region: all bits where the job allows it
  // The highest key of each class that is left.
  std::array<std::uint32_t, kClassesMax> class_keys;
  std::array<std::uint8_t, kClassesMax> classes;
  std::size_t class_count = 0;
};

std::optional<MatchIndex::Choice> MatchIndex::choose(const MatchRequest& request) {
  if (request.lane() >= lane_count_ || tops_.empty()) return std::nullopt;
  ++decision_;
  Search search(request);
  rank_places(search);
  bounds_.clear();
  while (true) {
    std::uint32_t key = 0;
    std::size_t row = 0;
    for (std::size_t i = 0; i < search.class_count; ++i) {
      if (search.class_keys[i] <= key) continue;
      key = search.class_keys[i];
      row = i;
    }
    // Keys are of the memos, which count from 1.
    const std::uint32_t score = key != 0 ? (key >> kRegionBits) - 1 : 0;
    if (!bounds_.empty() && (key == 0 || bounds_.front().score() >= score)) {
      std::pop_heap(bounds_.begin(), bounds_.end());
      const Bound bound = bounds_.back();
      bounds_.pop_back();
      if (search.best.found && bound.rank <= search.best.rank()) {
        // No group or block can win any more, but a place with the same bound may still hold an earlier id.
        bounds_.clear();
        continue;
      }
      if (bound.is_group) {
        look_into_group(search, *groups_[bound.number]);
      } else {
        const MatchBlock& block = *blocks_[bound.number];
        visit_block(search, terms_[block.place.number()], block, block.lanes[request.lane()].memo[request.shape]);
      }
      continue;
    }
    if (key == 0 || (search.best.found && score < search.best.score)) break;
    const std::size_t hardware_class = search.classes[row];
    PlaceKeys& keys = keys_[hardware_class];
    const std::size_t region = keys.size() - 1 - (key & (keys.size() - 1));
    const MatchPlace place{static_cast<std::uint8_t>(hardware_class), static_cast<std::uint8_t>(region)};
    keys[region] = 0;
    const std::uint32_t exact = look_at_place(search, place, score);
    if (exact == score + 1) {
      look_into_place(search, place);
    } else if (exact != 0) {
      keys[region] = exact << kRegionBits | (key & static_cast<std::uint32_t>(keys.size() - 1));
    }
    search.class_keys[row] = layout_.kernels->highest_key(keys, tops_regions_);
  }
  if (!search.best.found) return std::nullopt;
  return Choice{search.best.id, search.best.score};
}

/// The keys of all places that the job allows.
void MatchIndex::rank_places(Search& search) {
  const MatchRequest& request = search.request;
  for (std::size_t region = 0; region < tops_regions_; ++region) {
    search.bounds[region] = request.region_bounds[region] + search.most_bonus;
    search.masks[region] = (request.regions >> region & 1U) != 0 ? ~std::uint32_t{0} : 0;
  }
  for (std::uint32_t left = request.classes; left != 0; left &= left - 1) {
    const auto hardware_class = static_cast<std::size_t>(std::countr_zero(left));
    if (hardware_class >= tops_classes_ || (regions_[hardware_class] & request.regions) == 0) continue;
    const std::uint32_t highest =
        layout_.kernels->rank_places(tops(search.cell, hardware_class), request.class_bounds[hardware_class],
                                     search.bounds, search.masks, tops_regions_, keys_[hardware_class]);
    if (highest == 0) continue;
    search.classes[search.class_count] = static_cast<std::uint8_t>(hardware_class);
    search.class_keys[search.class_count] = highest;
    ++search.class_count;
  }
}

/// One more than the most that a node of the place could score, now that its terms are known; 0: none could win.
std::uint32_t MatchIndex::look_at_place(const Search& search, MatchPlace place, std::uint32_t score) {
  const Union& any = places_[place.number()].any;
  if (!search.may_win(score, any) || !search.may_pass(any)) return 0;
  if (terms_of_[place.number()] == decision_) return score + 1;  // it was looked at before
  const PlaceTerms& terms = terms_of(search.request, place);
  if (!terms.allowed) return 0;
  return terms.base + tops(search.cell, place.hardware_class)[place.region] +
         search.bonus_in(any, place.hardware_class);
}

/// The terms of a place, asked once in a decision.
const PlaceTerms& MatchIndex::terms_of(const MatchRequest& request, MatchPlace place) {
  const std::size_t number = place.number();
  if (terms_of_[number] != decision_) {
    terms_of_[number] = decision_;
    terms_[number] = request.judge->terms(place);
  }
  return terms_[number];
}

/// A place of one group is that group, and a group of one block that block.
void MatchIndex::look_into_place(Search& search, MatchPlace place) {
  const auto& groups = places_[place.number()].groups;
  if (groups.size() == 1) {
    look_into_group(search, *groups_[groups.front()]);
    return;
  }
  const PlaceTerms& terms = terms_[place.number()];
  for (const std::uint32_t number : groups) {
    const Group& group = *groups_[number];
    const std::uint16_t* const row = &group.memo[search.cell * group.capacity];
    const std::uint16_t most = *std::max_element(row, row + group.columns.size());
    if (most == 0) continue;
    const std::uint32_t score = terms.base + most - 1U + search.bonus_in(group.any, place.hardware_class);
    if (!search.may_win(score, group.any) || !search.may_pass(group.any)) continue;
    const std::uint32_t distance = nearest(group.any.id_low, group.any.id_high, search.request);
    bounds_.push_back({rank_of(score, distance), number, true});
    std::push_heap(bounds_.begin(), bounds_.end());
  }
}

void MatchIndex::look_into_group(Search& search, const Group& group) {
  const PlaceTerms& terms = terms_[group.place.number()];
  const std::uint16_t* const row = &group.memo[search.cell * group.capacity];
  if (group.columns.size() == 1) {
    visit_block(search, terms, *blocks_[group.columns.front().number], *row);
    return;
  }
  for (std::size_t column = 0; column < group.columns.size(); ++column) {
    if (row[column] == 0) continue;
    const Union& any = group.columns[column].any;
    const std::uint32_t score = terms.base + row[column] - 1U + search.bonus_in(any, group.place.hardware_class);
    if (!search.may_win(score, any) || !search.may_pass(any)) continue;
    const std::uint32_t distance = nearest(any.id_low, any.id_high, search.request);
    bounds_.push_back({rank_of(score, distance), group.columns[column].number, false});
    std::push_heap(bounds_.begin(), bounds_.end());
  }
}

/// Slots whose nodes pass what whole columns tell.
std::uint64_t MatchIndex::survivors(const Search& search, const MatchBlock& block) const {
  const MatchRequest& request = search.request;
  std::uint64_t slots = block.counted(request.kind);
  if (request.dedicated) slots &= block.empty;
  if (request.needs_runtime)
    slots &= search.runtime < block.with_runtime.size() ? block.with_runtime[search.runtime] : 0;
  const MatchKernels& kernels = *layout_.kernels;
  if (request.share_milli != 0) {
    slots &= kernels.at_least_16(block.share_free, request.share_milli);
  } else if (request.gpus > 0) {
    if (request.gpus > 0xff) return 0;
    slots &= kernels.at_least_8(block.whole_free, static_cast<std::uint8_t>(request.gpus));
  }
  if (request.cpu_milli > 0 && slots != 0) slots &= kernels.at_least_32(block.cpu_free_milli, request.cpu_milli);
  if (request.site_tier > 0 && slots != 0) slots &= kernels.at_least_8(block.site_tier, request.site_tier);
  if (request.reputation > 0 && slots != 0) {
    slots &= kernels.at_least_8(block.reputation[request.kind], request.reputation);
  }
  for (const std::uint32_t id : request.withheld) {
    if (!contains(id)) continue;
    const Spot spot = spots_[id];
    if (blocks_[spot.block].get() == &block) slots &= ~(std::uint64_t{1} << spot.slot);
  }
  return slots;
}

/// The rest of the constraints, for a node that would be the best so far.
bool MatchIndex::passes(const MatchRequest& request, const PlaceTerms& terms, const MatchBlock& block,
                        std::size_t slot) const {
  if (request.gpus > 0 && block.device_memory[slot] < request.device_memory) return false;
  if (request.gpus > 1 && block.interconnect[slot] < request.interconnect) return false;
  if (request.dedicated && block.devices[slot] != request.gpus) return false;
  if (block.ram_free[slot] < request.ram_bytes || block.disk_free[slot] < request.disk_bytes) return false;
  if (block.sandbox_tier[slot] < request.sandbox_tier) return false;
  if (request.country != 0 && block.country[slot] != request.country) return false;
  if (block.floor[slot] > terms.floor_most) return false;
  for (const std::uint32_t provider : request.excluded) {
    if (block.providers[slot] == provider) return false;
  }
  const bool judged = terms.judged || (request.needs_runtime && request.runtime_shared);
  return !judged || request.judge->accepts(block.ids[slot]);
}

/// `memo` is the block's for the cell.
void MatchIndex::visit_block(Search& search, const PlaceTerms& terms, const MatchBlock& block, std::uint32_t memo) {
  ++visited_;
  const MatchRequest& request = search.request;
  Best& best = search.best;
  const auto& quality = block.lanes[request.lane()].quality;
  const std::uint16_t weight = weights_[request.tier];
  const std::uint64_t with_image = search.bonus != 0 ? block.with_image[search.image] : 0;
  std::uint64_t slots = survivors(search, block);
  const std::uint32_t base = terms.base + (block.pooled ? request.reserve_bonus_in(block.place.hardware_class) : 0);
  // Without the image no node could win.
  if (best.found && base + memo - 1 < best.score) slots &= with_image;
  for (; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    const std::uint8_t fit = rows_[block.states[slot]].fit[request.shape];
    if (fit == 0) continue;
    std::uint32_t score = base + quality[slot] + std::uint32_t{weight} * fit;
    const std::uint32_t id = block.ids[slot];
    if ((with_image >> slot & 1U) != 0 && (!request.image_shared || request.judge->has_image(id))) {
      score += search.bonus;
    }
    if (best.found && score < best.score) continue;
    const std::uint32_t distance = tie_distance(id, request.tie_start, request.total_nodes);
    if (best.found && score == best.score && distance >= best.distance) continue;
    if (passes(request, terms, block, slot)) best = {true, score, distance, id};
  }
}

std::optional<MatchIndex::Choice> MatchIndex::choose_by_scan(const MatchRequest& request) {
  if (request.lane() >= lane_count_) return std::nullopt;
  ++decision_;
  constexpr std::uint32_t kAnyMemo = 1U << 16;
  Search search(request);
  for (const auto& block : blocks_) {
    if (block == nullptr || (request.classes >> block->place.hardware_class & 1U) == 0 ||
        (request.regions >> block->place.region & 1U) == 0) {
      continue;
    }
    const PlaceTerms terms = terms_of(request, block->place);
    if (terms.allowed) visit_block(search, terms, *block, kAnyMemo);
  }
  if (!search.best.found) return std::nullopt;
  return Choice{search.best.id, search.best.score};
}

}  // namespace starminer::protocol
