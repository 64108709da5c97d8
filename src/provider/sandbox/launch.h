// Starting bubblewrap for a staged job: the child's group, user and resource limits, and the descriptors through which
// the supervisor follows it. Used by the supervisor only.
#pragma once

#include <sys/types.h>

#include "provider/sandbox/cgroup.h"
#include "provider/sandbox/error.h"
#include "provider/sandbox/file_io.h"
#include "provider/sandbox/stage.h"

namespace starminer::provider::sandbox {

struct LaunchedJob {
  pid_t bwrap = 0;
  Fd standard_output;
  Fd standard_error;
  Fd report;  ///< starminer-sandbox-init says "ok ..." or "error ..."; end of file after "ok" means the program runs.
};

/// A child that is to become bubblewrap. Entering a control group makes the kernel wait for all processors, some ten
/// milliseconds; the child is made first and does that while the supervisor builds the stage.
class Launcher {
 public:
  /// Forks the child, which enters the group and waits for go(). It dies with the calling thread, and goes away when
  /// the Launcher is dropped unused. Fails with SetupFailed. `stored`, `user` and `cgroup` are copied into the child.
  [[nodiscard]] static SandboxResult<Launcher> prepare(const StoredSpec& stored, const JobUser& user,
                                                       const Cgroup& cgroup);

  /// Lets the child start bubblewrap on the finished stage. Fails with SetupFailed or Unsupported. Called once.
  [[nodiscard]] SandboxResult<LaunchedJob> go(const SandboxSpec& spec, const Stage& stage);

 private:
  Launcher() = default;

  pid_t child_ = 0;
  Fd go_;
  Fd standard_output_;
  Fd standard_error_;
  Fd report_;
  int report_number_ = -1;  ///< Of the child's end of the report.
  Fd seccomp_allow_list_;
  Fd seccomp_arguments_;
  Fd bwrap_arguments_;
  Fd command_;
};

}  // namespace starminer::provider::sandbox
