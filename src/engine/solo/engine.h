// The `solo` ordering engine: one process, one writer. Transactions are verified on several threads, ordered first
// come first served, applied and made durable together (group commit: what arrives while the disk syncs is the next
// block). An answer is given only after it is durable. Without transactions and due timers there are no blocks.
// Threading: submit, read and add_listener may be called from any thread; listeners and answers run on the writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/machine.h"
#include "storage/chain_store.h"

namespace starminer::engine::solo {

struct EngineOptions {
  unsigned verify_threads = 2;
  std::size_t queue_max = 20'000;          // transactions waiting; more are refused with NodeBusy
  std::size_t block_transactions = 5'000;  // most transactions of a block
};

/// What a submitter learns: the durable receipt. `duplicate` where the very same bytes had been applied before.
struct Submitted {
  storage::StoredReceipt receipt;
  bool duplicate = false;
};

using SubmitResult = Result<Submitted, protocol::Refusal>;
using Answer = std::function<void(SubmitResult)>;
using BlockListener = std::function<void(const protocol::BlockResult&)>;

/// Counters for metrics; values only grow but for `waiting`.
struct EngineCounters {
  std::atomic<std::uint64_t> submitted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> duplicates{0};
  std::atomic<std::uint64_t> applied{0};
  std::atomic<std::uint64_t> blocks{0};
  std::atomic<std::uint64_t> sync_microseconds{0};
  std::atomic<std::uint64_t> waiting{0};
};

class Engine {
 public:
  /// Loads the store, or starts it with the genesis where it is empty. A store of another genesis is refused.
  [[nodiscard]] static Result<std::unique_ptr<Engine>, std::string> open(std::unique_ptr<storage::ChainStore> store,
                                                                         const protocol::Genesis& genesis,
                                                                         const EngineOptions& options);
  /// Stops after the block in work.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Starts verifying and writing. Listeners added before miss no block.
  void start();
  void stop();

  /// Queues a transaction; `answer` is called once, from a thread of the engine or from this one.
  void submit(Bytes transaction, Answer answer);
  /// Called after each durable block, in order.
  void add_listener(BlockListener listener);
  /// Called once, on the writer, when the disk failed: the process must end.
  void on_failure(std::function<void(const std::string&)> handler);

  /// Runs `f(const Machine&)` while no block is being applied. Keep it short.
  template <class F>
  auto read(F&& f) const {
    const std::shared_lock lock(state_mutex_);
    return std::forward<F>(f)(static_cast<const protocol::Machine&>(*machine_));
  }
  [[nodiscard]] const storage::ChainStore& store() const { return *store_; }
  [[nodiscard]] const EngineCounters& counters() const { return counters_; }
  /// False after the disk failed.
  [[nodiscard]] bool healthy() const { return !failed_; }
  [[nodiscard]] static TimeMs wall_clock();

 private:
  struct Queue;
  struct Pending;
  using Batch = std::vector<std::shared_ptr<Pending>>;

  Engine(std::unique_ptr<storage::ChainStore> store, std::unique_ptr<protocol::Machine> machine,
         const EngineOptions& options);
  void verify_loop();
  void write_loop();
  void make_block(Batch batch, TimeMs now);
  /// Answers duplicates and what cannot be included; what is left may go into a block.
  [[nodiscard]] Batch filter(Batch batch, TimeMs now);
  [[nodiscard]] bool persist(const protocol::BlockHeader& header, const Batch& included,
                             const protocol::BlockResult& result);

  EngineOptions options_;
  std::unique_ptr<storage::ChainStore> store_;
  std::unique_ptr<protocol::Machine> machine_;
  std::string chain_id_;
  mutable std::shared_mutex state_mutex_;
  std::unique_ptr<Queue> queue_;
  std::vector<BlockListener> listeners_;
  std::function<void(const std::string&)> failure_handler_;
  EngineCounters counters_;
  std::atomic<bool> failed_{false};
};

}  // namespace starminer::engine::solo
