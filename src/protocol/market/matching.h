// Matching (MAT-1..6, protocol section 3, design "matching" section 2): which node takes a job. This is the plain,
// obviously correct matcher: it looks at every node. NodeIndex agrees with it on every decision.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "protocol/market/rows.h"

namespace starminer::protocol {

/// Hard constraints, in the order in which they are tested and reported.
enum class Constraint : std::uint8_t {
  Status = 0,  // not Active
  Class,       // not in the job's class list
  Kind,        // no rating for this kind
  Devices,     // too few devices on the node
  DeviceMemory,
  Interconnect,
  Cpu,
  Ram,
  Disk,
  Region,
  Residency,
  SiteTier,
  SandboxTier,
  Tee,
  Runtime,
  Reputation,
  Provider,  // excluded by the requester, or failed this job before
  Price,     // unit price above max_price
  Floor,     // price below the owner's floor
  Budget,    // expected cost above the cap
  Capacity,  // fits the empty node, not now
  Reserved,  // held for an earlier job that could not start
};
inline constexpr std::size_t kConstraintCount = 22;
[[nodiscard]] std::string_view constraint_name(Constraint constraint);      // "device_memory"
[[nodiscard]] std::string_view constraint_sentence(Constraint constraint);  // "too little memory per device"

using ScoreParts = std::array<std::uint16_t, kScoreTermCount>;  // 0..240 each

struct Candidate {
  NodeId node;
  std::uint32_t score = 0;  // 0..62,400
  ScoreParts parts{};
  std::uint16_t reserve = 0;  // 0 or 240: the node stands by in a reserve that the job may draw
  Price unit;                 // with the node's own factors
  Factors factors;
};

/// A decision, and why.
struct Match {
  Candidate winner;
  std::optional<Candidate> runner_up;
  std::uint32_t eligible = 0;
  std::uint32_t considered = 0;
};

/// A job that gives way, and what is paid for it.
struct Victim {
  JobId job;
  Agpu share;    // of the price of NoticeMinimumMs of the GPUs that the other job asks for
  Agpu unsaved;  // its own price of the time that it ran, at most UnsavedMaxMs
};

struct Preemption {
  NodeId node;
  std::vector<Victim> victims;  // newest first
  Agpu compensation;            // sum over all of them
};

/// For each constraint: how many nodes fail it first in the order above, and how many fail nothing else.
struct Exclusions {
  std::array<std::uint32_t, kConstraintCount> first{};
  std::array<std::uint32_t, kConstraintCount> alone{};
  std::uint32_t nodes = 0;
  std::uint32_t eligible = 0;              // pass everything now
  std::uint32_t eligible_busy = 0;         // pass everything but capacity and reservation
  std::optional<Price> cheapest_over_cap;  // least unit price among nodes that fail the price alone
};

}  // namespace starminer::protocol
