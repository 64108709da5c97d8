// How long a job has run, as this provider states it to the chain. A statement never goes back: what a report has said
// is the least that the next one and the completion say, whatever the machine's clock and the supervisor measure.
// Thread-safe: the agent reports while the runner of the job starts, ends and delivers it.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

namespace starminer::provider {

class RunClock {
 public:
  /// The job runs since `unix_ms`. `stated_ms` is what the chain has heard already, from an earlier agent.
  void start(std::int64_t unix_ms, std::uint64_t stated_ms);
  /// The job has ended after `run_ms`. Returns what is to be stated from now on, at least as much as ever before.
  std::uint64_t freeze(std::uint64_t run_ms);
  /// Nothing is left to report.
  void stop();
  /// What to report at `now_unix_ms`; empty while no job runs or waits for its delivery.
  [[nodiscard]] std::optional<std::uint64_t> state(std::int64_t now_unix_ms);

 private:
  enum class Phase : std::uint8_t { Idle, Running, Frozen };

  std::mutex mutex_;
  Phase phase_ = Phase::Idle;
  std::int64_t started_unix_ms_ = 0;
  std::uint64_t stated_ms_ = 0;
};

}  // namespace starminer::provider
