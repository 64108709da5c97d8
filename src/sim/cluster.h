// A cluster of a trace as the market sees it: its nodes in the real registry, its GPU models as hardware classes, and
// the demand of its jobs as that of the last epoch. Built from rows and operations of the protocol, so that decisions
// run through the shipped code. All nodes are of one provider (as many as a provider may have), in one region, with
// equal ratings and prices: nodes differ by what they hold alone.
// Time stands still and no tick comes: only capacity changes. One thread; not movable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/market/demand.h"
#include "protocol/market/dispatch.h"
#include "protocol/market/market_view.h"
#include "sim/chain.h"

namespace starminer::sim {

/// The fit term alone: what published figures of placement compare with.
inline constexpr Weights kFitAlone = {100};
/// Weights that the shipped tier Standard has.
[[nodiscard]] Weights standard_weights();

class Cluster {
 public:
  /// `demand` makes the typical shapes and the scarce models. Fails where the registry refuses a node: with its name
  /// and the refusal.
  [[nodiscard]] static Result<std::unique_ptr<Cluster>, std::string> make(const std::vector<TraceNode>& nodes,
                                                                          const std::vector<TraceJob>& demand,
                                                                          const Weights& weights);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] const protocol::MarketView& market() const { return view_; }
  /// The market's dispatch over these nodes. It stays valid while jobs are placed: it points to the rows of what is
  /// free.
  [[nodiscard]] protocol::DispatchPass& dispatch() const { return *dispatch_; }
  /// The nodes in the order of the trace, with what is free on them now.
  [[nodiscard]] const std::vector<protocol::NodeView>& in_order() const { return in_order_; }
  [[nodiscard]] TimeMs now() const { return context_.time; }
  [[nodiscard]] std::uint64_t gpu_milli() const { return gpu_milli_; }

  /// The seed of the block that decisions are made in: it says where ties begin.
  void set_seed(const Hash32& seed) { context_.seed = seed; }
  /// A job without limits of price and budget: in a cluster all nodes cost the same. `spec` must outlive it.
  [[nodiscard]] protocol::Demand demand_of(const protocol::JobSpec& spec) const;
  /// Takes what a job asks for, and says what it got. Requires: it fits there.
  protocol::Allocation place(const NodeId& node, const protocol::Resources& resources);
  /// The same on several hosts, an equal part on each. Requires: the parts fit there.
  std::vector<protocol::HostShare> place_on(const std::vector<NodeId>& hosts, const protocol::Resources& resources);
  /// Gives back what `place` took. The dispatch does not see that: it is for filling a cluster.
  void release(const NodeId& node, const protocol::Allocation& allocation);
  void release(const std::vector<protocol::HostShare>& hosts);
  /// Gives back everything that was taken since the cluster was made.
  void clear();

 private:
  Cluster();
  [[nodiscard]] Result<void, std::string> add_nodes(const std::vector<TraceNode>& nodes);

  protocol::state::Store store_;
  protocol::Params params_{store_};
  protocol::Timers timers_{store_};
  protocol::Ledger ledger_{store_, params_};
  protocol::Reputation reputation_{store_, params_};
  protocol::Registry registry_{store_, params_, ledger_, reputation_, timers_};
  protocol::Pricing pricing_{store_, params_, registry_};
  protocol::Staking staking_{store_, params_, ledger_, timers_};
  protocol::state::Table<JobId, protocol::JobRow> jobs_{store_, protocol::state::TableId::Jobs};
  protocol::state::Table<JobId, protocol::AssignmentRow> assignments_{store_, protocol::state::TableId::Assignments};
  protocol::state::Table<protocol::ShapeKey, protocol::ShapeRow> shapes_{store_, protocol::state::TableId::Shapes};
  protocol::state::Table<protocol::ShareKey, protocol::ShareRow> shares_{store_, protocol::state::TableId::Shares};
  protocol::state::Table<protocol::ClassId, protocol::ClassDemandRow> class_demand_{
      store_, protocol::state::TableId::ClassDemand};
  protocol::QueueIndex index_;
  protocol::MarketView view_{params_, ledger_,      registry_, pricing_,      reputation_, staking_,
                             jobs_,   assignments_, shares_,   class_demand_, index_};
  protocol::BlockContext context_;
  std::unique_ptr<protocol::DispatchPass> dispatch_;
  std::vector<protocol::NodeView> in_order_;
  std::uint64_t gpu_milli_ = 0;
};

}  // namespace starminer::sim
