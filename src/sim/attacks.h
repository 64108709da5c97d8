// What cheating the market is worth: every attack is run on the protocol's own machine (live_market.h) among an honest
// crowd, and beside it the same world with the attacker behaving honestly. The gain is the difference of the two,
// averaged over seeds; the bound is one GPU-minute, or what it costs at the first price, for each AGPU spent, or
// nothing. Pure computation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starminer::sim {

/// Figures of one run of one world.
struct AttackRun {
  double gained = 0;  // in the attack's own unit
  double price = 0;   // mean price of Standard while it went on, AGPU per GPU-hour; 0: prices stand or do not matter
  double spent = 0;   // AGPU lost by the attacker for the attack itself: fees, burns, its own jobs; not what work cost
};

struct AttackOptions {
  std::uint64_t seed = 42;
  std::uint32_t seeds = 4;  // worlds that differ by their draws
  /// The defence that the attack runs against is switched off: what is it worth?
  bool undefended = false;
};

enum class AttackVerdict : std::uint8_t { Holds = 0, Broken };

struct AttackResult {
  std::string name;
  double control = 0;       // mean of the honest worlds, in the unit
  double attack = 0;        // mean of the attacked ones
  double gain = 0;          // attack less control
  double gain_error = 0;    // standard error of the gain, over the seeds
  double spent = 0;         // AGPU, mean, beyond the control
  double price_change = 0;  // of the mean price of Standard, as a share; 0 where prices do not matter
  double bound = 0;         // the most that may be gained for what was spent
  AttackVerdict verdict{};
};

struct AttackRow {
  std::string_view name;
  std::string_view attack;   // what is done
  std::string_view control;  // what an honest one does
  std::string_view unit;     // of gain
  std::string_view defence;  // what stands against it, and what `undefended` switches off
  bool can_be_undefended = false;
};

[[nodiscard]] std::span<const AttackRow> attacks();
/// Requires: a name of the list.
[[nodiscard]] AttackResult run_attack(std::string_view name, const AttackOptions& options);

}  // namespace starminer::sim
