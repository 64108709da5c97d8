// The system call filter of a job: an allow-list, everything else is refused. Built with libseccomp and handed to
// bubblewrap as programs in descriptors. Stateless.
#pragma once

#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {

/// Memory files with BPF programs for this machine's architecture, positioned at their start. Both are loaded; the
/// kernel takes the stricter answer.
struct SeccompFilters {
  Fd allow_list;  ///< Calls by number.
  Fd arguments;   ///< Arguments that turn an allowed call into a way out.
};

/// Calls unknown to the list give ENOSYS, so that libraries fall back (clone3, whose flags a filter cannot see, is one
/// of them); calls that reach out of the job give EPERM; calls of another architecture end the process. Fails with
/// Unsupported.
[[nodiscard]] SandboxResult<SeccompFilters> make_seccomp_filters();

}  // namespace starminer::provider::sandbox
