// starminer-sandbox-init: the first program inside a sandbox. It checks that the outer layers really hold, adds
// Landlock, closes every descriptor, reports "ok landlock=<abi>" and becomes the job's program; a program that cannot
// be run ends the job with 126 or 127, as in a shell. It is static and reads nothing from its environment, so the job's
// variables cannot change it.
//
// Arguments: STATUS_FD { --read PATH | --write PATH }... -- PROGRAM ARGUMENTS...

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// Landlock's interface is stated here because the system's header may be older than the kernel (landlock(7)).
struct LandlockRuleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};
struct __attribute__((packed)) LandlockPathBeneath {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};
constexpr std::uint32_t kRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;

constexpr std::uint64_t kExecute = 1U << 0U;
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadDir = 1U << 3U;
constexpr std::uint64_t kMakeChar = 1U << 6U;
constexpr std::uint64_t kMakeBlock = 1U << 11U;
constexpr std::uint64_t kRefer = 1U << 13U;     // ABI 2
constexpr std::uint64_t kTruncate = 1U << 14U;  // ABI 3
constexpr std::uint64_t kIoctlDev = 1U << 15U;  // ABI 5
constexpr std::uint64_t kFirstAccess = (1U << 13U) - 1;
constexpr std::uint64_t kTcpBindConnect = 3;          // ABI 4
constexpr std::uint64_t kScopeSocketsAndSignals = 3;  // ABI 6
constexpr std::uint64_t kFileAccess = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;

// Exit codes of POSIX shells for a command that was found but cannot be run, and for one that was not found.
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

int status_fd = -1;

[[noreturn]] void give_up(const char* what, const char* subject) {
  char text[512];
  const int length = std::snprintf(text, sizeof text, "error %s %s: %s", what, subject, std::strerror(errno));
  if (length > 0) {
    const auto bytes = static_cast<std::size_t>(length) < sizeof text ? static_cast<std::size_t>(length) : sizeof text;
    if (::write(status_fd, text, bytes) < 0) ::_exit(125);
  }
  ::_exit(125);
}

void require(bool condition, const char* what) {
  if (!condition) give_up("the sandbox is not closed:", what);
}

// The promise is checked from inside, where it counts: a wrapper that was built or configured otherwise is found here.
void check_outer_layers() {
  errno = 0;
  require(::getuid() != 0 && ::geteuid() != 0, "the job would be user 0");
  require(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "privileges can be gained");
  require(::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2, "no system call filter");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  require(::syscall(SYS_capget, &header, data) == 0, "capabilities cannot be read");
  require((data[0].effective | data[0].permitted | data[1].effective | data[1].permitted) == 0,
          "capabilities are left");
}

std::uint64_t handled_access(int abi) {
  std::uint64_t access = kFirstAccess;
  if (abi >= 2) access |= kRefer;
  if (abi >= 3) access |= kTruncate;
  if (abi >= 5) access |= kIoctlDev;
  return access;
}

void allow_path(int ruleset, const char* path, std::uint64_t access) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) give_up("cannot open", path);
  struct stat info {};
  if (::fstat(fd, &info) != 0) give_up("cannot inspect", path);
  LandlockPathBeneath rule{S_ISDIR(info.st_mode) ? access : access & kFileAccess, fd};
  if (::syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &rule, 0) != 0) give_up("cannot allow", path);
  ::close(fd);
}

// Returns the ABI in use, 0 where the kernel has none.
int restrict_files(char** first, char** last) {
  const long probed = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kRulesetVersion);
  if (probed <= 0) return 0;
  const int abi = static_cast<int>(probed);
  const std::uint64_t handled = handled_access(abi);
  LandlockRuleset attributes{handled, abi >= 4 ? kTcpBindConnect : 0, abi >= 6 ? kScopeSocketsAndSignals : 0};
  const std::size_t size = abi >= 6 ? 24U : abi >= 4 ? 16U : 8U;
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) give_up("cannot create", "a Landlock rule set");
  for (char** word = first; word + 1 < last; word += 2) {
    const bool writable = std::strcmp(word[0], "--write") == 0;
    const std::uint64_t access =
        writable ? handled & ~(kMakeChar | kMakeBlock) : handled & (kExecute | kReadFile | kReadDir);
    allow_path(ruleset, word[1], access);
  }
  allow_path(ruleset, "/", handled & kReadDir);
  if (::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) give_up("cannot apply", "the Landlock rule set");
  ::close(ruleset);
  return abi;
}

// Under memory pressure of the whole machine the kernel should take a job, not the agent.
void volunteer_for_memory_pressure() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (::write(fd, "500", 3) != 3) errno = 0;
  ::close(fd);
}

/// Whether the command itself cannot be run, on any machine that has the runtime; else this machine failed.
bool is_fault_of_program(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ENOEXEC:
    case ELOOP:
    case ENAMETOOLONG:
    case E2BIG: return true;
    default: return false;
  }
}

/// A command that cannot be run is an end of the job like any other: the reason in its log, and the shell's exit codes.
[[noreturn]] void end_as_a_shell_would(const char* program) {
  const int code = errno;
  char text[512];
  const int length = std::snprintf(text, sizeof text, "cannot start %s: %s\n", program, std::strerror(code));
  const auto bytes = length < 0 ? 0U : static_cast<std::size_t>(length);
  if (::write(STDERR_FILENO, text, bytes < sizeof text ? bytes : sizeof text - 1) < 0) ::_exit(kCannotRun);
  ::_exit(code == ENOENT || code == ENOTDIR ? kNotFound : kCannotRun);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 125;
  status_fd = std::atoi(argv[1]);  // NOLINT: a wrong number only loses the report
  char** const last = argv + argc;
  char** separator = argv + 2;
  while (separator < last && std::strcmp(*separator, "--") != 0) ++separator;
  if (last - separator < 2) give_up("no program after", "--");
  check_outer_layers();
  volunteer_for_memory_pressure();
  const int abi = restrict_files(argv + 2, separator);

  // Everything but the report closes now, the report itself when the program starts: its end of file says "running".
  if (::dup3(status_fd, 3, O_CLOEXEC) != 3 && status_fd != 3) give_up("cannot move", "the report");
  if (status_fd == 3 && ::fcntl(3, F_SETFD, FD_CLOEXEC) != 0) give_up("cannot mark", "the report");
  status_fd = 3;
  if (::syscall(SYS_close_range, 4U, ~0U, 0U) != 0) give_up("cannot close", "descriptors");
  char text[32];
  const int length = std::snprintf(text, sizeof text, "ok landlock=%d\n", abi);
  if (::write(status_fd, text, static_cast<std::size_t>(length)) != length) return 125;
  ::execv(separator[1], separator + 1);
  if (is_fault_of_program(errno)) end_as_a_shell_would(separator[1]);
  give_up("cannot start", separator[1]);
}
