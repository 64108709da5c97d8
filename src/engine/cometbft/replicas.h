// The state twice: what is committed, which anybody may read at any time, and the next block on its way, which nobody
// sees. A block is executed on the second machine; when it is committed the two change places, and the block is
// executed on the other one, too, behind the answer. So a reader never waits for a block, a block never for a reader
// but for the moment of the change, and what was executed and not committed can be thrown away. Both must come to the
// same hash. Threading: one writer; it is held by any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "protocol/machine.h"

namespace starminer::engine::cometbft {

/// A block as it was executed: enough to execute it once more.
struct ExecutedBlock {
  protocol::BlockHeader header;
  protocol::SeedStep step;
  std::vector<protocol::VerifiedTransaction> transactions;  // that stand in it, in order
  Hash32 app_hash;
};

class Replicas {
 public:
  /// Both stand at the same block.
  Replicas(std::unique_ptr<protocol::Machine> committed, std::unique_ptr<protocol::Machine> next)
      : committed_(std::move(committed)), next_(std::move(next)) {}
  ~Replicas() { wait(); }
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  /// While it is held, the committed state stays as it is.
  [[nodiscard]] std::shared_lock<std::shared_mutex> hold() const { return std::shared_lock(mutex_); }
  /// The committed state. Requires: it is held, or this is the writer, as nobody else changes it.
  [[nodiscard]] const protocol::Machine& committed() const { return *committed_; }

  // What follows is the writer's.

  /// The machine for the next block. Waits until it has caught up.
  [[nodiscard]] protocol::Machine& next() {
    wait();
    return *next_;
  }
  /// `block`, which `next` has executed, is the committed one from now on.
  void publish(ExecutedBlock block);
  /// Throws the machine of the next block away for this one, which stands at the committed block.
  void replace_next(std::unique_ptr<protocol::Machine> machine);
  /// Waits until both machines stand at the committed block.
  void wait();

 private:
  mutable std::shared_mutex mutex_;
  std::unique_ptr<protocol::Machine> committed_;
  std::unique_ptr<protocol::Machine> next_;
  std::thread following_;
};

}  // namespace starminer::engine::cometbft
