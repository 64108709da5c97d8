// Draws of made-up demand. The same seed gives the same draws with every library but for the last digits of log and
// exp.
#pragma once

#include <cmath>
#include <cstdint>

#include "sim/random.h"

namespace starminer::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] std::size_t below(std::size_t bound) { return random_.below(bound); }

  /// In (0, 1].
  [[nodiscard]] double unit() {
    constexpr std::size_t kSteps = std::size_t{1} << 53;
    return static_cast<double>(random_.below(kSteps) + 1) / static_cast<double>(kSteps);
  }
  [[nodiscard]] double exponential(double mean) { return -mean * std::log(unit()); }
  [[nodiscard]] double normal() {
    return std::sqrt(-2 * std::log(unit())) * std::cos(2 * 3.14159265358979323846 * unit());
  }
  /// For small means.
  [[nodiscard]] std::uint32_t poisson(double mean) {
    const double least = std::exp(-mean);
    std::uint32_t count = 0;
    for (double product = unit(); product > least; product *= unit()) ++count;
    return count;
  }

 private:
  Random random_;
};

}  // namespace starminer::sim
