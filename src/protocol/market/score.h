// The score of a node for a job (MAT-1..3, design "matching" section 2): eight terms of 0..240, weights of the tier
// that sum to 100, and the choice of the best node. Every engine must agree on every integer here.
#pragma once

#include <cstdint>
#include <optional>

#include "base/hash.h"
#include "protocol/market/demand.h"
#include "protocol/market/fragmentation.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"

namespace starminer::protocol {

inline constexpr std::uint16_t kTermMax = 240;

class Scorer {
 public:
  /// Both must outlive the object. `hash_start` is where ties begin: a dense id.
  Scorer(const Demand& demand, const Fragmentation& fragmentation, std::uint32_t hash_start);

  [[nodiscard]] ScoreParts parts(const NodeView& node) const;
  [[nodiscard]] Candidate candidate(const NodeView& node) const;
  /// The best node that passes every constraint; equal scores go to the first dense id at or after the start,
  /// cyclically.
  [[nodiscard]] std::optional<Match> choose(const NodeList& nodes) const;

 private:
  [[nodiscard]] std::uint16_t budget(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t speed(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t proximity(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t ready(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t spread(const NodeRow& node) const;
  [[nodiscard]] std::uint16_t scarce(const NodeRow& node) const;
  /// Distance of a dense id from the start of the tie order.
  [[nodiscard]] std::uint32_t distance(const NodeRow& node) const;

  const Demand& demand_;
  const Fragmentation& fragmentation_;
  std::uint32_t hash_start_;
};

/// Start of the tie order of a job in a block: its tie rank scaled to the range of dense ids.
[[nodiscard]] std::uint32_t tie_start(const Hash32& seed, const JobId& job, std::uint32_t total_nodes);

}  // namespace starminer::protocol
