#include "protocol/market/supply_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kThreadMilli = 1000;

std::uint64_t bit_of_tag(std::uint64_t tag) { return std::uint64_t{1} << (tag % 64); }

std::uint64_t bit_of_country(const std::string& country) {
  std::uint64_t number = 0;
  for (const char letter : country) number = number * 27 + static_cast<unsigned char>(letter);
  return std::uint64_t{1} << (number % 64);
}

bool is_supply(const NodeRow* row) { return row != nullptr && row->status != NodeStatus::Left && !row->leaving; }

}  // namespace

void SupplyIndex::Union::add(const Union& other) {
  devices = std::max(devices, other.devices);
  cpu_threads = std::max(cpu_threads, other.cpu_threads);
  device_memory = std::max(device_memory, other.device_memory);
  ram = std::max(ram, other.ram);
  disk = std::max(disk, other.disk);
  runtimes |= other.runtimes;
  countries |= other.countries;
  floors = std::max(floors, other.floors);
  active = active || other.active;
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
  any.countries = bit_of_country(row.offer.country);
  any.floors = static_cast<std::uint8_t>(0xff - row.offer.floor_32nds);
  any.active = row.status == NodeStatus::Active;
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
         (spec.where.residency.empty() || (any.countries & bit_of_country(spec.where.residency)) != 0) &&
         (spec.runtime.empty() || (any.runtimes & bit_of_tag(demand.runtime_tag())) != 0);
}

bool SupplyIndex::may_serve_now(const Key& place, const Demand& demand, ConstraintSet ignored) {
  const auto counts = [ignored](Constraint constraint) { return (ignored & constraint_set(constraint)) == 0; };
  const auto [hardware_class, region] = place;
  if (!demand.spec().where.tee_kinds.empty()) return false;  // no node can show evidence of an enclave yet
  const Agpu cap = demand.terms().cap;
  if (counts(Constraint::Budget) && !cap.is_zero() && demand.expected_cost_in(hardware_class, region) > cap) {
    return false;
  }
  const Price most = demand.terms().max_price;
  return !counts(Constraint::Price) || most.nagpu_per_gpu_hour == 0 || demand.terms().any_price ||
         demand.lowest_price(hardware_class, region, false) <= most;
}

SupplyRoom SupplyIndex::room_of_members(const Chunk& chunk) {
  SupplyRoom room;
  for (const Member& member : chunk.members) {
    if (!member.stale) room.add(member.room);
  }
  return room;
}

SupplyIndex::Spot* SupplyIndex::find(std::uint32_t dense_id) {
  return dense_id < spots_.size() && spots_[dense_id].chunk != kNowhere ? &spots_[dense_id] : nullptr;
}

void SupplyIndex::mark(std::uint32_t dense_id) {
  const Spot* const spot = find(dense_id);
  if (spot == nullptr) return;
  Chunk& chunk = chunk_at(*spot);
  mark(chunk, chunk.members[spot->member]);
}

/// Its room still counts in the chunk's, which is then too wide.
void SupplyIndex::mark(Chunk& chunk, Member& member) {
  if (member.stale) return;
  member.stale = true;
  ++chunk.stale;
  stale_.push_back(member.row->dense_id);
}

void SupplyIndex::refresh(const MarketView& market) {
  for (const std::uint32_t dense_id : stale_) {
    const Spot* const spot = find(dense_id);
    if (spot == nullptr) continue;
    Chunk& chunk = chunk_at(*spot);
    Member& member = chunk.members[spot->member];
    if (!member.stale) continue;
    member.room = protocol::room_of(market, member.id);
    member.stale = false;
    --chunk.stale;
    // A chunk of which more is marked is summed up with the last of it.
    if (chunk.stale == 0) chunk.room = room_of_members(chunk);
  }
  stale_.clear();
}

void SupplyIndex::change(const NodeId& id, const NodeRow* before, const NodeRow* after) {
  const NodeRow* const row = after != nullptr ? after : before;
  const Spot* const spot = find(row->dense_id);
  const bool is = is_supply(after);
  if (spot != nullptr && is && spot->place == Key{after->hardware_class, after->offer.region}) {
    Chunk& chunk = chunk_at(*spot);
    chunk.members[spot->member].row = after;
    // The row before may be gone, so what it had is asked of the record of the change.
    if (before == nullptr || union_of(*before) != union_of(*after)) chunk.any = union_of(chunk);
    return;
  }
  if (spot != nullptr) erase(row->dense_id);
  if (is) insert(id, *after);
}

void SupplyIndex::insert(const NodeId& id, const NodeRow& row) {
  const Key place{row.hardware_class, row.offer.region};
  auto& chunks = places_[place];
  if (chunks.empty() || chunks.back().members.size() == kChunkNodes) chunks.emplace_back();
  Chunk& chunk = chunks.back();
  if (row.dense_id >= spots_.size()) spots_.resize(row.dense_id + std::size_t{1});
  spots_[row.dense_id] = {place, static_cast<std::uint32_t>(chunks.size() - 1),
                          static_cast<std::uint32_t>(chunk.members.size())};
  ++size_;
  chunk.first_id = chunk.members.empty() ? row.dense_id : std::min(chunk.first_id, row.dense_id);
  chunk.members.push_back({id, &row});
  ++chunk.stale;
  stale_.push_back(row.dense_id);
  chunk.any.add(union_of(row));
}

/// The last node of the place takes its spot.
void SupplyIndex::erase(std::uint32_t dense_id) {
  const Spot spot = std::exchange(spots_[dense_id], Spot{});
  --size_;
  auto& chunks = places_[spot.place];
  Chunk& last = chunks.back();
  Chunk& chunk = chunks[spot.chunk];
  const bool is_last = spot.chunk + 1 == chunks.size() && spot.member + 1 == last.members.size();
  if (chunk.members[spot.member].stale) --chunk.stale;
  if (!is_last) {
    Member& moved = last.members.back();
    if (moved.stale) {
      --last.stale;
      ++chunk.stale;
    }
    spots_[moved.row->dense_id] = spot;
    chunk.first_id = std::min(chunk.first_id, moved.row->dense_id);
    chunk.members[spot.member] = std::move(moved);
  }
  last.members.pop_back();
  if (last.members.empty()) {
    chunks.pop_back();
  } else {
    sum_up(last);
  }
  if (spot.chunk < chunks.size()) sum_up(chunks[spot.chunk]);
  if (chunks.empty()) places_.erase(spot.place);
}

void SupplyIndex::sum_up(Chunk& chunk) {
  chunk.any = union_of(chunk);
  chunk.room = room_of_members(chunk);
}

std::uint64_t SupplyIndex::memory_bytes() const {
  std::uint64_t bytes = spots_.capacity() * sizeof(Spot) + stale_.capacity() * sizeof(std::uint32_t);
  for (const auto& [place, chunks] : places_) {
    for (const Chunk& chunk : chunks) bytes += sizeof(Chunk) + chunk.members.capacity() * sizeof(Member);
  }
  return bytes;
}

bool SupplyIndex::is_consistent() const {
  std::size_t members = 0;
  for (const auto& [place, chunks] : places_) {
    if (chunks.empty()) return false;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const Chunk& chunk = chunks[i];
      if (chunk.members.empty() || (i + 1 < chunks.size() && chunk.members.size() != kChunkNodes)) return false;
      std::uint32_t stale = 0;
      for (std::size_t j = 0; j < chunk.members.size(); ++j) {
        const NodeRow& row = *chunk.members[j].row;
        const Spot spot = row.dense_id < spots_.size() ? spots_[row.dense_id] : Spot{};
        if (spot.place != place || spot.chunk != i || spot.member != j || row.dense_id < chunk.first_id ||
            place != Key{row.hardware_class, row.offer.region}) {
          return false;
        }
        if (chunk.members[j].stale) ++stale;
      }
      if (chunk.any != union_of(chunk) || chunk.stale != stale) return false;
      members += chunk.members.size();
    }
  }
  return members == size_;
}

bool SupplyIndex::rooms_are_consistent(const MarketView& market) const {
  for (const auto& [place, chunks] : places_) {
    for (const Chunk& chunk : chunks) {
      for (const Member& member : chunk.members) {
        if (!member.stale && member.room != protocol::room_of(market, member.id)) return false;
      }
      if (chunk.stale == 0 && chunk.room != room_of_members(chunk)) return false;
    }
  }
  return true;
}

}  // namespace starminer::protocol
