// The fit term (design "matching" section 2): how a placement changes what the typical demand cannot use of a node
// (FGD), in 16 levels, with best fit as 15 levels below. It works on rounded states of nodes and on stand-ins of rare
// shapes, so that a fast index can keep it in tables; every engine must agree on every value. Pure integer arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "protocol/market/rows.h"
#include "protocol/matching/match_kernels.h"
#include "protocol/registry/rows.h"

namespace starminer::protocol {

/// At most this many shapes count as typical, or those that make up 95 % of demand if they are fewer.
inline constexpr std::size_t kTypicalShapesMax = 31;

class Fragmentation {
 public:
  struct Typical {
    ShapeKey shape;
    std::uint64_t weight = 0;  // in 1/1024 of the typical demand
  };

  /// From GPU shapes with their counts, most common first, and the count of all GPU jobs. Without any, one whole GPU.
  Fragmentation(const std::vector<std::pair<ShapeKey, std::uint64_t>>& demand, std::uint64_t total);

  [[nodiscard]] const std::vector<Typical>& typical() const { return typical_; }
  /// Free shares of a device are rounded down to one of these, rising.
  [[nodiscard]] const std::vector<std::uint16_t>& levels() const { return levels_; }
  /// What a job counts as: its own shape where it is typical, else a stand-in that asks no more.
  [[nodiscard]] ShapeKey stand_in(const ShapeKey& shape) const;

  /// Every shape that stand_in can give, at most 31 + 20.
  [[nodiscard]] std::vector<ShapeKey> stand_ins() const;

  /// A node's free devices and CPU, rounded.
  struct State {
    std::vector<std::uint16_t> device_milli;
    std::uint32_t cpu_milli = 0;
  };
  [[nodiscard]] State round(const CapacityRow& free) const;
  /// Places a shape on a rounded state: the tightest device that holds a share, whole devices from fully free ones.
  /// False where the devices do not hold it.
  [[nodiscard]] bool place(State& state, const ShapeKey& shape) const;
  /// Sum over the typical shapes of weight x the free share that the shape cannot use: 1/1024 of 1/1000 GPU.
  [[nodiscard]] std::uint64_t unusable(const State& state) const;
  /// 1..240; 0: does not fit.
  [[nodiscard]] std::uint16_t fit(const CapacityRow& free, const ShapeKey& shape) const;
  /// The same of a rounded state and a stand-in; `before` is what is unusable of the state.
  [[nodiscard]] std::uint16_t fit(State state, const ShapeKey& stand_in, std::uint64_t before) const;
  /// The same of one state and many stand-ins, by what each placement changes. Requires: as many figures as stand-ins.
  void fits(const State& state, std::span<const ShapeKey> stand_ins, const MatchKernels& kernels,
            std::span<std::uint8_t> figures) const;

 private:
  [[nodiscard]] std::uint16_t round_share(std::uint32_t milli) const;
  [[nodiscard]] static std::uint16_t level(std::uint64_t before, std::uint64_t after, std::uint64_t free_milli,
                                           std::uint32_t cpu_milli);

  std::vector<Typical> typical_;
  TypicalShapes columns_;  // the same
  std::vector<std::uint16_t> levels_;
};

}  // namespace starminer::protocol
