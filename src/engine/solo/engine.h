// The `solo` ordering engine: one process, one writer. Signatures are checked on the thread that submits or, for a
// batch, on several threads; what passed waits in a fair queue; the writer applies it and makes it durable together
// (group commit: what arrives while the disk syncs is the next block). An answer is given only after it is durable.
// Without transactions and due timers there are no blocks.
// Threading: everything public but start and stop may be called from any thread; listeners run on the writer, answers
// on any thread.
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
#include "engine/solo/fair_queue.h"
#include "engine/solo/seed_chain.h"
#include "protocol/machine.h"
#include "storage/chain_store.h"

namespace starminer::engine::solo {

struct EngineOptions {
  unsigned verify_threads = 0;                     // for batches; 0: as many as there are cores
  FairQueueLimits queue;                           // verified, waiting for a block
  std::size_t unverified_max = 15'000;             // of batches, waiting for a verifier
  std::uint64_t unverified_bytes_max = 64U << 20;  // the same, in bytes
  std::size_t block_transactions = 5'000;          // most transactions of a block
  std::uint64_t block_bytes = 8U << 20;            // and about their bytes
};

/// What a submitter learns: the durable receipt. `duplicate` where the very same bytes had been applied before.
struct Submitted {
  storage::StoredReceipt receipt;
  bool duplicate = false;
};

/// Who must slow down, where a transaction was refused for want of room: this account, or everybody.
enum class Backpressure : std::uint8_t { None, Account, Node };

struct Refused : protocol::Refusal {
  Backpressure backpressure = Backpressure::None;
};

using SubmitResult = Result<Submitted, Refused>;
using Answer = std::function<void(SubmitResult)>;
using BatchAnswer = std::function<void(std::vector<SubmitResult>)>;
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
  /// Loads the store, or starts it with the genesis where it is empty. A store of another genesis is refused, and a
  /// proposer that the genesis does not name with this key.
  [[nodiscard]] static Result<std::unique_ptr<Engine>, std::string> open(std::unique_ptr<storage::ChainStore> store,
                                                                         const protocol::Genesis& genesis,
                                                                         const protocol::Proposer& proposer,
                                                                         const EngineOptions& options);
  /// Stops after the block in work.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Starts verifying and writing. Listeners added before miss no block.
  void start();
  void stop();

  /// Verifies on this thread and queues; `answer` is called once, from a thread of the engine or from this one.
  void submit(ByteView transaction, Answer answer);
  /// The same for many, verified by the engine's threads. They are queued together, in order, and `answer` is called
  /// once, with a result for each. Fails, and calls nothing, where there is no room to verify as many.
  [[nodiscard]] Result<void, Refused> submit_batch(std::vector<Bytes> transactions, BatchAnswer answer);
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
  /// The disk has no space: transactions are refused until it has, and reads go on.
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] static TimeMs wall_clock();

 private:
  struct Queue;
  struct Call;
  struct Pending;
  using Batch = std::vector<Pending>;

  Engine(std::unique_ptr<storage::ChainStore> store, std::unique_ptr<protocol::Machine> machine,
         const protocol::Proposer& proposer, const EngineOptions& options);

  // engine.cpp: from arrival to the queue.
  void verify_loop();
  void verify(Call& call, std::size_t from, std::size_t to);
  /// Queues what passed of a verified call and answers the rest.
  void enqueue(const std::shared_ptr<Call>& call);
  void refuse_waiting();

  // writer.cpp: from the queue to the disk.
  void write_loop();
  /// False while the disk has no space for a block.
  [[nodiscard]] bool has_room();
  void write_block(Batch batch);
  /// Answers what cannot stand in a block, up to the first that can; returns its position.
  [[nodiscard]] std::size_t find_first_admitted(const Batch& batch, TimeMs now);
  void make_block(const Batch& batch, std::size_t first, TimeMs now);
  enum class Stored : std::uint8_t { Durable, NoRoom, Failed };
  [[nodiscard]] Stored persist(const protocol::BlockHeader& header, const protocol::SeedStep& step,
                               std::vector<Bytes> transactions, const protocol::BlockResult& result);
  /// Puts the machine back to the last durable block, from the store. Returns the machine that is ahead, and nothing
  /// where the store cannot be read. Requires: `state_mutex_` held.
  [[nodiscard]] std::unique_ptr<protocol::Machine> take_back();
  /// Notes and logs that the process must end.
  void fail_for_good(const std::string& why);
  /// Answers one that is not in this block: with its receipt where it stands in an earlier one.
  void answer_excluded(const Pending& pending, protocol::Refusal refusal);
  void answer(const Pending& pending, SubmitResult result);

  EngineOptions options_;
  std::unique_ptr<storage::ChainStore> store_;
  std::unique_ptr<protocol::Machine> machine_;
  std::string chain_id_;
  SeedChain seeds_;                                // the writer takes
  std::optional<protocol::SeedStep> unused_step_;  // of a block that the disk had no room for
  mutable std::shared_mutex state_mutex_;
  std::unique_ptr<Queue> queue_;
  std::vector<BlockListener> listeners_;
  std::function<void(const std::string&)> failure_handler_;
  EngineCounters counters_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> full_{false};
};

}  // namespace starminer::engine::solo
