// Limits on memory, processes and CPU by control groups, version 1 or 2, chosen at run time. A group belongs to one
// job. The files are written through plain paths, so a test can look at them in a made-up tree. Not thread-safe per
// group.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "provider/sandbox/error.h"

namespace starminer::provider::sandbox {

/// Where groups of jobs are made: for version 2 one folder under the key "unified", for version 1 one per controller.
struct CgroupLayout {
  int version = 0;
  std::map<std::string, std::filesystem::path> parents;
};

/// The folders of one group, by the keys of the layout. Kept in running.json, so that the next agent can clean up.
struct CgroupPaths {
  int version = 0;
  std::map<std::string, std::filesystem::path> directories;
};

struct CgroupLimits {
  std::uint64_t memory_bytes = 0;
  std::uint32_t processes = 0;
  std::uint32_t cpu_milli = 0;
};

struct CgroupUsage {
  std::uint64_t cpu_ms = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_peak_bytes = 0;  ///< The largest memory_bytes seen, where the kernel keeps no peak.
  std::uint64_t processes = 0;
  std::uint64_t memory_kills = 0;       ///< Processes ended by the kernel for the memory limit.
  std::uint64_t processes_refused = 0;  ///< Forks refused for the process limit.
};

/// Finds hierarchies that limit memory and processes and makes the folder `parent` in each, at the hierarchy's root or,
/// where that is not ours to write, below this process's own group. Version 2 is taken when it has the memory and pids
/// controllers. Fails with Unsupported, saying what is missing and what an administrator can do.
[[nodiscard]] SandboxResult<CgroupLayout> probe_cgroups(const std::string& parent);

/// One job's group.
class Cgroup {
 public:
  /// Makes the folders `<parent>/<name>` and writes the limits. `name` may have several parts. Fails with SetupFailed;
  /// what was made before is removed again.
  [[nodiscard]] static SandboxResult<Cgroup> create(const CgroupLayout& layout, const std::string& name,
                                                    const CgroupLimits& limits);
  /// A group of an earlier process, for cleaning up.
  [[nodiscard]] static Cgroup adopt(CgroupPaths paths) { return Cgroup(std::move(paths)); }

  [[nodiscard]] const CgroupPaths& paths() const { return paths_; }

  /// Moves the calling process into the group. Only async-signal-safe work after a fork in a threaded process.
  [[nodiscard]] SandboxResult<void> join() const;

  [[nodiscard]] CgroupUsage read_usage() const;
  [[nodiscard]] std::vector<pid_t> list_processes() const;

  /// Ends every process with SIGKILL, repeating until the group is empty; false when it is not within `timeout_ms`.
  bool kill_all(std::int64_t timeout_ms) const;

  /// Removes the folders; false when a process is still inside.
  bool remove() const;

 private:
  explicit Cgroup(CgroupPaths paths) : paths_(std::move(paths)) {}
  void freeze(bool frozen) const;

  CgroupPaths paths_;
};

/// Groups that exist below `<parent>/<group>` of each hierarchy, by name, merged over the hierarchies.
[[nodiscard]] std::map<std::string, CgroupPaths> list_groups(const CgroupLayout& layout, const std::string& group);

}  // namespace starminer::provider::sandbox
