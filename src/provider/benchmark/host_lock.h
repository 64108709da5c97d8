// One benchmark at a time on a host: an exclusive lock on a file that all agents of the host agree on, whatever user
// they run as. Held by the object; the kernel releases it when the process ends, however it ends.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "provider/benchmark/failure.h"

namespace starminer::provider::benchmark {

/// In /run/lock where that is writable, else in /tmp.
[[nodiscard]] std::string default_lock_path();

class HostLock {
 public:
  /// Waits for the turn. Fails with Busy after `wait_max`, with BadRequest if the file cannot be opened.
  [[nodiscard]] static Result<HostLock, Failure> acquire(const std::string& path, std::chrono::milliseconds wait_max);

  HostLock(HostLock&& other) noexcept;
  HostLock& operator=(HostLock&& other) noexcept;
  HostLock(const HostLock&) = delete;
  HostLock& operator=(const HostLock&) = delete;
  ~HostLock();

 private:
  explicit HostLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace starminer::provider::benchmark
