// Reading and changing files that are not the job's.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "provider/sandbox/attempts/attempt.h"

namespace starminer::provider::sandbox::attempts {
namespace {

Verdict read_path(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return judge(false);
  char byte = 0;
  const ssize_t count = ::read(fd, &byte, 1);
  const int error = errno;
  ::close(fd);
  errno = count == 0 ? ENODATA : error;
  return judge(count == 1);
}

Verdict open_for_reading(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) ::close(fd);
  return judge(fd >= 0);
}

// Opening for writing is the permission; nothing is written.
Verdict open_for_writing(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) ::close(fd);
  return judge(fd >= 0);
}

Verdict create_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return judge(false);
  ::close(fd);
  ::unlink(path.c_str());
  return Verdict::Succeeded;
}

Verdict create_device(const char* name, mode_t type, unsigned major_number, unsigned minor_number) {
  const std::string path = std::string("./") + name;
  const int rc = ::mknod(path.c_str(), type | 0600U, makedev(major_number, minor_number));
  const int error = errno;
  ::unlink(path.c_str());
  errno = error;
  return judge(rc == 0);
}

Verdict list_folder(const std::string& path) {
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return judge(false);
  ::closedir(folder);
  return Verdict::Succeeded;
}

// The classic: a process that may call chroot walks out of an older one.
Verdict chroot_break(const Arguments&) {
  const char* folder = "./attempt-chroot";
  if (::mkdir(folder, 0700) != 0 && errno != EEXIST) return judge(false);
  const int rc = ::chroot(folder);
  const int error = errno;
  if (rc != 0) {
    ::rmdir(folder);
    errno = error;
    return judge(false);
  }
  for (int step = 0; step < 64; ++step) {
    if (::chdir("..") != 0) return judge(false);
  }
  if (::chroot(".") != 0) return judge(false);
  return read_path("/etc/shadow");
}

Verdict follow_own_link(const Arguments&) {
  ::unlink("./attempt-link");
  if (::symlink("/etc/shadow", "./attempt-link") != 0) return judge(false);
  const Verdict verdict = read_path("./attempt-link");
  ::unlink("./attempt-link");
  return verdict;
}

// Opening a file by its inode number walks past every directory (the "shocker" of early containers).
Verdict open_by_handle(const Arguments&) {
  alignas(file_handle) char space[sizeof(file_handle) + 128];
  std::memset(space, 0, sizeof space);
  auto* handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = 128;
  int mount_id = 0;
  if (::name_to_handle_at(AT_FDCWD, "/usr", handle, &mount_id, 0) != 0) return judge(false);
  const int mount_point = ::open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (mount_point < 0) return judge(false);
  return judge(::open_by_handle_at(mount_point, handle, O_RDONLY | O_CLOEXEC) >= 0);
}

Verdict leaked_descriptors(const Arguments&) {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return judge(false);
  std::string found;
  while (const dirent* entry = ::readdir(folder)) {
    const int number = std::atoi(entry->d_name);  // NOLINT: "." and ".." give 0, which is skipped
    if (number > 2 && number != ::dirfd(folder)) found += std::string(" ") + entry->d_name;
  }
  ::closedir(folder);
  explain("descriptors beyond the standard three:" + (found.empty() ? " none" : found));
  return found.empty() ? Verdict::Refused : Verdict::Succeeded;
}

Verdict open_disk(const Arguments&) {
  for (const char* disk : {"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/xvda", "/dev/loop0"}) {
    const int fd = ::open(disk, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) continue;
    ::close(fd);
    return Verdict::Succeeded;
  }
  return judge(false);
}

Verdict cgroup_files(const Arguments&) {
  for (const char* file : {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs",
                           "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"}) {
    const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ::close(fd);
    return Verdict::Succeeded;
  }
  return judge(false);
}

Verdict kernel_addresses(const Arguments&) {
  const int fd = ::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return judge(false);
  char line[17] = {};
  const ssize_t count = ::read(fd, line, 16);
  ::close(fd);
  const bool shown = count == 16 && std::strspn(line, "0") < 16;
  if (!shown) errno = ENODATA;
  return judge(shown);
}

Verdict read_argument(const Arguments& arguments) {
  return arguments.empty() ? Verdict::Misused : read_path(arguments[0].c_str());
}
Verdict create_argument(const Arguments& arguments) {
  return arguments.empty() ? Verdict::Misused : create_file(arguments[0]);
}
Verdict list_argument(const Arguments& arguments) {
  return arguments.empty() ? Verdict::Misused : list_folder(arguments[0]);
}

}  // namespace

std::vector<Attempt> file_attempts() {
  constexpr Needs kNone = Needs::Nothing;
  return {
      {"read-shadow", kNone, "read the host's password hashes",
       [](const Arguments&) { return read_path("/etc/shadow"); }},
      {"list-root-home", kNone, "list root's home", [](const Arguments&) { return list_folder("/root"); }},
      {"list-var", kNone, "list the host's state", [](const Arguments&) { return list_folder("/var/lib"); }},
      {"climb-out", kNone, "climb out of the working directory",
       [](const Arguments&) { return read_path("../../../../../../../../etc/shadow"); }},
      {"proc-root", kNone, "reach files through process 1's root",
       [](const Arguments&) { return read_path("/proc/1/root/etc/shadow"); }},
      {"proc-cwd", kNone, "reach files through process 1's working directory",
       [](const Arguments&) { return read_path("/proc/1/cwd/../../../../../etc/shadow"); }},
      {"proc-environ", kNone, "read process 1's environment",
       [](const Arguments&) { return read_path("/proc/1/environ"); }},
      {"proc-memory", kNone, "open process 1's memory",
       [](const Arguments&) { return open_for_writing("/proc/1/mem"); }},
      {"chroot-break", kNone, "walk out by a second chroot", chroot_break},
      {"follow-own-link", kNone, "read the host's file through a link of one's own", follow_own_link},
      {"open-by-handle", kNone, "open files by inode number", open_by_handle},
      {"write-usr", kNone, "plant a program", [](const Arguments&) { return create_file("/usr/bin/.attempt"); }},
      {"write-lib", kNone, "plant a library", [](const Arguments&) { return create_file("/usr/lib/.attempt"); }},
      {"write-etc", kNone, "plant a setting", [](const Arguments&) { return create_file("/etc/.attempt"); }},
      {"write-preload", kNone, "plant a library into every program's start",
       [](const Arguments&) { return create_file("/etc/ld.so.preload"); }},
      {"write-alternatives", kNone, "redirect a program",
       [](const Arguments&) { return create_file("/etc/alternatives/.attempt"); }},
      {"write-root", kNone, "write into the root folder", [](const Arguments&) { return create_file("/.attempt"); }},
      {"write-dev", kNone, "write into /dev", [](const Arguments&) { return create_file("/dev/.attempt"); }},
      {"sysctl-core", kNone, "name a program that the kernel runs at a crash",
       [](const Arguments&) { return open_for_writing("/proc/sys/kernel/core_pattern"); }},
      {"sysctl-printk", kNone, "change what the kernel prints",
       [](const Arguments&) { return open_for_writing("/proc/sys/kernel/printk"); }},
      {"sysrq", kNone, "press the system request key",
       [](const Arguments&) { return open_for_writing("/proc/sysrq-trigger"); }},
      {"sys-tunable", kNone, "change how the kernel manages memory",
       [](const Arguments&) { return open_for_writing("/sys/kernel/mm/transparent_hugepage/enabled"); }},
      {"sys-cpu", kNone, "switch a processor off",
       [](const Arguments&) { return open_for_writing("/sys/devices/system/cpu/cpu1/online"); }},
      {"cgroup-files", kNone, "leave the control group", cgroup_files},
      {"mknod-block", kNone, "make a node of the host's disk",
       [](const Arguments&) { return create_device("attempt-block", S_IFBLK, 254, 0); }},
      {"mknod-memory", kNone, "make a node of the machine's memory",
       [](const Arguments&) { return create_device("attempt-memory", S_IFCHR, 1, 1); }},
      {"open-disk", kNone, "open the host's disk", open_disk},
      {"open-memory", kNone, "open the machine's memory",
       [](const Arguments&) { return open_for_reading("/dev/mem"); }},
      {"open-kernel-log", kNone, "read the kernel's log device",
       [](const Arguments&) { return open_for_reading("/dev/kmsg"); }},
      {"kernel-core", kNone, "read the kernel's memory image",
       [](const Arguments&) { return read_path("/proc/kcore"); }},
      {"kernel-addresses", kNone, "learn where the kernel's functions lie", kernel_addresses},
      {"kernel-command-line", kNone, "read the host's kernel command line",
       [](const Arguments&) { return read_path("/proc/cmdline"); }},
      {"leaked-descriptors", kNone, "use descriptors that an agent forgot to close", leaked_descriptors},
      {"read-file", Needs::Input, "read PATH", read_argument},
      {"create-file", Needs::Input, "create PATH", create_argument},
      {"list-folder", Needs::Input, "list PATH", list_argument},
  };
}

}  // namespace starminer::provider::sandbox::attempts
