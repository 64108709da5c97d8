// Starting a supervisor from a program with many threads: by posix_spawn, in a session of its own, with a clean
// environment and no descriptor but the standard three and the handshake. Stateless.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "provider/sandbox/error.h"

namespace starminer::provider::sandbox {

/// Returns when the job's program runs. Fails with what the supervisor said, or SetupFailed when it died silently or
/// took longer than half a minute.
[[nodiscard]] SandboxResult<pid_t> spawn_supervisor(const std::filesystem::path& program,
                                                    const std::filesystem::path& job_dir);

}  // namespace starminer::provider::sandbox
