// Runs strangers' programs on this machine: starts a job in its own sandbox, follows it, and finds it again after the
// agent itself was killed. The promise and its limits are in README.md. A Sandbox may be used from several threads for
// different jobs; a RunningJob by one thread at a time. One agent per root directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "provider/sandbox/cgroup.h"
#include "provider/sandbox/error.h"
#include "provider/sandbox/file_io.h"
#include "provider/sandbox/process.h"
#include "provider/sandbox/report.h"
#include "provider/sandbox/spec.h"

namespace starminer::provider::sandbox {

struct SandboxOptions {
  std::filesystem::path root_dir;  ///< Job directories are made here; it belongs to one agent.
  std::filesystem::path
      supervisor_path;              ///< Empty: starminer-supervisor beside this program or in /usr/libexec/starminer.
  std::filesystem::path init_path;  ///< Empty: starminer-sandbox-init, likewise.
  std::filesystem::path attempts_path;  ///< Empty: starminer-attempts, likewise; only the self-test needs it.
  std::filesystem::path bwrap_path;     ///< Empty: bwrap from /usr/bin, /usr/local/bin or /bin.
  std::filesystem::path mkfs_path;      ///< Empty: mkfs.ext4 from /usr/sbin or /sbin; none: memory disks only.
  std::string cgroup_parent = "starminer";
};

enum class LogStream : std::uint8_t { StandardOutput, StandardError };

struct LogChunk {
  std::string bytes;  ///< As the job wrote them; pass through printable() before a terminal sees them.
  std::uint64_t next_offset = 0;
};

/// A job of which a supervisor was alive when the handle was made. Dropping the handle does not end the job.
class RunningJob {
 public:
  /// Nothing while it runs. Once it has ended: the report, also when it was lost, then with everything cleaned.
  [[nodiscard]] SandboxResult<std::optional<ExitReport>> poll();
  /// As poll, after waiting up to `timeout_ms` for the end.
  [[nodiscard]] SandboxResult<std::optional<ExitReport>> wait(std::int64_t timeout_ms);

  /// Asks for the end: TERM to the job's processes, the grace time of its limits, then KILL. Returns at once.
  void request_stop();
  /// Asks for the end without grace. Returns at once.
  void request_kill();

  [[nodiscard]] SandboxResult<LogChunk> read_log(LogStream stream, std::uint64_t offset, std::size_t bytes_max) const;
  [[nodiscard]] CgroupUsage read_usage() const;
  [[nodiscard]] const ProcessIdentity& identity() const { return state_.supervisor; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::int64_t started_unix_ms() const { return state_.started_unix_ms; }

 private:
  friend class Sandbox;
  RunningJob(std::filesystem::path directory, RunningState state, Fd process);

  std::filesystem::path directory_;
  RunningState state_;
  Fd process_;  ///< pidfd of the supervisor.
};

struct AdoptedJob {
  std::optional<RunningJob> running;  ///< Either this ...
  std::optional<ExitReport> ended;    ///< ... or this; end is Lost when the supervisor had died.
};

struct CleanedUp {
  std::vector<std::string> lost_jobs;  ///< Jobs without a supervisor and without a report, which now have one (Lost).
  std::vector<std::string> stray_groups;  ///< Control groups that belonged to no job directory.
};

class Sandbox {
 public:
  /// Finds the tools and the control groups. Fails with Unsupported, saying what is missing and how to get it.
  [[nodiscard]] static SandboxResult<Sandbox> open(SandboxOptions options);

  /// Starts the job and returns when its program runs. Fails with BadSpec, with AlreadyStarted when the job id has a
  /// directory already, and with SetupFailed, in which case exit.json says so too.
  [[nodiscard]] SandboxResult<RunningJob> start(const SandboxSpec& spec);

  /// Finds a job of an earlier agent, or of this one. A job whose supervisor is dead is ended, cleaned and reported as
  /// Lost. Fails with NotFound when the job was never started here.
  [[nodiscard]] SandboxResult<AdoptedJob> adopt(const std::string& job_id);

  /// Ends and cleans what earlier agents of this root directory left behind and nobody stands beside. Running jobs with
  /// a live supervisor are not touched.
  [[nodiscard]] SandboxResult<CleanedUp> cleanup_stale();

  /// Job ids that have a directory, sorted.
  [[nodiscard]] std::vector<std::string> list_jobs() const;

  /// Deletes an ended job's directory. Fails with AlreadyStarted while the job runs.
  [[nodiscard]] SandboxResult<void> remove_job(const std::string& job_id);

  [[nodiscard]] std::filesystem::path job_directory(const std::string& job_id) const;
  [[nodiscard]] const SandboxOptions& options() const { return options_; }
  [[nodiscard]] const CgroupLayout& cgroups() const { return cgroups_; }

 private:
  Sandbox(SandboxOptions options, CgroupLayout cgroups, std::string group);

  SandboxOptions options_;
  CgroupLayout cgroups_;
  std::string group_;  ///< Folder of this agent below the parent of all job groups.
};

/// The log of a job, running or ended.
[[nodiscard]] SandboxResult<LogChunk> read_job_log(const std::filesystem::path& job_dir, LogStream stream,
                                                   std::uint64_t offset, std::size_t bytes_max);

}  // namespace starminer::provider::sandbox
