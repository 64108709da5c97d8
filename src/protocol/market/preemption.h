// Pre-emption (protocol section 3): which work gives way to a Premium job that fits nowhere, and what that costs.
// Only work of a tier whose row says so, and whose own specification does: the fewest jobs on one node, the newest
// first. Work that was pre-empted before is left alone until it has run for ShieldMs. All figures hold for one moment.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"

namespace starminer::protocol {

/// Whether a job that holds something may be given notice now.
[[nodiscard]] bool may_be_preempted(const MarketView& market, const JobId& job, TimeMs now);

/// The node that the job gets when the fewest jobs leave it, of the classes named: among equal numbers the one whose
/// oldest is the newest, then the first from `tie_start`. Empty where the job's tier pre-empts nobody, where its
/// deadline leaves no time for a notice, where no node could be emptied enough, or where the cap has no room for the
/// compensation beside what the job itself may cost until it starts. Reads `nodes` with the reservations it has.
[[nodiscard]] std::optional<Preemption> find_preemption(const Demand& demand, const NodeList& nodes,
                                                        const ClassSet& classes, std::uint32_t tie_start);

/// The jobs of one node that give way, newest first. One, the newest that suffices, where one does; else they are taken
/// newest first until the job fits, and spared again where it fits without them, the oldest first. Empty where the job
/// fits as it is, or not even so.
[[nodiscard]] std::vector<JobId> find_victims(const Demand& demand, const NodeView& node);

}  // namespace starminer::protocol
