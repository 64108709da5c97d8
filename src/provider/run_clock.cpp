#include "provider/run_clock.h"

#include <algorithm>

namespace starminer::provider {

void RunClock::start(std::int64_t unix_ms, std::uint64_t stated_ms) {
  const std::lock_guard lock(mutex_);
  phase_ = Phase::Running;
  started_unix_ms_ = unix_ms;
  stated_ms_ = std::max(stated_ms_, stated_ms);
}

std::uint64_t RunClock::freeze(std::uint64_t run_ms) {
  const std::lock_guard lock(mutex_);
  phase_ = Phase::Frozen;
  stated_ms_ = std::max(stated_ms_, run_ms);
  return stated_ms_;
}

void RunClock::stop() {
  const std::lock_guard lock(mutex_);
  phase_ = Phase::Idle;
}

std::optional<std::uint64_t> RunClock::state(std::int64_t now_unix_ms) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::Idle) return std::nullopt;
  if (phase_ == Phase::Running && now_unix_ms > started_unix_ms_) {
    stated_ms_ = std::max(stated_ms_, static_cast<std::uint64_t>(now_unix_ms - started_unix_ms_));
  }
  return stated_ms_;
}

}  // namespace starminer::provider
