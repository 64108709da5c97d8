#include "provider/sandbox/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include "provider/sandbox/seccomp_filter.h"

namespace starminer::provider::sandbox {
namespace {

constexpr const char* kInitInside = "/.starminer-init";
constexpr rlim_t kLockedBytesMax = 64ULL << 20U;
constexpr int kPipeBytes = 1 << 20;

// Of /proc these name the host's kernel, its command line or its addresses, which no job needs.
constexpr std::array<const char*, 7> kMasked{
    "/proc/cmdline",    "/proc/kallsyms",         "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/version_signature"};

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
  std::array<int, 4> kept;  ///< Filters, arguments, report.
};

// Runs in the child. Anything that fails leaves through exit code 125 with a line on standard error.
[[noreturn]] void run_child(const StoredSpec& stored, const JobUser& user, const Cgroup& cgroup, const ChildFds& fds,
                            const std::vector<std::string>& command, pid_t supervisor) {
  const auto give_up = [](std::string_view what) {
    (void)write_all(2, std::string(what) + "\n");
    ::_exit(125);
  };
  if (::dup2(fds.input, 0) < 0 || ::dup2(fds.standard_output, 1) < 0 || ::dup2(fds.standard_error, 2) < 0) ::_exit(125);
  if (auto joined = cgroup.join(); !joined) give_up(joined.error().text);
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
  std::vector<std::string> words{"bwrap", "--args", std::to_string(fds.kept[2])};
  for (const std::string& word : command) words.push_back(word);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* const env[] = {nullptr};
  ::execve(stored.launch.bwrap_path.c_str(), argv.data(), env);
  give_up("cannot start " + stored.launch.bwrap_path.string());
  ::_exit(125);
}

void add_file_view(std::vector<std::string>& words, const SandboxSpec& spec, const Stage& stage) {
  const auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  for (const StagedBind& bind : stage.binds) add({"--ro-bind", bind.staged, bind.inside});
  for (const auto& [target, place] : stage.links) add({"--symlink", target, place});
  add({"--ro-bind", stage.passwd, "/etc/passwd", "--ro-bind", stage.group, "/etc/group", "--proc", "/proc"});
  for (const char* masked : kMasked) {
    if (::access(masked, F_OK) == 0) add({"--ro-bind", stage.empty, masked});
  }
  add({"--dev", "/dev"});
  for (const StagedBind& device : stage.devices) add({"--dev-bind", device.staged, device.inside});
  add({"--size", std::to_string(spec.limits.memory_bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"});
  if (stage.inputs.empty()) {
    add({"--dir", kInputsInside});
  } else {
    add({"--ro-bind", stage.inputs, kInputsInside});
  }
  add({"--bind", stage.outputs, kOutputsInside, "--bind", stage.scratch / "work", kScratchInside, "--bind",
       stage.scratch / "tmp", "/tmp", "--ro-bind", stage.init, kInitInside, "--remount-ro", "/"});
}

}  // namespace

std::vector<std::string> make_bwrap_arguments(const SandboxSpec& spec, const Stage& stage, const BwrapFds& fds) {
  std::vector<std::string> words{"--unshare-all",
                                 "--unshare-user",
                                 "--disable-userns",
                                 "--die-with-parent",
                                 "--new-session",
                                 "--uid",
                                 "65534",
                                 "--gid",
                                 "65534",
                                 "--cap-drop",
                                 "ALL",
                                 "--hostname",
                                 "job",
                                 "--chdir",
                                 kScratchInside,
                                 "--clearenv"};
  std::map<std::string, std::string> env{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                         {"HOME", kScratchInside},
                                         {"TMPDIR", "/tmp"},
                                         {"LANG", "C.UTF-8"},
                                         {"TZ", "UTC"}};
  for (const auto& [name, value] : spec.env) env[name] = value;
  for (const auto& [name, value] : env) words.insert(words.end(), {"--setenv", name, value});
  add_file_view(words, spec, stage);
  words.insert(words.end(), {"--add-seccomp-fd", std::to_string(fds.seccomp_allow_list), "--add-seccomp-fd",
                             std::to_string(fds.seccomp_arguments)});
  return words;
}

std::vector<std::string> make_command(const SandboxSpec& spec, const Stage& stage, int report_fd) {
  std::vector<std::string> words{"--", kInitInside, std::to_string(report_fd)};
  const auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  for (const StagedBind& bind : stage.binds) add({"--read", bind.inside});
  add({"--read", "/etc/passwd", "--read", "/etc/group", "--read", "/proc", "--read", kInputsInside});
  add({"--write", "/dev", "--write", kOutputsInside, "--write", kScratchInside, "--write", "/tmp", "--"});
  words.insert(words.end(), spec.argv.begin(), spec.argv.end());
  return words;
}

SandboxResult<LaunchedJob> launch(const StoredSpec& stored, const Stage& stage, const JobUser& user,
                                  const Cgroup& cgroup) {
  auto filters = make_seccomp_filters();
  if (!filters) return fail(filters.error());
  auto output = make_pipe();
  auto error = make_pipe();
  auto report = make_pipe();
  if (!output || !error || !report) return fail((!output ? output : !error ? error : report).error());
  const BwrapFds fds{filters->allow_list.get(), filters->arguments.get(), report->write.get()};
  // Through a descriptor: on the command line any user of the host could read the job's environment.
  std::string block;
  for (const std::string& word : make_bwrap_arguments(stored.spec, stage, fds)) block.append(word).push_back('\0');
  auto arguments = make_memory_file("bwrap-arguments", block);
  if (!arguments) return fail(arguments.error());
  const Fd input{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!input.valid()) return fail(system_error(SandboxErrc::SetupFailed, "cannot open /dev/null", errno));
  for (const Fd* end : {&output->read, &error->read, &report->read}) ::fcntl(end->get(), F_SETFL, O_NONBLOCK);
  for (const Fd* end : {&output->read, &error->read}) ::fcntl(end->get(), F_SETPIPE_SZ, kPipeBytes);

  const ChildFds child_fds{input.get(),
                           output->write.get(),
                           error->write.get(),
                           {fds.seccomp_allow_list, fds.seccomp_arguments, arguments->get(), fds.report}};
  const std::vector<std::string> command = make_command(stored.spec, stage, fds.report);
  const pid_t supervisor = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(system_error(SandboxErrc::SetupFailed, "cannot fork", errno));
  if (child == 0) run_child(stored, user, cgroup, child_fds, command, supervisor);
  return LaunchedJob{child, std::move(output->read), std::move(error->read), std::move(report->read)};
}

}  // namespace starminer::provider::sandbox
