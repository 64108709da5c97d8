// Starting bubblewrap for a staged job: its arguments, the child's group, user and resource limits, and the descriptors
// through which the supervisor follows it. Used by the supervisor only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "provider/sandbox/cgroup.h"
#include "provider/sandbox/error.h"
#include "provider/sandbox/file_io.h"
#include "provider/sandbox/stage.h"

namespace starminer::provider::sandbox {

/// Numbers of descriptors as the child sees them.
struct BwrapFds {
  int seccomp_allow_list = -1;
  int seccomp_arguments = -1;
  int report = -1;
};

/// bubblewrap's options for the job, without the command.
[[nodiscard]] std::vector<std::string> make_bwrap_arguments(const SandboxSpec& spec, const Stage& stage,
                                                            const BwrapFds& fds);

/// The command bubblewrap runs: starminer-sandbox-init, what it may open to the job, and the job's program.
[[nodiscard]] std::vector<std::string> make_command(const SandboxSpec& spec, const Stage& stage, int report_fd);

struct LaunchedJob {
  pid_t bwrap = 0;
  Fd standard_output;
  Fd standard_error;
  Fd report;  ///< starminer-sandbox-init says "ok ..." or "error ..."; end of file after "ok" means the program runs.
};

/// Starts the job in its group. The child dies with the calling thread. Fails with SetupFailed or Unsupported.
[[nodiscard]] SandboxResult<LaunchedJob> launch(const StoredSpec& stored, const Stage& stage, const JobUser& user,
                                                const Cgroup& cgroup);

}  // namespace starminer::provider::sandbox
