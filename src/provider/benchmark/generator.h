// Inputs of a benchmark, bound to a 32-byte challenge: the same function runs here and, as OpenCL C, on the device, so
// that no input crosses the bus and the host can recompute any of them. Values are small integers: sums and products of
// them are exact in fp32, hence equal on every correct device whatever its order of summation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "provider/benchmark/workload.h"

namespace starminer::provider::benchmark {

/// Keys of one input array.
struct StreamKey {
  std::uint32_t k0 = 0;
  std::uint32_t k1 = 0;
};

/// A random-looking word per index; the device's `mix` in kGeneratorSource.
[[nodiscard]] constexpr std::uint32_t mix(std::uint32_t x, StreamKey key) {
  x ^= key.k0;
  x *= 0x9E3779B1U;
  x ^= x >> 16U;
  x *= 0x85EBCA6BU;
  x ^= x >> 13U;
  x += key.k1;
  x *= 0xC2B2AE35U;
  x ^= x >> 16U;
  return x;
}

/// An integer from -bound to bound out of a word.
[[nodiscard]] constexpr int bounded(std::uint32_t word, int bound) {
  return static_cast<int>((word >> 8U) % static_cast<std::uint32_t>(2 * bound + 1)) - bound;
}

/// OpenCL C of the two functions above.
extern const std::string_view kGeneratorSource;

class Generator {
 public:
  static constexpr std::size_t kStreams = 4;

  Generator(const Hash32& seed, WorkloadKind kind, std::string_view component);

  /// Requires: stream < kStreams.
  [[nodiscard]] StreamKey stream(std::size_t index) const { return streams_.at(index); }

 private:
  std::array<StreamKey, kStreams> streams_{};
};

}  // namespace starminer::provider::benchmark
