// Identity of processes. A pid alone is reused, so a process is named by pid, start time and boot; signals go through a
// pidfd that was checked against that name. No state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  ///< Clock ticks since boot, field 22 of /proc/<pid>/stat.
  std::string boot_id;

  bool operator==(const ProcessIdentity&) const = default;
};

/// The identity of a process of this boot, or nothing when there is none or it is already a zombie.
[[nodiscard]] std::optional<ProcessIdentity> find_process(pid_t pid);

/// A pidfd of exactly this process, or an invalid Fd when it is gone.
[[nodiscard]] Fd open_process(const ProcessIdentity& identity);

/// Sends a signal through a pidfd; false when the process is gone.
bool signal_process(const Fd& pidfd, int signal_number);

/// Waits until the process behind the pidfd has ended; false when `timeout_ms` passed before.
bool wait_process(const Fd& pidfd, std::int64_t timeout_ms);

/// The kernel's id of the running boot.
[[nodiscard]] std::string read_boot_id();

/// Milliseconds of a clock that never jumps and counts suspended time.
[[nodiscard]] std::int64_t steady_ms();

/// Milliseconds since 1970, for reports only.
[[nodiscard]] std::int64_t wall_clock_ms();

}  // namespace starminer::provider::sandbox
