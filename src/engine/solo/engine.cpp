#include "engine/solo/engine.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <random>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/solo/engine_queue.h"

namespace starminer::engine::solo {
namespace {

using protocol::RefusalCode;

// Verifiers take several transactions per lock, so that the queue is no bottleneck.
constexpr std::size_t kChunk = 32;

Refused node_busy(std::string detail) { return {{RefusalCode::NodeBusy, std::move(detail)}, Backpressure::Node}; }

Refused stopping() { return node_busy("the node is stopping; the transaction was not applied"); }

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) ^ device();
}

}  // namespace

Result<std::unique_ptr<Engine>, std::string> Engine::open(std::unique_ptr<storage::ChainStore> store,
                                                          const protocol::Genesis& genesis,
                                                          const protocol::Proposer& proposer,
                                                          const EngineOptions& options) {
  auto machine = std::make_unique<protocol::Machine>();
  if (store->tip()) {
    if (const auto loaded = store->load(*machine); !loaded) return fail(loaded.error().text);
    protocol::Machine fresh;
    const auto expected = fresh.start(genesis);
    if (!expected) return fail(fmt::format("the genesis is not valid: {}", expected.error()));
    const auto first = store->find_block(0);
    if (!first) return fail(first.error().text);
    if (!*first) return fail("the database is damaged: it has no first block. Restore the data folder from a copy");
    if ((*first)->app_hash != expected->app_hash) {
      return fail(
          fmt::format("the data folder belongs to chain {}; the genesis file describes another one. Use its own "
                      "genesis file or another data folder",
                      machine->chain().chain_id));
    }
    const auto last = store->find_block(store->tip()->height);
    if (!last) return fail(last.error().text);
    if (*last && (*last)->order_rule != protocol::OrderRule::Arrival) {
      return fail("validators ordered the blocks of this data folder: start it with --engine-kind cometbft");
    }
  } else {
    const auto result = machine->start(genesis);
    if (!result) return fail(fmt::format("the genesis is not valid: {}", result.error()));
    storage::StoredBlock block{0,
                               genesis.time,
                               {},
                               protocol::OrderRule::Arrival,
                               {},
                               {},
                               result->seed,
                               {},
                               result->state_root,
                               result->history_root,
                               result->history_size,
                               result->app_hash};
    if (const auto written = store->write(std::move(block), *result); !written) return fail(written.error().text);
  }
  const protocol::ProposerRow* row = machine->randomness().proposers().find(proposer.account());
  if (row == nullptr || row->vrf_key != proposer.public_key()) {
    return fail(fmt::format("the genesis names no proposer {} with this VRF key, so its blocks would not be valid",
                            proposer.account().text()));
  }
  return std::unique_ptr<Engine>(new Engine(std::move(store), std::move(machine), proposer, options));
}

Engine::Engine(std::unique_ptr<storage::ChainStore> store, std::unique_ptr<protocol::Machine> machine,
               const protocol::Proposer& proposer, const EngineOptions& options)
    : options_(options),
      store_(std::move(store)),
      machine_(std::move(machine)),
      chain_id_(machine_->chain().chain_id),
      seeds_(proposer, machine_->randomness().last().seed, machine_->chain().height),
      queue_(std::make_unique<Queue>(options.queue, random_seed())) {
  if (options_.verify_threads == 0) options_.verify_threads = std::max(1U, std::thread::hardware_concurrency());
}

Engine::~Engine() { stop(); }

void Engine::start() {
  for (unsigned i = 0; i < options_.verify_threads; ++i) {
    queue_->threads.emplace_back([this] {
      ::pthread_setname_np(::pthread_self(), "verifier");
      verify_loop();
    });
  }
  queue_->threads.emplace_back([this] {
    ::pthread_setname_np(::pthread_self(), "writer");
    write_loop();
  });
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
  refuse_waiting();
}

void Engine::refuse_waiting() {
  std::deque<Queue::Chunk> chunks;
  Batch verified;
  {
    const std::lock_guard lock(queue_->mutex);
    chunks.swap(queue_->chunks);
    for (const Queue::Chunk& chunk : chunks) queue_->forget(chunk);
    verified = queue_->verified.take(queue_->verified.size(), UINT64_MAX);
    counters_.waiting = 0;
  }
  for (const Queue::Chunk& chunk : chunks) {
    for (std::size_t i = chunk.from; i < chunk.to; ++i) chunk.call->settle(i, fail(stopping()));
    if (chunk.call->chunks_left.fetch_sub(1) == 1) enqueue(chunk.call);
  }
  for (const Pending& pending : verified) answer(pending, fail(stopping()));
}

void Engine::submit(ByteView transaction, Answer answer) {
  ++counters_.submitted;
  auto call = std::make_shared<Call>(
      1, [answer = std::move(answer)](std::vector<SubmitResult> results) { answer(std::move(results.front())); });
  if (failed_) {
    ++counters_.refused;
    call->settle(0, fail(stopping()));
    return;
  }
  // No hand-off: the thread that brings a transaction has it in its cache, and a core of its own.
  auto verified = protocol::verify_transaction(transaction, chain_id_);
  if (!verified) {
    ++counters_.refused;
    call->settle(0, fail(Refused{std::move(verified.error())}));
    return;
  }
  call->verified.front() = std::move(*verified);
  enqueue(call);
}

Result<void, Refused> Engine::submit_batch(std::vector<Bytes> transactions, BatchAnswer answer) {
  const std::size_t count = transactions.size();
  std::uint64_t bytes = 0;
  for (const Bytes& transaction : transactions) bytes += transaction.size();
  auto call = std::make_shared<Call>(count, std::move(answer));
  call->bytes = std::move(transactions);
  const std::size_t chunks = (count + kChunk - 1) / kChunk;
  call->chunks_left = chunks;
  counters_.submitted += count;
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->stopping || failed_ || queue_->unverified + count > options_.unverified_max ||
        queue_->unverified_bytes + bytes > options_.unverified_bytes_max) {
      counters_.refused += count;
      if (queue_->stopping || failed_) return fail(stopping());
      return fail(node_busy(fmt::format("{} transactions wait for the check of their signature", queue_->unverified)));
    }
    queue_->unverified += count;
    queue_->unverified_bytes += bytes;
    for (std::size_t from = 0; from < count; from += kChunk) {
      queue_->chunks.push_back({call, from, std::min(from + kChunk, count)});
    }
    counters_.waiting = queue_->unverified + queue_->verified.size();
  }
  if (chunks > 1) {
    queue_->to_verify.notify_all();
  } else {
    queue_->to_verify.notify_one();
  }
  return {};
}

void Engine::add_listener(BlockListener listener) {
  const std::unique_lock lock(state_mutex_);
  listeners_.push_back(std::move(listener));
}

void Engine::on_failure(std::function<void(const std::string&)> handler) { failure_handler_ = std::move(handler); }

Condition Engine::condition() const {
  if (failed_) {
    return {Readiness::DiskFailed, "The disk refused a block; this node takes nothing more and is ending."};
  }
  if (full_) {
    return {Readiness::DiskFull, "The disk has no space; this node takes no transactions until it has."};
  }
  return {};
}

void Engine::verify_loop() {
  for (;;) {
    Queue::Chunk chunk;
    {
      std::unique_lock lock(queue_->mutex);
      queue_->to_verify.wait(lock, [this] { return queue_->stopping || !queue_->chunks.empty(); });
      if (queue_->stopping) return;
      chunk = std::move(queue_->chunks.front());
      queue_->chunks.pop_front();
      queue_->forget(chunk);
    }
    verify(*chunk.call, chunk.from, chunk.to);
    if (chunk.call->chunks_left.fetch_sub(1) == 1) enqueue(chunk.call);
  }
}

void Engine::verify(Call& call, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    auto verified = protocol::verify_transaction(std::exchange(call.bytes[i], {}), chain_id_);
    if (verified) {
      call.verified[i] = std::move(*verified);
    } else {
      ++counters_.refused;
      call.settle(i, fail(Refused{std::move(verified.error())}));
    }
  }
}

void Engine::enqueue(const std::shared_ptr<Call>& call) {
  std::vector<std::pair<std::size_t, Refused>> refused;
  std::vector<Pending> displaced;
  {
    const std::lock_guard lock(queue_->mutex);
    for (std::size_t i = 0; i < call->verified.size(); ++i) {
      if (!call->verified[i]) continue;
      if (queue_->stopping || failed_) {
        refused.emplace_back(i, stopping());
        continue;
      }
      const protocol::VerifiedTransaction& transaction = *call->verified[i];
      Pending pending{call, i};
      switch (queue_->verified.add(transaction.account(), transaction.bytes().size(), pending, displaced)) {
        case QueueVerdict::Taken: break;
        case QueueVerdict::AccountFull:
          refused.emplace_back(
              i,
              Refused{{RefusalCode::NodeBusy,
                       fmt::format("account {} has {} transactions or {} bytes waiting", transaction.account().text(),
                                   options_.queue.items_per_account_max, options_.queue.bytes_per_account_max)},
                      Backpressure::Account});
          break;
        case QueueVerdict::Full:
          refused.emplace_back(i, node_busy(fmt::format("{} transactions are waiting", queue_->verified.size())));
          break;
      }
    }
    counters_.waiting = queue_->unverified + queue_->verified.size();
  }
  queue_->to_write.notify_one();
  counters_.refused += refused.size() + displaced.size();
  for (auto& [index, refusal] : refused) call->settle(index, fail(std::move(refusal)));
  for (const Pending& pending : displaced) {
    answer(pending, fail(Refused{{RefusalCode::NodeBusy, "the node is full, and this account has the most waiting"},
                                 Backpressure::Account}));
  }
}

void Engine::answer(const Pending& pending, SubmitResult result) {
  pending.call->settle(pending.index, std::move(result));
}

}  // namespace starminer::engine::solo
