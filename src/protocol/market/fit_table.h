// The fit term of every state and shape, each state computed once (design "matching" section 3): states of nodes are
// rounded and interned, shapes are the stand-ins of one typical demand. One writer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/market/fragmentation.h"
#include "protocol/matching/match_index.h"

namespace starminer::protocol {

class FitTable {
 public:
  explicit FitTable(Fragmentation fragmentation);

  [[nodiscard]] const Fragmentation& fragmentation() const { return fragmentation_; }
  /// The number of the shape that a job counts as.
  [[nodiscard]] std::uint8_t shape_number(const ShapeKey& shape) const;
  /// The number of the state of what is free; a new one gets its row in the index.
  [[nodiscard]] std::uint32_t state_number(const CapacityRow& free, MatchIndex& index);

 private:
  [[nodiscard]] FitRow row_of(const Fragmentation::State& state) const;

  Fragmentation fragmentation_;
  std::vector<ShapeKey> shapes_;
  std::map<std::string, std::uint32_t> states_;  // by levels of the devices in order, and CPU
};

}  // namespace starminer::protocol
