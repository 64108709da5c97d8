// Telemetry on the chain (REG-7): in each epoch a window of nodes, in turns by dense id; after it each operator reports
// once what it heard of them, with the hash of its raw beats, and the chain keeps the median over the operators.
// Invariant: a node's figures follow from the reports of one epoch. One report costs at most TelemetryNodesMax nodes
// times the operators. Single writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/registry/registry.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

class Telemetry;

/// What was heard of one node: beats, and quantiles of the round trips that its agent measured.
struct BeatFigures {
  std::uint32_t beats = 0;
  std::uint32_t p50_ms = 0;
  std::uint32_t p90_ms = 0;
  std::uint32_t p99_ms = 0;

  bool operator==(const BeatFigures&) const = default;
};

struct TelemetryEntry {
  NodeId node;
  BeatFigures figures;
};

/// An operator's report of the last epoch. A node of the window that is left out was not heard.
struct TelemetryAggregate {
  using Module = Telemetry;
  struct Evidence {};
  std::uint64_t epoch = 0;
  Hash32 raw_hash;
  std::vector<TelemetryEntry> entries;  // in the order of the ids, each with at least one beat

  static Result<Valid<TelemetryAggregate>, Refusal> validate(TelemetryAggregate op);
};

/// `count` nodes from dense id `first` on; after the last node comes the first one.
struct TelemetryWindow {
  std::uint64_t epoch = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t nodes = 0;  // ever registered when the epoch began
};

struct TelemetryWindowRow {
  TelemetryWindow last;  // reports of this one are taken
  TelemetryWindow running;
};

/// The last report of an operator.
struct TelemetryReportRow {
  std::uint64_t epoch = 0;
  Hash32 raw_hash;
  TimeMs reported;
  std::vector<TelemetryEntry> entries;
};

/// The last aggregate of a node.
struct NodeTelemetryRow {
  std::uint64_t epoch = 0;
  std::uint32_t operators = 0;  // that reported the epoch
  BeatFigures figures;          // lower median over them; of round trips over those that heard the node
};

/// The lower median over several operators' figures of one node.
[[nodiscard]] BeatFigures median_figures(const std::vector<BeatFigures>& reports);

class Telemetry {
 public:
  Telemetry(state::Store& store, const Params& params, const Registry& registry);

  /// Refusals in order: NotOperator, WrongTelemetryEpoch, TelemetryReported, UnknownNode, NodeNotInWindow.
  [[nodiscard]] Result<Checked<TelemetryAggregate>, Refusal> check(const Valid<TelemetryAggregate>& op,
                                                                   const Sender& sender) const;
  void apply(const Checked<TelemetryAggregate>& op, const Sender& sender, const BlockContext& context);
  /// The end of an epoch: its window can be reported, and the next one begins. `context.epoch` is the new epoch.
  void on_epoch(const BlockContext& context);

  [[nodiscard]] TelemetryWindowRow windows() const;
  [[nodiscard]] static bool contains(const TelemetryWindow& window, std::uint32_t dense_id);
  [[nodiscard]] std::vector<NodeId> nodes_of(const TelemetryWindow& window) const;
  [[nodiscard]] const state::Table<AccountId, TelemetryReportRow>& reports() const { return reports_; }
  [[nodiscard]] const state::Table<NodeId, NodeTelemetryRow>& nodes() const { return nodes_; }
  [[nodiscard]] bool invariants_hold() const;

 private:
  const Params& params_;
  const Registry& registry_;
  state::Table<std::uint8_t, TelemetryWindowRow> window_;
  state::Table<AccountId, TelemetryReportRow> reports_;
  state::Table<NodeId, NodeTelemetryRow> nodes_;
};

}  // namespace starminer::protocol
