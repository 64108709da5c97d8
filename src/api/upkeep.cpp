#include "api/upkeep.h"

#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

#include "api/artifact_access.h"
#include "api/lookup.h"
#include "api/relay.h"
#include "artifacts/store.h"
#include "base/codec.h"
#include "protocol/market/queue_index.h"

namespace starminer::api {
namespace {

using protocol::Machine;

// Rounds in which an ended job's artifacts are looked for: what failed may still be uploading its report.
constexpr unsigned kRoundsAfterEnd = 10;

}  // namespace

Upkeep::Upkeep(const Parts& parts) : parts_(parts) {}

Upkeep::~Upkeep() { stop(); }

void Upkeep::start() {
  thread_ = std::thread([this] { run(); });
}

void Upkeep::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Upkeep::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    round();
    lock.lock();
    wake_.wait_for(lock, std::chrono::milliseconds(parts_.options.upkeep_every_ms), [this] { return stopping_; });
  }
}

void Upkeep::round() {
  retain_artifacts();
  remove_logs();
}

void Upkeep::on_block(const protocol::BlockResult& block) {
  const std::lock_guard lock(mutex_);
  for (const protocol::HistoryLeaf& leaf : block.leaves) {
    if (leaf.type != protocol::LeafType::Receipt) ended_leaves_.push_back(leaf.index);
  }
}

Upkeep::Promise Upkeep::promise_of(const protocol::JobRow& row, std::uint64_t until_ms) {
  Promise promise{row.spec.inputs, {}, until_ms, kRoundsAfterEnd};
  promise.artifacts.push_back(row.spec.manifest_hash);
  return promise;
}

Upkeep::Promise Upkeep::promise_of(const protocol::ContractRow& row, std::uint64_t until_ms) {
  Promise promise{row.outputs, row.result_hash, until_ms, kRoundsAfterEnd};
  if (!row.proof_hash.is_zero()) promise.artifacts.push_back(row.proof_hash);
  return promise;
}

void Upkeep::note_state() {
  const std::uint64_t kept_ms = parts_.options.results_kept_ms;
  parts_.engine.read([&](const Machine& machine) {
    const Clock clock(machine);
    for (const auto& [id, row] : machine.market().jobs()) {
      if (row.ended.ms != 0) ended_.push_back(promise_of(row, clock.unix_ms(row.ended) + kept_ms));
    }
    for (const auto& [id, row] : machine.contracts().table()) {
      if (row.ended.ms != 0) ended_.push_back(promise_of(row, clock.unix_ms(row.ended) + kept_ms));
    }
  });
}

std::vector<Upkeep::Promise> Upkeep::live_promises(std::uint64_t until_ms) const {
  return parts_.engine.read([&](const Machine& machine) {
    std::vector<Promise> promises;
    const protocol::QueueIndex& queue = machine.market().index();
    for (const auto& [place, waiting] : queue.waiting()) promises.push_back(promise_of(*waiting.row, until_ms));
    for (const auto& [place, row] : queue.parked()) promises.push_back(promise_of(*row, until_ms));
    for (const ContractId& id : machine.contracts().index().live()) {
      const protocol::ContractRow& row = machine.contracts().table().get(id);
      promises.push_back(promise_of(row, until_ms));
      promises.push_back(promise_of(machine.market().jobs().get(row.job), until_ms));
    }
    return promises;
  });
}

void Upkeep::note_ended() {
  std::vector<std::uint64_t> leaves;
  {
    const std::lock_guard lock(mutex_);
    leaves.swap(ended_leaves_);
  }
  const auto& store = parts_.engine.store();
  const std::uint64_t kept_ms = parts_.options.results_kept_ms;
  const auto note = [&](const auto& id, const auto& row) {
    const auto place = storage::find_place(store, id);
    if (!place) spdlog::critical("{}", place.error().text);
    if (place && *place) ended_.push_back(promise_of(row, (*place)->time.ms + kept_ms));
  };
  for (const std::uint64_t index : leaves) {
    const auto leaf = store.find_leaf(index);
    if (!leaf) spdlog::critical("{}", leaf.error().text);
    if (!leaf || !*leaf || (*leaf)->empty()) continue;
    const ByteView content = ByteView(**leaf).subspan(1);
    if ((*leaf)->front() == static_cast<std::uint8_t>(protocol::LeafType::EndedJob)) {
      if (const auto ended = decode<protocol::EndedJob>(content)) note(ended->job, ended->row);
    } else {
      if (const auto ended = decode<protocol::Settlement>(content)) note(ended->contract, ended->row);
    }
  }
}

/// A promise is written to the disk, so that of something live is renewed only when half of it has gone
/// (`renew_late`); the last one is kept to the letter.
void Upkeep::keep(const Promise& promise, bool renew_late) {
  const auto until = static_cast<std::int64_t>(promise.until_ms);
  const auto slack = static_cast<std::int64_t>(renew_late ? parts_.options.results_kept_ms / 2 : 0);
  const auto retain = [&](const Hash32& hash) {
    const auto info = parts_.artifacts.find(hash);
    if (!info || info->retain_until_ms >= until - slack) return false;
    if (const auto done = parts_.artifacts.retain(hash, until); !done) {
      spdlog::warn("artifacts: {} could not be retained: {}", hash.hex(), describe(done.error()));
    }
    return true;
  };
  for (const Hash32& hash : promise.artifacts) retain(hash);
  if (promise.manifest.is_zero() || !retain(promise.manifest)) return;
  for (const Hash32& hash : parts_.access.named_by_manifest(promise.manifest)) retain(hash);
}

void Upkeep::retain_artifacts() {
  const std::uint64_t now_ms = engine::Engine::wall_clock().ms;
  if (!began_) note_state();
  began_ = true;
  note_ended();
  for (const Promise& promise : live_promises(now_ms + parts_.options.results_kept_ms)) keep(promise, true);
  for (Promise& promise : ended_) {
    if (promise.until_ms > now_ms) keep(promise, false);
    --promise.rounds_left;
  }
  std::erase_if(ended_, [](const Promise& promise) { return promise.rounds_left == 0; });
  const artifacts::Expired expired = parts_.artifacts.expire(static_cast<std::int64_t>(now_ms));
  if (expired.artifacts + expired.partials > 0) {
    spdlog::info("artifacts: {} expired, {} unfinished uploads dropped, {} bytes freed", expired.artifacts,
                 expired.partials, expired.bytes);
  }
}

/// Unix time at which a contract ended, 0 for one that never was; empty while it lives or nobody can tell.
std::optional<std::uint64_t> Upkeep::ended_ms(const ContractId& contract) const {
  const auto place = storage::find_place(parts_.engine.store(), contract);
  if (!place) {
    spdlog::critical("{}", place.error().text);
    return std::nullopt;
  }
  if (*place) return (*place)->time.ms;
  const bool lives =
      parts_.engine.read([&](const Machine& machine) { return machine.contracts().table().contains(contract); });
  return lives ? std::nullopt : std::optional<std::uint64_t>(0);
}

void Upkeep::remove_logs() {
  const std::uint64_t now_ms = engine::Engine::wall_clock().ms;
  for (const ContractId& id : parts_.relay.contracts()) {
    auto known = log_ends_.find(id);
    if (known == log_ends_.end()) {
      const auto ended = ended_ms(id);
      if (!ended) continue;
      known = log_ends_.emplace(id, *ended).first;
    }
    if (known->second + parts_.options.logs_kept_ms > now_ms) continue;
    parts_.relay.remove(id);
    log_ends_.erase(known);
  }
}

}  // namespace starminer::api
