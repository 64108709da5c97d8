// Tags of nodes (runtimes, images) as bits, so that whole blocks are asked at once. The first kBits - 1 tags in use
// have a bit of their own; all others share the last bit, which then says "look at the row". A tag keeps its bit while
// a node has it. Which tag has which bit depends on history and shows in no result. One writer.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "base/check.h"

namespace starminer::protocol {

template <std::size_t kBits>
class TagBits {
 public:
  static constexpr std::size_t kShared = kBits - 1;
  using Bits = std::bitset<kBits>;

  /// Counts the tags of a node in, and gives their bits.
  Bits add(std::span<const std::uint64_t> tags) {
    Bits bits;
    for (const std::uint64_t tag : tags) {
      const auto [at, inserted] = uses_.try_emplace(tag);
      if (inserted) {
        at->second.bit = first_free();
        taken_.set(at->second.bit);
      }
      ++at->second.count;
      bits.set(at->second.bit);
    }
    return bits;
  }

  /// Requires: these tags were added together.
  void remove(std::span<const std::uint64_t> tags) {
    for (const std::uint64_t tag : tags) {
      const auto at = uses_.find(tag);
      STARMINER_CHECK(at != uses_.end());
      if (--at->second.count > 0) continue;
      if (at->second.bit != kShared) taken_.reset(at->second.bit);
      uses_.erase(at);
    }
  }

  /// The bit that nodes with this tag have; empty set: no node has it.
  [[nodiscard]] Bits find(std::uint64_t tag) const {
    const auto at = uses_.find(tag);
    Bits bits;
    if (at != uses_.end()) bits.set(at->second.bit);
    return bits;
  }
  /// Whether a node with these bits may lack the tag all the same.
  [[nodiscard]] static bool is_shared(const Bits& bits) { return bits.test(kShared); }

 private:
  struct Use {
    std::size_t bit = 0;
    std::uint64_t count = 0;
  };

  [[nodiscard]] std::size_t first_free() const {
    for (std::size_t bit = 0; bit < kShared; ++bit) {
      if (!taken_.test(bit)) return bit;
    }
    return kShared;
  }

  std::map<std::uint64_t, Use> uses_;
  Bits taken_;
};

}  // namespace starminer::protocol
