#include "provider/sandbox/supervisor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "provider/sandbox/job_dir.h"
#include "provider/sandbox/launch.h"
#include "provider/sandbox/log_pump.h"
#include "provider/sandbox/outputs.h"
#include "provider/sandbox/stage.h"
#include "provider/sandbox/watch.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPartialFolder = "out.partial";
constexpr std::size_t kErrorLogBytesMax = 600;

void prepare_process() {
  ::umask(077);
  ::prctl(PR_SET_NAME, "sm-supervisor", 0, 0, 0);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1}) ::sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  for (const int number : {SIGPIPE, SIGHUP, SIGTTOU, SIGTTIN}) ::signal(number, SIG_IGN);
}

// The starter may be dead by now; the job goes on all the same.
void shake_hands(Fd& handshake, const std::string& text) {
  if (handshake.valid()) (void)write_all(handshake.get(), text);
  handshake.reset();
}

// bubblewrap's own complaint went to the job's standard error, because the job never ran.
std::string first_words_of_log(int job_directory) {
  const auto text = read_file_at(job_directory, kStandardErrorFile, kErrorLogBytesMax);
  return text && !text->empty() ? ": " + printable(*text) : std::string{};
}

void export_files(const Stage& stage, const Limits& limits, int job_directory, ExitReport& report) {
  const auto give_up = [&report](const SandboxError& error) {
    report.error += (report.error.empty() ? "" : "; ") + ("no outputs: " + error.text);
    if (error.code != SandboxErrc::OutputTooLarge) return;
    if (std::count(report.limits_met.begin(), report.limits_met.end(), LimitHit::Output) == 0) {
      report.limits_met.push_back(LimitHit::Output);
    }
    if (report.limit == LimitHit::None) report.limit = LimitHit::Output;
  };
  if (::mkdirat(job_directory, kPartialFolder, 0700) != 0) {
    return give_up(system_error(SandboxErrc::Io, "cannot create the output folder", errno));
  }
  const Fd target{::openat(job_directory, kPartialFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
  auto exported =
      export_outputs(stage.output_directory.get(), target.get(), {limits.output_bytes, limits.output_files});
  if (!exported) {
    std::error_code ignored;
    fs::remove_all(fs::path("/proc/self/fd") / std::to_string(job_directory) / kPartialFolder, ignored);
    return give_up(exported.error());
  }
  if (::renameat(job_directory, kPartialFolder, job_directory, kOutputsFolder) != 0) {
    return give_up(system_error(SandboxErrc::Io, "cannot publish the outputs", errno));
  }
  report.output_files = exported->files.size();
  for (const OutputFile& file : exported->files) report.output_bytes += file.size;
  report.outputs_refused = std::move(exported->refused);
}

// Everything between taking the job and its end; the report says how it ended, the error why it never ran.
SandboxResult<ExitReport> supervise(const StoredSpec& stored, const Cgroup& cgroup, const fs::path& job_dir,
                                    int job_directory, Fd& handshake) {
  const JobUser user = choose_job_user(stored.spec);
  if (auto entered = enter_namespaces(user); !entered) return fail(entered.error());
  auto launcher = Launcher::prepare(stored, user, cgroup);
  if (!launcher) return fail(launcher.error());
  const auto stage = make_stage(stored, user, job_dir, job_directory);
  if (!stage) return fail(stage.error());
  auto job = launcher->go(stored.spec, *stage);
  if (!job) return fail(job.error());
  const Limits& limits = stored.spec.limits;
  auto standard_output =
      LogPump::open(job_directory, kStandardOutputFile, std::move(job->standard_output), limits.log_bytes);
  if (!standard_output) return fail(standard_output.error());
  auto standard_error =
      LogPump::open(job_directory, kStandardErrorFile, std::move(job->standard_error), limits.log_bytes);
  if (!standard_error) return fail(standard_error.error());
  Watch watch(limits, *stage, cgroup, job->bwrap, std::move(job->report), std::move(*standard_output),
              std::move(*standard_error));
  if (auto started = watch.await_start(); !started) {
    SandboxError error = started.error();
    error.text += first_words_of_log(job_directory);
    return fail(std::move(error));
  }
  shake_hands(handshake, "ok");
  watch.run();
  ExitReport report = watch.make_report();
  export_files(*stage, limits, job_directory, report);
  return report;
}

SandboxResult<Cgroup> take_group(const StoredSpec& stored, int job_directory) {
  const auto layout = probe_cgroups(stored.launch.cgroup_parent);
  if (!layout) return fail(layout.error());
  const Limits& limits = stored.spec.limits;
  auto cgroup = Cgroup::create(*layout, stored.launch.cgroup_group + "/" + stored.spec.job_id,
                               {limits.memory_bytes, limits.processes, limits.cpu_milli});
  if (!cgroup) return cgroup;
  const auto self = find_process(::getpid());
  if (!self) return fail(SandboxError{SandboxErrc::SetupFailed, "/proc does not show this process"});
  const RunningState state{*self, cgroup->paths(), wall_clock_ms()};
  // Before anything runs, so that whoever comes later knows what to clean.
  auto written = replace_file_at(job_directory, kRunningFile, encode_running(state), Durability::Cached);
  if (!written) {
    cgroup->remove();
    return fail(written.error());
  }
  return cgroup;
}

int finish(int job_directory, const SandboxResult<ExitReport>& ended, Fd& handshake) {
  ExitReport report;
  if (ended) {
    report = *ended;
  } else {
    report.end = EndKind::SetupFailed;
    report.error = ended.error().text;
    report.ended_unix_ms = wall_clock_ms();
  }
  const auto written = write_exit(job_directory, report);
  if (!ended) shake_hands(handshake, "error " + report.error);
  if (written) return 0;
  (void)write_all(2, written.error().text + "\n");
  return 1;
}

}  // namespace

int run_supervisor(const fs::path& job_dir) {
  Fd handshake;
  if (::fcntl(kHandshakeFd, F_GETFD) >= 0) {
    handshake = Fd{kHandshakeFd};
    ::fcntl(kHandshakeFd, F_SETFD, FD_CLOEXEC);
  }
  prepare_process();
  auto open_job = [&job_dir]() -> SandboxResult<std::pair<Fd, Fd>> {
    auto directory = open_directory(job_dir);
    if (!directory) return fail(directory.error());
    auto lock = lock_job(directory->get(), LockWait::Yes);
    if (!lock) return fail(lock.error());
    const auto ended = read_exit(directory->get());
    const auto running = read_running(directory->get());
    if (!ended || !running || *ended || *running) {
      return fail(SandboxError{SandboxErrc::AlreadyStarted, "the job in " + job_dir.string() + " was started before"});
    }
    return std::pair{std::move(*directory), std::move(*lock)};
  };
  auto job = open_job();
  if (!job) {
    shake_hands(handshake, "error " + job.error().text);
    return 1;
  }
  const int directory = job->first.get();
  const auto stored = read_spec(directory);
  if (!stored) return finish(directory, fail(stored.error()), handshake);
  const auto cgroup = take_group(*stored, directory);
  if (!cgroup) return finish(directory, fail(cgroup.error()), handshake);
  const auto ended = supervise(*stored, *cgroup, job_dir, directory, handshake);
  cgroup->kill_all(5'000);
  cgroup->remove();
  return finish(directory, ended, handshake);
}

}  // namespace starminer::provider::sandbox
