// The files of a job directory, and the lock that says whether a supervisor stands beside the job. Whoever holds the
// lock decides the job's fate: a supervisor that finds exit.json does not start, an agent that gets the lock knows that
// no supervisor lives. The kernel drops the lock with its holder.
#pragma once

#include <filesystem>
#include <optional>

#include "provider/sandbox/error.h"
#include "provider/sandbox/file_io.h"
#include "provider/sandbox/report.h"
#include "provider/sandbox/spec.h"

namespace starminer::provider::sandbox {

inline constexpr const char* kSpecFile = "spec.json";
inline constexpr const char* kRunningFile = "running.json";
inline constexpr const char* kExitFile = "exit.json";
inline constexpr const char* kLockFile = "lock";
inline constexpr const char* kStandardOutputFile = "stdout.log";
inline constexpr const char* kStandardErrorFile = "stderr.log";
inline constexpr const char* kSupervisorLogFile = "supervisor.log";
inline constexpr const char* kOutputsFolder = "out";

enum class LockWait : std::uint8_t { No, Yes };

/// The held lock, or an invalid Fd when another process holds it.
[[nodiscard]] SandboxResult<Fd> lock_job(int job_directory, LockWait wait);

/// Nothing when the file is not there (yet).
[[nodiscard]] SandboxResult<std::optional<ExitReport>> read_exit(int job_directory);
[[nodiscard]] SandboxResult<std::optional<RunningState>> read_running(int job_directory);
[[nodiscard]] SandboxResult<StoredSpec> read_spec(int job_directory);

/// Durable when it returns.
[[nodiscard]] SandboxResult<void> write_exit(int job_directory, const ExitReport& report);

}  // namespace starminer::provider::sandbox
