// The cases of the list of attacks that need contracts (attacks.h, service.h): reserve pools, start promises, gangs.
// Pure computation.
#pragma once

#include <cstdint>

#include "sim/attacks.h"

namespace starminer::sim {

inline constexpr std::uint32_t kQuarter = 10;  // of the 40 nodes of a world
inline constexpr std::uint64_t kHourMs = 3'600'000;
inline constexpr std::uint64_t kMinuteMs = 60'000;
inline constexpr double kMinutesPerHour = 60;

struct Case {
  std::uint64_t seed = 0;
  bool attacks = false;  // else the attacker behaves honestly
  bool undefended = false;
};

// Reserve pools
[[nodiscard]] AttackRun decline_in_pool(const Case& run);
[[nodiscard]] AttackRun dawdle_in_pool(const Case& run);
[[nodiscard]] AttackRun collect_from_pool(const Case& run);
[[nodiscard]] AttackRun drain_pool(const Case& run);
[[nodiscard]] AttackRun drain_pool_by_inputs(const Case& run);
// Start promises
[[nodiscard]] AttackRun narrow_for_late_start(const Case& run);
[[nodiscard]] AttackRun ring_of_late_starts(const Case& run);
[[nodiscard]] AttackRun lapse_for_credit(const Case& run);
[[nodiscard]] AttackRun make_rivals_late(const Case& run);
// Gangs
[[nodiscard]] AttackRun block_sites(const Case& run);
[[nodiscard]] AttackRun fail_gangs(const Case& run);
[[nodiscard]] AttackRun harm_by_failed_gangs(const Case& run);

}  // namespace starminer::sim
