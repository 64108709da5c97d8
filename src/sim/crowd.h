// Honest requesters of a whole market: they come to all three tiers by the price, their jobs of 1 to 8 GPUs hold what
// they got for log-normal times, wait where nothing is free, are parked where the price is above their limit, and leave
// unserved when their patience ends. Jobs of others can be driven beside theirs. What everybody got and paid is
// counted. One thread; the market must outlive the crowd.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

#include "sim/dice.h"
#include "sim/live_market.h"

namespace starminer::sim {

struct CrowdOptions {
  double gpus = 2'000;  // that demand is meant for: at the first prices it holds the loads at their targets
  std::uint32_t widest = 8;
  double mean_run_s = 7'200;
  double patience_s = 14'400;  // mean; exponential
  double elasticity = 1;
  std::uint64_t seed = 42;
  bool preemptible = false;  // its jobs in Economy agree to be pre-empted
};

/// What an account got and paid.
struct Tally {
  double gpu_minutes = 0;
  double agpu = 0;  // paid as a requester, received as a provider
  double wait_s = 0;
  std::uint64_t started = 0;
};

class Crowd {
 public:
  static constexpr std::size_t kTiers = 3;
  static constexpr std::size_t kAccounts = 64;
  /// Its account of this number.
  [[nodiscard]] static AccountId account(std::size_t number);

  /// Funds the crowd's accounts. Requires: before the first tick.
  Crowd(LiveMarket& market, const CrowdOptions& options);

  void set_demand(double times) { demand_times_ = times; }
  /// From one tick to the next: ends at their moments, then who is out of patience, then who comes.
  void pass_tick();
  /// Ends until a moment before the next tick.
  void pass_until(TimeMs moment);
  /// A job that runs for so long once it started. It waits for as long as it takes. Empty where it is refused.
  std::optional<JobId> add(const AccountId& requester, const protocol::JobSpec& spec, std::uint64_t run_ms);
  /// False where it does not wait any more; with contracts, it may run.
  bool cancel(const JobId& job);
  /// Everything that can start now does.
  void start();
  /// Nodes fall silent; what ran there goes on elsewhere with what it had left.
  void lose(const std::vector<NodeId>& nodes);
  /// What the crowd asks of the market for such a job in a tier: worth as much as the price of now times this.
  [[nodiscard]] protocol::JobSpec spec_for(protocol::TierId tier, std::uint32_t gpus, std::uint64_t run_ms,
                                           double worth_over_price) const;

  [[nodiscard]] const Tally& requester(const AccountId& account) { return requesters_[account]; }
  [[nodiscard]] const Tally& provider(const AccountId& account) { return providers_[account]; }
  /// Of all requesters of the crowd.
  [[nodiscard]] Tally crowd() const;
  /// Counts what still runs up to now: time and money, without a surge part.
  void close();
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t gave_up() const { return gave_up_; }
  [[nodiscard]] double paid_agpu() const { return paid_; }
  [[nodiscard]] double burned_agpu() const { return burned_; }
  /// GPU-minutes of jobs that lost their nodes and had to begin anew.
  [[nodiscard]] double lost_minutes() const { return lost_minutes_; }
  void forget_payments() { paid_ = burned_ = 0; }

 private:
  struct Event {
    std::uint64_t at_ms = 0;
    JobId job;

    bool operator>(const Event& other) const { return std::tie(at_ms, job) > std::tie(other.at_ms, other.job); }
  };
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;
  struct Asked {
    AccountId requester;
    std::uint64_t run_ms = 0;
    std::uint64_t submitted_ms = 0;
    std::uint64_t started_ms = 0;
    std::uint64_t ends_ms = 0;  // 0: it does not run
    AccountId provider;
    std::uint64_t gpu_milli = 0;
  };

  /// What lost its node meanwhile begins anew.
  void advance(TimeMs moment);
  void note_begun();
  void end_until(TimeMs moment);
  void finish(const Event& end);
  void count(const Asked& asked);
  void arrive();
  void come(protocol::TierId tier);
  [[nodiscard]] std::uint32_t gang();

  LiveMarket& market_;
  CrowdOptions options_;
  Dice dice_;
  std::vector<AccountId> accounts_;
  std::array<double, kTiers> first_prices_{};
  std::array<double, kTiers> busy_{};
  std::uint32_t percents_ = 0;
  double mean_gang_ = 0;
  double demand_times_ = 1;
  std::map<JobId, Asked> asked_;
  Events ends_;
  Events patience_;
  std::map<AccountId, Tally> requesters_;
  std::map<AccountId, Tally> providers_;
  std::uint64_t submitted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t gave_up_ = 0;
  double paid_ = 0;
  double burned_ = 0;
  double lost_minutes_ = 0;
};

}  // namespace starminer::sim
