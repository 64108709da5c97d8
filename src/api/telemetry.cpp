#include "api/telemetry.h"

#include <future>

#include <spdlog/spdlog.h>

#include "beats/beat_log.h"
#include "protocol/transaction.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::api {
namespace {

using engine::SubmitResult;
using protocol::Machine;
using protocol::NodeStatus;
using protocol::Parameter;

constexpr std::uint64_t kExpiryMs = 60'000;

}  // namespace

TelemetryWatcher::TelemetryWatcher(engine::Engine& engine, const Relay& relay, SigningKey operator_key,
                                   BeatArchive& beats)
    : engine_(engine), relay_(relay), key_(std::move(operator_key)), beats_(beats) {}

TelemetryWatcher::~TelemetryWatcher() { stop(); }

void TelemetryWatcher::start() {
  thread_ = std::thread([this] { run(); });
}

void TelemetryWatcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TelemetryWatcher::run() {
  for (;;) {
    const std::chrono::milliseconds every(
        engine_.read([](const Machine& machine) { return machine.params().get(Parameter::BeatEveryMs); }));
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, every, [this] { return stopping_; })) return;
    }
    const Observation seen = observe(std::chrono::steady_clock::now());
    if (!seen.silent.empty() || !seen.heard.empty()) report(seen);
    report_window();
  }
}

TelemetryWatcher::Observation TelemetryWatcher::observe(Relay::Moment now) {
  Observation seen;
  engine_.read([&](const Machine& machine) {
    const std::chrono::milliseconds silence(machine.params().get(Parameter::BeatSilenceMs));
    for (const auto& [id, node] : machine.registry().nodes()) {
      if (seen.silent.size() + seen.heard.size() >= kTelemetryBatch) break;
      if (node.status == NodeStatus::Left) {
        first_seen_.erase(id);
        continue;
      }
      const Relay::Moment first = first_seen_.try_emplace(id, now).first->second;
      const auto beat = relay_.last_beat(id);
      const bool is_silent = now - beat.value_or(first) > silence;
      if (node.silent_since && beat && !is_silent) {
        seen.heard.push_back(id);
      } else if (!node.silent_since && is_silent && node.status == NodeStatus::Active) {
        seen.silent.push_back(id);
      }
    }
  });
  return seen;
}

void TelemetryWatcher::report(const Observation& observation) {
  v1::TransactionBody body;
  v1::TelemetryReport& message = *body.mutable_telemetry_report();
  for (const NodeId& id : observation.silent) message.add_silent(id.bytes.data(), id.bytes.size());
  for (const NodeId& id : observation.heard) message.add_heard(id.bytes.data(), id.bytes.size());
  if (!send(std::move(body))) return;
  spdlog::info("telemetry: {} nodes silent, {} heard again", observation.silent.size(), observation.heard.size());
}

void TelemetryWatcher::report_window() {
  struct Due {
    std::uint64_t epoch = 0;
    beats::Window window;
  };
  const auto due = engine_.read([&](const Machine& machine) -> std::optional<Due> {
    const protocol::Telemetry& telemetry = machine.telemetry();
    const protocol::TelemetryWindow last = telemetry.windows().last;
    const protocol::TelemetryReportRow* const mine = telemetry.reports().find(key_.account());
    if (last.count == 0 || (mine != nullptr && mine->epoch >= last.epoch)) return std::nullopt;
    Due found{last.epoch, {}};
    for (const NodeId& node : telemetry.nodes_of(last)) {
      found.window.emplace(node, machine.registry().nodes().get(node).provider);
    }
    return found;
  });
  if (!due) return;
  const auto raw = beats_.close(due->epoch);
  if (!raw) return;
  const auto figures = beats::count_beats(*raw, due->window);
  if (!figures) {
    spdlog::error("telemetry: the raw beats of epoch {} are damaged, nothing is reported: {}", due->epoch,
                  figures.error());
    return;
  }
  v1::TransactionBody body;
  v1::TelemetryAggregate& message = *body.mutable_telemetry_aggregate();
  const Hash32 hash = sha256(*raw);
  message.set_epoch(due->epoch);
  message.set_raw_hash(hash.bytes.data(), hash.bytes.size());
  for (const auto& [node, figure] : *figures) {
    auto& entry = *message.add_entries();
    entry.set_node(node.bytes.data(), node.bytes.size());
    entry.set_beats(figure.beats);
    entry.set_p50_ms(figure.p50_ms);
    entry.set_p90_ms(figure.p90_ms);
    entry.set_p99_ms(figure.p99_ms);
  }
  if (!send(std::move(body))) return;
  spdlog::info("telemetry: epoch {}: {} of {} nodes heard, {} bytes of raw beats kept", due->epoch, figures->size(),
               due->window.size(), raw->size());
}

bool TelemetryWatcher::send(v1::TransactionBody body) {
  engine_.read([&](const Machine& machine) {
    body.set_chain_id(machine.chain().chain_id);
    body.set_sequence(machine.ledger().next_sequence(key_.account()).value_or(0));
  });
  body.set_expires_at_ms(engine::Engine::wall_clock().ms + kExpiryMs);
  const auto answered = std::make_shared<std::promise<SubmitResult>>();
  auto answer = answered->get_future();
  engine_.submit(protocol::sign_transaction(body, key_),
                 [answered](SubmitResult result) { answered->set_value(std::move(result)); });
  const SubmitResult result = answer.get();
  if (!result) {
    spdlog::error("telemetry: the report was not taken: {} ({})", result.error().info().what, result.error().detail);
  } else if (result->receipt.core.code != 0) {
    spdlog::error("telemetry: the report was refused: {}", result->receipt.detail);
  }
  return result && result->receipt.core.code == 0;
}

}  // namespace starminer::api
