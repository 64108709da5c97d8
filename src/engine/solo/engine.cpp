#include "engine/solo/engine.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace starminer::engine::solo {
namespace {

using protocol::Refusal;
using protocol::RefusalCode;
using protocol::VerifiedTransaction;

// Verifiers take several transactions per lock, so that the queue is no bottleneck.
constexpr std::size_t kVerifyBatch = 16;
constexpr auto kIdleWait = std::chrono::seconds(1);

Refusal node_busy(std::string detail) { return {RefusalCode::NodeBusy, std::move(detail)}; }

}  // namespace

/// A transaction between arrival and answer.
struct Engine::Pending {
  Bytes bytes;
  Answer answer;
  bool verified = false;  // guarded by the queue's mutex
  std::optional<VerifiedTransaction> transaction;
  std::optional<Refusal> refusal;
  std::optional<protocol::Receipt> receipt;
};

/// Transactions in order of arrival. The front part is verified, the rest waits for a verifier; the writer takes the
/// verified front, so that verifying on several threads changes no order.
struct Engine::Queue {
  std::mutex mutex;
  std::condition_variable to_verify;
  std::condition_variable to_write;
  std::deque<std::shared_ptr<Pending>> items;
  std::size_t taken_for_verifying = 0;  // items before this index are with a verifier or verified
  bool stopping = false;
  std::vector<std::thread> threads;
};

TimeMs Engine::wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
}

Result<std::unique_ptr<Engine>, std::string> Engine::open(std::unique_ptr<storage::ChainStore> store,
                                                          const protocol::Genesis& genesis,
                                                          const EngineOptions& options) {
  auto machine = std::make_unique<protocol::Machine>();
  if (store->tip()) {
    if (const auto loaded = store->load(*machine); !loaded) return fail(loaded.error().text);
    protocol::Machine fresh;
    const auto expected = fresh.start(genesis);
    if (!expected) return fail(fmt::format("the genesis is not valid: {}", expected.error()));
    const auto first = store->find_block(0);
    if (!first || first->app_hash != expected->app_hash) {
      return fail(
          fmt::format("the data folder belongs to chain {}; the genesis file describes another one. Use its own "
                      "genesis file or another data folder",
                      machine->chain().chain_id));
    }
  } else {
    const auto result = machine->start(genesis);
    if (!result) return fail(fmt::format("the genesis is not valid: {}", result.error()));
    const storage::StoredBlock block{0,
                                     genesis.time,
                                     {},
                                     protocol::OrderRule::Arrival,
                                     {},
                                     result->state_root,
                                     result->history_root,
                                     result->history_size,
                                     result->app_hash};
    if (const auto written = store->write(block, *result); !written) return fail(written.error().text);
  }
  return std::unique_ptr<Engine>(new Engine(std::move(store), std::move(machine), options));
}

Engine::Engine(std::unique_ptr<storage::ChainStore> store, std::unique_ptr<protocol::Machine> machine,
               const EngineOptions& options)
    : options_(options),
      store_(std::move(store)),
      machine_(std::move(machine)),
      chain_id_(machine_->chain().chain_id),
      queue_(std::make_unique<Queue>()) {}

Engine::~Engine() { stop(); }

void Engine::start() {
  for (unsigned i = 0; i < std::max(1U, options_.verify_threads); ++i) {
    queue_->threads.emplace_back([this] { verify_loop(); });
  }
  queue_->threads.emplace_back([this] { write_loop(); });
}

void Engine::stop() {
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->stopping = true;
  }
  queue_->to_verify.notify_all();
  queue_->to_write.notify_all();
  for (std::thread& thread : queue_->threads) thread.join();
  queue_->threads.clear();
  for (const auto& pending : std::exchange(queue_->items, {})) {
    pending->answer(fail(node_busy("the node is stopping; the transaction was not applied")));
  }
}

void Engine::submit(Bytes transaction, Answer answer) {
  ++counters_.submitted;
  auto pending = std::make_shared<Pending>();
  pending->bytes = std::move(transaction);
  pending->answer = std::move(answer);
  std::optional<Refusal> refusal;
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->stopping || failed_) {
      refusal = node_busy("the node is stopping; the transaction was not applied");
    } else if (queue_->items.size() >= options_.queue_max) {
      refusal = node_busy(fmt::format("{} transactions are waiting", queue_->items.size()));
    } else {
      queue_->items.push_back(pending);
      counters_.waiting = queue_->items.size();
    }
  }
  if (refusal) {
    ++counters_.refused;
    pending->answer(fail(std::move(*refusal)));
    return;
  }
  queue_->to_verify.notify_one();
}

void Engine::add_listener(BlockListener listener) {
  const std::unique_lock lock(state_mutex_);
  listeners_.push_back(std::move(listener));
}

void Engine::on_failure(std::function<void(const std::string&)> handler) { failure_handler_ = std::move(handler); }

void Engine::verify_loop() {
  std::vector<std::shared_ptr<Pending>> batch;
  for (;;) {
    batch.clear();
    {
      std::unique_lock lock(queue_->mutex);
      queue_->to_verify.wait(lock,
                             [this] { return queue_->stopping || queue_->taken_for_verifying < queue_->items.size(); });
      if (queue_->stopping) return;
      while (batch.size() < kVerifyBatch && queue_->taken_for_verifying < queue_->items.size()) {
        batch.push_back(queue_->items[queue_->taken_for_verifying++]);
      }
    }
    for (const auto& pending : batch) {
      auto transaction = protocol::verify_transaction(pending->bytes, chain_id_);
      if (transaction) {
        pending->transaction = std::move(*transaction);
      } else {
        pending->refusal = std::move(transaction.error());
      }
    }
    {
      const std::lock_guard lock(queue_->mutex);
      for (const auto& pending : batch) pending->verified = true;
    }
    queue_->to_write.notify_one();
  }
}

void Engine::write_loop() {
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock(queue_->mutex);
      const auto ready = [this] {
        return queue_->stopping || (!queue_->items.empty() && queue_->items.front()->verified);
      };
      const auto due = machine_->next_due();
      const TimeMs now = wall_clock();
      const auto until_due =
          due ? std::chrono::milliseconds(elapsed(*due, now).ms) : std::chrono::milliseconds(kIdleWait);
      queue_->to_write.wait_for(lock, std::min<std::chrono::milliseconds>(until_due, kIdleWait), ready);
      if (queue_->stopping) return;
      while (batch.size() < options_.block_transactions && !queue_->items.empty() && queue_->items.front()->verified) {
        batch.push_back(std::move(queue_->items.front()));
        queue_->items.pop_front();
        --queue_->taken_for_verifying;
      }
      counters_.waiting = queue_->items.size();
    }
    const TimeMs now = std::max(wall_clock(), machine_->chain().block_time);
    batch = filter(std::move(batch), now);
    const auto due = machine_->next_due();
    if (!batch.empty() || (due && *due <= now)) make_block(std::move(batch), now);
    if (failed_) return;
  }
}

Engine::Batch Engine::filter(Batch batch, TimeMs now) {
  Batch left;
  std::map<AccountId, std::uint64_t> pending_of;
  std::map<Hash32, std::shared_ptr<Pending>> seen;
  for (auto& pending : batch) {
    if (pending->refusal) {
      ++counters_.refused;
      pending->answer(fail(std::move(*pending->refusal)));
      continue;
    }
    const VerifiedTransaction& transaction = *pending->transaction;
    if (auto stored = store_->find_receipt(transaction.hash())) {
      ++counters_.duplicates;
      pending->answer(Submitted{std::move(*stored), true});
      continue;
    }
    std::uint64_t& before = pending_of[transaction.account()];
    if (seen.contains(transaction.hash())) {
      left.push_back(std::move(pending));  // answered with the first one's receipt after the block
      continue;
    }
    if (auto admitted = machine_->admit(transaction, now, before); !admitted) {
      ++counters_.refused;
      pending->answer(fail(std::move(admitted.error())));
      continue;
    }
    ++before;
    seen.emplace(transaction.hash(), pending);
    left.push_back(std::move(pending));
  }
  return left;
}

void Engine::make_block(Batch batch, TimeMs now) {
  std::unique_lock lock(state_mutex_);
  const protocol::BlockHeader header{machine_->chain().height + 1, now, machine_->app_hash(),
                                     protocol::OrderRule::Arrival};
  machine_->begin_block(header);
  Batch included;
  std::map<Hash32, protocol::Receipt> receipts;
  for (const auto& pending : batch) {
    const Hash32& hash = pending->transaction->hash();
    if (const auto first = receipts.find(hash); first != receipts.end()) {
      pending->receipt = first->second;
      continue;
    }
    auto receipt = machine_->execute(*pending->transaction);
    if (!receipt) {
      pending->refusal = std::move(receipt.error());
      continue;
    }
    receipts.emplace(hash, *receipt);
    pending->receipt = std::move(*receipt);
    included.push_back(pending);
  }
  const protocol::BlockResult result = machine_->finish_block();
  if (!persist(header, included, result)) {
    lock.unlock();
    for (const auto& pending : batch) pending->answer(fail(node_busy("the disk failed; nothing was applied")));
    return;
  }
  const std::vector<BlockListener> listeners = listeners_;
  lock.unlock();
  ++counters_.blocks;
  counters_.applied += included.size();
  std::size_t at = 0;
  for (const auto& pending : batch) {
    if (pending->refusal) {
      ++counters_.refused;
      pending->answer(fail(std::move(*pending->refusal)));
      continue;
    }
    const protocol::Receipt& receipt = *pending->receipt;
    const bool duplicate = at >= included.size() || included[at] != pending;
    if (!duplicate) ++at;
    pending->answer(Submitted{{receipt.core, receipt.detail, receipt.history_index, now}, duplicate});
  }
  for (const BlockListener& listener : listeners) listener(result);
}

bool Engine::persist(const protocol::BlockHeader& header, const Batch& included, const protocol::BlockResult& result) {
  storage::StoredBlock block{header.height,     header.time,         header.previous_app_hash, header.order_rule, {},
                             result.state_root, result.history_root, result.history_size,      result.app_hash};
  block.transactions.reserve(included.size());
  for (const auto& pending : included) block.transactions.push_back(pending->transaction->bytes());
  const auto begin = std::chrono::steady_clock::now();
  const auto written = store_->write(block, result);
  const auto spent = std::chrono::steady_clock::now() - begin;
  counters_.sync_microseconds +=
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  if (written) return true;
  // The machine in memory is ahead of the disk now: nothing may be answered from it any more.
  failed_ = true;
  spdlog::critical("{}", written.error().text);
  if (failure_handler_) failure_handler_(written.error().text);
  return false;
}

}  // namespace starminer::engine::solo
