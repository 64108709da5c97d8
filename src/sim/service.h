// Providers at work: contracts opened, acknowledged, begun, reported, completed or failed through the protocol's own
// operations and timers, as each provider is told to behave. Requesters accept what is delivered at once. Operations of
// service pay no flat fee here: a share of a payment is what matters. One thread; the chain must outlive the object.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/chain.h"

namespace starminer::sim {

/// From a match to the run where the provider does not dawdle and there is nothing to fetch.
inline constexpr DurationMs kPromptStart{2'000};

/// What a provider does with a contract.
struct Conduct {
  enum class Answer : std::uint8_t { Serves = 0, Declines, Ignores };
  Answer answer{};
  DurationMs acknowledges_after;          // the match
  DurationMs begins_after{kPromptStart};  // the match, and as long as the inputs take
  std::optional<DurationMs> fails_after;  // it began; by its own fault
};
using ConductOf = std::function<Conduct(const protocol::ContractRow&)>;

/// A job that runs from now on.
struct Begun {
  JobId job;
  NodeId node;  // the first host
  Price unit;
  TimeMs at;
};

/// A late start that was made good.
struct MadeGood {
  AccountId provider;
  AccountId requester;
  Agpu returned;  // taken off the bill
  Agpu insured;   // paid by the insurance fund
};

class Service {
 public:
  /// `conduct` is asked once for every match. Requires: it is not empty.
  Service(Chain& chain, ConductOf conduct) : chain_(chain), conduct_(std::move(conduct)) {}

  /// When a provider does something next, or a contract's time is up, if that is no later than `until`.
  [[nodiscard]] std::optional<TimeMs> next_act(TimeMs until) const;
  /// What providers do until now.
  void act(const protocol::BlockContext& context);
  /// Contracts for all that can be matched now.
  void dispatch(const protocol::BlockContext& context);
  /// A sign of life of all that runs.
  void report(const protocol::BlockContext& context);
  void on_timer(const protocol::TimerKey& timer, const protocol::BlockContext& context);
  /// The job is done and accepted. Requires: it runs. Returns what it cost, made good for a late start.
  protocol::FeeSplit finish(const JobId& job, const protocol::BlockContext& context);
  /// The requester withdraws a job that has a contract.
  void cancel(const JobId& job, const protocol::BlockContext& context);

  [[nodiscard]] std::vector<Begun> take_begun() { return std::exchange(begun_, {}); }
  /// Jobs whose contract ended without a result and without the requester's wish: they wait again, or are refunded.
  [[nodiscard]] std::vector<JobId> take_lost() { return std::exchange(lost_, {}); }
  /// What late starts were worth to requesters so far.
  [[nodiscard]] const std::vector<MadeGood>& made_good() const { return made_good_; }

 private:
  enum class Kind : std::uint8_t { Acknowledge = 0, Decline, Begin, Fail };
  struct Act {
    TimeMs at;
    std::uint64_t order = 0;
    ContractId contract;
    Kind kind{};

    bool operator>(const Act& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };

  void plan(TimeMs at, const ContractId& contract, Kind kind) { acts_.push({at, ++planned_, contract, kind}); }
  void do_act(const Act& act, const protocol::BlockContext& context);
  void begin(const ContractId& id, const protocol::BlockContext& context);
  template <class Op>
  void run(Op op, const AccountId& sender, const protocol::BlockContext& context);
  /// What ended, and how.
  void look_at_ends();

  Chain& chain_;
  ConductOf conduct_;
  std::priority_queue<Act, std::vector<Act>, std::greater<>> acts_;
  std::uint64_t planned_ = 0;
  std::map<ContractId, DurationMs> fails_;  // of contracts that have not begun
  std::vector<Begun> begun_;
  std::vector<JobId> lost_;
  std::vector<MadeGood> made_good_;
};

}  // namespace starminer::sim
