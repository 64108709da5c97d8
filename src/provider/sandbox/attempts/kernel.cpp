// Calls into the kernel that reach past a job. Where success would do harm, the arguments are ones that the kernel only
// looks at after it has granted the permission; the errors it then gives count as success.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "provider/sandbox/attempts/attempt.h"

namespace starminer::provider::sandbox::attempts {
namespace {

Verdict granted_if(long rc, std::initializer_list<int> errors_after_permission) {
  const int error = errno;
  for (const int allowed : errors_after_permission) {
    if (rc < 0 && error == allowed) return Verdict::Succeeded;
  }
  errno = error;
  return judge(rc >= 0);
}

std::string make_folder(const char* name) {
  std::string path = std::string("./attempt-") + name;
  ::mkdir(path.c_str(), 0700);
  return path;
}

Verdict mount_on_folder(const char* source, const char* type, unsigned long flags, const char* options) {
  const std::string folder = make_folder("mount");
  const int rc = ::mount(source, folder.c_str(), type, flags, options);
  const int error = errno;
  if (rc == 0) ::umount2(folder.c_str(), MNT_DETACH);
  ::rmdir(folder.c_str());
  errno = error;
  return judge(rc == 0);
}

Verdict unshare_flags(int flags) { return judge(::unshare(flags) == 0); }

Verdict reap(long child) {
  if (child < 0) return judge(false);
  if (child == 0) ::_exit(0);
  ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return Verdict::Succeeded;
}

Verdict clone_user(const Arguments&) {
  return reap(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

Verdict clone3_user(const Arguments&) {
  struct {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  return reap(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

Verdict enter_namespace(const Arguments&) {
  const int fd = ::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  return judge(fd >= 0 && ::setns(fd, 0) == 0);
}

Verdict bpf_map(const Arguments&) {
  bpf_attr attributes{};
  std::memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = 1;
  return judge(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes) >= 0);
}

Verdict perf_event(const Arguments&) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  return judge(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) >= 0);
}

Verdict io_uring(const Arguments&) {
  unsigned parameters[32] = {};
  return judge(::syscall(SYS_io_uring_setup, 4, parameters) >= 0);
}

Verdict add_key(const Arguments&) {
  return judge(::syscall(SYS_add_key, "user", "starminer-attempt", "x", 1, KEY_SPEC_PROCESS_KEYRING) >= 0);
}

Verdict read_keyring(const Arguments&) {
  return judge(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1) >= 0);
}

Verdict request_key(const Arguments&) {
  return granted_if(::syscall(SYS_request_key, "user", "starminer-attempt", nullptr, KEY_SPEC_PROCESS_KEYRING),
                    {ENOKEY});
}

Verdict init_module(const Arguments&) {
  char image[64] = {};
  return granted_if(::syscall(SYS_init_module, image, sizeof image, ""), {ENOEXEC});
}

Verdict finit_module(const Arguments&) {
  const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  return granted_if(::syscall(SYS_finit_module, fd, "", 0), {ENOEXEC, EINVAL});
}

// Setting the tick length to what it is.
Verdict adjust_clock(const Arguments&) {
  timex clock{};
  if (::adjtimex(&clock) < 0) return judge(false);
  clock.modes = ADJ_TICK;
  return judge(::adjtimex(&clock) >= 0);
}

Verdict set_host_name(const Arguments&) {
  // In a namespace of its own where it may, so that outside nobody sees the change.
  (void)::unshare(CLONE_NEWUTS);
  return judge(::sethostname("attempt", 7) == 0);
}

// The 32-bit entry has other call numbers: a filter that looks at numbers alone lets it through. Number 20 is getpid.
Verdict compatibility_entry(const Arguments&) {
#if defined(__x86_64__)
  long result = 20;
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  if (result != ::getpid()) errno = ENOSYS;
  return judge(result == ::getpid());
#else
  errno = ENOSYS;
  return judge(false);
#endif
}

Verdict x32_entry(const Arguments&) {
  const long result = ::syscall(0x40000000L | SYS_getpid);
  return judge(result == ::getpid());
}

// Types a letter into a terminal that is not asked (the reason for a new session, CVE-2017-5226).
Verdict type_into_terminal(const Arguments&) {
  const int leader = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (leader < 0 || ::grantpt(leader) != 0 || ::unlockpt(leader) != 0) return judge(false);
  ::setsid();
  const int terminal = ::open(::ptsname(leader), O_RDWR | O_CLOEXEC);
  if (terminal < 0 || ::ioctl(terminal, TIOCSCTTY, 0) != 0) return judge(false);
  return judge(::ioctl(terminal, TIOCSTI, "x") == 0);
}

Verdict swap_on(const Arguments&) { return granted_if(::syscall(SYS_swapon, "/nonexistent-attempt", 0), {ENOENT}); }
Verdict reboot_machine(const Arguments&) { return granted_if(::syscall(SYS_reboot, 0, 0, 0, nullptr), {EINVAL}); }
Verdict accounting(const Arguments&) { return granted_if(::syscall(SYS_acct, "/nonexistent-attempt"), {ENOENT}); }
Verdict pivot(const Arguments&) { return granted_if(::syscall(SYS_pivot_root, "/", "/"), {EBUSY, EINVAL}); }
Verdict kexec(const Arguments&) { return granted_if(::syscall(SYS_kexec_load, 0, 0, nullptr, 0), {}); }
Verdict kexec_file(const Arguments&) {
  return granted_if(::syscall(SYS_kexec_file_load, -1, -1, 0, nullptr, 0x4UL), {EBADF});
}
Verdict delete_module(const Arguments&) {
  return granted_if(::syscall(SYS_delete_module, "no_such_module", O_NONBLOCK), {ENOENT});
}
Verdict quota(const Arguments&) {
  return granted_if(::syscall(SYS_quotactl, 0x80000700UL, "/dev/null", 0, nullptr),
                    {ENOTBLK, ENODEV, ENOENT, EINVAL, ESRCH});
}
Verdict remount_usr(const Arguments&) {
  if (::mount("/usr", "/usr", nullptr, MS_BIND, nullptr) != 0) return judge(false);
  return judge(::mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0);
}
Verdict modify_ldt(const Arguments&) {
  char entry[16] = {};
  return granted_if(::syscall(SYS_modify_ldt, 0, entry, sizeof entry), {});
}

std::vector<Attempt> mounts_and_namespaces() {
  constexpr Needs kNone = Needs::Nothing;
  return {
      {"mount-tmpfs", kNone, "mount a memory file system",
       [](const Arguments&) { return mount_on_folder("tmpfs", "tmpfs", 0, nullptr); }},
      {"mount-proc", kNone, "mount a second /proc",
       [](const Arguments&) { return mount_on_folder("proc", "proc", 0, nullptr); }},
      {"mount-bind", kNone, "mount a folder elsewhere",
       [](const Arguments&) { return mount_on_folder("/usr", nullptr, MS_BIND, nullptr); }},
      {"mount-cgroup", kNone, "mount the control groups, to name a program the host runs",
       [](const Arguments&) { return mount_on_folder("cgroup2", "cgroup2", 0, nullptr); }},
      {"mount-overlay", kNone, "lay a folder over another",
       [](const Arguments&) { return mount_on_folder("overlay", "overlay", 0, "lowerdir=/usr/lib:/usr/bin"); }},
      {"remount-usr", kNone, "make /usr writable", remount_usr},
      {"unmount", kNone, "take /proc away",
       [](const Arguments&) { return judge(::umount2("/proc", MNT_DETACH) == 0); }},
      {"fsopen", kNone, "mount by the new calls",
       [](const Arguments&) { return judge(::syscall(SYS_fsopen, "tmpfs", 0) >= 0); }},
      {"open-tree", kNone, "clone a mount",
       [](const Arguments&) { return judge(::syscall(SYS_open_tree, AT_FDCWD, "/usr", 1) >= 0); }},
      {"pivot-root", kNone, "exchange the root", pivot},
      {"unshare-user", kNone, "become root of a namespace",
       [](const Arguments&) { return unshare_flags(CLONE_NEWUSER); }},
      {"unshare-mount", kNone, "make a mount namespace", [](const Arguments&) { return unshare_flags(CLONE_NEWNS); }},
      {"unshare-net", kNone, "make a network namespace", [](const Arguments&) { return unshare_flags(CLONE_NEWNET); }},
      {"unshare-pid", kNone, "make a process namespace", [](const Arguments&) { return unshare_flags(CLONE_NEWPID); }},
      {"clone-user", kNone, "start a child as root of a namespace", clone_user},
      {"clone3-user", kNone, "the same by the call that filters cannot look into", clone3_user},
      {"enter-namespace", kNone, "enter a namespace", enter_namespace},
  };
}

std::vector<Attempt> kernel_interfaces() {
  constexpr Needs kNone = Needs::Nothing;
  return {
      {"add-key", kNone, "put a key into the kernel's keyring", add_key},
      {"read-keyring", kNone, "find the session's keyring", read_keyring},
      {"request-key", kNone, "ask the kernel for a key, which may start a program on the host", request_key},
      {"bpf", kNone, "load into the kernel's virtual machine", bpf_map},
      {"perf-event", kNone, "count events of the machine", perf_event},
      {"io-uring", kNone, "queue calls past the filter", io_uring},
      {"userfaultfd", kNone, "stop the kernel in the middle of a copy",
       [](const Arguments&) { return judge(::syscall(SYS_userfaultfd, O_CLOEXEC) >= 0); }},
      {"fanotify", kNone, "watch all files of a file system",
       [](const Arguments&) { return judge(::syscall(SYS_fanotify_init, 4, O_RDONLY) >= 0); }},
      {"kexec", kNone, "load another kernel", kexec},
      {"kexec-file", kNone, "load another kernel from a file", kexec_file},
      {"init-module", kNone, "load a kernel module", init_module},
      {"finit-module", kNone, "load a kernel module from a file", finit_module},
      {"delete-module", kNone, "remove a kernel module", delete_module},
      {"swap-on", kNone, "switch swap on", swap_on},
      {"reboot", kNone, "restart the machine", reboot_machine},
      {"accounting", kNone, "write a record of every process", accounting},
      {"quota", kNone, "change disk quotas", quota},
      {"adjust-clock", kNone, "adjust the machine's clock", adjust_clock},
      {"set-host-name", kNone, "rename the machine", set_host_name},
      {"kernel-log", kNone, "read the kernel's log",
       [](const Arguments&) { return judge(::syscall(SYS_syslog, 10, nullptr, 0) >= 0); }},
      {"io-ports", kNone, "talk to devices directly",
       [](const Arguments&) { return judge(::syscall(SYS_iopl, 3) == 0); }},
      {"io-port-range", kNone, "talk to one device directly",
       [](const Arguments&) { return judge(::syscall(SYS_ioperm, 0x80UL, 1UL, 1) == 0); }},
      {"modify-ldt", kNone, "read the processor's segment table", modify_ldt},
      {"personality", kNone, "switch address randomisation off",
       [](const Arguments&) { return judge(::personality(ADDR_NO_RANDOMIZE) >= 0); }},
      {"compatibility-entry", kNone, "call the kernel by the 32-bit entry", compatibility_entry},
      {"x32-entry", kNone, "call the kernel by the x32 numbers", x32_entry},
      {"type-into-terminal", kNone, "type into a terminal", type_into_terminal},
  };
}

}  // namespace

std::vector<Attempt> kernel_attempts() {
  std::vector<Attempt> all = mounts_and_namespaces();
  for (const Attempt& attempt : kernel_interfaces()) all.push_back(attempt);
  return all;
}

}  // namespace starminer::provider::sandbox::attempts
