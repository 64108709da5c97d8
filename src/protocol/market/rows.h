// Rows of the demand side: jobs, who runs where, what was asked for lately (protocol sections 2 and 3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/ids.h"
#include "protocol/job/end_reason.h"
#include "protocol/job/spec.h"
#include "protocol/pricing/pricing.h"
#include "protocol/registry/rows.h"

namespace starminer::protocol {

/// Queued (parked jobs too) -> Active (a contract lives) -> Queued again after a provider's fault, or Ended.
enum class JobState : std::uint8_t { Queued = 0, Active = 1, Settled = 2, Refunded = 3 };
[[nodiscard]] constexpr std::uint8_t enum_count(JobState) { return 4; }
[[nodiscard]] std::string_view job_state_name(JobState state);

/// The price of a class as it was locked.
struct LockedPrice {
  ClassId hardware_class = 0;
  Price base;
  std::uint64_t log_price = 0;
  std::uint64_t slow_log_price = 0;
};

/// The unit price of a job's first match is that of `since`, if it comes before `until` (CSC-3, protocol section 4).
struct PriceLock {
  TimeMs since;
  TimeMs until;
  Agpu fee;                         // paid for it, whatever becomes of the job
  bool held = false;                // the first match was made at the locked price
  Agpu paid;                        // of the fee, to whoever served the job so; the rest is burned
  std::vector<LockedPrice> prices;  // of the classes that the job allows, by their ids
};

/// A node that work is about to leave for this job (protocol section 3, "Pre-emption").
struct NodeNotice {
  NodeId node;
  TimeMs due;  // when all that were given notice are gone
};

/// By when a job starts, or part of what it costs is not charged (protocol section 3).
enum class StartState : std::uint8_t { Open = 0, Kept = 1, Missed = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(StartState) { return 3; }
[[nodiscard]] std::string_view start_state_name(StartState state);

struct StartPromise {
  TimeMs due;
  StartState state{};

  bool operator==(const StartPromise&) const = default;
};

struct JobRow {
  AccountId requester;
  std::uint64_t sequence = 0;
  Hash32 client_key;   // key of its row in ClientIds
  Hash32 spec_digest;  // of the submitted operation, to tell a repeat from a reuse of the client id
  JobSpec spec;        // deadline is in market time here
  JobState state{};
  bool parked = false;   // waits for the price to fall to max_price
  bool weighed = false;  // counted as load at a tick, so that leaving the queue has its price
  TierId tier = 0;
  TierReason tier_reason{};
  Price max_price;           // resolved: never 0; later attempts keep the first unit price as their ceiling
  Agpu cap;                  // held in escrow; a notice makes it smaller
  TimeMs submitted;          // first entry into the queue; a job queued again keeps it
  std::uint64_t key_ms = 0;  // place in the order; smallest first, ties by job id
  std::uint32_t attempts = 0;
  Price unit;                      // of the current or last match; 0 before the first
  ContractId contract;             // current or last; zero before the first match
  std::vector<AccountId> avoided;  // providers that failed it, sorted
  ContractId fault_claim;          // contract whose provider first claimed the requester's fault; zero: none
  EndReason end_reason{};
  TimeMs ended;
  Agpu paid;
  Agpu refunded;
  Agpu burned;                // for leaving the queue
  std::uint64_t credits = 0;  // spent at the submission, whatever becomes of the job
  DurationMs boost;           // what they move its place ahead
  Agpu credits_burned;        // AGPU burned with them, beside the cap
  std::optional<PriceLock> price_lock;
  std::optional<NodeNotice> notice;  // it waits for this node and for no other
  Agpu compensation;                 // taken out of the cap for those that it pre-empted
  std::uint32_t preemptions = 0;     // how often it was pre-empted itself
  TimeMs waiting_since;  // for its first match: since the submission, or since it was last woken; 0 while it is parked
  std::optional<StartPromise> start_promise;  // of that wait
};

/// Who holds what now. One row per job with a live contract.
struct AssignmentRow {
  NodeId node;
  AccountId requester;
  ClassId hardware_class = 0;
  TierId tier = 0;
  Allocation allocation;
  std::uint64_t gpu_milli = 0;
  TimeMs projected_end;  // latest end by max_s: what EASY counts with
  bool boosted = false;  // counts in the lane of boosted jobs
  TimeMs matched;
  TimeMs started;                   // 0: it does not run yet
  JobId preempted_by;               // zero: no notice stands
  std::vector<HostShare> others{};  // hosts of its gang beside `node`
};

/// What the job holds on a node that it runs on.
[[nodiscard]] const Allocation& allocation_on(const AssignmentRow& row, const NodeId& node);

/// Calls `visit(node, allocation)` for every host of a job, the lead first.
template <class Visit>
void for_each_host(const AssignmentRow& row, const Visit& visit) {
  visit(row.node, row.allocation);
  for (const HostShare& host : row.others) visit(host.node, host.allocation);
}

/// A shape of demand: what a job asks of a node.
struct ShapeKey {
  std::uint32_t gpus = 0;
  std::uint32_t share_milli = 0;
  std::uint32_t cpu_milli = 0;

  auto operator<=>(const ShapeKey&) const = default;
};

struct ShapeRow {
  std::uint64_t current = 0;          // jobs of this epoch
  std::uint64_t previous = 0;         // jobs of the last epoch: the typical demand
  std::uint64_t choosy_current = 0;   // of `current`: those that name classes
  std::uint64_t choosy_previous = 0;  // the same of `previous`
};

struct ShareKey {
  ClassId hardware_class = 0;
  AccountId provider;  // zero: all without stake together

  auto operator<=>(const ShareKey&) const = default;
};

/// Assignments of a provider in a class in this epoch; `level` 0..3 is judged at ticks.
struct ShareRow {
  std::uint64_t assigned_milli = 0;
  std::uint8_t level = 0;
};

/// Demand by class, for the terms scarce and fit: jobs of the epoch that name the class.
struct ClassDemandRow {
  std::uint64_t naming_current = 0;
  std::uint64_t naming_previous = 0;
  std::uint64_t assigned_milli = 0;  // of this epoch, over all providers
  std::uint8_t scarce = 240;         // the term for jobs that do not name it; recomputed at ticks
  std::uint16_t barred = 0;          // 1/1024 of the GPU jobs that name other classes only; recomputed at ticks
  std::uint32_t load_ppm = 0;        // busy and waiting over all active GPUs, at the last tick: who may draw a reserve
};

inline constexpr std::size_t kWaitSteps = 64;

/// How long jobs of a (tier, class) waited for their first match, and what is published of it.
struct StartWaitsRow {
  std::array<std::uint32_t, kWaitSteps> counts{};  // sixteenths of a wait, fading with the epochs
  DurationMs p90;                                  // 0: too few to say
};

}  // namespace starminer::protocol
