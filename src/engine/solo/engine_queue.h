// What the two halves of the engine share: calls on their way, and where they wait. Internal to the engine.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/solo/engine.h"

namespace starminer::engine::solo {

/// One call of submit or submit_batch: its transactions, and their results until all are there.
struct Engine::Call {
  explicit Call(std::size_t count, BatchAnswer on_done)
      : verified(count), results(count, Submitted{}), answer(std::move(on_done)), results_left(count) {}

  /// Each index once, from any thread.
  void settle(std::size_t index, SubmitResult result) {
    results[index] = std::move(result);
    if (results_left.fetch_sub(1) == 1) answer(std::move(results));
  }

  std::vector<Bytes> bytes;                                            // of a batch, until verified
  std::vector<std::optional<protocol::VerifiedTransaction>> verified;  // empty: refused, and settled
  std::vector<SubmitResult> results;
  BatchAnswer answer;
  std::atomic<std::size_t> results_left;
  std::atomic<std::size_t> chunks_left{0};
};

/// A verified transaction between the queue and its answer.
struct Engine::Pending {
  std::shared_ptr<Call> call;
  std::size_t index = 0;

  [[nodiscard]] const protocol::VerifiedTransaction& transaction() const { return *call->verified[index]; }
};

struct Engine::Queue {
  explicit Queue(const FairQueueLimits& limits, std::uint64_t seed) : verified(limits, seed) {}

  struct Chunk {
    std::shared_ptr<Call> call;
    std::size_t from = 0;
    std::size_t to = 0;
  };

  /// Gives the room of a chunk back that is no longer in `chunks`.
  void forget(const Chunk& chunk) {
    unverified -= chunk.to - chunk.from;
    for (std::size_t i = chunk.from; i < chunk.to; ++i) unverified_bytes -= chunk.call->bytes[i].size();
  }

  std::mutex mutex;
  std::condition_variable to_verify;
  std::condition_variable to_write;
  std::deque<Chunk> chunks;
  std::size_t unverified = 0;
  std::uint64_t unverified_bytes = 0;
  FairQueue<Pending> verified;
  bool stopping = false;
  std::vector<std::thread> threads;
};

}  // namespace starminer::engine::solo
