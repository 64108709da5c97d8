// Reserve pools (RSV-1, protocol section 7): nodes that stand by, with AGPU staked on each, for surges of demand in
// their class and region. While the class's load is high, jobs of requesters with enough stake prefer them (market: the
// term reserve); declining a job costs part of the stake, half of it burned, half the requester's. Invariants: a row's
// stake is that of its lock; it stands exactly while its node is marked in the registry, which keeps the node from
// draining and leaving. Single writer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "base/amount.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/ledger/ledger.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/registry/registry.h"
#include "protocol/reserve/rows.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

class Reserve;

/// Commits a node to the reserve of its class and region, or, where it is committed, adds to its stake and to its time.
struct ReserveJoin {
  using Module = Reserve;
  struct Evidence {
    Agpu minimum;  // stake from which on the node stands by
  };
  NodeId node;
  Agpu amount;        // from the owner's balance onto what is staked on the node already
  DurationMs window;  // from now; an end that lies later already stays

  /// Fails, in this order, with InvalidField (node, window), AmountTooLarge.
  static Result<Valid<ReserveJoin>, Refusal> validate(ReserveJoin op);
};

/// Takes a node whose window is over out of the reserve; its stake returns to the owner's balance.
struct ReserveLeave {
  using Module = Reserve;
  struct Evidence {};
  NodeId node;

  /// Fails with InvalidField (node).
  static Result<Valid<ReserveLeave>, Refusal> validate(ReserveLeave op);
};

/// A match that a node did not serve although it could have.
struct DeclinedMatch {
  NodeId node;
  JobId job;
  ContractId contract;
  AccountId requester;
  TimeMs matched;
  Agpu price;  // expected, of the job on this node
};

class Reserve {
 public:
  Reserve(state::Store& store, const Params& params, Ledger& ledger, Registry& registry);

  /// Fails, in this order, with UnknownNode, NotNodeOwner, WrongNodeStatus, WindowOutOfBounds, ReserveStakeTooSmall,
  /// BalanceTooSmall.
  [[nodiscard]] Result<Checked<ReserveJoin>, Refusal> check(const Valid<ReserveJoin>& op, const Sender& sender) const;
  void apply(const Checked<ReserveJoin>& op, const Sender& sender, const BlockContext& context);
  /// Fails, in this order, with UnknownNode, NotNodeOwner, NotInReserve, WindowStands.
  [[nodiscard]] Result<Checked<ReserveLeave>, Refusal> check(const Valid<ReserveLeave>& op, const Sender& sender,
                                                             const BlockContext& context) const;
  void apply(const Checked<ReserveLeave>& op, const Sender& sender, const BlockContext& context);

  /// A job came to the node because it stands by. Requires: the node is committed.
  void count_draw(const NodeId& node);
  /// Takes min(DeclineStakePpm of the stake, DeclinePricePpm of the job's price) from the stake: half, rounded up, is
  /// burned, the rest goes to the requester. Nothing for a node that was not committed when it was matched, and beyond
  /// DeclinesPerEpoch. A node whose stake falls below what it agreed to stands by no more until its owner adds to it.
  /// Requires: the requester's account exists.
  [[nodiscard]] std::optional<DeclineCharge> charge(const DeclinedMatch& declined, const BlockContext& context);

  // Queries
  /// Null: not committed.
  [[nodiscard]] const ReserveNodeRow* find(const NodeId& node) const { return nodes_.find(node); }
  [[nodiscard]] const state::Table<NodeId, ReserveNodeRow>& nodes() const { return nodes_; }
  /// Of every pool that ever had a node.
  [[nodiscard]] const state::Table<ReserveKey, ReservePoolRow>& pools() const { return pools_; }
  /// Nodes that are committed to a pool now, in the order of their ids; null: none.
  [[nodiscard]] const std::set<NodeId>* nodes_of(const ReserveKey& pool) const;
  /// Smallest stake for a node with so many devices.
  [[nodiscard]] Agpu minimum_stake(std::uint32_t devices) const;
  /// A scan of all rows.
  [[nodiscard]] bool invariants_hold() const;

 private:
  /// Members by pool, derived from the table.
  class Members final : public state::Observer<NodeId, ReserveNodeRow> {
   public:
    void on_change(const NodeId& id, const ReserveNodeRow* before, const ReserveNodeRow* after) override;
    std::map<ReserveKey, std::set<NodeId>> by_pool;
  };

  [[nodiscard]] Result<const NodeRow*, Refusal> find_own(const NodeId& node, const Sender& sender) const;
  /// Writes the row and lets the registry know whether the node stands by.
  void put(const NodeId& node, const ReserveNodeRow& row, const BlockContext& context);

  const Params& params_;
  Ledger& ledger_;
  Registry& registry_;
  Members members_;
  state::Table<NodeId, ReserveNodeRow> nodes_;
  state::Table<ReserveKey, ReservePoolRow> pools_;
};

}  // namespace starminer::protocol
