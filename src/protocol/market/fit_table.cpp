#include "protocol/market/fit_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace starminer::protocol {
namespace {

// States without a node are looked for only while they are many, a few at each new one.
constexpr std::size_t kSpareStates = 1024;
constexpr int kLooksPerState = 4;

void append(std::string& text, std::size_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::size_t hash_of(const std::string& key) {
  std::uint64_t hash = 0x9e37'79b9'7f4a'7c15ULL;
  for (const char byte : key) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x0000'0100'0000'01b3ULL;
  return static_cast<std::size_t>(hash ^ (hash >> 32));
}

}  // namespace

FitTable::FitTable(Fragmentation fragmentation, const MatchKernels& kernels)
    : fragmentation_(std::move(fragmentation)), kernels_(&kernels), stand_ins_(fragmentation_.stand_ins()) {
  STARMINER_CHECK(stand_ins_.size() <= kMatchShapes);
  std::size_t next = stand_ins_.size();
  for (std::size_t number = 0; number < stand_ins_.size(); ++number) {
    const ShapeKey& key = stand_ins_[number];
    Shape shape{true, number};
    // A share that is not typical itself counts as a typical one, which may ask for more CPU.
    constexpr std::uint32_t kNoTypicalCpu = ~std::uint32_t{0};
    const bool stands_for_others =
        key.share_milli != 0 && fragmentation_.stand_in({1, key.share_milli, kNoTypicalCpu}) == key;
    if (stands_for_others && next < kMatchShapes) {
      shape.loose = next++;
    } else if (stands_for_others) {
      shape.asks_cpu = false;
    }
    shapes_.push_back(shape);
    cpu_asks_.push_back(key.cpu_milli);
  }
  std::sort(cpu_asks_.begin(), cpu_asks_.end());
  cpu_asks_.erase(std::unique(cpu_asks_.begin(), cpu_asks_.end()), cpu_asks_.end());
}

std::uint8_t FitTable::shape_number(const ShapeKey& shape) const {
  const auto at = std::lower_bound(stand_ins_.begin(), stand_ins_.end(), fragmentation_.stand_in(shape));
  const auto number = static_cast<std::size_t>(at - stand_ins_.begin());
  return static_cast<std::uint8_t>(shape.cpu_milli < at->cpu_milli ? shapes_[number].loose : number);
}

FitRow FitTable::row_of(std::uint32_t cpu_free_milli) const {
  FitRow row;
  fragmentation_.fits(state_, stand_ins_, *kernels_, row.fit);
  for (std::size_t number = 0; number < stand_ins_.size(); ++number) {
    row.fit[shapes_[number].loose] = row.fit[number];
    if (shapes_[number].asks_cpu && cpu_free_milli < stand_ins_[number].cpu_milli) row.fit[number] = 0;
  }
  return row;
}

/// The state and the key of what is free. Which device has which share does not matter to the fit; of the CPU, besides
/// its rounded figure, which shapes have enough of it.
void FitTable::fill_key(const CapacityRow& free) {
  state_ = fragmentation_.round(free);
  std::sort(state_.device_milli.begin(), state_.device_milli.end());
  const auto& levels = fragmentation_.levels();
  key_.clear();
  append(key_, state_.cpu_milli / 1000, 3);
  const auto enough = std::upper_bound(cpu_asks_.begin(), cpu_asks_.end(), free.cpu_free_milli) - cpu_asks_.begin();
  append(key_, static_cast<std::size_t>(enough), 1);
  for (const std::uint16_t milli : state_.device_milli) {
    const auto level = std::lower_bound(levels.begin(), levels.end(), milli) - levels.begin();
    append(key_, static_cast<std::size_t>(level), 1);
  }
}

/// Where the key is, or would be put.
std::size_t FitTable::find_slot() const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash_of(key_) & mask;
  while (slots_[at] != kNone && keys_[slots_[at]] != key_) at = (at + 1) & mask;
  return at;
}

std::uint32_t FitTable::state_number(const CapacityRow& free, MatchIndex& index) {
  fill_key(free);
  std::size_t slot = find_slot();
  if (slots_[slot] != kNone) return slots_[slot];
  if (known_ > index.size() + kSpareStates) recycle(index);
  if (2 * (known_ + 1) > slots_.size()) grow();
  const FitRow row = row_of(free.cpu_free_milli);
  std::uint32_t number = 0;
  if (free_.empty()) {
    number = index.add_state(row);
    keys_.resize(number + std::size_t{1});
  } else {
    number = free_.back();
    free_.pop_back();
    index.set_state(number, row);
  }
  keys_[number] = key_;
  slots_[find_slot()] = number;
  ++known_;
  return number;
}

/// Looks at some states, in turn, and forgets those that no node is in.
void FitTable::recycle(const MatchIndex& index) {
  for (int looks = 0; looks < kLooksPerState; ++looks) {
    hand_ = hand_ + 1 < keys_.size() ? hand_ + 1 : 0;
    if (!keys_[hand_].empty() && index.nodes_in_state(hand_) == 0) forget(hand_);
  }
}

void FitTable::forget(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = hash_of(keys_[number]) & mask;
  while (slots_[hole] != number) hole = (hole + 1) & mask;
  slots_[hole] = kNone;
  // What would not be found past the hole moves into it.
  for (std::size_t at = (hole + 1) & mask; slots_[at] != kNone; at = (at + 1) & mask) {
    const std::size_t home = hash_of(keys_[slots_[at]]) & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = std::exchange(slots_[at], kNone);
    hole = at;
  }
  keys_[number].clear();
  free_.push_back(number);
  --known_;
}

void FitTable::grow() {
  slots_.assign(slots_.size() * 2, kNone);
  const std::size_t mask = slots_.size() - 1;
  for (std::uint32_t number = 0; number < keys_.size(); ++number) {
    if (keys_[number].empty()) continue;
    std::size_t at = hash_of(keys_[number]) & mask;
    while (slots_[at] != kNone) at = (at + 1) & mask;
    slots_[at] = number;
  }
}

std::uint64_t FitTable::memory_bytes() const {
  return slots_.capacity() * sizeof(std::uint32_t) + keys_.capacity() * sizeof(std::string) +
         free_.capacity() * sizeof(std::uint32_t);
}

}  // namespace starminer::protocol
