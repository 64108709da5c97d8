// How a job ended, and which limits it met. The supervisor writes it once to exit.json; the agent maps it to the end
// reason of the contract. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "provider/sandbox/cgroup.h"
#include "provider/sandbox/error.h"
#include "provider/sandbox/process.h"

namespace starminer::provider::sandbox {

/// A limit of the job that it ran into.
enum class LimitHit : std::uint8_t {
  None,
  Memory,     ///< The kernel ended a process of the job for memory.
  Processes,  ///< A fork or thread start was refused.
  Scratch,    ///< /job/scratch and /tmp were full.
  Output,     ///< /job/out was full, or held more files or bytes than may be collected.
  Log,        ///< Bytes of standard output or error were dropped.
  WallTime,   ///< The job was ended because its time was over.
  CpuTime,    ///< The job was ended because its CPU time was used up.
};

enum class EndKind : std::uint8_t {
  Exited,       ///< The program ended by itself; see exit_code.
  Signalled,    ///< A signal ended the program; see signal.
  LimitEnded,   ///< The sandbox ended it for `limit`.
  Stopped,      ///< The agent asked for the end.
  SetupFailed,  ///< The program never ran; see error.
  Lost,         ///< The supervisor was killed or the machine restarted; the job was ended with it.
};

enum class DiskKind : std::uint8_t { None, Tmpfs, LoopImage };

struct RefusedOutput {
  std::string path;  ///< Printable form, relative to the output directory.
  std::string reason;
};

struct ExitReport {
  EndKind end = EndKind::Lost;
  int exit_code = -1;  ///< Of the program, when end is Exited.
  /// The signal, when end is Signalled. A program that itself exits with 129 to 159 reads as that signal.
  int signal = 0;
  LimitHit limit = LimitHit::None;  ///< The one that ended the job, else the first of limits_met.
  std::vector<LimitHit> limits_met;
  bool killed = false;  ///< KILL was needed: the job outlived TERM and its grace, or the limit allows none.
  std::int64_t started_unix_ms = 0;
  std::int64_t ended_unix_ms = 0;
  std::uint64_t wall_ms = 0;
  std::uint64_t cpu_ms = 0;
  std::uint64_t memory_peak_bytes = 0;
  std::uint64_t processes_peak = 0;
  std::uint64_t log_bytes_dropped = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t output_files = 0;
  std::vector<RefusedOutput> outputs_refused;  ///< At most 100 are named.
  DiskKind output_disk = DiskKind::None;
  DiskKind scratch_disk = DiskKind::None;
  int landlock_abi = 0;  ///< 0: the kernel has no Landlock, the other layers stand alone.
  int cgroup_version = 0;
  std::string error;  ///< What failed, for people; empty when nothing did.
};

/// Written to running.json as soon as the supervisor has taken the job.
struct RunningState {
  ProcessIdentity supervisor;
  CgroupPaths cgroup;
  std::int64_t started_unix_ms = 0;
};

[[nodiscard]] const char* to_string(LimitHit limit);
[[nodiscard]] const char* to_string(EndKind end);
[[nodiscard]] const char* to_string(DiskKind disk);

/// One sentence for people, for example "ended by limit WallTime after 1.2 s".
[[nodiscard]] std::string describe(const ExitReport& report);

[[nodiscard]] std::string encode_report(const ExitReport& report);
[[nodiscard]] SandboxResult<ExitReport> decode_report(std::string_view text);
[[nodiscard]] std::string encode_running(const RunningState& state);
[[nodiscard]] SandboxResult<RunningState> decode_running(std::string_view text);

}  // namespace starminer::provider::sandbox
