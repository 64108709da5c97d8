// The proposer's next steps in the chain of seeds, proven ahead on a thread of their own, so that no block waits for a
// proof. They can be known ahead because nothing but the proposer's key enters them (protocol/randomness/seed.h).
// Threading: one thread takes; construction and destruction from that thread or before and after it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>

#include "protocol/randomness/randomness.h"

namespace starminer::engine::solo {

class SeedChain {
 public:
  /// Starts after the block at `height`, whose seed is `seed`, and keeps up to `ahead` steps ready.
  SeedChain(protocol::Proposer proposer, const Hash32& seed, std::uint64_t height, std::size_t ahead = kAhead);
  ~SeedChain();
  SeedChain(const SeedChain&) = delete;
  SeedChain& operator=(const SeedChain&) = delete;

  /// The step of the next height. Waits for its proof only where blocks were made faster than proofs for long.
  [[nodiscard]] protocol::SeedStep take();

 private:
  static constexpr std::size_t kAhead = 256;
  void prove_loop();

  const protocol::Proposer proposer_;
  const std::size_t ahead_;
  std::mutex mutex_;
  std::condition_variable taken_;
  std::condition_variable proven_;
  std::deque<protocol::SeedStep> ready_;
  Hash32 seed_;               // of the last proven step; the proving thread's
  std::uint64_t height_ = 0;  // likewise
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace starminer::engine::solo
