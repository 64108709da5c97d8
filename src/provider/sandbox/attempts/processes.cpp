// Reaching other processes, and becoming more than one is.
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "provider/sandbox/attempts/attempt.h"

namespace starminer::provider::sandbox::attempts {
namespace {

// A child that waits to be the victim.
class Victim {
 public:
  Victim() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() {
    const int error = errno;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    errno = error;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

char remote_byte = 'a';

Verdict trace_child(const Arguments&) {
  const Victim victim;
  return judge(::ptrace(PTRACE_ATTACH, victim.pid(), nullptr, nullptr) == 0);
}

Verdict seize_first_process(const Arguments&) {
  const long rc = ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr);
  if (rc == 0) ::ptrace(PTRACE_DETACH, 1, nullptr, nullptr);
  return judge(rc == 0);
}

Verdict copy_memory(long number) {
  const Victim victim;
  char local = 'b';
  const iovec here{&local, 1};
  const iovec there{&remote_byte, 1};
  return judge(::syscall(number, victim.pid(), &here, 1UL, &there, 1UL, 0UL) == 1);
}

Verdict take_descriptor(const Arguments&) {
  const Victim victim;
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, victim.pid(), 0));
  if (handle < 0) return judge(false);
  return judge(::syscall(SYS_pidfd_getfd, handle, 0, 0) >= 0);
}

Verdict signal_first_process(const Arguments&) { return judge(::kill(1, 0) == 0); }

Verdict gain_capabilities(const Arguments&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = 1U << CAP_SYS_ADMIN;
  return judge(::syscall(SYS_capset, &header, data) == 0);
}

Verdict run_setuid_program(const Arguments& arguments) {
  if (arguments.empty()) return Verdict::Misused;
  ::execl(arguments[0].c_str(), arguments[0].c_str(), "effective-root", nullptr);
  return judge(false);
}

Verdict effective_root(const Arguments&) {
  errno = EPERM;
  return judge(::geteuid() == 0);
}

// In one's own folder, for later use by someone else on the host.
Verdict leave_setuid_program(const Arguments&) {
  ::unlink("./attempt-setuid");
  const int fd = ::open("./attempt-setuid", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
  if (fd < 0) return judge(false);
  const int rc = ::fchown(fd, 0, 0);
  const int error = errno;
  const bool set = rc == 0 && ::fchmod(fd, 04755) == 0;
  ::close(fd);
  ::unlink("./attempt-setuid");
  errno = error;
  return judge(set);
}

Verdict realtime(const Arguments&) {
  sched_param parameters{};
  parameters.sched_priority = 1;
  return judge(::sched_setscheduler(0, SCHED_FIFO, &parameters) == 0);
}

Verdict deadline_class(const Arguments&) {
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = 6;
  attributes.runtime = 1'000'000;
  attributes.deadline = attributes.period = 100'000'000;
  return judge(::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0);
}

Verdict raise_limit(const Arguments&) {
  const rlimit wanted{5'000, 5'000};
  return judge(::setrlimit(RLIMIT_NOFILE, &wanted) == 0);
}

bool sees_process(const std::string& text) {
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return false;
  bool found = false;
  while (const dirent* entry = ::readdir(folder)) {
    const long pid = std::strtol(entry->d_name, nullptr, 10);
    if (pid <= 0 || pid == ::getpid() || pid == ::getppid()) continue;
    char line[4096] = {};
    const std::string path = std::string("/proc/") + entry->d_name + "/cmdline";
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t count = fd < 0 ? 0 : ::read(fd, line, sizeof line - 1);
    if (fd >= 0) ::close(fd);
    if (count > 0 && std::string(line, static_cast<std::size_t>(count)).find(text) != std::string::npos) found = true;
  }
  ::closedir(folder);
  return found;
}

Verdict see_process(const Arguments& arguments) {
  if (arguments.empty()) return Verdict::Misused;
  errno = ESRCH;
  return judge(sees_process(arguments[0]));
}

Verdict signal_process(const Arguments& arguments) {
  if (arguments.empty()) return Verdict::Misused;
  return judge(::kill(static_cast<pid_t>(std::atol(arguments[0].c_str())), 0) == 0);  // NOLINT
}

Verdict see_environment(const Arguments& arguments) {
  if (arguments.empty()) return Verdict::Misused;
  errno = ENODATA;
  return judge(std::getenv(arguments[0].c_str()) != nullptr);
}

Verdict see_host_name(const Arguments& arguments) {
  char name[256] = {};
  if (arguments.empty() || ::gethostname(name, sizeof name - 1) != 0) return Verdict::Misused;
  errno = ENODATA;
  return judge(arguments[0] == name);
}

Verdict attach_shared_memory(const Arguments& arguments) {
  if (arguments.empty()) return Verdict::Misused;
  const auto key = static_cast<key_t>(std::strtol(arguments[0].c_str(), nullptr, 10));
  return judge(::shmget(key, 0, 0) >= 0);
}

}  // namespace

std::vector<Attempt> process_attempts() {
  constexpr Needs kNone = Needs::Nothing;
  return {
      {"trace-child", kNone, "debug another process", trace_child},
      {"trace-first", kNone, "debug process 1", seize_first_process},
      {"read-memory", kNone, "read another process's memory",
       [](const Arguments&) { return copy_memory(SYS_process_vm_readv); }},
      {"write-memory", kNone, "write another process's memory",
       [](const Arguments&) { return copy_memory(SYS_process_vm_writev); }},
      {"take-descriptor", kNone, "take another process's open file", take_descriptor},
      {"signal-first", kNone, "signal process 1", signal_first_process},
      {"become-root", kNone, "become user 0",
       [](const Arguments&) { return judge(::syscall(SYS_setresuid, 0, 0, 0) == 0); }},
      {"become-root-group", kNone, "become group 0",
       [](const Arguments&) { return judge(::syscall(SYS_setresgid, 0, 0, 0) == 0); }},
      {"gain-capabilities", kNone, "take administrator capabilities", gain_capabilities},
      {"keep-capabilities", kNone, "change how capabilities are computed",
       [](const Arguments&) { return judge(::prctl(PR_SET_SECUREBITS, 1UL << 4U, 0, 0, 0) == 0); }},
      {"leave-setuid-program", kNone, "leave a program that runs as root", leave_setuid_program},
      {"realtime", kNone, "run before everyone else", realtime},
      {"deadline-class", kNone, "reserve processor time", deadline_class},
      {"high-priority", kNone, "run at nice -20",
       [](const Arguments&) { return judge(::setpriority(PRIO_PROCESS, 0, -20) == 0); }},
      {"raise-limit", kNone, "open more files than allowed", raise_limit},
      {"setuid-program", Needs::Input, "gain rights by the setuid program PATH", run_setuid_program},
      {"effective-root", Needs::Input, "for setuid-program: whether it is root", effective_root},
      {"see-process", Needs::Input, "see a process whose command line holds TEXT", see_process},
      {"signal-process", Needs::Input, "signal process PID", signal_process},
      {"see-environment", Needs::Input, "see the agent's variable NAME", see_environment},
      {"see-host-name", Needs::Input, "see that the host is called NAME", see_host_name},
      {"attach-shared-memory", Needs::Input, "attach the shared memory of KEY", attach_shared_memory},
  };
}

}  // namespace starminer::provider::sandbox::attempts
