#include "provider/sandbox/seccomp_filter.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <seccomp.h>

namespace starminer::provider::sandbox {
namespace {

// What programs of a batch job use: files, memory, threads, time, signals, pipes, local sockets. A name that this
// libseccomp or this architecture does not know is skipped, which refuses it.
constexpr const char* kAllowed[] = {
    // files and directories
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
    "fstatfs", "fsync", "ftruncate", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch",
    "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link", "linkat", "listxattr",
    "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "memfd_create", "mkdir", "mkdirat", "newfstatat",
    "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile",
    "setxattr", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee",
    "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
    // memory
    "brk", "get_mempolicy", "madvise", "mbind", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap",
    "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
    "set_mempolicy",
    // processes, threads, signals
    "alarm", "arch_prctl", "capget", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_waitv",
    "get_robust_list", "get_thread_area", "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpgid",
    "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
    "gettid", "getuid", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule", "landlock_create_ruleset",
    "landlock_restrict_self", "pause", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "restart_syscall",
    "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
    "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "set_robust_list",
    "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid",
    "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid", "sigaltstack",
    "signalfd", "signalfd4", "tgkill", "time", "times", "tkill", "vfork", "wait4", "waitid",
    // time and waiting
    "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "gettimeofday", "nanosleep", "pipe", "pipe2", "poll", "ppoll",
    "pselect6", "select", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // local sockets (the family is checked apart) and System V objects of the job's own namespace
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "msgctl", "msgget",
    "msgrcv", "msgsnd", "recvfrom", "recvmmsg", "recvmsg", "semctl", "semget", "semop", "semtimedop", "sendmmsg",
    "sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "socket", "socketpair",
    // asynchronous file access without io_uring, facts about the machine, and calls whose arguments are checked apart
    "clone", "getrandom", "ioctl", "mknod", "mknodat", "personality", "io_cancel", "io_destroy", "io_getevents",
    "io_setup", "io_submit", "sysinfo", "uname"};

// Calls of which something outside might be reached: refused as forbidden, not as unknown, so that a program's message
// tells the truth.
constexpr const char* kForbidden[] = {"acct",
                                      "add_key",
                                      "adjtimex",
                                      "bpf",
                                      "capset",
                                      "chroot",
                                      "clock_adjtime",
                                      "clock_settime",
                                      "delete_module",
                                      "fanotify_init",
                                      "fanotify_mark",
                                      "finit_module",
                                      "fsconfig",
                                      "fsmount",
                                      "fsopen",
                                      "fspick",
                                      "init_module",
                                      "ioperm",
                                      "iopl",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "io_uring_setup",
                                      "kcmp",
                                      "kexec_file_load",
                                      "kexec_load",
                                      "keyctl",
                                      "lookup_dcookie",
                                      "migrate_pages",
                                      "modify_ldt",
                                      "mount",
                                      "mount_setattr",
                                      "move_mount",
                                      "move_pages",
                                      "name_to_handle_at",
                                      "nfsservctl",
                                      "open_by_handle_at",
                                      "open_tree",
                                      "perf_event_open",
                                      "pidfd_getfd",
                                      "pivot_root",
                                      "process_madvise",
                                      "process_vm_readv",
                                      "process_vm_writev",
                                      "ptrace",
                                      "quotactl",
                                      "quotactl_fd",
                                      "reboot",
                                      "request_key",
                                      "setdomainname",
                                      "sethostname",
                                      "setns",
                                      "settimeofday",
                                      "swapoff",
                                      "swapon",
                                      "syslog",
                                      "umount",
                                      "umount2",
                                      "unshare",
                                      "userfaultfd",
                                      "vhangup"};

constexpr std::uint64_t kNamespaceFlags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                             CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

struct ReleaseFilter {
  void operator()(void* context) const { seccomp_release(context); }
};
using Filter = std::unique_ptr<void, ReleaseFilter>;

tl::unexpected<SandboxError> refuse(const char* what, int rc) {
  return fail(system_error(SandboxErrc::Unsupported, std::string("the system call filter: ") + what, -rc));
}

SandboxResult<Filter> start_filter(std::uint32_t default_action) {
  Filter filter(seccomp_init(default_action));
  if (filter == nullptr) return refuse("cannot be started", -ENOMEM);
  int rc = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary tree over the call numbers instead of a chain of comparisons.
  if (rc == 0) rc = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (rc != 0) return refuse("an attribute cannot be set", rc);
  return filter;
}

SandboxResult<void> export_filter(const Filter& filter, const Fd& file) {
  if (const int rc = seccomp_export_bpf(filter.get(), file.get()); rc != 0) return refuse("cannot be exported", rc);
  if (::lseek(file.get(), 0, SEEK_SET) == 0) return {};
  return fail(system_error(SandboxErrc::Io, "cannot rewind a memory file", errno));
}

int add_names(const Filter& filter, std::uint32_t action, const char* const* begin, const char* const* end) {
  for (const char* const* name = begin; name != end; ++name) {
    const int number = seccomp_syscall_resolve_name(*name);
    if (number == __NR_SCMP_ERROR || number < 0) continue;
    if (const int rc = seccomp_rule_add(filter.get(), action, number, 0); rc != 0) return rc;
  }
  return 0;
}

// Arguments that turn an allowed call into a way out. The kernel reads 32 bits of flags, families and requests, so the
// masked comparisons look at those only; the plain ones also refuse a value with stray high bits.
int add_conditions(const Filter& filter) {
  struct Condition {
    int call;
    scmp_arg_cmp argument;
  };
  constexpr std::uint64_t kLow = 0xffffffffULL;
  const auto equal = [](unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, mask, value};
  };
  const auto differs = [](unsigned argument, std::uint64_t value) {
    return scmp_arg_cmp{argument, SCMP_CMP_NE, value, 0};
  };
  std::vector<Condition> conditions{
      {SCMP_SYS(socket), differs(0, AF_UNIX)},
      {SCMP_SYS(socketpair), differs(0, AF_UNIX)},
      {SCMP_SYS(personality), differs(0, 0)},
      // Pushing characters into a terminal would type on behalf of whoever looks at it (CVE-2017-5226).
      {SCMP_SYS(ioctl), equal(1, kLow, TIOCSTI)},
      {SCMP_SYS(ioctl), equal(1, kLow, TIOCLINUX)},
      {SCMP_SYS(mknod), equal(1, S_IFMT, S_IFCHR)},
      {SCMP_SYS(mknod), equal(1, S_IFMT, S_IFBLK)},
      {SCMP_SYS(mknodat), equal(2, S_IFMT, S_IFCHR)},
      {SCMP_SYS(mknodat), equal(2, S_IFMT, S_IFBLK)},
  };
  for (const std::uint64_t flag : kNamespaceFlags) conditions.push_back({SCMP_SYS(clone), equal(0, flag, flag)});
  for (const Condition& condition : conditions) {
    const int rc = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), condition.call, 1, condition.argument);
    if (rc != 0) return rc;
  }
  return 0;
}

}  // namespace

SandboxResult<void> write_seccomp_filters(const Fd& allow_list_file, const Fd& arguments_file) {
  auto allow_list = start_filter(SCMP_ACT_ERRNO(ENOSYS));
  if (!allow_list) return fail(allow_list.error());
  int rc = add_names(*allow_list, SCMP_ACT_ALLOW, std::begin(kAllowed), std::end(kAllowed));
  if (rc == 0) rc = add_names(*allow_list, SCMP_ACT_ERRNO(EPERM), std::begin(kForbidden), std::end(kForbidden));
  if (rc != 0) return refuse("a call cannot be added", rc);
  auto arguments = start_filter(SCMP_ACT_ALLOW);
  if (!arguments) return fail(arguments.error());
  if (rc = add_conditions(*arguments); rc != 0) return refuse("a condition cannot be added", rc);
  if (auto done = export_filter(*allow_list, allow_list_file); !done) return done;
  return export_filter(*arguments, arguments_file);
}

}  // namespace starminer::provider::sandbox
