#include "provider/sandbox/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "provider/sandbox/job_dir.h"
#include "provider/sandbox/outputs.h"
#include "provider/sandbox/spawn.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kKillMs = 5'000;
constexpr std::int64_t kAppearMs = 10'000;
constexpr std::size_t kGroupNameLength = 16;

fs::path find_program(const std::vector<fs::path>& folders, const char* name) {
  for (const fs::path& folder : folders) {
    fs::path candidate = folder / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

SandboxResult<void> find_tools(SandboxOptions& options) {
  std::error_code ignored;
  const std::vector<fs::path> own{fs::read_symlink("/proc/self/exe", ignored).parent_path(), "/usr/libexec/starminer",
                                  "/usr/local/libexec/starminer"};
  const std::vector<fs::path> system{"/usr/bin", "/usr/local/bin", "/bin"};
  const std::vector<fs::path> admin{"/usr/sbin", "/sbin"};
  if (options.supervisor_path.empty()) options.supervisor_path = find_program(own, "starminer-supervisor");
  if (options.init_path.empty()) options.init_path = find_program(own, "starminer-sandbox-init");
  if (options.attempts_path.empty()) options.attempts_path = find_program(own, "starminer-attempts");
  if (options.bwrap_path.empty()) options.bwrap_path = find_program(system, "bwrap");
  if (options.mkfs_path.empty()) options.mkfs_path = find_program(admin, "mkfs.ext4");
  if (::access(options.bwrap_path.c_str(), X_OK) != 0) {
    return fail(
        SandboxError{SandboxErrc::Unsupported, "bubblewrap is missing; install it with: apt-get install bubblewrap"});
  }
  for (const auto& [path, name] : {std::pair{options.supervisor_path, "starminer-supervisor"},
                                   std::pair{options.init_path, "starminer-sandbox-init"}}) {
    if (::access(path.c_str(), X_OK) != 0) {
      return fail(
          SandboxError{SandboxErrc::Unsupported, fmt::format("{} is missing; it belongs beside the agent's program or "
                                                             "in /usr/libexec/starminer",
                                                             name)});
    }
  }
  return {};
}

void reap(pid_t pid) {
  while (::waitpid(pid, nullptr, WNOHANG) < 0 && errno == EINTR) {
  }
}

// Called with the job's lock held and no report written: nobody stands beside the job any more.
SandboxResult<ExitReport> declare_lost(int directory, const std::optional<RunningState>& state) {
  ExitReport report;
  report.end = EndKind::Lost;
  report.ended_unix_ms = wall_clock_ms();
  report.error = "the supervisor ended without a report";
  const bool same_boot = state && state->supervisor.boot_id == read_boot_id();
  if (state) report.started_unix_ms = state->started_unix_ms;
  if (state && same_boot) {
    const Cgroup cgroup = Cgroup::adopt(state->cgroup);
    const bool ended = cgroup.kill_all(kKillMs);
    const CgroupUsage usage = cgroup.read_usage();
    report.cpu_ms = usage.cpu_ms;
    report.memory_peak_bytes = usage.memory_peak_bytes;
    report.cgroup_version = state->cgroup.version;
    if (!ended || !cgroup.remove()) report.error += "; its control groups could not be emptied";
  } else if (state) {
    report.error = "the machine was restarted while the job ran";
  }
  if (auto written = write_exit(directory, report); !written) return fail(written.error());
  return report;
}

// The report when the job has ended; nothing when a supervisor holds the lock.
SandboxResult<std::optional<ExitReport>> settle(const fs::path& job_dir) {
  const auto directory = open_directory(job_dir);
  if (!directory) return fail(directory.error());
  const auto lock = lock_job(directory->get(), LockWait::No);
  if (!lock) return fail(lock.error());
  if (!lock->valid()) return std::optional<ExitReport>{};
  auto ended = read_exit(directory->get());
  const auto state = read_running(directory->get());
  if (state && *state) reap((*state)->supervisor.pid);
  if (!ended || *ended) return ended;
  if (!state) return fail(state.error());
  auto lost = declare_lost(directory->get(), *state);
  if (!lost) return fail(lost.error());
  return std::optional<ExitReport>(std::move(*lost));
}

}  // namespace

RunningJob::RunningJob(fs::path directory, RunningState state, Fd process)
    : directory_(std::move(directory)), state_(std::move(state)), process_(std::move(process)) {}

SandboxResult<std::optional<ExitReport>> RunningJob::poll() { return settle(directory_); }

SandboxResult<std::optional<ExitReport>> RunningJob::wait(std::int64_t timeout_ms) {
  wait_process(process_, timeout_ms);
  return settle(directory_);
}

void RunningJob::request_stop() { signal_process(process_, SIGTERM); }

void RunningJob::request_kill() { signal_process(process_, SIGUSR1); }

SandboxResult<LogChunk> RunningJob::read_log(LogStream stream, std::uint64_t offset, std::size_t bytes_max) const {
  return read_job_log(directory_, stream, offset, bytes_max);
}

CgroupUsage RunningJob::read_usage() const { return Cgroup::adopt(state_.cgroup).read_usage(); }

SandboxResult<LogChunk> read_job_log(const fs::path& job_dir, LogStream stream, std::uint64_t offset,
                                     std::size_t bytes_max) {
  const fs::path file = job_dir / (stream == LogStream::StandardOutput ? kStandardOutputFile : kStandardErrorFile);
  const Fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd.valid()) {
    const auto code = errno == ENOENT ? SandboxErrc::NotFound : SandboxErrc::Io;
    return fail(system_error(code, "cannot open " + file.string(), errno));
  }
  LogChunk chunk{std::string(bytes_max, '\0'), offset};
  const ssize_t count = ::pread(fd.get(), chunk.bytes.data(), bytes_max, static_cast<off_t>(offset));
  if (count < 0) return fail(system_error(SandboxErrc::Io, "cannot read " + file.string(), errno));
  chunk.bytes.resize(static_cast<std::size_t>(count));
  chunk.next_offset += static_cast<std::uint64_t>(count);
  return chunk;
}

Sandbox::Sandbox(SandboxOptions options, CgroupLayout cgroups, std::string group)
    : options_(std::move(options)), cgroups_(std::move(cgroups)), group_(std::move(group)) {}

SandboxResult<Sandbox> Sandbox::open(SandboxOptions options) {
  if (!options.root_dir.is_absolute()) {
    return fail(SandboxError{SandboxErrc::BadSpec, "the sandbox's root directory must be an absolute path"});
  }
  std::error_code error;
  fs::create_directories(options.root_dir, error);
  if (!error) fs::permissions(options.root_dir, fs::perms::owner_all, error);
  const fs::path canonical = error ? options.root_dir : fs::canonical(options.root_dir, error);
  if (error) {
    return fail(SandboxError{SandboxErrc::Io, "cannot make " + options.root_dir.string() + ": " + error.message()});
  }
  options.root_dir = canonical;
  if (auto found = find_tools(options); !found) return fail(found.error());
  auto cgroups = probe_cgroups(options.cgroup_parent);
  if (!cgroups) return fail(cgroups.error());
  // Named after the directory, so that the next agent on it finds the same groups.
  std::string group = sha256(canonical.string()).hex().substr(0, kGroupNameLength);
  return Sandbox(std::move(options), std::move(*cgroups), std::move(group));
}

fs::path Sandbox::job_directory(const std::string& job_id) const { return options_.root_dir / job_id; }

SandboxResult<RunningJob> Sandbox::start(const SandboxSpec& spec) {
  if (auto checked = validate(spec); !checked) return fail(checked.error());
  const fs::path job_dir = job_directory(spec.job_id);
  // The directory is the claim: the one who makes it is the one who starts the job.
  if (::mkdir(job_dir.c_str(), 0700) != 0) {
    if (errno != EEXIST) return fail(system_error(SandboxErrc::Io, "cannot make " + job_dir.string(), errno));
    return fail(
        SandboxError{SandboxErrc::AlreadyStarted, "job " + spec.job_id + " was started before; adopt it instead"});
  }
  const auto directory = open_directory(job_dir);
  if (!directory) return fail(directory.error());
  const StoredSpec stored{
      spec, {options_.bwrap_path, options_.init_path, options_.mkfs_path, options_.cgroup_parent, group_}};
  auto written = replace_file_at(directory->get(), kSpecFile, encode_spec(stored), Durability::Cached);
  if (!written) return fail(written.error());
  const auto supervisor = spawn_supervisor(options_.supervisor_path, job_dir);
  if (!supervisor) return fail(supervisor.error());
  auto state = read_running(directory->get());
  if (!state) return fail(state.error());
  if (!*state) return fail(SandboxError{SandboxErrc::Corrupt, "the supervisor left no running.json"});
  Fd process = open_process((*state)->supervisor);
  return RunningJob(job_dir, std::move(**state), std::move(process));
}

SandboxResult<AdoptedJob> Sandbox::adopt(const std::string& job_id) {
  if (!is_job_id(job_id)) return fail(SandboxError{SandboxErrc::NotFound, "no job is called " + printable(job_id)});
  const fs::path job_dir = job_directory(job_id);
  // A supervisor takes its lock before it says who it is; in between there is nothing to hold on to yet.
  const std::int64_t deadline = steady_ms() + kAppearMs;
  for (;;) {
    auto ended = settle(job_dir);
    if (!ended) return fail(ended.error());
    if (*ended) return AdoptedJob{std::nullopt, std::move(*ended)};
    const auto directory = open_directory(job_dir);
    if (!directory) return fail(directory.error());
    auto state = read_running(directory->get());
    if (!state) return fail(state.error());
    if (*state) {
      Fd process = open_process((*state)->supervisor);
      if (process.valid()) return AdoptedJob{RunningJob(job_dir, std::move(**state), std::move(process)), std::nullopt};
    }
    if (steady_ms() > deadline) {
      return fail(
          SandboxError{SandboxErrc::Corrupt, "job " + job_id + " is locked, but no supervisor says it is there"});
    }
    ::usleep(2'000);
  }
}

std::vector<std::string> Sandbox::list_jobs() const {
  std::vector<std::string> jobs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.root_dir, error)) {
    std::string name = entry.path().filename().string();
    if (entry.is_directory(error) && is_job_id(name)) jobs.push_back(std::move(name));
  }
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

SandboxResult<CleanedUp> Sandbox::cleanup_stale() {
  CleanedUp cleaned;
  for (const std::string& job_id : list_jobs()) {
    auto ended = settle(job_directory(job_id));
    if (!ended) return fail(ended.error());
    if (*ended && (*ended)->end == EndKind::Lost) cleaned.lost_jobs.push_back(job_id);
  }
  for (const auto& [name, paths] : list_groups(cgroups_, group_)) {
    std::error_code ignored;
    const bool has_directory = fs::is_directory(job_directory(name), ignored);
    if (has_directory) {
      const auto ended = settle(job_directory(name));
      if (!ended || !*ended) continue;
    }
    const Cgroup cgroup = Cgroup::adopt(paths);
    cgroup.kill_all(kKillMs);
    cgroup.remove();
    cleaned.stray_groups.push_back(name);
  }
  return cleaned;
}

SandboxResult<void> Sandbox::remove_job(const std::string& job_id) {
  if (!is_job_id(job_id)) return fail(SandboxError{SandboxErrc::NotFound, "no job is called " + printable(job_id)});
  const fs::path job_dir = job_directory(job_id);
  auto ended = settle(job_dir);
  if (!ended) return fail(ended.error());
  if (!*ended) return fail(SandboxError{SandboxErrc::AlreadyStarted, "job " + job_id + " is still running"});
  std::error_code error;
  fs::remove_all(job_dir, error);
  if (error) return fail(SandboxError{SandboxErrc::Io, "cannot remove " + job_dir.string() + ": " + error.message()});
  return {};
}

}  // namespace starminer::provider::sandbox
