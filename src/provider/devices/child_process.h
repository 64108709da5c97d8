// Runs work in a child process with a deadline, so that a driver that hangs, crashes or prints cannot take the agent
// with it. The child has the parent's memory, no descriptors but its own pipes, stdout on /dev/null, default signal
// actions, and dies with the parent. Callable from any thread; the calling thread waits. The parent must not have
// loaded the drivers itself: they rarely survive a fork.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace starminer::provider::devices {

enum class ChildEnd : std::uint8_t {
  StartFailed,   ///< no process or pipe to be had
  Failed,        ///< ended with an exit status other than 0
  Crashed,       ///< ended by a signal of its own
  TimedOut,      ///< passed the deadline and was killed
  Stuck,         ///< passed the deadline and did not die of SIGKILL: held inside the kernel's driver
  OutputTooLong  ///< wrote more than it may and was killed
};

struct ChildFailure {
  ChildEnd end{};
  int detail = 0;       ///< errno, exit status or signal number, by `end`
  std::string message;  ///< one line for people, with the end of what the child wrote to stderr
};

struct ChildLimits {
  std::chrono::milliseconds deadline{15'000};
  std::size_t output_bytes_max = 1U << 20U;
};

/// What `work` returned in the child. An exception in `work` is a Failed child.
[[nodiscard]] Result<std::string, ChildFailure> run_in_child(const std::function<std::string()>& work,
                                                             const ChildLimits& limits);

/// What the program wrote to stdout. `argv[0]` is a path; nothing is searched and no shell is involved.
/// Requires: argv is not empty.
[[nodiscard]] Result<std::string, ChildFailure> run_program(const std::vector<std::string>& argv,
                                                            const ChildLimits& limits);

}  // namespace starminer::provider::devices
