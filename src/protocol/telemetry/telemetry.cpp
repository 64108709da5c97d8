#include "protocol/telemetry/telemetry.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

constexpr std::uint8_t kWindowKey = 0;

bool in_order(const std::vector<TelemetryEntry>& entries) {
  return std::adjacent_find(entries.begin(), entries.end(),
                            [](const auto& a, const auto& b) { return !(a.node < b.node); }) == entries.end();
}

bool sound(const BeatFigures& figures) {
  return figures.beats > 0 && figures.p50_ms <= figures.p90_ms && figures.p90_ms <= figures.p99_ms;
}

/// Requires: not empty.
std::uint32_t lower_median(std::vector<std::uint32_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

const TelemetryEntry* find_entry(const std::vector<TelemetryEntry>& entries, const NodeId& node) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), node,
                                   [](const TelemetryEntry& entry, const NodeId& id) { return entry.node < id; });
  return at != entries.end() && at->node == node ? &*at : nullptr;
}

}  // namespace

Result<Valid<TelemetryAggregate>, Refusal> TelemetryAggregate::validate(TelemetryAggregate op) {
  FieldCheck check;
  check.count("entries", op.entries.size(), kTelemetryNodesMax)
      .require("raw_hash", !op.raw_hash.is_zero(), "must name the raw beats")
      .require("entries", in_order(op.entries), "must be in the order of the nodes' ids, each node once");
  for (const TelemetryEntry& entry : op.entries) {
    check.require("entries", sound(entry.figures), "must have a beat, and quantiles that do not fall");
  }
  if (!check.ok()) return fail(check.result().error());
  return Valid<TelemetryAggregate>(std::move(op));
}

BeatFigures median_figures(const std::vector<BeatFigures>& reports) {
  std::vector<std::uint32_t> beats, p50, p90, p99;
  for (const BeatFigures& report : reports) {
    beats.push_back(report.beats);
    if (report.beats == 0) continue;
    p50.push_back(report.p50_ms);
    p90.push_back(report.p90_ms);
    p99.push_back(report.p99_ms);
  }
  if (p50.empty()) return {};
  return {lower_median(std::move(beats)), lower_median(std::move(p50)), lower_median(std::move(p90)),
          lower_median(std::move(p99))};
}

Telemetry::Telemetry(state::Store& store, const Params& params, const Registry& registry)
    : params_(params),
      registry_(registry),
      window_(store, state::TableId::TelemetryWindow),
      reports_(store, state::TableId::TelemetryReports),
      nodes_(store, state::TableId::NodeTelemetry) {}

TelemetryWindowRow Telemetry::windows() const {
  const TelemetryWindowRow* const row = window_.find(kWindowKey);
  return row != nullptr ? *row : TelemetryWindowRow{};
}

bool Telemetry::contains(const TelemetryWindow& window, std::uint32_t dense_id) {
  if (dense_id >= window.nodes) return false;
  const std::uint32_t steps =
      dense_id >= window.first ? dense_id - window.first : dense_id + (window.nodes - window.first);
  return steps < window.count;
}

std::vector<NodeId> Telemetry::nodes_of(const TelemetryWindow& window) const {
  std::vector<NodeId> nodes;
  for (std::uint64_t i = 0; i < window.count; ++i) {
    nodes.push_back(registry_.node_at(static_cast<std::uint32_t>((window.first + i) % window.nodes)));
  }
  return nodes;
}

Result<Checked<TelemetryAggregate>, Refusal> Telemetry::check(const Valid<TelemetryAggregate>& op,
                                                              const Sender& sender) const {
  if (!registry_.operators().contains(sender.account)) {
    return fail(Refusal{RefusalCode::NotOperator, "account " + sender.account.text()});
  }
  const TelemetryWindow window = windows().last;
  if (window.count == 0 || op->epoch != window.epoch) {
    return fail(Refusal{RefusalCode::WrongTelemetryEpoch,
                        window.count == 0 ? fmt::format("epoch {} given, no window has ended yet", op->epoch)
                                          : fmt::format("epoch {} given, {} ended last", op->epoch, window.epoch)});
  }
  const TelemetryReportRow* const reported = reports_.find(sender.account);
  if (reported != nullptr && reported->epoch == op->epoch) {
    return fail(Refusal{RefusalCode::TelemetryReported, fmt::format("epoch {}", op->epoch)});
  }
  for (const TelemetryEntry& entry : op->entries) {
    const NodeRow* const node = registry_.nodes().find(entry.node);
    if (node == nullptr) return fail(Refusal{RefusalCode::UnknownNode, "node " + entry.node.text()});
    if (!contains(window, node->dense_id)) {
      return fail(Refusal{RefusalCode::NodeNotInWindow,
                          fmt::format("node {}; epoch {} has {} of {} nodes from number {} on", entry.node.text(),
                                      window.epoch, window.count, window.nodes, window.first)});
    }
  }
  return Checked<TelemetryAggregate>(op, {});
}

void Telemetry::apply(const Checked<TelemetryAggregate>& op, const Sender& sender, const BlockContext& context) {
  reports_.put(sender.account, {op->epoch, op->raw_hash, context.time, op->entries});
  std::vector<const TelemetryReportRow*> reports;
  for (const auto& [account, row] : reports_) {
    if (row.epoch == op->epoch) reports.push_back(&row);
  }
  for (const NodeId& node : nodes_of(windows().last)) {
    std::vector<BeatFigures> heard;
    for (const TelemetryReportRow* report : reports) {
      const TelemetryEntry* const entry = find_entry(report->entries, node);
      heard.push_back(entry != nullptr ? entry->figures : BeatFigures{});
    }
    nodes_.put(node, {op->epoch, static_cast<std::uint32_t>(heard.size()), median_figures(heard)});
  }
}

void Telemetry::on_epoch(const BlockContext& context) {
  const TelemetryWindow ended = windows().running;
  const std::uint32_t nodes = registry_.total_nodes();
  TelemetryWindow next;
  next.epoch = context.epoch;
  next.nodes = nodes;
  next.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(nodes, params_.get(Parameter::TelemetryWindowNodes)));
  if (nodes > 0) next.first = static_cast<std::uint32_t>((std::uint64_t{ended.first} + ended.count) % nodes);
  window_.put(kWindowKey, {ended, next});
}

bool Telemetry::invariants_hold() const {
  const TelemetryWindowRow row = windows();
  for (const TelemetryWindow* window : {&row.last, &row.running}) {
    if (window->count > window->nodes || window->nodes > registry_.total_nodes()) return false;
    if (window->nodes > 0 && window->first >= window->nodes) return false;
  }
  return true;
}

}  // namespace starminer::protocol
