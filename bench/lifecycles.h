// Whole lives of jobs through the state machine: submitted, matched, acknowledged, started, reported, completed,
// accepted and paid. Transactions are signed and verified before any clock runs. One thread.
#pragma once

#include <cstddef>
#include <memory>

namespace starminer::bench {

class LifecycleChain {
 public:
  static constexpr std::size_t kJobs = 1'024;     // of one round; all run at the same time
  static constexpr std::size_t kRequesters = 64;  // each submits as many
  static constexpr std::size_t kNodes = 16;       // of one provider
  static constexpr std::size_t kDevices = 64;     // of a node: as many devices as jobs

  LifecycleChain();
  ~LifecycleChain();
  LifecycleChain(const LifecycleChain&) = delete;
  LifecycleChain& operator=(const LifecycleChain&) = delete;

  /// Plays a round of six blocks, with state roots, history and receipts; the seconds that this took on a core. A
  /// transaction that is refused, or a job that does not end settled, ends the program.
  [[nodiscard]] double play();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::bench
