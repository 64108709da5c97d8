// The score of a node for a job (MAT-1..3, design "matching" section 2): terms of 0..240 (fit: 0..480), weights of the
// tier that sum to 100, and the choice of the best node. Every engine must agree on every integer here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/hash.h"
#include "protocol/market/demand.h"
#include "protocol/market/fragmentation.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"

namespace starminer::protocol {

inline constexpr std::uint16_t kTermMax = 240;
/// The fit term: what the node's state says, and what its class says (decision 0018).
inline constexpr std::uint16_t kFitMax = 2 * kTermMax;
/// Of terms of at most 240 and weights of 100, and once more of the weight of fit.
inline constexpr std::uint32_t kScoreMax = 48'000;
/// Beside that sum: what a node that stands by brings to jobs that may draw it, times ReserveWeight (RSV-1).
inline constexpr std::uint16_t kReserveTerm = kTermMax;
/// Unit of ClassDemandRow::barred.
inline constexpr std::uint64_t kBarredUnit = 1024;

/// What a node itself brings to the score, beside what it shares with its place and beside fit and image. All of it
/// enters as a sum, so that an index can keep it per node.
struct NodeQuality {
  std::uint8_t reputation = 0;
  std::uint8_t rating_level = 0;  // 0..7 against the median of its class
  std::uint8_t last_mile_level = 0;
  std::uint8_t spread_level = 0;  // 0..3

  [[nodiscard]] std::uint32_t score(const std::array<std::uint8_t, kScoreTermCount>& weights) const;
};
/// Steps of an eighth of the range from 0.6 to 1.5 of the median. What is claimed above the median counts as the
/// median.
[[nodiscard]] std::uint8_t rating_level(std::uint64_t rating, std::uint64_t median);

/// A candidate with its place in the order of ties.
struct Ranked {
  Candidate candidate;
  std::uint32_t distance = 0;
};
/// Higher score, else first at or after the start, cyclically.
[[nodiscard]] bool is_better(const Ranked& a, const Ranked& b);

class Scorer {
 public:
  /// Both must outlive the object. `hash_start` is where ties begin: a dense id.
  Scorer(const Demand& demand, const Fragmentation& fragmentation, std::uint32_t hash_start);

  [[nodiscard]] ScoreParts parts(const NodeView& node) const;
  [[nodiscard]] Candidate candidate(const NodeView& node) const;
  [[nodiscard]] Ranked ranked(const NodeView& node) const;
  /// The best node that passes every constraint; equal scores go to the first dense id at or after the start,
  /// cyclically.
  [[nodiscard]] std::optional<Match> choose(const NodeList& nodes) const;

  // The score as a sum: place + NodeQuality + weight of the fit term x fit + image_score where the image is cached +
  // reserve_score where a reserve is drawn.
  /// What all nodes of a class in a region have in common.
  [[nodiscard]] std::uint32_t place_score(ClassId hardware_class, RegionId region) const;
  /// The part of it that the region alone says, and at least the rest, where no region has a lower factor than this.
  [[nodiscard]] std::uint32_t region_score(RegionId region) const;
  [[nodiscard]] std::uint32_t class_bound(ClassId hardware_class, RegionId cheapest) const;
  [[nodiscard]] std::uint32_t image_score() const;
  /// That of a node which stands by, where the job may draw its class's reserves.
  [[nodiscard]] std::uint32_t reserve_score() const;

 private:
  [[nodiscard]] std::uint32_t class_score(ClassId hardware_class) const;
  [[nodiscard]] std::uint16_t budget(ClassId hardware_class, RegionId region) const;
  [[nodiscard]] std::uint16_t speed_of_class(ClassId hardware_class) const;
  [[nodiscard]] std::uint16_t speed(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t proximity_of_region(RegionId region) const;
  [[nodiscard]] std::uint16_t proximity(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t ready(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t spread(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t scarce(ClassId hardware_class) const;
  [[nodiscard]] std::uint16_t reserve(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t fit_of_class(ClassId hardware_class) const;
  [[nodiscard]] std::uint32_t weight(ScoreTerm term) const;
  /// Distance of a dense id from the start of the tie order.
  [[nodiscard]] std::uint32_t distance(const NodeRow& node) const;

  const Demand& demand_;
  const Fragmentation& fragmentation_;
  std::uint32_t hash_start_;
};

/// Start of the tie order of a job in a block: its tie rank scaled to the range of dense ids.
[[nodiscard]] std::uint32_t tie_start(const Hash32& seed, const JobId& job, std::uint32_t total_nodes);

}  // namespace starminer::protocol
