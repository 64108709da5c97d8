// The world that attacks run in: nodes of several providers, a crowd that fills them, prices that move. Small enough
// for many runs. One thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/crowd.h"

namespace starminer::sim {

struct WorldOptions {
  std::uint64_t seed = 42;
  std::uint32_t nodes = 40;
  std::uint32_t devices = 8;
  double demand_times = 1;
  double elasticity = 1;
  double mean_run_s = 3'600;
  bool prices_move = true;
  bool preemptible = false;              // what the crowd runs in Economy
  bool attacker_first = false;           // its nodes are registered before all others; else after them
  std::uint32_t nodes_per_provider = 1;  // of those that do not attack; they lie at one site
  bool rare_node = false;                // the first node has the runtime "rare", and no other
  bool reserve_level = false;            // every fourth of the crowd's accounts has the stake to draw reserves
  std::map<protocol::Parameter, std::uint64_t> parameters;
  ConductOf conduct;  // contracts are opened, and providers do this with them; empty: there are none
};

/// The provider account of the attacker, unless a world says otherwise.
[[nodiscard]] const AccountId& attacking_provider();

class World {
 public:
  /// The attacker's provider account has `attacker_nodes` of the nodes, every other node has its own
  /// provider. `change` may alter what the attacker's nodes say of themselves, and who registers them.
  using Change = std::function<void(std::uint32_t node, AccountId& provider, protocol::NodeRegister& registration)>;
  World(const WorldOptions& options, std::uint32_t attacker_nodes, const Change& change = {});

  [[nodiscard]] LiveMarket& market() { return market_; }
  [[nodiscard]] Crowd& crowd() { return crowd_; }
  /// An attacker's account of this number, with money.
  AccountId account(std::uint32_t number);
  /// The same with the stake to draw reserves.
  AccountId drawing_account(std::uint32_t number);
  /// The attacker's nodes stand by in the reserve from now on.
  void join_reserve();
  void pass_hours(std::uint32_t hours);
  void pass_ticks(std::uint32_t ticks);
  /// One tick, and a look after each of its seconds, which is a block's time.
  void pass_tick_watching(const std::function<void()>& look);
  /// What all accounts of the attacker that this world made have lost since the beginning, work that they received as
  /// requesters (its pay) and income of their nodes left out: fees and burns. Before the crowd is closed.
  [[nodiscard]] double lost_agpu();
  /// AGPU that the attacker's nodes earned, and GPU-minutes that they worked.
  [[nodiscard]] Tally provided();
  /// AGPU that its nodes paid out of their stakes in the reserve.
  [[nodiscard]] double charged_agpu() const;
  /// Of the attacker's accounts as requesters.
  [[nodiscard]] Tally received();
  [[nodiscard]] double standard_price() const;

 private:
  LiveMarket market_;
  Crowd crowd_;
  std::vector<AccountId> accounts_;
  std::vector<AccountId> providers_;
  std::map<NodeId, AccountId> nodes_;  // of the attacker, with their owners
};

}  // namespace starminer::sim
