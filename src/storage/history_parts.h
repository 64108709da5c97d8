// Hashes of whole parts of the history, made while its leaves are stored: with them a start need not read every leaf.
// They are derived, and a start checks them against the app hash together with everything else. One caller.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "protocol/audit/history.h"

namespace starminer::storage {

class HistoryParts {
 public:
  /// Goes on behind so many parts, whose hashes are stored.
  explicit HistoryParts(std::uint64_t stored = 0) : next_(stored) {}

  /// Index of the leaf that must come next.
  [[nodiscard]] std::uint64_t leaf() const { return next_ * protocol::audit::HistoryTree::kPartLeaves + open_.size(); }
  void add(ByteView leaf) {
    open_.append(leaf);
    if (open_.size() < protocol::audit::HistoryTree::kPartLeaves) return;
    ready_.emplace_back(next_++, open_.root());
    open_ = {};
  }
  /// Numbers and hashes of the parts that became whole since the last call.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, Hash32>> take() { return std::exchange(ready_, {}); }

 private:
  std::uint64_t next_;
  protocol::audit::HistoryTree open_;  // the leaves of a part alone
  std::vector<std::pair<std::uint64_t, Hash32>> ready_;
};

}  // namespace starminer::storage
