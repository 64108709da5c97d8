#include "engine/cometbft/replicas.h"

#include <pthread.h>

#include "base/check.h"

namespace starminer::engine::cometbft {

void Replicas::publish(ExecutedBlock block) {
  wait();
  {
    const std::unique_lock lock(mutex_);
    committed_.swap(next_);
  }
  following_ = std::thread([machine = next_.get(), block = std::move(block)] {
    ::pthread_setname_np(::pthread_self(), "follower");
    machine->begin_block(block.header, block.step);
    for (const protocol::VerifiedTransaction& transaction : block.transactions) {
      STARMINER_CHECK(machine->charge(transaction).has_value());
    }
    for (const protocol::VerifiedTransaction& transaction : block.transactions) {
      STARMINER_CHECK(machine->execute(transaction).has_value());
    }
    // The same block twice, on two machines of one history: anything else is a bug that would split the network.
    STARMINER_CHECK(machine->finish_block().app_hash == block.app_hash);
  });
}

void Replicas::replace_next(std::unique_ptr<protocol::Machine> machine) {
  wait();
  next_ = std::move(machine);
}

void Replicas::wait() {
  if (following_.joinable()) following_.join();
}

}  // namespace starminer::engine::cometbft
