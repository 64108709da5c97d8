#include "engine/solo/seed_chain.h"

#include <pthread.h>

#include <utility>

namespace starminer::engine::solo {

SeedChain::SeedChain(protocol::Proposer proposer, const Hash32& seed, std::uint64_t height, std::size_t ahead)
    : proposer_(std::move(proposer)), ahead_(ahead), seed_(seed), height_(height) {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "prover");
    prove_loop();
  });
}

SeedChain::~SeedChain() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  taken_.notify_all();
  thread_.join();
}

protocol::SeedStep SeedChain::take() {
  std::unique_lock lock(mutex_);
  proven_.wait(lock, [this] { return !ready_.empty(); });
  protocol::SeedStep step = std::move(ready_.front());
  ready_.pop_front();
  // Refilled in runs: a waking thread per block would cost the block more than the proof.
  const bool refill = ready_.size() <= ahead_ / 2;
  lock.unlock();
  if (refill) taken_.notify_one();
  return step;
}

void SeedChain::prove_loop() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (ready_.size() >= ahead_) taken_.wait(lock, [this] { return stopping_ || ready_.size() <= ahead_ / 2; });
      if (stopping_) return;
    }
    protocol::SeedStep step = proposer_.prove(seed_, ++height_);
    seed_ = step.seed();
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(step));
    }
    proven_.notify_one();
  }
}

}  // namespace starminer::engine::solo
