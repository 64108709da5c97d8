// Rows of the reserve pools (protocol section 7). Plain aggregates, encoded field by field in this order.
// A node's row stands from its commitment until it leaves the reserve; a pool's row stays.
#pragma once

#include <cstdint>

#include "base/amount.h"
#include "base/ids.h"
#include "protocol/registry/rows.h"

namespace starminer::protocol {

/// A pool: the reserve of a class in a region.
struct ReserveKey {
  ClassId hardware_class = 0;
  RegionId region = 0;

  auto operator<=>(const ReserveKey&) const = default;
};

/// What a node is committed to.
struct ReserveNodeRow {
  ReserveKey pool;
  AccountId provider;
  std::uint32_t devices = 0;
  TimeMs joined;
  TimeMs until;                // end of its window: it cannot leave before
  Agpu stake;                  // what is left of it
  Agpu minimum;                // as of the last joining: with less it stands by no more
  Agpu charged;                // so far
  std::uint64_t draws = 0;     // jobs that came because it stands by
  std::uint64_t declines = 0;  // charged so far
  std::uint64_t epoch = 0;     // of the last charge
  std::uint32_t declines_of_epoch = 0;

  [[nodiscard]] bool stands_by() const { return stake >= minimum; }
};

/// What a pool did so far.
struct ReservePoolRow {
  std::uint64_t draws = 0;
  std::uint64_t declines = 0;  // charged
  Agpu burned;                 // of the charges
  Agpu compensated;            // of the charges, to requesters
};

/// What declining a job cost a node.
struct DeclineCharge {
  Agpu compensated;  // to the requester
  Agpu burned;
};

}  // namespace starminer::protocol
