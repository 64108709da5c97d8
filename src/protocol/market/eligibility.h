// Hard constraints: whether a node may take a job, and if not, why not (MAT-3, MAT-4). Each constraint answers for
// itself, so that a node that fails several is counted under each. Capacity asks about now only: a node that is too
// small for the job even when empty fails what it is too small in, not Capacity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/market/demand.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"

namespace starminer::protocol {

/// A set of constraints as bits.
using ConstraintSet = std::uint32_t;

[[nodiscard]] constexpr ConstraintSet constraint_set(Constraint constraint) {
  return ConstraintSet{1} << static_cast<unsigned>(constraint);
}

/// What may change while a job waits, besides the node's status: prices, and what others hold.
inline constexpr ConstraintSet kPassing = constraint_set(Constraint::Price) | constraint_set(Constraint::Floor) |
                                          constraint_set(Constraint::Budget) | constraint_set(Constraint::Capacity) |
                                          constraint_set(Constraint::Reserved);
inline constexpr ConstraintSet kBusy = constraint_set(Constraint::Capacity) | constraint_set(Constraint::Reserved);

[[nodiscard]] bool fails(Constraint constraint, const Demand& demand, const NodeView& node);
/// The first constraint in the order of the enum that the node fails, of those not in `ignored`.
[[nodiscard]] std::optional<Constraint> first_failure(const Demand& demand, const NodeView& node,
                                                      ConstraintSet ignored = 0);
/// All constraints that the node fails, of those asked about.
[[nodiscard]] ConstraintSet failures(const Demand& demand, const NodeView& node,
                                     ConstraintSet asked = ~ConstraintSet{0});
/// The highest floor, in 1/32 of the anchor, that the present price of a class reaches.
[[nodiscard]] std::uint8_t highest_floor(const Demand& demand, ClassId hardware_class);
/// Whether the node could serve the job if it were free and the price right. A leaving node could not.
[[nodiscard]] bool could_ever_run(const Demand& demand, const NodeView& node);

[[nodiscard]] Exclusions exclusions_of(const Demand& demand, const NodeList& nodes);
/// Nodes that a refused submission is worth a look at.
inline constexpr std::uint32_t kNeverLookedAt = 4'096;
/// Why nothing could ever run the job: counts by reason, and the node that misses least with what it misses. Where
/// there are more nodes, so many of them are looked at, evenly over the order of registration.
[[nodiscard]] std::string explain_never(const Demand& demand, std::uint32_t looked_at_most = kNeverLookedAt);

}  // namespace starminer::protocol
