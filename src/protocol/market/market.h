// Demand: jobs, the order of the queues, parking, EASY backfill, share limits, and the choice of a node.
// One order per hardware class over all tiers; a job with several classes stands in each under one key. A contract is
// opened by the contracts module from what `next_match` returns; this module never knows contracts.
// Invariants: every live job has its escrow of exactly `cap`; only an Active job has an assignment, and it loses it
// when its result is delivered or its contract ends; final states never change. One writer; queries only between
// writes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/ledger/ledger.h"
#include "protocol/market/boost.h"
#include "protocol/market/matching.h"
#include "protocol/market/quote.h"
#include "protocol/market/rows.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/pricing/pricing.h"
#include "protocol/registry/registry.h"
#include "protocol/reputation/reputation.h"
#include "protocol/staking/staking.h"
#include "protocol/state/table.h"
#include "protocol/timers/timers.h"

namespace starminer::protocol {

class DispatchPass;
class LoadIndex;
class Market;
class NodeIndex;
class QueueIndex;
struct MarketView;
struct StandingPass;

struct JobSubmit {
  using Module = Market;
  struct Evidence {
    std::optional<JobId> repeat;  // the same client id with the same job: nothing is done, the first job is named
    TierDecision tier;
    Price max_price;
    Agpu cap;
    Boost boost;
    std::optional<PriceLock> lock;
  };
  std::string client_id;  // 1..64 printable ASCII characters; empty: the job is not protected against a repeat
  JobSpec spec;           // deadline is Unix time here

  static Result<Valid<JobSubmit>, Refusal> validate(JobSubmit op);
};

struct JobCancel {
  using Module = Market;
  struct Evidence {
    bool queued = false;  // else its contract must be ended: the contracts module does that
  };
  JobId job;

  static Result<Valid<JobCancel>, Refusal> validate(JobCancel op);
};

/// Budget or max_price of a job that waits for its first match, raised; 0: as it is. What it may cost more is escrowed,
/// and it keeps its place; one that was parked enters the queue where the price is no longer above its limit (QUE-3).
struct JobRaise {
  using Module = Market;
  struct Evidence {
    Price max_price;  // of the job from now on
    Agpu cap;
  };
  JobId job;
  Agpu budget;
  Price max_price;

  static Result<Valid<JobRaise>, Refusal> validate(JobRaise op);
};

/// A match made: everything the contract needs, with capacity already taken.
struct MatchMade {
  JobId job;
  Candidate winner;
  Allocation allocation;
  std::vector<HostShare> others;  // hosts of its gang beside the winner's
  PriceKey price_key;
  Price base;
  std::uint64_t log_price = 0;
  std::uint64_t slow_log_price = 0;
};

/// Notice given to work that makes room for a job; what is paid for each is locked under its contract.
struct NoticeGiven {
  struct Receiver {
    ContractId contract;
    Agpu share;
    Agpu unsaved;
  };
  JobId by;
  NodeId node;
  TimeMs due;
  std::vector<Receiver> victims;  // newest first
};

/// A job that reached a final state, for the history tree.
struct EndedJob {
  JobId job;
  JobRow row;
};

class Market {
 public:
  Market(state::Store& store, const Params& params, Ledger& ledger, Registry& registry, const Pricing& pricing,
         Reputation& reputation, Staking& staking, Timers& timers);
  ~Market();
  Market(const Market&) = delete;
  Market& operator=(const Market&) = delete;

  // Operations; refusals in order: README.md
  [[nodiscard]] Result<Checked<JobSubmit>, Refusal> check(const Valid<JobSubmit>&, const Sender&,
                                                          const BlockContext&) const;
  /// Escrows the cap, spends the credits and queues the job. Returns its id (of the first job for a repeat).
  JobId apply(const Checked<JobSubmit>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<JobCancel>, Refusal> check(const Valid<JobCancel>&, const Sender&) const;
  /// Ends a queued job; for an active one does nothing (evidence().queued tells).
  void apply(const Checked<JobCancel>&, const Sender&, const BlockContext&);

  [[nodiscard]] Result<Checked<JobRaise>, Refusal> check(const Valid<JobRaise>&, const Sender&,
                                                         const BlockContext&) const;
  void apply(const Checked<JobRaise>&, const Sender&, const BlockContext&);

  // Dispatch
  /// Something happened that may let a waiting job start: arrival, release, node activation, tick.
  void trigger() {
    triggered_ = true;
    pass_is_old_ = true;
  }
  /// The next match in queue order, its capacity taken and its assignment written; empty when no waiting job can
  /// start, after which reservations stand. Call until empty. It is empty, too, where a job gave notice instead: then
  /// `take_notices` is not, and calling again goes on. Between calls prices and parameters must stand.
  [[nodiscard]] std::optional<MatchMade> next_match(const BlockContext& context);
  /// Notices given since the last call. Their receivers' contracts must end by the time they name, whatever becomes of
  /// the job that gave them.
  [[nodiscard]] std::vector<NoticeGiven> take_notices();

  // For contracts
  /// The job's run began: its projected end is now + max_s, and a promise to start at once is kept or missed.
  void on_started(const JobId& job, TimeMs now);
  /// Half of what a lock of the price cost, to the first that is paid for the job at that price; the rest burns with
  /// the job's end.
  void pay_price_lock(const JobId& job, const AccountId& payee);
  /// Gives the capacity back and takes the assignment away.
  void release(const JobId& job, const BlockContext& context);
  /// Records the contract id of a match.
  void set_contract(const JobId& job, const ContractId& contract);
  /// Whether the job may be queued again: fewer than AttemptsMax faults so far, deadline ahead, cap covers the minimum
  /// charge, and some node could run it at its first price. Where not, the job ends with the provider's fault as its
  /// reason: the party that caused the end stays named.
  [[nodiscard]] bool can_requeue(const JobId& job, const AccountId& failed_provider, const BlockContext& context) const;
  /// Queues the job again under its old key, with its first unit price as ceiling and without that provider.
  /// Requires: released, can_requeue.
  void requeue(const JobId& job, const AccountId& failed_provider, const BlockContext& context);
  /// Whether a job that is pre-empted now may be queued again: deadline ahead, cap covers the minimum charge, and some
  /// node could run it. It keeps its price whatever others pay by then, and no attempt is counted.
  [[nodiscard]] bool can_queue_preempted(const JobId& job, const BlockContext& context) const;
  /// Queues it again under its old key, with its first unit price as ceiling. Requires: released, can_queue_preempted.
  void queue_preempted(const JobId& job, const BlockContext& context);
  /// Ends the job: what is left of the escrow returns to the requester. Requires: released. `paid` is the sum that the
  /// contracts module took from the escrow.
  void end(const JobId& job, JobState final_state, EndReason reason, Agpu paid, const BlockContext& context);
  /// Takes an ended job and its client id out of the state. Its final row stays in the history.
  void archive(const JobId& job);
  /// Remembers the first contract whose provider claimed the requester's fault.
  void set_fault_claim(const JobId& job, const ContractId& contract);
  /// Whether any node, busy or not, could serve the job, leaving the avoided providers and `also_avoid` out.
  [[nodiscard]] bool can_ever_run(const JobId& job, const AccountId& also_avoid, const BlockContext& context) const;

  // Timers
  void on_deadline(const JobId& job, const BlockContext& context);
  /// What prices and draws of reserves follow, measured before `on_tick`. Jobs that count in it are marked: leaving has
  /// its price for them.
  [[nodiscard]] Loads weigh_load(const BlockContext& context);
  void on_tick(const BlockContext& context);
  void on_epoch(const BlockContext& context);

  /// Jobs that ended since the last call, in order.
  [[nodiscard]] std::vector<EndedJob> take_ended();

  // Queries
  [[nodiscard]] Quote quote(const JobSpec& spec, const AccountId& requester, const BlockContext& context) const;
  /// Why a job is where it is: exclusions of its current state.
  [[nodiscard]] Exclusions explain(const JobId& job, const BlockContext& context) const;
  /// Place in the order among waiting jobs that share a class with it, from 0; empty where it does not wait in it.
  [[nodiscard]] std::optional<std::uint32_t> queue_position(const JobId& job) const;
  [[nodiscard]] const state::Table<JobId, JobRow>& jobs() const { return jobs_; }
  [[nodiscard]] const state::Table<JobId, AssignmentRow>& assignments() const { return assignments_; }
  /// How soon nine of ten jobs of the tier had a match in the class, lately; 0 where too few say so.
  [[nodiscard]] DurationMs start_p90(TierId tier, ClassId hardware_class) const;
  /// What every tier of a class has and what is asked of it, as a tick now would measure it.
  [[nodiscard]] Loads loads(const BlockContext& context) const;
  /// What is asked for by class; `load_ppm` says where reserves may be drawn.
  [[nodiscard]] const state::Table<ClassId, ClassDemandRow>& class_demand() const { return class_demand_; }
  /// What is derived from the tables: the order of waiting jobs, jobs by requester, counts.
  [[nodiscard]] const QueueIndex& index() const { return *index_; }
  /// For questions about one moment (explain.h), of which many may run at once.
  [[nodiscard]] MarketView view() const;
  [[nodiscard]] bool invariants_hold() const;

 private:
  // Life of a job (jobs.cpp)
  void enter_queue(const JobId& id, JobRow row, const BlockContext& context);
  void park(const JobId& id, const BlockContext& context);
  /// Its time in the queue begins now, and with it what its tier promises of the start.
  void begin_waiting(JobRow& row, TimeMs now) const;
  /// The first match of a job ends its wait.
  void end_waiting(JobRow& row, ClassId hardware_class, TimeMs now);
  /// What leaving the queue without a start costs, of the escrow (economics 2.6).
  [[nodiscard]] Agpu leaving_burn(const JobRow& row) const;
  void finish(const JobId& id, JobState final_state, EndReason reason, Agpu paid, Agpu burned,
              const BlockContext& context);
  void give_notice(const JobId& id, const Preemption& preemption, const BlockContext& context);
  [[nodiscard]] bool is_served_again(const JobRow& row, const std::vector<AccountId>& avoided, bool any_price,
                                     const BlockContext& context) const;
  [[nodiscard]] MatchMade place(const JobId& id, const Candidate& winner, const std::vector<Candidate>& others,
                                const BlockContext& context);
  /// The pass that matched last, where it may go on, else a new one.
  [[nodiscard]] DispatchPass& pass(const BlockContext& context);
  // Demand, shares and ticks (ticks.cpp)
  void count_demand(const JobSpec& spec);
  void count_assignment(const ShareKey& key, std::uint64_t milli);
  void judge_spread();
  void judge_scarcity();
  void wake_parked(const BlockContext& context);
  // Invariants, by subject
  [[nodiscard]] bool job_is_sound(const JobId& id, const JobRow& row) const;
  [[nodiscard]] bool capacity_is_sound() const;
  [[nodiscard]] bool archive_is_sound() const;

  const Params& params_;
  Ledger& ledger_;
  Registry& registry_;
  const Pricing& pricing_;
  const Reputation& reputation_;
  Staking& staking_;
  Timers& timers_;
  state::Table<JobId, JobRow> jobs_;
  state::Table<Hash32, JobId> client_ids_;
  state::Table<JobId, AssignmentRow> assignments_;
  state::Table<ShapeKey, ShapeRow> shapes_;
  state::Table<ShareKey, ShareRow> shares_;
  state::Table<ClassId, ClassDemandRow> class_demand_;
  state::Table<PriceKey, StartWaitsRow> start_waits_;
  std::unique_ptr<QueueIndex> index_;
  std::unique_ptr<NodeIndex> nodes_;
  std::unique_ptr<LoadIndex> load_;
  std::vector<EndedJob> ended_;
  std::vector<NoticeGiven> notices_;
  // No part of the state: every block ends with nothing left to match.
  bool triggered_ = false;
  bool pass_is_old_ = false;
  std::unique_ptr<StandingPass> pass_;  // which matched last, in this block
};

}  // namespace starminer::protocol
