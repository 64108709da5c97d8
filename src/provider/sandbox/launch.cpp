#include "provider/sandbox/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/sandbox/bwrap_arguments.h"
#include "provider/sandbox/seccomp_filter.h"

namespace starminer::provider::sandbox {
namespace {

constexpr rlim_t kLockedBytesMax = 64ULL << 20U;
constexpr int kPipeBytes = 1 << 20;

struct Pipe {
  Fd read;
  Fd write;
};

SandboxResult<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail(system_error(SandboxErrc::SetupFailed, "cannot make a pipe", errno));
  return Pipe{Fd{fds[0]}, Fd{fds[1]}};
}

void lower_limit(__rlimit_resource resource, rlim_t value) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return;
  limit.rlim_max = std::min(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(resource, &limit);
}

bool become(const JobUser& user) {
  if (!user.drops_root) return true;
  return ::setgroups(user.device_groups.size(), user.device_groups.data()) == 0 &&
         ::setresgid(user.gid, user.gid, user.gid) == 0 && ::setresuid(user.uid, user.uid, user.uid) == 0;
}

struct ChildFds {
  int input;
  int standard_output;
  int standard_error;
  int go;
  int command;
  int bwrap_arguments;
  std::array<int, 4> kept;  ///< Filters, arguments, report: what bubblewrap finds open.
};

bool read_words(int file, std::vector<std::string>& words) {
  std::string block;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = ::read(file, buffer, sizeof buffer)) > 0) block.append(buffer, static_cast<std::size_t>(count));
  for (std::size_t begin = 0; begin < block.size();) {
    const std::size_t end = block.find('\0', begin);
    words.push_back(block.substr(begin, end - begin));
    begin = end + 1;
  }
  return count == 0 && !block.empty();
}

// Runs in the child. Anything that fails leaves through exit code 125 with a line on standard error.
[[noreturn]] void run_child(const StoredSpec& stored, const JobUser& user, const Cgroup& cgroup, const ChildFds& fds,
                            pid_t supervisor) {
  const auto give_up = [](std::string_view what) {
    (void)write_all(2, std::string(what) + "\n");
    ::_exit(125);
  };
  if (::dup2(fds.input, 0) < 0 || ::dup2(fds.standard_output, 1) < 0 || ::dup2(fds.standard_error, 2) < 0) ::_exit(125);
  // An agent's own urgency is not the job's, and version 1 groups take no realtime process.
  const sched_param ordinary{};
  ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
  if (::getpriority(PRIO_PROCESS, 0) < 0) ::setpriority(PRIO_PROCESS, 0, 0);
  if (auto joined = cgroup.join(); !joined) give_up(joined.error().text);
  char go = 0;
  ssize_t count = 0;
  while ((count = ::read(fds.go, &go, 1)) < 0 && errno == EINTR) {
  }
  if (count != 1) ::_exit(125);
  lower_limit(RLIMIT_CORE, 0);
  lower_limit(RLIMIT_NOFILE, stored.spec.limits.open_files);
  lower_limit(RLIMIT_MEMLOCK, kLockedBytesMax);
  lower_limit(RLIMIT_RTPRIO, 0);
  lower_limit(RLIMIT_NICE, 0);
  if (!become(user)) give_up("cannot become the job's user");
  // After the change of user, which would clear it. Without it a supervisor killed right now would leave bubblewrap.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != supervisor) ::_exit(125);
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up("cannot mark descriptors");
  for (const int fd : fds.kept) ::fcntl(fd, F_SETFD, 0);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<std::string> words{"bwrap", "--args", std::to_string(fds.bwrap_arguments)};
  if (!read_words(fds.command, words)) give_up("cannot read the command");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* const env[] = {nullptr};
  ::execve(stored.launch.bwrap_path.c_str(), argv.data(), env);
  give_up("cannot start " + stored.launch.bwrap_path.string());
  ::_exit(125);
}

}  // namespace

SandboxResult<Launcher> Launcher::prepare(const StoredSpec& stored, const JobUser& user, const Cgroup& cgroup) {
  auto output = make_pipe();
  auto error = make_pipe();
  auto report = make_pipe();
  auto go = make_pipe();
  for (const auto* pipe : {&output, &error, &report, &go}) {
    if (!*pipe) return fail(pipe->error());
  }
  Launcher launcher;
  // Empty for now: what is written into them before go() is what the child finds in them after it.
  for (Fd* file :
       {&launcher.seccomp_allow_list_, &launcher.seccomp_arguments_, &launcher.bwrap_arguments_, &launcher.command_}) {
    auto made = make_memory_file("starminer-launch");
    if (!made) return fail(made.error());
    *file = std::move(*made);
  }
  const Fd input{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!input.valid()) return fail(system_error(SandboxErrc::SetupFailed, "cannot open /dev/null", errno));
  for (const Fd* end : {&output->read, &error->read, &report->read}) ::fcntl(end->get(), F_SETFL, O_NONBLOCK);
  for (const Fd* end : {&output->read, &error->read}) ::fcntl(end->get(), F_SETPIPE_SZ, kPipeBytes);
  ChildFds fds{};
  fds.input = input.get();
  fds.standard_output = output->write.get();
  fds.standard_error = error->write.get();
  fds.go = go->read.get();
  fds.command = launcher.command_.get();
  fds.bwrap_arguments = launcher.bwrap_arguments_.get();
  fds.kept = {launcher.seccomp_allow_list_.get(), launcher.seccomp_arguments_.get(), fds.bwrap_arguments,
              report->write.get()};
  const pid_t supervisor = ::getpid();
  launcher.child_ = ::fork();
  if (launcher.child_ < 0) return fail(system_error(SandboxErrc::SetupFailed, "cannot fork", errno));
  if (launcher.child_ == 0) {
    go->write.reset();  // else the end of the supervisor would not be the end of this pipe
    run_child(stored, user, cgroup, fds, supervisor);
  }
  launcher.report_number_ = report->write.get();
  launcher.go_ = std::move(go->write);
  launcher.standard_output_ = std::move(output->read);
  launcher.standard_error_ = std::move(error->read);
  launcher.report_ = std::move(report->read);
  return launcher;
}

SandboxResult<LaunchedJob> Launcher::go(const SandboxSpec& spec, const Stage& stage) {
  if (auto done = write_seccomp_filters(seccomp_allow_list_, seccomp_arguments_); !done) return fail(done.error());
  const BwrapFds fds{seccomp_allow_list_.get(), seccomp_arguments_.get(), report_number_};
  // Through a descriptor: on the command line any user of the host could read the job's environment.
  for (const auto& [file, words] : {std::pair{&bwrap_arguments_, make_bwrap_arguments(spec, stage, fds)},
                                    std::pair{&command_, make_command(spec, stage, report_number_)}}) {
    std::string block;
    for (const std::string& word : words) block.append(word).push_back('\0');
    if (auto done = fill_memory_file(*file, block); !done) return fail(done.error());
  }
  if (auto told = write_all(go_.get(), "g"); !told) {
    return fail(
        SandboxError{SandboxErrc::SetupFailed, "the job's first process died; was its memory limit too small?"});
  }
  go_.reset();
  return LaunchedJob{child_, std::move(standard_output_), std::move(standard_error_), std::move(report_)};
}

}  // namespace starminer::provider::sandbox
