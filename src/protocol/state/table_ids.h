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
  Capacity = 10,
  Classes = 11,
  Regions = 12,
  RegionLatency = 13,
  Operators = 14,
  Tiers = 15,
  Prices = 16,
  Jobs = 17,
  ClientIds = 18,
  Shapes = 19,
  Assignments = 20,
  Contracts = 21,
  Shares = 22,
  ClassDemand = 23,
  Seeds = 24,
  Proposers = 25,
  Governance = 26,
  ParameterChanges = 27,
  Stakes = 28,
  Unbondings = 29,
  PriceHistory = 30,
  PriceBands = 31,
  StartWaits = 32,
  PremiumFees = 33,
  Benchmarks = 40,
  TelemetryWindow = 41,
  TelemetryReports = 42,
  NodeTelemetry = 43,
  Attestors = 44,
  Attestations = 45,
  ReserveNodes = 50,
  ReservePools = 51,
};

}  // namespace starminer::protocol::state
