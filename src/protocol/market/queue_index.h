// What the market derives from its tables: the order of waiting jobs, parked jobs, jobs by requester, who holds what,
// and demand by shape. Fed by observers only, so that a rollback or a load leaves it right. One writer.
// Accounts are free, so only those with stake count one by one: all others together are one identity (decision 0027).
// Invariant: a job waits exactly while its row is Queued and not parked; pointers are to rows in the table.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "protocol/market/rows.h"
#include "protocol/staking/staking.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

/// A position in the order of all queues: smallest first.
struct Place {
  std::uint64_t key_ms = 0;
  JobId job;

  auto operator<=>(const Place&) const = default;
};

struct WaitingJob {
  const JobRow* row = nullptr;
  Hash32 signature;  // equal for jobs that every constraint treats alike
};

/// What a requester or all of them hold of a class.
struct Holding {
  std::uint64_t jobs = 0;
  std::uint64_t gpu_milli = 0;
};

/// Live jobs of an account and what they hold in escrow.
struct LiveJobs {
  std::uint64_t count = 0;
  u128 escrow = 0;
};

class QueueIndex final : public state::Observer<JobId, JobRow>,
                         public state::Observer<JobId, AssignmentRow>,
                         public state::Observer<ShapeKey, ShapeRow>,
                         public state::Observer<StakeKey, StakeRow> {
 public:
  /// A job on a node, in order of its projected end.
  using Occupant = std::pair<TimeMs, JobId>;

  void on_change(const JobId& id, const JobRow* before, const JobRow* after) override;
  void on_change(const JobId& id, const AssignmentRow* before, const AssignmentRow* after) override;
  void on_change(const ShapeKey& key, const ShapeRow* before, const ShapeRow* after) override;
  void on_change(const StakeKey& key, const StakeRow* before, const StakeRow* after) override;

  /// Another one after every change of who waits, who holds what, and who has stake.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] const std::map<Place, WaitingJob>& waiting() const { return waiting_; }
  [[nodiscard]] const std::map<Place, const JobRow*>& parked() const { return parked_; }
  /// Nodes that wait for a job for which work is leaving them, with that job.
  [[nodiscard]] const std::map<NodeId, JobId>& noticed() const { return noticed_; }
  using Submitted = std::pair<std::uint64_t, JobId>;  // by the sequence of the submission
  /// Jobs of an account that the state has, newest first, of sequences below this one.
  [[nodiscard]] std::vector<Submitted> jobs_of(const AccountId& requester, std::uint64_t below,
                                               std::size_t limit) const;
  /// Rows of jobs by state, and what all live ones hold in escrow.
  [[nodiscard]] const std::array<std::uint64_t, enum_count(JobState{})>& counts() const { return counts_; }
  [[nodiscard]] u128 escrow() const { return escrow_; }
  [[nodiscard]] LiveJobs live_of(const AccountId& requester) const;
  /// Jobs on a node; null: none.
  [[nodiscard]] const std::set<Occupant>* occupants(const NodeId& node) const;
  [[nodiscard]] Holding held_by(ClassId hardware_class, const AccountId& requester) const;
  [[nodiscard]] Holding held(ClassId hardware_class) const { return held_[hardware_class]; }
  /// Whether the account has AMAX bonded: StakeMinimum or more, since no stake is smaller.
  [[nodiscard]] bool is_staked(const AccountId& account) const { return staked_.contains(account); }
  /// Who the account counts as: itself where it is staked, else the zero account, which stands for all without stake.
  [[nodiscard]] AccountId identity_of(const AccountId& account) const;
  /// What an account's identity holds of a class.
  [[nodiscard]] Holding held_by_identity(ClassId hardware_class, const AccountId& requester) const;
  /// Waiting jobs of accounts with stake.
  [[nodiscard]] std::uint64_t waiting_staked() const { return waiting_staked_; }
  /// The same of boosted jobs alone.
  [[nodiscard]] Holding boosted_by(ClassId hardware_class, const AccountId& requester) const;
  [[nodiscard]] Holding boosted(ClassId hardware_class) const;
  /// Whether a GPU job without boost waits that names this class, or none.
  [[nodiscard]] bool waits_without_boost(const std::string& class_name) const;
  /// Waiting jobs that name a class.
  [[nodiscard]] std::uint64_t waiting_naming(const std::string& class_name) const;
  /// GPU jobs of the last epoch and of the queue, and those of them that name classes.
  [[nodiscard]] std::uint64_t gpu_jobs() const { return previous_ranking_.total() + waiting_ranking_.total(); }
  [[nodiscard]] std::uint64_t choosy_gpu_jobs() const { return choosy_previous_ + choosy_waiting_; }
  /// All jobs of the last epoch.
  [[nodiscard]] std::uint64_t previous_jobs() const { return previous_jobs_; }
  /// Rises whenever what `demand` gives without an asking job may be another.
  [[nodiscard]] std::uint64_t demand_version() const { return demand_version_; }
  struct ShapeDemand {
    std::vector<std::pair<ShapeKey, std::uint64_t>> shapes;  // with their counts, most common first
    std::uint64_t total = 0;                                 // of all GPU jobs, also of shapes that are not listed
  };
  /// The most common GPU shapes of the last epoch, at most `limit`; without any, those of the waiting jobs and of one
  /// more that asks.
  [[nodiscard]] ShapeDemand demand(std::size_t limit, const std::optional<ShapeKey>& asking) const;

 private:
  /// Shapes in order of their number of jobs.
  class Ranking {
   public:
    void change(const ShapeKey& key, std::uint64_t before, std::uint64_t after);
    [[nodiscard]] std::vector<std::pair<ShapeKey, std::uint64_t>> first(std::size_t limit) const;
    [[nodiscard]] std::uint64_t total() const { return total_; }

   private:
    std::set<std::pair<std::uint64_t, ShapeKey>> ranked_;  // by complement of the count: most common first
    std::uint64_t total_ = 0;
  };

  void remove(const JobId& id, const JobRow& row);
  void insert(const JobId& id, const JobRow& row);
  void count_waiting(const JobRow& row, bool enters);
  void count_owner(const AccountId& requester, bool enters);
  void count_without_boost(const std::vector<std::string>& classes, std::uint64_t step);

  std::uint64_t version_ = 0;
  std::map<Place, WaitingJob> waiting_;
  std::map<Place, const JobRow*> parked_;
  std::map<NodeId, JobId> noticed_;
  std::map<AccountId, std::map<std::uint64_t, JobId>> by_requester_;
  std::map<AccountId, LiveJobs> live_;
  std::array<std::uint64_t, enum_count(JobState{})> counts_{};
  u128 escrow_ = 0;
  std::map<NodeId, std::set<Occupant>> occupants_;
  std::map<std::pair<ClassId, AccountId>, Holding> held_by_;
  std::array<Holding, 256> held_{};
  std::array<Holding, 256> held_unstaked_{};
  std::set<AccountId> staked_;
  std::map<AccountId, std::uint64_t> waiting_of_;  // waiting jobs
  std::uint64_t waiting_staked_ = 0;
  std::map<std::pair<ClassId, AccountId>, Holding> boosted_by_;
  std::map<ClassId, Holding> boosted_;
  std::map<std::string, std::uint64_t> waiting_without_boost_;  // by class name; empty: jobs that name none
  std::map<std::string, std::uint64_t> waiting_naming_;
  std::map<ShapeKey, std::uint64_t> waiting_shapes_;
  Ranking waiting_ranking_;
  Ranking previous_ranking_;
  std::uint64_t previous_jobs_ = 0;
  std::uint64_t choosy_previous_ = 0;  // GPU jobs that name classes
  std::uint64_t choosy_waiting_ = 0;
  std::uint64_t demand_version_ = 0;
};

/// The shape that a job's resources have.
[[nodiscard]] ShapeKey shape_of(const Resources& resources);

}  // namespace starminer::protocol
