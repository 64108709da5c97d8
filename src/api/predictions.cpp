#include "api/predictions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "protocol/machine.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/queue_index.h"

namespace starminer::api {
namespace {

using engine::Engine;
using nlohmann::json;
using protocol::Demand;
using protocol::JobState;
using protocol::Machine;

constexpr auto kPause = std::chrono::milliseconds(500);
// Looks at nodes in one round, while the engine waits.
constexpr std::size_t kLooksPerRound = 200'000;
constexpr std::size_t kOpenMax = 10'000;
// Jobs before one that are simulated.
constexpr std::size_t kAheadMax = 4'096;
constexpr std::uint64_t kGpuMilli = 1000;
constexpr std::uint64_t kPpm = 1'000'000;

QueuedJob queued(const protocol::JobSpec& spec) {
  return {gpu_milli(spec.resources), seconds(spec.expected_s).ms, seconds(spec.max_s).ms};
}

RunningJob running(const Machine& machine, const JobId& id, TimeMs ends, TimeMs now) {
  const protocol::Market& market = machine.market();
  const protocol::JobRow& row = market.jobs().get(id);
  RunningJob job{market.assignments().get(id).gpu_milli, 0, seconds(row.spec.expected_s).ms, elapsed(ends, now).ms};
  const protocol::ContractRow* contract = machine.contracts().table().find(row.contract);
  if (contract != nullptr && contract->started.ms != 0) job.elapsed_ms = elapsed(now, contract->started).ms;
  return job;
}

/// The machines that could take the job, and the waiting jobs that stand before it in a common order.
Pool pool_of(const Machine& machine, const Demand& demand, const protocol::Place& place) {
  const protocol::MarketView& market = demand.market();
  Pool pool;
  for (const auto& [id, node] : market.registry.nodes()) {
    if (node.status == protocol::NodeStatus::Left || !demand.classes().test(node.hardware_class)) continue;
    const protocol::CapacityRow& capacity = market.registry.capacity().get(id);
    const protocol::NodeView view{id, &node, &capacity, false, {}};
    if (first_failure(demand, view, protocol::kBusy)) continue;
    for (const std::uint16_t free : capacity.device_free_milli) pool.free_milli += free;
    const auto* occupants = market.index.occupants(id);
    if (occupants == nullptr) continue;
    for (const auto& [ends, job] : *occupants) pool.running.push_back(running(machine, job, ends, demand.now()));
  }
  for (const auto& [other, waiting] : market.index.waiting()) {
    if (!(other < place) || pool.ahead.size() == kAheadMax) break;
    if (share_a_class(waiting.row->spec, demand.spec())) pool.ahead.push_back(queued(waiting.row->spec));
  }
  return pool;
}

json render_calibrations(const std::array<Calibration, kQuantileCount>& calibrations) {
  json list = json::array();
  for (std::size_t i = 0; i < kQuantileCount; ++i) {
    const Calibration& one = calibrations[i];
    const auto error = one.median_error_ppm();
    list.push_back({{"said_ppm", static_cast<std::uint64_t>(kQuantiles[i] * static_cast<double>(kPpm))},
                    {"judged", one.judged()},
                    {"kept_ppm", one.judged() == 0 ? json() : json(one.kept() * kPpm / one.judged())},
                    {"median_error_ppm", error ? json(*error) : json()}});
  }
  return list;
}

}  // namespace

Predictions::Predictions(const Engine& engine) : engine_(engine) {}

void Predictions::start() {
  since_ms_ = Engine::wall_clock().ms;
  thread_ = std::thread([this] { run(); });
}

void Predictions::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Predictions::on_block(const protocol::BlockResult& block) {
  using protocol::EventKind;
  const std::lock_guard lock(mutex_);
  const std::size_t before = notes_.size();
  for (const protocol::Event& event : block.events) {
    if (!event.job) continue;
    if (event.kind == EventKind::JobQueued) notes_.push_back({Change::Queued, *event.job});
    if (event.kind == EventKind::JobMatched) notes_.push_back({Change::Matched, *event.job});
    if (event.kind == EventKind::JobEnded) notes_.push_back({Change::Ended, *event.job});
  }
  if (notes_.size() > before) wake_.notify_one();
}

void Predictions::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait(lock, [this] { return stopping_ || !notes_.empty(); });
    if (stopping_) return;
    const std::vector<Note> notes = std::exchange(notes_, {});
    lock.unlock();
    engine_.read([&](const Machine& machine) {
      std::size_t looks = kLooksPerRound;
      const std::size_t nodes = machine.registry().nodes().size();
      for (const Note& note : notes) {
        if (note.change != Change::Queued) {
          take(machine, note);
        } else if (looks > 0) {
          note_queued(machine, note.job);
          looks -= std::min(looks, nodes);
        } else {
          const std::lock_guard count(mutex_);
          ++left_out_;
        }
      }
    });
    lock.lock();
    wake_.wait_for(lock, kPause, [this] { return stopping_; });
  }
}

void Predictions::note_queued(const Machine& machine, const JobId& id) {
  const protocol::JobRow* row = machine.market().jobs().find(id);
  if (row == nullptr || row->state != JobState::Queued || row->attempts > 0) return;
  const auto said = of_waiting(machine, id, *row);
  if (!said) return;
  const TimeMs now = machine.query_context(Engine::wall_clock()).time;
  const std::lock_guard lock(mutex_);
  if (open_.size() >= kOpenMax) {
    ++left_out_;
    return;
  }
  open_.insert_or_assign(id, Open{now, size_of(gpu_milli(row->spec.resources)), *said});
}

void Predictions::take(const Machine& machine, const Note& note) {
  const protocol::JobRow* row = machine.market().jobs().find(note.job);
  const protocol::ContractRow* contract =
      row != nullptr && !row->contract.is_zero() ? machine.contracts().table().find(row->contract) : nullptr;
  const std::lock_guard lock(mutex_);
  if (note.change == Change::Ended) {
    if (contract != nullptr) note_ended(note.job, *contract);
    open_.erase(note.job);
    return;
  }
  const auto found = open_.find(note.job);
  if (found == open_.end() || found->second.started || contract == nullptr) return;
  Open& open = found->second;
  open.started = true;
  for (std::size_t i = 0; i < kQuantileCount; ++i) {
    judged_[open.size].start[i].learn(open.said.start_ms[i], elapsed(contract->matched, open.made).ms);
  }
}

void Predictions::note_ended(const JobId& id, const protocol::ContractRow& contract) {
  if (contract.started.ms == 0 || contract.stopped < contract.started) return;
  runs_.add(elapsed(contract.stopped, contract.started).ms, seconds(contract.expected_s).ms);
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  const Open& open = found->second;
  for (std::size_t i = 0; i < kQuantileCount; ++i) {
    judged_[open.size].end[i].learn(open.said.end_ms[i], elapsed(contract.stopped, open.made).ms);
  }
}

std::size_t Predictions::size_of(std::uint64_t milli) {
  constexpr std::uint64_t kWide = 8 * kGpuMilli;
  if (milli <= kGpuMilli) return 0;
  return milli < kWide ? 1 : 2;
}

std::optional<Prediction> Predictions::corrected(const Pool& pool, const QueuedJob& job, std::size_t size) const {
  const Judged& judged = judged_[size];
  Prediction prediction;
  for (std::size_t i = 0; i < kQuantileCount; ++i) {
    const auto wait = simulated_wait_ms(pool, job, runs_, kQuantiles[i]);
    if (!wait) return std::nullopt;
    const std::uint64_t run = runs_.remaining_ms(kQuantiles[i], 0, job.expected_ms, job.max_ms);
    prediction.start_ms[i] = judged.start[i].corrected(*wait);
    prediction.end_ms[i] = std::max(judged.end[i].corrected(*wait + run), prediction.start_ms[i]);
    if (i == 0) continue;
    prediction.start_ms[i] = std::max(prediction.start_ms[i], prediction.start_ms[i - 1]);
    prediction.end_ms[i] = std::max(prediction.end_ms[i], prediction.end_ms[i - 1]);
  }
  return prediction;
}

std::optional<Prediction> Predictions::predict(const Machine& machine, const Demand& demand,
                                               const protocol::Place& place) const {
  const QueuedJob job = queued(demand.spec());
  if (job.milli == 0) return std::nullopt;  // processors are not counted in thousandths of a GPU
  const Pool pool = pool_of(machine, demand, place);
  const std::lock_guard lock(mutex_);
  return corrected(pool, job, size_of(job.milli));
}

std::optional<Prediction> Predictions::of_waiting(const Machine& machine, const JobId& id,
                                                  const protocol::JobRow& row) const {
  if (row.state != JobState::Queued || row.parked) return std::nullopt;
  const protocol::MarketView market = machine.market().view();
  const Demand demand(market, row, machine.query_context(Engine::wall_clock()).time);
  return predict(machine, demand, {row.key_ms, id});
}

std::optional<Prediction> Predictions::of_quote(const Machine& machine, const protocol::JobSpec& spec,
                                                const protocol::Quote& quote) const {
  if (quote.refusal) return std::nullopt;
  const protocol::MarketView market = machine.market().view();
  const protocol::BlockContext context = machine.query_context(Engine::wall_clock());
  const protocol::JobSpec timed = in_market_time(spec, context);
  const Demand demand(market, timed, {quote.tier.tier, quote.max_price, quote.cap, nullptr, {}}, context.time);
  protocol::Place place{queue_key(market, timed, quote.tier.tier, quote.boost.ahead, context.time), {}};
  place.job.bytes.fill(0xff);  // behind all with the same key: its id is not known yet
  auto prediction = predict(machine, demand, place);
  if (prediction && quote.starts_now) prediction->start_ms = {};
  return prediction;
}

json Predictions::render() const {
  constexpr std::array<const char*, kSizeCount> kSizes = {"1 GPU and less", "2 to 7 GPUs", "8 GPUs and more"};
  const std::lock_guard lock(mutex_);
  json sizes = json::array();
  for (std::size_t i = 0; i < kSizeCount; ++i) {
    sizes.push_back({{"size", kSizes[i]},
                     {"start", render_calibrations(judged_[i].start)},
                     {"end", render_calibrations(judged_[i].end)}});
  }
  return {{"since_ms", since_ms_}, {"open", open_.size()}, {"left_out", left_out_}, {"sizes", std::move(sizes)}};
}

json render_prediction(const std::optional<Prediction>& prediction) {
  if (!prediction) return {};
  return {{"start_p50_ms", prediction->start_ms[0]},
          {"start_p90_ms", prediction->start_ms[1]},
          {"end_p50_ms", prediction->end_ms[0]},
          {"end_p90_ms", prediction->end_ms[1]}};
}

}  // namespace starminer::api
