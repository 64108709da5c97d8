#include "api/upkeep.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <spdlog/spdlog.h>

#include "api/artifact_access.h"
#include "api/relay.h"
#include "api/render.h"
#include "artifacts/store.h"
#include "engine/solo/engine.h"

namespace starminer::api {
namespace {

using protocol::JobState;
using protocol::Machine;

struct Kept {
  Hash32 hash;
  std::uint64_t until_ms = 0;
};

/// A contract's artifacts, and its result manifest, which names more.
struct Promises {
  std::vector<Kept> artifacts;
  std::vector<Kept> manifests;
};

Promises collect(const Machine& machine, std::uint64_t now_ms, std::uint64_t kept_ms) {
  Promises promises;
  const Clock clock(machine);
  const auto until = [&](TimeMs ended) { return (ended.ms == 0 ? now_ms : clock.unix_ms(ended)) + kept_ms; };
  for (const auto& [id, job] : machine.market().jobs()) {
    if (until(job.ended) <= now_ms) continue;
    promises.artifacts.push_back({job.spec.manifest_hash, until(job.ended)});
    for (const Hash32& input : job.spec.inputs) promises.artifacts.push_back({input, until(job.ended)});
  }
  for (const auto& [id, contract] : machine.contracts().table()) {
    const std::uint64_t end = until(contract.ended);
    if (end <= now_ms) continue;
    if (!contract.proof_hash.is_zero()) promises.artifacts.push_back({contract.proof_hash, end});
    for (const Hash32& output : contract.outputs) promises.artifacts.push_back({output, end});
    if (!contract.result_hash.is_zero()) promises.manifests.push_back({contract.result_hash, end});
  }
  return promises;
}

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

void Upkeep::retain_artifacts() {
  const std::uint64_t now_ms = engine::solo::Engine::wall_clock().ms;
  const std::uint64_t kept_ms = parts_.options.results_kept_ms;
  const Promises promises =
      parts_.engine.read([&](const Machine& machine) { return collect(machine, now_ms, kept_ms); });
  const auto retain = [&](const Hash32& hash, std::uint64_t until_ms) {
    const auto info = parts_.artifacts.find(hash);
    // A promise is written to the disk, so it is renewed only when half of it has gone.
    const auto until = static_cast<std::int64_t>(until_ms);
    const auto half = static_cast<std::int64_t>(until_ms - std::min(until_ms, kept_ms / 2));
    if (!info || info->retain_until_ms >= half) return;
    if (const auto done = parts_.artifacts.retain(hash, until); !done) {
      spdlog::warn("artifacts: {} could not be retained: {}", hash.hex(), describe(done.error()));
    }
  };
  for (const Kept& kept : promises.artifacts) retain(kept.hash, kept.until_ms);
  for (const Kept& kept : promises.manifests) {
    const auto info = parts_.artifacts.find(kept.hash);
    if (!info) continue;
    const bool renewed =
        info->retain_until_ms + static_cast<std::int64_t>(kept_ms / 2) < static_cast<std::int64_t>(kept.until_ms);
    retain(kept.hash, kept.until_ms);
    if (!renewed) continue;
    for (const Hash32& hash : parts_.access.named_by_manifest(kept.hash)) retain(hash, kept.until_ms);
  }
  const artifacts::Expired expired = parts_.artifacts.expire(static_cast<std::int64_t>(now_ms));
  if (expired.artifacts + expired.partials > 0) {
    spdlog::info("artifacts: {} expired, {} unfinished uploads dropped, {} bytes freed", expired.artifacts,
                 expired.partials, expired.bytes);
  }
}

void Upkeep::remove_logs() {
  const std::uint64_t now_ms = engine::solo::Engine::wall_clock().ms;
  const std::vector<ContractId> kept = parts_.relay.contracts();
  const auto over = parts_.engine.read([&](const Machine& machine) {
    std::vector<ContractId> found;
    const Clock clock(machine);
    for (const ContractId& id : kept) {
      const protocol::ContractRow* row = machine.contracts().table().find(id);
      const bool ended = row == nullptr || is_final(row->state);
      const std::uint64_t since = row == nullptr ? 0 : clock.unix_ms(row->ended);
      if (ended && since + parts_.options.logs_kept_ms <= now_ms) found.push_back(id);
    }
    return found;
  });
  for (const ContractId& id : over) parts_.relay.remove(id);
}

}  // namespace starminer::api
