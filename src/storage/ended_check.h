// Whether an index of what has ended is the one that the leaves of a history give: neither more nor less nor another.
// Leaves come first, then the entries, then the blocks; none are kept but places, 24 bytes each. Instead of a set there
// is an exclusive or of hashes under a key of its own, which whoever made the entries cannot know. One thread.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "storage/ended_index.h"

namespace starminer::storage {

class EndedCheck {
 public:
  EndedCheck();

  /// The leaf of this index: type byte and encoding.
  void expect(ByteView leaf, std::uint64_t history_index);
  /// An entry. False where it cannot be one.
  [[nodiscard]] bool take(ByteView key, ByteView value);
  /// A block, in order, with the leaves [first, second) that it added. False where places name another height or time.
  [[nodiscard]] bool take_block(const std::pair<std::uint64_t, std::uint64_t>& leaves, std::uint64_t height,
                                TimeMs time);
  /// After everything: the entries are exactly those that the leaves give.
  [[nodiscard]] bool is_whole() const;

 private:
  /// Notes an entry; a second time takes it back.
  void toggle(ByteView key, ByteView value);

  std::array<std::uint8_t, 32> secret_{};
  Hash32 balance_;  // zero where what was expected came
  std::vector<EndedPlace> places_;
  bool sorted_ = false;
  std::size_t judged_ = 0;
};

}  // namespace starminer::storage
