// Benchmarks that the protocol asks for (REG-8): to settle a doubt, and at random times. The seed of each comes from
// the chain of seeds, so that no result can be made before it is asked for.
#include <fmt/format.h>

#include "base/codec.h"
#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"
#include "protocol/randomness/draws.h"
#include "protocol/registry/claims.h"
#include "protocol/registry/registry.h"

namespace starminer::protocol {
namespace {

struct ChallengeInput {
  Hash32 block_seed;
  NodeId node;
  std::uint32_t round = 0;
};

/// A measured rating against a claim, in the band in which the class's ratings may lie around their median.
bool confirms(std::uint32_t measured, std::uint32_t claim, const ClassRow& row) {
  if (claim == 0) return true;
  const u128 figure = u128{measured} * kPpm;
  return figure >= u128{claim} * row.rating_low.value && figure <= u128{claim} * row.rating_high.value;
}

}  // namespace

std::string_view benchmark_reason_name(BenchmarkReason reason) {
  return reason == BenchmarkReason::Spot ? "spot" : "doubt";
}

Result<Valid<NodeBenchmark>, Refusal> NodeBenchmark::validate(NodeBenchmark op) {
  FieldCheck check;
  check_claims(op.ratings, check);
  if (!check.ok()) return fail(check.result().error());
  return Valid<NodeBenchmark>(std::move(op));
}

void Registry::ask_benchmark(const NodeId& id, const NodeRow& row, BenchmarkReason reason,
                             const BlockContext& context) {
  close_benchmark(id);
  const BenchmarkRow* const last = benchmarks_.find(id);
  BenchmarkRow asked;
  if (last != nullptr) asked = *last;
  asked.provider = row.provider;
  ++asked.round;
  asked.seed = tagged_hash("starminer/benchmark/challenge/1", encode(ChallengeInput{context.seed, id, asked.round}));
  asked.reason = reason;
  asked.open = true;
  asked.asked = context.time;
  asked.due = context.time + params_.duration(Parameter::BenchmarkMs);
  timers_.schedule(asked.due, TimerKind::BenchmarkDue, id.bytes);
  benchmarks_.put(id, asked);
}

void Registry::close_benchmark(const NodeId& id) {
  const BenchmarkRow* const last = benchmarks_.find(id);
  if (last == nullptr || !last->open) return;
  if (last->due.ms != 0) timers_.cancel(last->due, TimerKind::BenchmarkDue, id.bytes);
  benchmarks_.update(id, [](BenchmarkRow& row) { row.open = false; });
}

Result<Checked<NodeBenchmark>, Refusal> Registry::check(const Valid<NodeBenchmark>& op, const Sender& sender) const {
  const NodeRow* const row = nodes_.find(op->node);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownNode, "node " + op->node.text()});
  if (row->provider != sender.account) {
    return fail(Refusal{RefusalCode::NotNodeOwner, "provider " + row->provider.text()});
  }
  const BenchmarkRow* const asked = benchmarks_.find(op->node);
  if (asked == nullptr || !asked->open) {
    return fail(Refusal{RefusalCode::NoBenchmarkDue,
                        fmt::format("benchmarks asked for so far: {}", asked != nullptr ? asked->round : 0)});
  }
  if (asked->seed != op->seed) {
    return fail(Refusal{RefusalCode::WrongBenchmarkSeed, fmt::format("asked for {}", asked->seed.hex())});
  }
  if (const auto ratings = check_ratings(row->hardware_class, op->ratings); !ratings) return fail(ratings.error());
  return Checked<NodeBenchmark>(op, {});
}

void Registry::apply(const Checked<NodeBenchmark>& op, const Sender& /*sender*/, const BlockContext& context) {
  NodeRow row = nodes_.get(op->node);
  const auto measured = ratings_of(op->ratings);
  const ClassRow& hardware_class = classes_.get(row.hardware_class);
  bool confirmed = true;
  for (std::size_t kind = 0; kind < kJobKindCount; ++kind) {
    confirmed = confirmed && confirms(measured[kind].cu_x1000, row.ratings[kind].cu_x1000, hardware_class);
  }
  row.ratings = measured;
  row.rating_in_doubt = !confirmed;
  close_benchmark(op->node);
  benchmarks_.update(op->node, [&](BenchmarkRow& asked) {
    asked.answered = context.time;
    asked.confirmed = confirmed;
  });
  // What was measured is the new claim; a second benchmark must agree with it.
  if (!confirmed) ask_benchmark(op->node, row, BenchmarkReason::Doubt, context);
  put_node(op->node, std::move(row), context);
}

void Registry::on_tick(const BlockContext& context) {
  const std::uint64_t every_ms = params_.get(Parameter::BenchmarkSpotMs);
  const std::uint64_t nodes = total_nodes();
  if (every_ms == 0 || nodes == 0) return;
  // As many draws as fall into one tick on average; what is left of a whole draw is one more with that probability.
  const std::uint64_t node_ms = nodes * params_.get(Parameter::TickMs);
  const Draw draw{context.seed, DrawPurpose::Benchmark, {}};
  std::uint64_t counter = 0;
  std::uint64_t draws = node_ms / every_ms;
  if (draw_index(draw, every_ms, counter) < node_ms % every_ms) ++draws;
  for (std::uint64_t i = 0; i < std::min(draws, kSpotBenchmarksPerTick); ++i) {
    const NodeId id = node_at(static_cast<std::uint32_t>(draw_index(draw, nodes, counter)));
    const NodeRow& row = nodes_.get(id);
    const BenchmarkRow* const last = benchmarks_.find(id);
    // A benchmark beside jobs would disturb both; a busy node is judged by its jobs.
    if (row.status != NodeStatus::Active || capacity_.get(id).jobs > 0 || (last != nullptr && last->open)) continue;
    ask_benchmark(id, row, BenchmarkReason::Spot, context);
  }
}

void Registry::on_benchmark_due(const NodeId& node, const BlockContext& context) {
  const BenchmarkRow asked = benchmarks_.get(node);
  NodeRow row = nodes_.get(node);
  if (capacity_.get(node).jobs > 0) {
    ask_benchmark(node, row, asked.reason, context);
    return;
  }
  benchmarks_.update(node, [](BenchmarkRow& overdue) { overdue.due = {}; });
  if (row.rating_in_doubt) return;
  row.rating_in_doubt = true;
  put_node(node, std::move(row), context);
}

}  // namespace starminer::protocol
