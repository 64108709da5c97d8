// The loops over whole columns of the match index, each in a plain form and in forms for wider machines. All forms give
// the same integers on every input; which one runs is chosen once, by the processor, and never shows in a result.
// Pure functions over memory of the caller, safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace starminer::protocol {

inline constexpr std::size_t kBlockNodes = 64;   // nodes of a block, and bits of a mask
inline constexpr std::size_t kMatchShapes = 64;  // shapes of jobs that the fit term tells apart
inline constexpr std::size_t kMatchKinds = 4;    // queues, each with its own reputation and rating
inline constexpr std::size_t kMatchTiers = 8;    // tiers that the index can hold
inline constexpr std::size_t kMatchLanes = kMatchTiers * kMatchKinds;  // lane = tier * kMatchKinds + kind

/// The fit term of one state of a node for every shape; 0: does not fit.
struct FitRow {
  std::array<std::uint8_t, kMatchShapes> fit{};
};

/// By shape: 1 + the most that quality and fit of a node of the block come to; 0: no node fits.
using MemoRow = std::array<std::uint16_t, kMatchShapes>;
/// By slot of the block: the part of the score that belongs to the node alone.
using QualityRow = std::array<std::uint16_t, kBlockNodes>;

struct alignas(64) MatchLane {
  MemoRow memo{};
  QualityRow quality{};
};

/// What a node brings to one cell, as the memo keeps it. Fits 16 bits: weights sum to 100, terms are at most 240.
[[nodiscard]] constexpr std::uint16_t match_worth(std::uint8_t fit, std::uint16_t quality, std::uint16_t weight) {
  // Without a branch: all bits set where it fits, so that compilers make vectors of loops over it.
  const auto fits = static_cast<std::uint16_t>(-static_cast<int>(fit != 0));
  return static_cast<std::uint16_t>(static_cast<std::uint16_t>(1 + quality + weight * fit) & fits);
}

/// What a recompute reads.
struct MemoSource {
  const FitRow* rows = nullptr;                                    // by state
  const std::array<std::uint32_t, kBlockNodes>* states = nullptr;  // by slot
  std::array<std::uint64_t, kMatchKinds> counted{};                // slots whose nodes count, by kind
  std::array<std::uint16_t, kMatchTiers> weights{};                // of the fit term, by tier
};

/// Shapes as bits.
struct MemoChange {
  std::uint64_t raised = 0;  // the memo is higher now
  std::uint64_t stale = 0;   // it may have rested on what the node was worth before
};

inline constexpr std::size_t kTypicalColumns = 32;
using TypicalColumn = std::array<std::uint32_t, kTypicalColumns>;
/// The typical shapes of demand by columns; where there are fewer, the rest weighs nothing.
struct TypicalShapes {
  TypicalColumn ask_milli{};  // of each device
  TypicalColumn gpus{};
  TypicalColumn cpu_milli{};
  TypicalColumn weight{};  // sum about 1024
};
/// What they find on a node: devices that hold the ask, and what is free on these.
struct TypicalFound {
  TypicalColumn devices{};
  TypicalColumn free_milli{};
};
/// A placement as the fit term sees it: this many devices go from one free share to a lower one, which leaves so much
/// on the node.
struct FitStep {
  std::uint32_t devices = 0;
  std::uint32_t from_milli = 0;
  std::uint32_t to_milli = 0;
  std::uint32_t left_milli = 0;  // on all devices, at most 64 whole ones
  std::uint32_t left_cpu_milli = 0;
};

/// The places of one class as a decision ranks them: bound << kRegionBits | first region first; 0: no bound.
inline constexpr std::uint32_t kRegionBits = 6;
using PlaceKeys = std::array<std::uint32_t, std::size_t{1} << kRegionBits>;

struct MatchKernels {
  /// Raises the memo of a lane to what a node is worth now.
  MemoChange (*replace)(MemoRow& memo, const FitRow& old_fit, std::uint16_t old_quality, const FitRow& new_fit,
                        std::uint16_t new_quality, std::uint16_t weight);
  /// Recomputes the memos of the lanes in a set from all slots.
  void (*recompute)(MatchLane* lanes, std::uint32_t set, const MemoSource& source);
  /// Bits of the slots whose figure is at least this.
  std::uint64_t (*at_least_8)(const std::array<std::uint8_t, kBlockNodes>& column, std::uint8_t least);
  std::uint64_t (*at_least_16)(const std::array<std::uint16_t, kBlockNodes>& column, std::uint16_t least);
  std::uint64_t (*at_least_32)(const std::array<std::uint32_t, kBlockNodes>& column, std::uint32_t least);
  /// Sum over the typical shapes of weight x the free share that the shape cannot use after a step.
  std::uint32_t (*unusable)(const TypicalShapes& shapes, const TypicalFound& found, const FitStep& step);
  /// Fills the keys of the first `count` regions, a multiple of 16, from their tops (0: nothing there), bounds and
  /// masks (all bits or none). Returns the highest.
  std::uint32_t (*rank_places)(const std::uint16_t* tops, std::uint32_t class_bound, const PlaceKeys& bounds,
                               const PlaceKeys& masks, std::size_t count, PlaceKeys& keys);
  /// The highest of the first `count` keys, a multiple of 16.
  std::uint32_t (*highest_key)(const PlaceKeys& keys, std::size_t count);
};

/// Plain loops.
[[nodiscard]] const MatchKernels& plain_kernels();
/// The widest that this processor runs.
[[nodiscard]] const MatchKernels& best_kernels();

}  // namespace starminer::protocol
