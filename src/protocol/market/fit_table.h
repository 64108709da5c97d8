// The fit term of every state and shape, each state computed once (design "matching" section 3): states of nodes are
// rounded and interned, shapes are the stand-ins of one typical demand. States that no node is in give their numbers to
// new ones, so there are about as many as nodes. Numbers depend on history and show in no result. One writer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/market/fragmentation.h"
#include "protocol/matching/match_index.h"

namespace starminer::protocol {

class FitTable {
 public:
  explicit FitTable(Fragmentation fragmentation, const MatchKernels& kernels = best_kernels());

  [[nodiscard]] const Fragmentation& fragmentation() const { return fragmentation_; }
  /// The number of the shape that a job counts as.
  [[nodiscard]] std::uint8_t shape_number(const ShapeKey& shape) const;
  /// The number of the state of what is free; a new one gets its row in the index. A shape fits where Fragmentation
  /// says so and the CPU that is free, unrounded, is enough for it. Holds until the next call where no node takes it.
  [[nodiscard]] std::uint32_t state_number(const CapacityRow& free, MatchIndex& index);
  [[nodiscard]] std::size_t states() const { return known_; }
  [[nodiscard]] std::uint64_t memory_bytes() const;

 private:
  [[nodiscard]] FitRow row_of(std::uint32_t cpu_free_milli) const;
  void fill_key(const CapacityRow& free);
  [[nodiscard]] std::size_t find_slot() const;
  void forget(std::uint32_t number);
  void recycle(const MatchIndex& index);
  void grow();

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  Fragmentation fragmentation_;
  const MatchKernels* kernels_;
  struct Shape {
    bool asks_cpu = true;   // every job of this number asks for the CPU of its stand-in at least
    std::size_t loose = 0;  // number for jobs that ask for less of it
  };
  std::vector<ShapeKey> stand_ins_;      // by number
  std::vector<Shape> shapes_;            // the same
  std::vector<std::uint32_t> cpu_asks_;  // of the shapes, rising
  // Open addressing over the keys; a number is that of the state in the index.
  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(64, kNone);
  std::vector<std::string> keys_;  // by number: levels of the devices in order, and CPU; empty: free
  std::vector<std::uint32_t> free_;
  std::size_t known_ = 0;
  std::uint32_t hand_ = 0;  // where the search for states without nodes goes on
  std::string key_;         // of the state that is asked for
  Fragmentation::State state_;
};

}  // namespace starminer::protocol
