// A market that lives through time: the protocol's own modules with submissions, cancellations, ticks, epochs and
// timers, and prices that follow the load or stand at their anchors. Contracts are opened where it matters what
// providers do with them (service.h). Where not, nodes start what they get at once, and at a job's end its escrow pays
// what the settlement of a contract would have paid, to the same receivers. Time only moves forward; one thread; not
// movable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/operation/refusal.h"
#include "sim/service.h"

namespace starminer::sim {

/// Longest maximum run time in Economy and Standard here: the most that governance may allow.
inline constexpr std::uint64_t kLongestStandardS = 2'592'000;

struct LiveOptions {
  bool prices_move = true;
  std::uint64_t seed = 42;  // of ties
  /// Governed numbers other than those of preset main.
  std::map<protocol::Parameter, std::uint64_t> parameters{};
  /// Contracts are opened, and providers do this with them; empty: there are none.
  ConductOf conduct{};
};

/// An account of this name.
[[nodiscard]] AccountId account_of(const std::string& name);

class LiveMarket {
 public:
  /// Requires: each parameter is within its bounds.
  LiveMarket(const std::vector<std::string>& models, const LiveOptions& options);

  [[nodiscard]] Chain& chain() { return chain_; }
  [[nodiscard]] const Chain& chain() const { return chain_; }
  [[nodiscard]] const protocol::BlockContext& context() const { return context_; }
  [[nodiscard]] TimeMs now() const { return context_.time; }
  [[nodiscard]] TimeMs next_tick() const { return next_tick_; }

  // Before the first tick
  /// Requires: all balances together stay below the cap of AGPU.
  void fund(const AccountId& account, Agpu balance);
  /// AMAX out of nothing, staked at once. For an account that was funded.
  void stake(const AccountId& account, std::uint64_t amax);
  /// The node stands by in the reserve of its class and region, at the lowest stake, for the longest time. Requires:
  /// its owner has that.
  void join_reserve(const AccountId& owner, const NodeId& node);
  /// Called after every tick with its number, from 1 on.
  void on_tick(std::function<void(std::uint64_t)> listener) { listener_ = std::move(listener); }

  /// Fails with the registry's refusal.
  [[nodiscard]] Result<void, std::string> add_nodes(const std::vector<TraceNode>& nodes);
  /// For an account that was funded; it becomes a provider with its first node.
  [[nodiscard]] Result<NodeId, std::string> add_node(const AccountId& provider, const protocol::NodeRegister& node);
  /// The operators hear nothing of the nodes any more; what runs there is lost and queued again, or refunded. Requires:
  /// no contracts are opened.
  void lose(std::vector<NodeId> nodes);

  /// Epochs, ticks and timers until then.
  void advance(TimeMs now);
  [[nodiscard]] Result<JobId, protocol::Refusal> submit(const AccountId& requester, const protocol::JobSpec& spec);
  /// A queued job leaves the queue at the protocol's price for that; with contracts, an active one is withdrawn, too,
  /// at the price of what it ran. False where it does not wait any more.
  bool cancel(const AccountId& requester, const JobId& job);
  /// Jobs that lost their node since the last call: they wait again, with nothing saved, or are refunded.
  [[nodiscard]] std::vector<JobId> take_lost();
  /// Starts everything that can start now; with contracts, providers take their time for that.
  void start();
  /// What began to run since the last call, in order.
  [[nodiscard]] std::vector<Begun> take_begun();
  /// When providers do something next by themselves, if that is no later than `until`.
  [[nodiscard]] std::optional<TimeMs> next_act(TimeMs until) const;
  /// What happened to contracts. Requires: they are opened.
  [[nodiscard]] const Service& service() const { return *service_; }
  /// A started job is done: it pays for the time since its start, at least the minimum.
  protocol::FeeSplit finish(const JobId& job);

 private:
  struct Running {
    AccountId provider;
    Price unit;
    std::uint64_t log_price = 0;
    std::uint64_t slow_log_price = 0;
    TimeMs started;
  };

  struct Leaving {
    TimeMs due;
    ContractId contract;
    Agpu unsaved;
  };

  void pass_tick();
  void serve_timers();
  void give_notice(const protocol::NoticeGiven& given);
  /// Those whose notice is over.
  void leave();
  /// What is locked for a notice of the job: to the provider what it ran for nothing, the rest to the requester.
  void pay_notice(const JobId& job, bool preempted);
  [[nodiscard]] Agpu due(const protocol::JobRow& row, const Running& running) const;

  Chain chain_;
  protocol::BlockContext context_;
  bool prices_move_;
  std::function<void(std::uint64_t)> listener_;
  std::map<JobId, Running> running_;
  std::map<JobId, Leaving> leaving_;
  std::vector<JobId> preempted_;
  std::vector<Begun> begun_;
  std::optional<Service> service_;
  std::uint64_t ticks_ = 0;
  TimeMs next_tick_;
  TimeMs next_epoch_;
};

}  // namespace starminer::sim
