// Random numbers of an experiment: the same seed gives the same numbers with every compiler and library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "base/arithmetic.h"

namespace starminer::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Below `bound`, which must not be 0. The bias is below bound / 2^64.
  [[nodiscard]] std::size_t below(std::size_t bound) {
    return static_cast<std::size_t>((u128{engine_()} * bound) >> 64);
  }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t left = items.size(); left > 1; --left) std::swap(items[left - 1], items[below(left)]);
  }

 private:
  std::mt19937_64 engine_;  // its output is fixed by the standard; that of the standard's distributions is not
};

}  // namespace starminer::sim
