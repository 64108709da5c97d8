// Answers about jobs that wait: which nodes are held for the first of each class, and what a job would have to give up
// to start now (protocol section 3, "Explain"). Questions about one moment of the state: they look at all nodes, write
// nothing, and many may run at once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/market/dispatch.h"
#include "protocol/market/eligibility.h"

namespace starminer::protocol {

/// Constraints that a requester can ask less of. What a node is or how its owner prices it, whether it serves the kind
/// and has the runtime, and what others hold there, no change of the job removes.
inline constexpr ConstraintSet kRelaxable =
    constraint_set(Constraint::Class) | constraint_set(Constraint::Devices) | constraint_set(Constraint::DeviceMemory) |
    constraint_set(Constraint::Interconnect) | constraint_set(Constraint::Cpu) | constraint_set(Constraint::Ram) |
    constraint_set(Constraint::Disk) | constraint_set(Constraint::Region) | constraint_set(Constraint::Residency) |
    constraint_set(Constraint::SiteTier) | constraint_set(Constraint::SandboxTier) |
    constraint_set(Constraint::Reputation) | constraint_set(Constraint::Provider) | constraint_set(Constraint::Price) |
    constraint_set(Constraint::Budget);

/// A job that asks less, and a node that would take it now: the match that the change yields was checked, not guessed.
struct Relaxation {
  ConstraintSet changed = 0;
  NodeId node;
  std::uint32_t nodes = 0;  // that fail exactly these constraints
  JobSpec spec;             // the relaxed job; its deadline is market time
  Price max_price;          // needed; 0 where it sets no limit
  Agpu cap;                 // needed; 0 where it sets no limit
  Price unit;               // on that node
  Agpu expected;            // cost there
};

/// The relaxations that change the fewest constraints, the cheapest first; at most `limit`, each of other constraints.
/// Empty where the job could start now, or where no change of it helps. Reads `nodes` with the reservations it has.
[[nodiscard]] std::vector<Relaxation> relaxations_of(const Demand& demand, const NodeList& nodes, std::size_t limit);

/// A class in which a boosted job lets others go first: boosted jobs, or its requester's, hold their part of it.
struct FullLane {
  ClassId hardware_class = 0;
  std::uint64_t held_milli = 0;  // by boosted jobs
  std::uint64_t lane_milli = 0;  // what they may hold while others wait
};

/// What a gang of so many hosts finds: the exclusions then are of hosts for one part.
struct GangRoom {
  std::uint32_t hosts = 0;
  std::uint32_t gpus_each = 0;
  std::uint32_t sites = 0;       // with enough hosts that lack only room
  std::uint32_t most_ready = 0;  // hosts of one site that could take their part now
};

struct Explanation {
  Exclusions exclusions;
  std::optional<GangRoom> gang;
  std::vector<Relaxation> relaxations;
  std::optional<FullLane> full_lane;  // the first of its classes
  /// When the job starts at the latest if it is the first of a class that cannot start and so has a node held for it.
  std::optional<Reservation> held;
};
/// Requires: the job is live.
[[nodiscard]] Explanation explain_job(const MarketView& market, const JobId& id, const JobRow& row,
                                      const BlockContext& context);

/// What is held for whom now, in the order of the jobs, of the first `jobs_max` that wait.
[[nodiscard]] std::vector<Reservation> standing_reservations(const MarketView& market, const BlockContext& context,
                                                             std::size_t jobs_max);

}  // namespace starminer::protocol
