#include "provider/sandbox/watch.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <utility>

#include "provider/sandbox/disk.h"
#include "provider/sandbox/process.h"

namespace starminer::provider::sandbox {
namespace {

constexpr std::int64_t kTickMs = 100;
constexpr std::int64_t kFloodTickMs = 10;
constexpr std::int64_t kStartMs = 20'000;
constexpr std::int64_t kKillMs = 5'000;
constexpr std::int64_t kDrainMs = 2'000;
constexpr std::size_t kReportBytesMax = 4096;

sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1}) ::sigaddset(&set, number);
  return set;
}

}  // namespace

Watch::Watch(const Limits& limits, const Stage& stage, const Cgroup& cgroup, pid_t bwrap, Fd report,
             LogPump standard_output, LogPump standard_error)
    : limits_(limits),
      stage_(stage),
      cgroup_(cgroup),
      bwrap_(bwrap),
      report_(std::move(report)),
      standard_output_(std::move(standard_output)),
      standard_error_(std::move(standard_error)) {
  const sigset_t set = watched_signals();
  signals_ = Fd{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
}

SandboxResult<void> Watch::await_start() {
  const std::int64_t deadline = steady_ms() + kStartMs;
  while (report_.valid() && steady_ms() < deadline && !stop_requested_) wait_events(deadline);
  const bool ready =
      !report_.valid() && report_text_.rfind("ok ", 0) == 0 && report_text_.find("error ") == std::string::npos;
  if (ready) {
    started_ms_ = steady_ms();
    started_unix_ms_ = wall_clock_ms();
    return {};
  }
  cgroup_.kill_all(kKillMs);
  ::kill(bwrap_, SIGKILL);
  drain_logs();
  const bool memory = cgroup_.read_usage().memory_kills > 0;
  std::string text = "the sandbox did not start";
  if (stop_requested_) text = "stopped before the program ran";
  if (!report_text_.empty()) text += ": " + report_text_;
  if (memory) text += ": the memory limit is too small to start anything";
  return fail(SandboxError{SandboxErrc::SetupFailed, text});
}

void Watch::run() {
  while (!status_) {
    std::int64_t until = started_ms_ + static_cast<std::int64_t>(limits_.wall_ms);
    if (kill_at_ms_ >= 0) until = kill_at_ms_;
    wait_events(until);
    enforce();
  }
  ended_ms_ = steady_ms();
  if (!cgroup_.kill_all(kKillMs)) trouble_ = "processes of the job could not be ended";
  drain_logs();
  sample();
}

void Watch::wait_events(std::int64_t until_ms) {
  const bool flooded = standard_output_.full() || standard_error_.full();
  const std::int64_t now = steady_ms();
  const std::int64_t timeout = std::clamp<std::int64_t>(until_ms - now, 0, flooded ? kFloodTickMs : kTickMs);
  // poll skips entries with a negative descriptor.
  pollfd entries[] = {{signals_.get(), POLLIN, 0},
                      {standard_output_.polled_fd(), POLLIN, 0},
                      {standard_error_.polled_fd(), POLLIN, 0},
                      {report_.get(), POLLIN, 0}};
  (void)::poll(entries, std::size(entries), static_cast<int>(timeout));
  for (LogPump* pump : {&standard_output_, &standard_error_}) {
    if (auto done = pump->pump(); !done) trouble_ = "the log is incomplete: " + done.error().text;
  }
  if (report_.valid()) read_report();
  read_signals();
  reap();
  if (steady_ms() - sampled_ms_ >= kTickMs) sample();
}

void Watch::read_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) stop_requested_ = true;
    if (info.ssi_signo == SIGUSR1) stop_requested_ = kill_requested_ = true;
  }
}

void Watch::read_report() {
  char buffer[512];
  for (;;) {
    const ssize_t count = ::read(report_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      report_.reset();
      return;
    }
    if (report_text_.size() < kReportBytesMax) report_text_.append(buffer, static_cast<std::size_t>(count));
  }
}

void Watch::reap() {
  int status = 0;
  if (!status_ && ::waitpid(bwrap_, &status, WNOHANG) == bwrap_) status_ = status;
}

void Watch::sample() {
  sampled_ms_ = steady_ms();
  usage_ = cgroup_.read_usage();
  memory_peak_ = std::max(memory_peak_, usage_.memory_peak_bytes);
  processes_peak_ = std::max(processes_peak_, usage_.processes);
  output_full_ = output_full_ || is_disk_full(stage_.output_directory.get(), stage_.output_disk);
  scratch_full_ = scratch_full_ || is_disk_full(stage_.scratch_directory.get(), stage_.scratch_disk);
}

void Watch::begin_end(LimitHit limit) {
  if (kill_at_ms_ >= 0) return;
  ended_by_ = limit;
  kill_at_ms_ = steady_ms() + limits_.term_grace_ms;
  // To every process but bubblewrap, whose end would be the end of all without grace; its inner half, process 1 of the
  // job, takes no TERM. CONT, so that a stopped process gets the message too.
  for (const pid_t pid : cgroup_.list_processes()) {
    if (pid == bwrap_) continue;
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGCONT);
  }
}

void Watch::end_now() {
  killed_ = true;
  if (!cgroup_.kill_all(kKillMs)) trouble_ = "processes of the job could not be ended";
  ::kill(bwrap_, SIGKILL);
  kill_at_ms_ = steady_ms() + kKillMs;  // once more, should the first have met a process that could not be ended yet
}

void Watch::enforce() {
  if (status_) return;
  const std::int64_t now = steady_ms();
  if (stop_requested_) begin_end(LimitHit::None);
  if (now - started_ms_ >= static_cast<std::int64_t>(limits_.wall_ms)) begin_end(LimitHit::WallTime);
  if (limits_.cpu_time_ms > 0 && usage_.cpu_ms >= limits_.cpu_time_ms) begin_end(LimitHit::CpuTime);
  if (kill_requested_ || (kill_at_ms_ >= 0 && now >= kill_at_ms_)) {
    kill_requested_ = false;
    end_now();
  }
}

void Watch::drain_logs() {
  // Every writer is dead, so the pipes end; the bound is for a process that could not be killed.
  const std::int64_t deadline = steady_ms() + kDrainMs;
  while ((standard_output_.open_pipe() || standard_error_.open_pipe()) && steady_ms() < deadline) {
    for (LogPump* pump : {&standard_output_, &standard_error_}) {
      if (auto done = pump->pump(); !done) trouble_ = "the log is incomplete: " + done.error().text;
    }
    reap();
    ::usleep(500);
  }
}

ExitReport Watch::make_report() const {
  ExitReport report;
  report.killed = killed_;
  report.started_unix_ms = started_unix_ms_;
  report.ended_unix_ms = wall_clock_ms();
  report.wall_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(ended_ms_ - started_ms_, 0));
  report.cpu_ms = usage_.cpu_ms;
  report.memory_peak_bytes = memory_peak_;
  report.processes_peak = processes_peak_;
  report.log_bytes_dropped = standard_output_.dropped() + standard_error_.dropped();
  report.output_disk = stage_.output_disk;
  report.scratch_disk = stage_.scratch_disk;
  report.cgroup_version = cgroup_.paths().version;
  report.error = trouble_;
  const std::string_view key = "landlock=";
  const auto at = report_text_.find(key);
  if (at != std::string::npos) report.landlock_abi = std::atoi(report_text_.c_str() + at + key.size());

  // bubblewrap passes on the program's code, and 128 + n for signal n.
  const int status = status_.value_or(0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  report.end = code > 128 && code < 128 + 65 ? EndKind::Signalled : EndKind::Exited;
  (report.end == EndKind::Signalled ? report.signal : report.exit_code) =
      report.end == EndKind::Signalled ? code - 128 : code;

  const auto met = [&report](LimitHit limit, bool hit) {
    if (hit) report.limits_met.push_back(limit);
  };
  met(LimitHit::Memory, usage_.memory_kills > 0);
  met(LimitHit::Processes, usage_.processes_refused > 0);
  met(LimitHit::Scratch, scratch_full_);
  met(LimitHit::Output, output_full_);
  met(LimitHit::Log, report.log_bytes_dropped > 0);
  met(ended_by_, ended_by_ != LimitHit::None);

  const bool killed_for_memory = usage_.memory_kills > 0 && report.signal == SIGKILL && !killed_;
  if (stop_requested_ && ended_by_ == LimitHit::None) {
    report.end = EndKind::Stopped;
  } else if (ended_by_ != LimitHit::None || killed_for_memory) {
    report.end = EndKind::LimitEnded;
    report.limit = killed_for_memory ? LimitHit::Memory : ended_by_;
  }
  if (report.limit == LimitHit::None && !report.limits_met.empty()) report.limit = report.limits_met.front();
  return report;
}

}  // namespace starminer::provider::sandbox
