// Decisions: bounds of groups, then of blocks, then nodes, from the highest bound down until none can win.
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

/// What the job's image adds at most on nodes of which some have these.
std::uint32_t image_bound(const MatchRequest& request, const ImageBits& any) {
  return (any & request.image).any() ? request.image_bonus : 0;
}

template <class Bounds>
typename Bounds::value_type take_highest(Bounds& bounds) {
  std::pop_heap(bounds.begin(), bounds.end());
  const auto highest = bounds.back();
  bounds.pop_back();
  return highest;
}

}  // namespace

std::optional<MatchIndex::Choice> MatchIndex::choose(const MatchRequest& request) {
  if (request.lane() >= lane_count_) return std::nullopt;
  collect(request);
  Best best;
  std::make_heap(bounds_.begin(), bounds_.end());
  while (!bounds_.empty()) {
    Bound bound = take_highest(bounds_);
    if (best.found && bound.rank <= best.rank()) break;
    if (!bound.exact) {
      const MatchPlace place = groups_[bound.number]->place;
      const PlaceTerms& terms = terms_of(request, place);
      if (!terms.allowed) continue;
      const std::uint32_t over =
          request.class_bounds[place.hardware_class] + request.region_bounds[place.region] - terms.base;
      bound.rank -= std::uint64_t{over} << 32;
      bound.exact = true;
      if (!bounds_.empty() && bound < bounds_.front()) {
        bounds_.push_back(bound);
        std::push_heap(bounds_.begin(), bounds_.end());
        continue;
      }
    }
    visit_group(request, bound.number, best);
  }
  if (!best.found) return std::nullopt;
  return Choice{best.id, best.score};
}

/// The groups that the job allows, each with the most that one of its nodes could score.
void MatchIndex::collect(const MatchRequest& request) {
  bounds_.clear();
  ++decision_;
  const std::uint16_t* const tops = tops_.data() + (request.lane() * kMatchShapes + request.shape) * tops_capacity_;
  for (std::uint32_t classes = request.classes; classes != 0; classes &= classes - 1) {
    for (const std::uint32_t number : of_class_[static_cast<std::size_t>(std::countr_zero(classes))]) {
      const std::uint16_t top = tops[number];
      if (top == 0) continue;
      const Group& group = *groups_[number];
      if ((request.regions >> group.place.region & 1U) == 0) continue;
      const std::uint32_t base =
          request.class_bounds[group.place.hardware_class] + request.region_bounds[group.place.region];
      const std::uint32_t bonus = request.image_bonus != 0 ? image_bound(request, group.images_any) : 0;
      const std::uint32_t distance = nearest(group.id_low, group.id_high, request);
      bounds_.push_back({rank_of(base + top - 1U + bonus, distance), number, false});
    }
  }
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

void MatchIndex::visit_group(const MatchRequest& request, std::uint32_t number, Best& best) {
  Group& group = *groups_[number];
  const std::size_t cell = request.lane() * kMatchShapes + request.shape;
  const std::uint16_t* const memo = &group.memo[cell * group.capacity];
  const PlaceTerms terms = terms_of(request, group.place);
  block_bounds_.clear();
  std::uint16_t top = 0;
  for (std::size_t column = 0; column < group.blocks.size(); ++column) {
    if (memo[column] == 0) continue;
    top = std::max(top, memo[column]);
    const std::uint32_t number_of_block = group.blocks[column];
    const MatchBlock& block = *blocks_[number_of_block];
    std::uint32_t score = terms.base + memo[column] - 1U;
    if (request.image_bonus != 0) score += image_bound(request, block.images_any);
    const std::uint32_t distance = nearest(block.id_low, block.id_high, request);
    block_bounds_.push_back({rank_of(score, distance), number_of_block, true});
  }
  tops_[cell * tops_capacity_ + number] = top;
  std::make_heap(block_bounds_.begin(), block_bounds_.end());
  while (!block_bounds_.empty()) {
    const Bound bound = take_highest(block_bounds_);
    if (best.found && bound.rank <= best.rank()) return;
    visit_block(request, terms, *blocks_[bound.number], best);
  }
}

/// Slots whose nodes pass what whole columns tell.
std::uint64_t MatchIndex::survivors(const MatchRequest& request, const MatchBlock& block) const {
  std::uint64_t slots = block.counted(request.kind);
  if (request.dedicated) slots &= block.empty;
  if (request.needs_runtime && (block.runtimes_any & request.runtime).none()) return 0;
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
  if (request.needs_runtime && (block.runtimes[slot] & request.runtime).none()) return false;
  if (block.floor[slot] > terms.floor_most) return false;
  for (const std::uint32_t provider : request.excluded) {
    if (block.providers[slot] == provider) return false;
  }
  const bool judged = terms.judged || (request.needs_runtime && request.runtime_shared);
  return !judged || request.judge->accepts(block.ids[slot]);
}

void MatchIndex::visit_block(const MatchRequest& request, const PlaceTerms& terms, const MatchBlock& block,
                             Best& best) {
  ++visited_;
  const auto& quality = block.lanes[request.lane()].quality;
  const std::uint16_t weight = weights_[request.tier];
  const bool images = request.image_bonus != 0 && (block.images_any & request.image).any();
  for (std::uint64_t slots = survivors(request, block); slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    const std::uint8_t fit = rows_[block.states[slot]].fit[request.shape];
    if (fit == 0) continue;
    std::uint32_t score = terms.base + quality[slot] + std::uint32_t{weight} * fit;
    const std::uint32_t id = block.ids[slot];
    if (images && (block.images[slot] & request.image).any()) {
      if (!request.image_shared || request.judge->has_image(id)) score += request.image_bonus;
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
  Best best;
  for (const auto& block : blocks_) {
    if (block == nullptr || (request.classes >> block->place.hardware_class & 1U) == 0 ||
        (request.regions >> block->place.region & 1U) == 0) {
      continue;
    }
    const PlaceTerms terms = terms_of(request, block->place);
    if (terms.allowed) visit_block(request, terms, *block, best);
  }
  if (!best.found) return std::nullopt;
  return Choice{best.id, best.score};
}

}  // namespace starminer::protocol
