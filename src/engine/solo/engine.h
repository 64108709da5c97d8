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
#include "engine/engine.h"
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

class Engine final : public engine::Engine {
 public:
  /// Loads the store, or starts it with the genesis where it is empty. A store of another genesis is refused, and a
  /// proposer that the genesis does not name with this key.
  [[nodiscard]] static Result<std::unique_ptr<Engine>, std::string> open(std::unique_ptr<storage::ChainStore> store,
                                                                         const protocol::Genesis& genesis,
                                                                         const protocol::Proposer& proposer,
                                                                         const EngineOptions& options);
  /// Stops after the block in work.
  ~Engine() override;

  /// Starts verifying and writing.
  void start() override;
  void stop() override;

  /// Verifies on this thread and queues.
  void submit(ByteView transaction, Answer answer) override;
  /// Verified by the engine's threads, then queued together.
  [[nodiscard]] Result<void, Refused> submit_batch(std::vector<Bytes> transactions, BatchAnswer answer) override;
  /// Listeners run on the writer.
  void add_listener(BlockListener listener) override;
  /// Called on the writer.
  void on_failure(std::function<void(const std::string&)> handler) override;

  [[nodiscard]] const storage::ChainStore& store() const override { return *store_; }
  /// Ready, or why the disk takes no block: while it has no space, transactions are refused and reads go on.
  [[nodiscard]] Condition condition() const override;
  [[nodiscard]] const EngineCounters& counters() const override { return counters_; }
  [[nodiscard]] protocol::OrderRule order_rule() const override { return protocol::OrderRule::Arrival; }
  [[nodiscard]] std::string_view kind() const override { return "solo"; }

 private:
  [[nodiscard]] Held hold() const override { return {std::shared_lock(state_mutex_), *machine_}; }

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
