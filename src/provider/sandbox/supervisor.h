// The process that stands beside one job from start to end. It owns the sandbox, enforces the limits that the kernel
// does not, keeps the logs and writes the end report, whether or not the agent lives. When it is killed, bubblewrap and
// so the whole job die with it, and the next Sandbox::adopt cleans up.
#pragma once

#include <filesystem>

namespace starminer::provider::sandbox {

/// The descriptor on which a supervisor tells its starter "ok" or "error <text>"; nothing is told when it is not open.
inline constexpr int kHandshakeFd = 3;

/// Runs the job described by spec.json of this directory until it has ended; returns the process's exit code. The
/// caller is a fresh single-threaded process and returns from main with the value. SIGTERM ends the job with its grace
/// time, SIGUSR1 at once.
[[nodiscard]] int run_supervisor(const std::filesystem::path& job_dir);

}  // namespace starminer::provider::sandbox
