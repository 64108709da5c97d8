// A hash index over a std::map: where the row of a key lies, in one or two cache lines. Slots stand in one array, at
// most 3/4 full, each at or after the home that its hash gives it; on the way in, a slot far from its home displaces a
// nearer one (Robin Hood hashing), and erasing moves later slots back, so that there are no gaps to skip.
// Keys come from strangers, who can choose them to collide: what would stand too far from its home is left out of the
// index, and while anything is left out, the map is asked for what the index misses. So no look-up is worse than the
// map's. Nothing is ever iterated in the order of slots. Single writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "protocol/state/key_hash.h"

namespace starminer::protocol::state {

template <class Key>
struct KeyHash {
  [[nodiscard]] std::uint64_t operator()(const Key& key) const { return hash_key(key); }
};

template <class Map, class Hash = KeyHash<typename Map::key_type>>
class RowIndex {
 public:
  using Key = typename Map::key_type;
  using Iterator = typename Map::iterator;

  struct Slot {
    Iterator row{};
    std::uint32_t tag = 0;  // 0: free
    bool touched = false;   // for the owner of the map
  };
  struct Found {
    Iterator row;          // end() where there is none
    Slot* slot = nullptr;  // null also for a row that the index left out; valid until the next write
  };

  /// The map must be empty and outlive the index.
  explicit RowIndex(Map& map) : map_(map) {}
  RowIndex(const RowIndex&) = delete;
  RowIndex& operator=(const RowIndex&) = delete;

  [[nodiscard]] Found find(const Key& key) {
    if (Slot* slot = find_slot(key)) return {slot->row, slot};
    return {left_out_ == 0 ? map_.end() : map_.find(key), nullptr};
  }
  /// Brings the home slot of a key near the processor.
  void prefetch(const Key& key) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[tag_of(key) & mask()]);
  }

  /// Of a row that was just put into the map. Null where the index leaves it out.
  Slot* insert(Iterator row) {
    if ((used_ + 1) * 4 > slots_.size() * 3) {
      const bool complete = left_out_ == 0;
      grow();
      if (!complete) return take_in_all(row);
    }
    return place({row, tag_of(row->first), false});
  }

  /// Of a row that still is in the map.
  void erase(const Found& found) {
    if (found.slot == nullptr) {
      STARMINER_CHECK(left_out_ > 0);
      --left_out_;
      return;
    }
    auto hole = static_cast<std::size_t>(found.slot - slots_.data());
    for (std::size_t at = next(hole); slots_[at].tag != 0 && distance(at) > 0; hole = at, at = next(at)) {
      slots_[hole] = slots_[at];
    }
    slots_[hole] = {};
    --used_;
  }

  /// Rows of the map that have no slot.
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  static constexpr std::size_t kSlotsMin = 16;
  static constexpr std::size_t kProbesMax = 64;

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  [[nodiscard]] static std::uint32_t tag_of(const Key& key) {
    const auto tag = static_cast<std::uint32_t>(Hash{}(key));
    return tag == 0 ? 1 : tag;
  }

  /// Slots between the home of what stands at `at` and itself.
  [[nodiscard]] std::size_t distance(std::size_t at) const { return (at - slots_[at].tag) & mask(); }

  [[nodiscard]] Slot* find_slot(const Key& key) {
    if (slots_.empty()) return nullptr;
    const std::uint32_t tag = tag_of(key);
    std::size_t at = tag & mask();
    for (std::size_t probes = 0; slots_[at].tag != 0 && distance(at) >= probes; ++probes, at = next(at)) {
      if (slots_[at].tag == tag && same_key(slots_[at].row->first, key)) return &slots_[at];
    }
    return nullptr;
  }

  /// The slot in which `carried` came to stand; null where it was left out.
  Slot* place(Slot carried) {
    Slot* own = nullptr;
    std::size_t at = carried.tag & mask();
    for (std::size_t probes = 0; probes < kProbesMax; ++probes, at = next(at)) {
      if (slots_[at].tag == 0) {
        slots_[at] = carried;
        ++used_;
        return own != nullptr ? own : &slots_[at];
      }
      if (const std::size_t nearer = distance(at); nearer < probes) {
        std::swap(slots_[at], carried);
        if (own == nullptr) own = &slots_[at];
        probes = nearer;
      }
    }
    ++left_out_;
    return own;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    old.swap(slots_);
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.tag != 0) place(slot);
    }
  }

  /// Every row of the map that has no slot, `row` among them.
  Slot* take_in_all(Iterator row) {
    left_out_ = 0;
    for (auto at = map_.begin(); at != map_.end(); ++at) {
      if (find_slot(at->first) == nullptr) place({at, tag_of(at->first), false});
    }
    return find_slot(row->first);
  }

  Map& map_;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace starminer::protocol::state
