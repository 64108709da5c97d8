// The supply registry (REG-1..6, REG-8): providers and nodes, their life, their attributes and their free capacity.
// Invariants: free + allocated = total on every node; a unit of capacity is in at most one contract; dense ids are
// unique and in order of registration.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/ledger/ledger.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/registry/rows.h"
#include "protocol/reputation/reputation.h"
#include "protocol/state/table.h"
#include "protocol/timers/timers.h"

namespace starminer::protocol {

class Registry;

struct ProviderRegister {
  using Module = Registry;
  struct Evidence {};
  std::string display_name;
  AccountId payout;  // zero: the provider itself

  static Result<Valid<ProviderRegister>, Refusal> validate(ProviderRegister op);
};

/// The attributes of an offer as the owner names them; the registry resolves names. What the owner says of region, tags
/// and verified energy in `offer` is ignored: the registry fills them in.
struct OfferRequest {
  std::string region;
  Offer offer;
  std::vector<std::string> runtimes;
  std::vector<Hash32> images;
};

struct RatingClaim {
  JobKind kind{};
  Rating rating;
};

struct NodeRegister {
  using Module = Registry;
  struct Evidence {
    ClassId hardware_class = 0;
    RegionId region = 0;
  };
  std::string hardware_class;
  Hardware hardware;
  OfferRequest offer;
  std::vector<RatingClaim> ratings;
  std::string name;

  static Result<Valid<NodeRegister>, Refusal> validate(NodeRegister op);
};

struct NodeUpdate {
  using Module = Registry;
  struct Evidence {
    RegionId region = 0;
  };
  NodeId node;
  OfferRequest offer;
  std::vector<RatingClaim> ratings;  // empty: unchanged; else they replace all of them

  static Result<Valid<NodeUpdate>, Refusal> validate(NodeUpdate op);
};

enum class NodeChange : std::uint8_t { Drain = 0, Resume = 1, Leave = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(NodeChange) { return 3; }

struct NodeSetStatus {
  using Module = Registry;
  struct Evidence {};
  NodeId node;
  NodeChange change{};

  static Result<Valid<NodeSetStatus>, Refusal> validate(NodeSetStatus op);
};

/// The result of a benchmark that the protocol asked for. Its ratings take the place of the claims; whether they
/// confirm them decides if the node stays in doubt.
struct NodeBenchmark {
  using Module = Registry;
  struct Evidence {};
  NodeId node;
  Hash32 seed;
  std::vector<RatingClaim> ratings;  // `benchmark` is the digest that the seed gives for the kind

  static Result<Valid<NodeBenchmark>, Refusal> validate(NodeBenchmark op);
};

/// An operator's observation: nodes that went silent and suspect nodes that beat again. Both lists are sorted, and no
/// node stands in both.
struct TelemetryReport {
  using Module = Registry;
  struct Evidence {};
  std::vector<NodeId> silent;
  std::vector<NodeId> heard;

  static Result<Valid<TelemetryReport>, Refusal> validate(TelemetryReport op);
};

class Registry {
 public:
  Registry(state::Store& store, const Params& params, Ledger& ledger, Reputation& reputation, Timers& timers);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The shipped classes, regions and latencies (anchors times PriceScale), and the operators' accounts.
  void write_genesis(const std::vector<AccountId>& operators);

  // Operations; each `check` states its refusals in order in README.md.
  [[nodiscard]] Result<Checked<ProviderRegister>, Refusal> check(const Valid<ProviderRegister>&, const Sender&) const;
  void apply(const Checked<ProviderRegister>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<NodeRegister>, Refusal> check(const Valid<NodeRegister>&, const Sender&) const;
  /// Returns the id of the new node. It is Active at once where its ratings pass the rating check, else Suspect.
  NodeId apply(const Checked<NodeRegister>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<NodeUpdate>, Refusal> check(const Valid<NodeUpdate>&, const Sender&,
                                                           const BlockContext&) const;
  void apply(const Checked<NodeUpdate>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<NodeSetStatus>, Refusal> check(const Valid<NodeSetStatus>&, const Sender&) const;
  void apply(const Checked<NodeSetStatus>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<TelemetryReport>, Refusal> check(const Valid<TelemetryReport>&, const Sender&) const;
  void apply(const Checked<TelemetryReport>&, const Sender&, const BlockContext&);

  [[nodiscard]] Result<Checked<NodeBenchmark>, Refusal> check(const Valid<NodeBenchmark>&, const Sender&) const;
  void apply(const Checked<NodeBenchmark>&, const Sender&, const BlockContext&);

  /// Asks some active, idle nodes for a benchmark, drawn by the block's seed: each about once in BenchmarkSpotMs, at
  /// most SpotBenchmarksPerTick.
  void on_tick(const BlockContext& context);
  /// Timer BenchmarkDue: an idle node without a result is in doubt from now on; one with jobs is asked again.
  void on_benchmark_due(const NodeId& node, const BlockContext& context);
  /// Hash of what a node states of an aspect, which attestors confirm; nothing where it states nothing.
  [[nodiscard]] static std::optional<Hash32> claim_of(const NodeId& node, const NodeRow& row, Aspect aspect);
  /// Whether enough attestors confirm what the node states now. Requires: the node is registered.
  void set_verified(const NodeId& node, Aspect aspect, bool verified, const BlockContext& context);

  /// Marks what the node is to the reserve. Committed, it neither drains nor leaves, and its offer does not narrow.
  void set_reserve(const NodeId& node, ReserveStanding standing, const BlockContext& context);

  /// Timer LockRelease: returns the identity lock of a node that has left.
  void on_lock_release(const NodeId& node, const BlockContext& context);

  // Capacity, for market and contracts
  /// The devices that `resources` would get on this node: tightest device that holds a share, fully free devices in
  /// index order for whole ones. Empty where it does not fit now.
  [[nodiscard]] std::optional<Allocation> find_allocation(const NodeId& node, const Resources& resources) const;
  /// Whether it would fit on the empty node.
  [[nodiscard]] static bool fits_empty(const NodeRow& node, const Resources& resources);
  /// Memory that a device must have: a share brings its part of the device's memory with it.
  [[nodiscard]] static std::uint64_t device_memory_needed(const Resources& resources);
  /// Requires: the allocation came from find_allocation and nothing changed since.
  void allocate(const NodeId& node, const Allocation& allocation);
  /// Requires: allocated. A leaving node without jobs leaves now.
  void release(const NodeId& node, const Allocation& allocation, const BlockContext& context);

  /// The observers must outlive the object.
  void observe(state::Observer<NodeId, NodeRow>& nodes, state::Observer<NodeId, CapacityRow>& capacity);
  void observe(state::Observer<NodeId, NodeRow>& nodes) { nodes_.add_observer(nodes); }

  // Queries
  [[nodiscard]] const state::Table<NodeId, NodeRow>& nodes() const { return nodes_; }
  [[nodiscard]] const state::Table<NodeId, CapacityRow>& capacity() const { return capacity_; }
  [[nodiscard]] const state::Table<AccountId, ProviderRow>& providers() const { return providers_; }
  [[nodiscard]] const state::Table<ClassId, ClassRow>& classes() const { return classes_; }
  [[nodiscard]] const state::Table<RegionId, RegionRow>& regions() const { return regions_; }
  [[nodiscard]] const state::Table<NodeId, BenchmarkRow>& benchmarks() const { return benchmarks_; }
  [[nodiscard]] const state::Table<AccountId, TimerRow>& operators() const { return operators_; }
  /// Nodes of a provider that owe the result of a benchmark, in the order of their ids.
  [[nodiscard]] std::vector<NodeId> benchmarks_due(const AccountId& provider) const;
  /// The node of a dense id. Requires: dense_id < total_nodes().
  [[nodiscard]] const NodeId& node_at(std::uint32_t dense_id) const;
  [[nodiscard]] std::optional<ClassId> find_class(std::string_view name) const;
  [[nodiscard]] std::optional<RegionId> find_region(std::string_view name) const;
  /// Milliseconds between two regions; the largest of the table where the pair is unknown.
  [[nodiscard]] std::uint32_t latency_ms(RegionId from, RegionId to) const;
  /// Lower median rating of a class for a kind over Active nodes with a rating; empty below RatingClassNodesMin.
  /// O(1).
  [[nodiscard]] std::optional<std::uint32_t> median_rating(ClassId hardware_class, JobKind kind) const;
  /// Share of the time since registration in which the node was heard; all of it for a node registered now.
  [[nodiscard]] Ppm uptime(const NodeRow& node, TimeMs now) const;
  /// Every node that changed since the last call is consistent, and so are all sums. Cost: the nodes that changed.
  [[nodiscard]] bool invariants_hold() const;
  [[nodiscard]] std::uint32_t total_nodes() const;  // ever registered: the range of dense ids

 private:
  class Index;  // derived from the tables by observers: ratings in order, sums for the invariants

  /// Fails with RatingImplausible.
  [[nodiscard]] Result<void, Refusal> check_ratings(ClassId hardware_class,
                                                    const std::vector<RatingClaim>& claims) const;
  [[nodiscard]] bool ratings_in_doubt(const NodeRow& node) const;
  /// Asks for a benchmark with a seed that nobody knew before this block.
  void ask_benchmark(const NodeId& id, const NodeRow& row, BenchmarkReason reason, const BlockContext& context);
  /// The node owes no result any more. Does nothing where it owed none.
  void close_benchmark(const NodeId& id);
  /// Writes a row, Active or Suspect as its flags say, and tells of it.
  void put_node(const NodeId& id, NodeRow row, const BlockContext& context);
  /// Requires: no job runs on the node.
  void leave_now(const NodeId& id, NodeRow row, const BlockContext& context);

  const Params& params_;
  Ledger& ledger_;
  const Reputation& reputation_;
  Timers& timers_;
  state::Table<AccountId, ProviderRow> providers_;
  state::Table<NodeId, NodeRow> nodes_;
  state::Table<NodeId, CapacityRow> capacity_;
  state::Table<ClassId, ClassRow> classes_;
  state::Table<RegionId, RegionRow> regions_;
  state::Table<RegionPair, LatencyRow> latency_;
  state::Table<AccountId, TimerRow> operators_;
  state::Table<NodeId, BenchmarkRow> benchmarks_;
  std::unique_ptr<Index> index_;
};

}  // namespace starminer::protocol
