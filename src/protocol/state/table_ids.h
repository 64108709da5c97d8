// The number of every table of the state. Numbers are part of the state commitment: frozen once used.
#pragma once

#include <cstdint>

namespace starminer::protocol::state {

enum class TableId : std::uint8_t {
  Chain = 0,
  Timers = 1,
  Parameters = 2,
  Accounts = 3,
  Locks = 4,
  Pools = 5,
  Supply = 6,
  Reputation = 7,
  Providers = 8,
  Nodes = 9,
  Classes = 10,
  Regions = 11,
  RegionLatency = 12,
  Tiers = 13,
  Prices = 14,
  Jobs = 15,
  QueueEntries = 16,
  Reservations = 17,
  Contracts = 18,
  ClientIds = 19,
  DemandShapes = 20,
  Assignments = 21,
};

}  // namespace starminer::protocol::state
