// What a job would be admitted as: tier, resolved price limit, escrow and place, or the first refusal in the order of
// README.md. One function serves JobSubmit and the quote, so a quote shows what a submission would meet.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/job/spec.h"
#include "protocol/market/boost.h"
#include "protocol/market/demand.h"
#include "protocol/market/dispatch.h"
#include "protocol/market/node_index.h"
#include "protocol/operation/refusal.h"

namespace starminer::protocol {

struct Admission {
  JobSpec spec;  // deadline in market time
  TierDecision tier;
  Price max_price;  // resolved
  Agpu cap;         // to be held in escrow
  Boost boost;      // what the credits of the job come to
  std::uint64_t key_ms = 0;
  bool parked = false;  // would wait for the price to fall
  std::optional<PriceLock> lock;
  std::optional<Refusal> refusal;
};

struct AdmissionRequest {
  const NodeIndex& nodes;
  const JobSpec& spec;  // deadline is Unix time
  AccountId requester;
  Agpu available;                   // balance after the fee
  std::uint64_t credits_micro = 0;  // that the requester could spend
};

/// Everything but the client id. Figures are filled in as far as they can be found, also after a refusal.
[[nodiscard]] Admission admit(const MarketView& market, const AdmissionRequest& request, const BlockContext& context);

/// The lock of a price for so many ticks from now: of the classes of the job that a node has. Requires: ticks is not 0.
[[nodiscard]] PriceLock lock_of(const Demand& demand, const Places& places, Agpu cap, std::uint32_t ticks);

/// Least sum that a job pays once it ran: MinimumMeterMs at this price, at least MinimumJobFee.
[[nodiscard]] Agpu minimum_charge(const MarketView& market, const JobSpec& spec, Price unit);

}  // namespace starminer::protocol
