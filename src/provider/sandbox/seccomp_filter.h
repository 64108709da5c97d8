// The system call filter of a job: an allow-list, everything else is refused. Built with libseccomp and handed to
// bubblewrap as programs in descriptors. Stateless.
#pragma once

#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {

/// Writes two BPF programs for this machine's architecture and rewinds the files: one lists the allowed calls by
/// number, the other looks at arguments that turn an allowed call into a way out. Both are loaded; the kernel takes the
/// stricter answer. Calls unknown to the list give ENOSYS, so that libraries fall back (clone3, whose flags a filter
/// cannot see, is one of them); calls that reach out of the job give EPERM; calls of another architecture end the
/// process. Fails with Unsupported or Io.
[[nodiscard]] SandboxResult<void> write_seccomp_filters(const Fd& allow_list_file, const Fd& arguments_file);

}  // namespace starminer::provider::sandbox
