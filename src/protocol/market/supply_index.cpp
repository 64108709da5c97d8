#include "protocol/market/supply_index.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kThreadMilli = 1000;

std::uint64_t bit_of_tag(std::uint64_t tag) { return std::uint64_t{1} << (tag % 64); }

bool is_supply(const NodeRow* row) { return row != nullptr && row->status != NodeStatus::Left && !row->leaving; }

}  // namespace

void SupplyIndex::Union::add(const Union& other) {
  devices = std::max(devices, other.devices);
  cpu_threads = std::max(cpu_threads, other.cpu_threads);
  device_memory = std::max(device_memory, other.device_memory);
  ram = std::max(ram, other.ram);
  disk = std::max(disk, other.disk);
  runtimes |= other.runtimes;
  interconnect = std::max(interconnect, other.interconnect);
  site_tier = std::max(site_tier, other.site_tier);
  sandbox_tier = std::max(sandbox_tier, other.sandbox_tier);
  kinds = static_cast<std::uint8_t>(kinds | other.kinds);
}

SupplyIndex::Union SupplyIndex::union_of(const NodeRow& row) {
  Union any;
  any.devices = row.hardware.devices;
  any.cpu_threads = row.hardware.cpu_threads;
  any.device_memory = row.hardware.device_memory_bytes;
  any.ram = row.hardware.ram_bytes;
  any.disk = row.hardware.disk_bytes;
  for (const std::uint64_t tag : row.offer.runtimes) any.runtimes |= bit_of_tag(tag);
  any.interconnect = row.hardware.interconnect;
  any.site_tier = row.offer.proven_site_tier();
  any.sandbox_tier = row.offer.sandbox_tier;
  for (std::size_t kind = 0; kind < row.ratings.size(); ++kind) {
    if (row.ratings[kind].cu_x1000 > 0) any.kinds = static_cast<std::uint8_t>(any.kinds | 1U << kind);
  }
  return any;
}

SupplyIndex::Union SupplyIndex::union_of(const Chunk& chunk) {
  Union any;
  for (const Member& member : chunk.members) any.add(union_of(*member.row));
  return any;
}

bool SupplyIndex::may_serve(const Union& any, const Demand& demand) {
  const JobSpec& spec = demand.spec();
  const Resources& needs = spec.resources;
  return any.devices >= needs.gpus && (needs.gpus == 0 || any.device_memory >= demand.device_memory_needed()) &&
         (needs.gpus <= 1 || any.interconnect >= needs.interconnect) &&
         any.cpu_threads * kThreadMilli >= needs.cpu_milli && any.ram >= needs.ram_bytes &&
         any.disk >= needs.disk_bytes && any.site_tier >= spec.where.site_tier_min &&
         any.sandbox_tier >= spec.where.sandbox_tier_min &&
         (any.kinds >> static_cast<std::size_t>(spec.kind) & 1U) != 0 &&
         (spec.runtime.empty() || (any.runtimes & bit_of_tag(demand.runtime_tag())) != 0);
}

void SupplyIndex::change(const NodeId& id, const NodeRow* before, const NodeRow* after) {
  const NodeRow* const row = after != nullptr ? after : before;
  const auto at = spots_.find(row->dense_id);
  const bool was = at != spots_.end();
  const bool is = is_supply(after);
  if (was && is && at->second.place == Key{after->hardware_class, after->offer.region}) {
    Chunk& chunk = places_[at->second.place][at->second.chunk];
    chunk.members[at->second.member].row = after;
    // The row before may be gone, so what it had is asked of the record of the change.
    if (before == nullptr || union_of(*before) != union_of(*after)) chunk.any = union_of(chunk);
    return;
  }
  if (was) erase(row->dense_id);
  if (is) insert(id, *after);
}

void SupplyIndex::insert(const NodeId& id, const NodeRow& row) {
  const Key place{row.hardware_class, row.offer.region};
  auto& chunks = places_[place];
  if (chunks.empty() || chunks.back().members.size() == kChunkNodes) chunks.emplace_back();
  Chunk& chunk = chunks.back();
  spots_[row.dense_id] = {place, chunks.size() - 1, chunk.members.size()};
  chunk.members.push_back({id, &row});
  chunk.any.add(union_of(row));
}

/// The last node of the place takes its spot.
void SupplyIndex::erase(std::uint32_t dense_id) {
  const auto at = spots_.find(dense_id);
  const Spot spot = at->second;
  spots_.erase(at);
  auto& chunks = places_[spot.place];
  Chunk& last = chunks.back();
  Chunk& chunk = chunks[spot.chunk];
  const bool is_last = spot.chunk + 1 == chunks.size() && spot.member + 1 == last.members.size();
  if (!is_last) {
    chunk.members[spot.member] = last.members.back();
    spots_[last.members.back().row->dense_id] = spot;
  }
  last.members.pop_back();
  if (last.members.empty()) {
    chunks.pop_back();
  } else {
    last.any = union_of(last);
  }
  if (spot.chunk < chunks.size()) chunks[spot.chunk].any = union_of(chunks[spot.chunk]);
  if (chunks.empty()) places_.erase(spot.place);
}

bool SupplyIndex::is_consistent() const {
  std::size_t members = 0;
  for (const auto& [place, chunks] : places_) {
    if (chunks.empty()) return false;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const Chunk& chunk = chunks[i];
      if (chunk.members.empty() || (i + 1 < chunks.size() && chunk.members.size() != kChunkNodes)) return false;
      for (std::size_t j = 0; j < chunk.members.size(); ++j) {
        const NodeRow& row = *chunk.members[j].row;
        const auto spot = spots_.find(row.dense_id);
        if (spot == spots_.end() || spot->second.place != place || spot->second.chunk != i ||
            spot->second.member != j || place != Key{row.hardware_class, row.offer.region}) {
          return false;
        }
      }
      if (chunk.any != union_of(chunk)) return false;
      members += chunk.members.size();
    }
  }
  return members == spots_.size();
}

}  // namespace starminer::protocol
