#include "api/market_metrics.h"

#include <array>
#include <map>

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "api/parts.h"
#include "api/relay.h"
#include "artifacts/store.h"
#include "engine/engine.h"
#include "protocol/market/queue_index.h"

namespace starminer::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using protocol::Machine;

constexpr double kMilli = 1e-3;
constexpr double kMicro = 1e-6;
constexpr double kTokens = 1e-9;

struct Labelled {
  std::string value;
  double number = 0;
};

class Families {
 public:
  explicit Families(std::vector<MetricFamily> first) : families_(std::move(first)) {}

  void gauge(std::string name, std::string help, double value) {
    add(std::move(name), std::move(help), MetricType::Gauge, "", {{"", value}});
  }
  void counter(std::string name, std::string help, double value) {
    add(std::move(name), std::move(help), MetricType::Counter, "", {{"", value}});
  }
  void gauges(std::string name, std::string help, const std::string& label, const std::vector<Labelled>& values) {
    add(std::move(name), std::move(help), MetricType::Gauge, label, values);
  }
  [[nodiscard]] const std::vector<MetricFamily>& all() const { return families_; }

 private:
  void add(std::string name, std::string help, MetricType type, const std::string& label,
           const std::vector<Labelled>& values) {
    MetricFamily family{std::move(name), std::move(help), type, {}};
    for (const Labelled& value : values) {
      ClientMetric metric;
      if (!label.empty()) metric.label.push_back({label, value.value});
      (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value.number;
      family.metric.push_back(std::move(metric));
    }
    families_.push_back(std::move(family));
  }

  std::vector<MetricFamily> families_;
};

/// Figures of one moment of the state.
struct Snapshot {
  double height = 0;
  double block_time = 0;
  double halted = 0;
  double ticks = 0;
  double escrow = 0;
  double minted = 0;
  double burned = 0;
  std::array<double, 4> jobs{};
  double parked = 0;
  std::array<double, 6> nodes{};
  std::array<double, 7> contracts{};
};

// The scan is over nodes in memory; /metrics is asked for every few seconds at most.
Snapshot take(const Machine& machine) {
  Snapshot shot;
  const protocol::ChainRow& chain = machine.chain();
  shot.height = static_cast<double>(chain.height);
  shot.block_time = static_cast<double>(chain.block_time.ms) * kMilli;
  shot.halted = static_cast<double>(chain.halted.ms) * kMilli;
  shot.ticks = static_cast<double>(chain.ticks);
  const protocol::SupplyBreakdown supply = machine.ledger().supply(Asset::Agpu);
  shot.minted = static_cast<double>(supply.minted) * kTokens;
  shot.burned = static_cast<double>(supply.burned) * kTokens;
  const protocol::QueueIndex& jobs = machine.market().index();
  shot.escrow = static_cast<double>(jobs.escrow()) * kTokens;
  shot.parked = static_cast<double>(jobs.parked().size());
  for (std::size_t i = 0; i < shot.jobs.size(); ++i) shot.jobs[i] = static_cast<double>(jobs.counts()[i]);
  for (const auto& [id, row] : machine.registry().nodes()) shot.nodes[static_cast<std::size_t>(row.status)] += 1;
  const auto& contracts = machine.contracts().index().counts();
  for (std::size_t i = 0; i < shot.contracts.size(); ++i) shot.contracts[i] = static_cast<double>(contracts[i]);
  return shot;
}

template <class State, std::size_t kCount, class Name>
std::vector<Labelled> by_state(const std::array<double, kCount>& counts, Name name) {
  std::vector<Labelled> values;
  for (std::size_t i = 0; i < kCount; ++i) values.push_back({std::string(name(static_cast<State>(i))), counts[i]});
  return values;
}

void add_engine(Families& out, const engine::Engine& engine) {
  const engine::EngineCounters& counters = engine.counters();
  const auto number = [](const std::atomic<std::uint64_t>& value) { return static_cast<double>(value.load()); };
  using engine::Readiness;
  const Readiness now = engine.condition().readiness;
  const bool disk_takes = now != Readiness::DiskFull && now != Readiness::DiskFailed;
  out.gauge("starminer_engine_healthy", "1 while the disk takes blocks", disk_takes ? 1 : 0);
  std::vector<Labelled> states;
  for (const Readiness state :
       {Readiness::Ready, Readiness::CatchingUp, Readiness::OrdererAway, Readiness::DiskFull, Readiness::DiskFailed}) {
    states.push_back({std::string(readiness_name(state)), state == now ? 1.0 : 0.0});
  }
  out.gauges("starminer_readiness", "1 for the state that this node is in; it takes transactions while ready", "state",
             states);
  out.gauge("starminer_transactions_waiting", "Transactions that wait for a block", number(counters.waiting));
  out.counter("starminer_transactions_submitted_total", "Transactions received", number(counters.submitted));
  out.counter("starminer_transactions_applied_total", "Transactions in blocks since the start",
              number(counters.applied));
  out.counter("starminer_transactions_refused_total", "Transactions that no block took", number(counters.refused));
  out.counter("starminer_transactions_duplicate_total", "Transactions received again", number(counters.duplicates));
  out.counter("starminer_blocks_total", "Blocks that this process made durable", number(counters.blocks));
  out.counter("starminer_sync_seconds_total", "Time spent in durable writes of blocks",
              number(counters.sync_microseconds) * kMicro);
  for (const engine::Figure& figure : engine.figures()) {
    if (figure.grows) {
      out.counter(figure.name, figure.help, figure.value);
    } else {
      out.gauge(figure.name, figure.help, figure.value);
    }
  }
}

void add_state(Families& out, const Snapshot& shot) {
  out.gauge("starminer_height", "Height of the last block", shot.height);
  out.gauge("starminer_block_time_seconds", "Unix time of the last block", shot.block_time);
  out.gauge("starminer_halted_seconds", "Sum of all times without the market", shot.halted);
  out.gauge("starminer_ticks", "Price ticks since genesis", shot.ticks);
  out.gauge("starminer_minted_agpu", "AGPU ever minted", shot.minted);
  out.gauge("starminer_burned_agpu", "AGPU ever burned", shot.burned);
  out.gauge("starminer_escrow_agpu", "AGPU in escrow for live jobs", shot.escrow);
  out.gauge("starminer_jobs_parked", "Jobs that wait for a lower price", shot.parked);
  out.gauges("starminer_jobs", "Jobs of the state by state; archived ones are not among them", "state",
             by_state<protocol::JobState>(shot.jobs, protocol::job_state_name));
  out.gauges("starminer_nodes", "Nodes by status", "status",
             by_state<protocol::NodeStatus>(shot.nodes, protocol::node_status_name));
  out.gauges("starminer_contracts", "Contracts of the state by state; archived ones are not among them", "state",
             by_state<protocol::ContractState>(shot.contracts, protocol::contract_state_name));
}

}  // namespace

std::string metrics_text(const Parts& parts) {
  Families families(parts.metrics.Collect());
  add_state(families, parts.engine.read(take));
  add_engine(families, parts.engine);
  const artifacts::Usage usage = parts.artifacts.usage();
  families.gauge("starminer_artifacts", "Complete artifacts", static_cast<double>(usage.artifacts));
  families.gauge("starminer_artifact_bytes", "Bytes of complete artifacts", static_cast<double>(usage.artifact_bytes));
  families.gauge("starminer_artifact_bytes_limit", "Bytes that the artifact store may hold",
                 static_cast<double>(usage.total_bytes_max));
  families.gauge("starminer_artifact_uploads", "Unfinished uploads", static_cast<double>(usage.partials));
  families.gauge("starminer_log_bytes", "Bytes of job logs", static_cast<double>(parts.relay.bytes()));
  return prometheus::TextSerializer().Serialize(families.all());
}

}  // namespace starminer::api
