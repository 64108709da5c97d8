// What a job may run, see and use. A SandboxSpec is everything the supervisor needs: it is written to the job
// directory, so that nothing depends on the agent staying alive. Values only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "provider/sandbox/error.h"

namespace starminer::provider::sandbox {

/// Where a job finds its files; fixed, so that a job file means the same on every node.
inline constexpr const char* kInputsInside = "/job/in";
inline constexpr const char* kOutputsInside = "/job/out";
inline constexpr const char* kScratchInside = "/job/scratch";

/// A host path that the job sees read-only.
struct ReadOnlyBind {
  std::filesystem::path host;
  std::filesystem::path inside;
};

struct Limits {
  std::uint32_t cpu_milli = 1000;              ///< Share of CPU time in 1/1000 of one core.
  std::uint64_t memory_bytes = 512ULL << 20U;  ///< All memory of the job, tmpfs and page cache included.
  std::uint32_t processes = 256;               ///< Processes and threads; the sandbox itself uses two of them.
  std::uint64_t output_bytes = 64ULL << 20U;   ///< Space below /job/out.
  std::uint32_t output_files = 1000;           ///< Files collected from /job/out.
  std::uint64_t scratch_bytes = 64ULL << 20U;  ///< Space of /job/scratch and /tmp together.
  std::uint64_t log_bytes = 4ULL << 20U;       ///< Kept bytes of standard output and error, each.
  std::uint64_t wall_ms = 60'000;              ///< From the program's start; then TERM, grace, KILL.
  std::uint64_t cpu_time_ms = 0;               ///< Consumed CPU time; 0 means no limit besides wall_ms.
  std::uint32_t term_grace_ms = 5'000;         ///< Between TERM and KILL.
  std::uint32_t open_files = 4096;             ///< Descriptors of one process.
};

struct SandboxSpec {
  std::string
      job_id;  ///< Also the directory's and the cgroup's name: [A-Za-z0-9._-], 1 to 64 characters, no leading dot.
  std::vector<std::string> argv;           ///< The first is an absolute path inside the sandbox.
  std::map<std::string, std::string> env;  ///< Added to a fixed clean environment; nothing of the agent's is passed.
  std::vector<ReadOnlyBind> binds;         ///< Besides default_runtime_binds().
  std::filesystem::path inputs;            ///< Host directory shown as /job/in; empty for none.
  std::vector<std::filesystem::path> devices;  ///< Device nodes or directories of them below /dev.
  Limits limits;
};

/// What the supervisor must know besides the job, fixed by the agent's configuration.
struct LaunchSettings {
  std::filesystem::path bwrap_path;
  std::filesystem::path init_path;
  std::filesystem::path mkfs_path;
  std::string cgroup_parent;  ///< Name of the folder below each cgroup hierarchy.
  std::string cgroup_group;   ///< One folder per agent below it, so that two agents never meet.
};

/// /usr, its links in the root, and the small parts of /etc and /sys that runtimes need, as far as this host has them.
[[nodiscard]] std::vector<ReadOnlyBind> default_runtime_binds();

/// Whether the text may name a job and so a directory.
[[nodiscard]] bool is_job_id(std::string_view id);

/// Refuses with BadSpec what could not run or would reach outside the job: relative paths, "..", strange names, limits
/// of zero.
[[nodiscard]] SandboxResult<void> validate(const SandboxSpec& spec);

struct StoredSpec {
  SandboxSpec spec;
  LaunchSettings launch;
};

[[nodiscard]] std::string encode_spec(const StoredSpec& stored);
[[nodiscard]] SandboxResult<StoredSpec> decode_spec(std::string_view text);

}  // namespace starminer::provider::sandbox
