// What bubblewrap is told about a job: its namespaces, its view of files and devices, its environment and its program.
// Pure functions of the job and its stage.
#pragma once

#include <string>
#include <vector>

#include "provider/sandbox/spec.h"
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

}  // namespace starminer::provider::sandbox
