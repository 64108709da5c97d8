// The host's side of a job's file view. In a mount namespace of its own the supervisor gathers everything the job may
// see below one folder, /tmp, so that bubblewrap can be run as a user who could not reach the originals. Nothing is
// mounted where the rest of the host sees it. Used by the supervisor only, once per process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "provider/sandbox/error.h"
#include "provider/sandbox/file_io.h"
#include "provider/sandbox/report.h"
#include "provider/sandbox/spec.h"

namespace starminer::provider::sandbox {

/// Whom the job is on the host. Under real root every job gets its own user id that owns nothing; without root it is
/// the agent's user, kept apart by namespaces alone.
struct JobUser {
  uid_t uid = 0;
  gid_t gid = 0;
  bool drops_root = false;
  std::vector<gid_t> device_groups;  ///< Groups that own the job's device nodes.
};

[[nodiscard]] JobUser choose_job_user(const SandboxSpec& spec);

struct StagedBind {
  std::filesystem::path staged;
  std::filesystem::path inside;
};

struct Stage {
  std::vector<StagedBind> binds;
  std::vector<StagedBind> devices;
  std::vector<std::pair<std::string, std::filesystem::path>> links;  ///< Target and place of links in the root.
  std::filesystem::path init;
  std::filesystem::path empty;  ///< An empty file, laid over what a job need not read.
  std::filesystem::path passwd;
  std::filesystem::path group;
  std::filesystem::path inputs;  ///< Empty when the job has none.
  std::filesystem::path outputs;
  std::filesystem::path scratch;
  Fd output_directory;
  Fd scratch_directory;
  DiskKind output_disk = DiskKind::None;
  DiskKind scratch_disk = DiskKind::None;
};

/// Enters the private namespaces; first, so that a child made next shares them. Fails with Unsupported or SetupFailed.
[[nodiscard]] SandboxResult<void> enter_namespaces(const JobUser& user);

/// Builds the stage. Afterwards /tmp of this process is the stage, and the job directory must only be used through its
/// descriptor. Fails with BadSpec for inputs that are no plain files, else with SetupFailed.
[[nodiscard]] SandboxResult<Stage> make_stage(const StoredSpec& stored, const JobUser& user,
                                              const std::filesystem::path& job_dir, int job_directory);

}  // namespace starminer::provider::sandbox
