// The provider agent: beats, takes assignments, runs their jobs, reports their progress. All connections go outwards,
// so it works behind a firewall. Restartable at any moment: journal, sandbox and chain together say what to do.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "provider/chain.h"
#include "provider/job_runner.h"
#include "provider/journal.h"
#include "provider/registration.h"
#include "provider/sandbox/sandbox.h"
#include "provider/settings.h"
#include "provider/spot_benchmark.h"

namespace starminer::provider {

class Agent {
 public:
  /// Requires: registered nodes. Fails with a sentence when the sandbox cannot keep its promise on this machine or the
  /// journal is damaged.
  [[nodiscard]] static Result<std::unique_ptr<Agent>, std::string> open(const AgentSettings& settings, Chain& chain,
                                                                        std::vector<NodeRecord> nodes);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Serves until `stop`. Jobs go on running when it returns; the next agent adopts them.
  void run();
  /// Safe to call from another thread.
  void stop();

 private:
  struct Running {
    std::unique_ptr<JobRunner> runner;
    std::thread thread;
  };

  Agent(AgentSettings settings, Chain& chain, std::vector<NodeRecord> nodes, sandbox::Sandbox sandbox);
  void resume_jobs();
  /// Of each node of the network by its own: each of them says for itself whom it hears.
  void beat_loop(const std::string& url);
  void watch_loop();
  void take_assignments();
  void launch(const ContractId& contract);
  void reap();
  void report_progress();
  void wait_for_wake(std::chrono::milliseconds at_most);

  AgentSettings settings_;
  Chain& chain_;
  std::vector<NodeRecord> nodes_;
  sandbox::Sandbox sandbox_;
  Journal journal_;
  std::vector<Running> jobs_;
  SpotBenchmark benchmark_;
  std::set<ContractId> done_with_;  ///< contracts that this agent has left, for as long as the chain still lists them
  std::atomic<bool> stopping_{false};
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  std::uint64_t beat_every_ms_ = 0;
  std::uint64_t progress_every_ms_ = 0;
};

}  // namespace starminer::provider
