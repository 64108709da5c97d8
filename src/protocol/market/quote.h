// A quote (WRK-4): what a job would cost and where it could run, with every input of the price. A pure query; it binds
// nobody. Prices range over the envelope; what a node predicts of the start is added outside the state (API).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "protocol/market/boost.h"
#include "protocol/market/matching.h"

namespace starminer::protocol {

/// Ticks of the locks that every quote has a fee for.
inline constexpr std::array<std::uint32_t, 2> kLockTicks = {5, 15};

struct ClassQuote {
  ClassId hardware_class = 0;
  Price base;      // published price of (tier, class)
  Price unit_min;  // over nodes that pass all constraints but capacity
  Price unit_max;
  Factors factors;  // of the node that would win, else of the cheapest
  Envelope next_5;  // certain bounds in 5, 15, 60 ticks
  Envelope next_15;
  Envelope next_60;
  std::uint32_t eligible = 0;
  std::uint32_t free = 0;
  std::uint32_t load_ppm = 0;    // of the class at the last tick
  std::uint32_t in_reserve = 0;  // of the eligible ones, nodes that stand by
  bool may_draw = false;         // the job would prefer those
};

struct Quote {
  TierDecision tier;
  Price max_price;                           // resolved
  Agpu cap;                                  // what would be escrowed
  Agpu expected;                             // expected cost at the winner's (else cheapest) unit price
  FeeSplit expected_split;                   // receivers of the expected cost
  std::optional<PriceLock> lock;             // that the job asks for
  std::array<Agpu, 2> lock_fees;             // of a lock for kLockTicks
  std::optional<DurationMs> start_promised;  // how soon its tier promises the start; empty: not, or not yet
  Agpu tx_fee;
  Agpu balance;                     // of the requester
  Boost boost;                      // what the credits of the job come to
  std::uint64_t credits_micro = 0;  // millionths of a credit that the requester has
  std::vector<ClassQuote> classes;
  Exclusions exclusions;
  std::optional<Match> match;            // who would take it now; of a gang, its best host
  std::vector<Candidate> others;         // hosts of the gang beside that
  std::uint32_t hosts = 1;               // that classes and exclusions are asked for: of a gang, of each part
  std::optional<Preemption> preemption;  // whom it would give notice to instead, and what that takes of the cap
  bool starts_now = false;
  std::uint32_t queue_ahead = 0;   // jobs with a smaller key in the same classes
  std::optional<Refusal> refusal;  // what a submission would be refused for now
};

}  // namespace starminer::protocol
