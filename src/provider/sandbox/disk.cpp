#include "provider/sandbox/disk.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {
namespace {

constexpr std::uint64_t kTmpfsBytesMax = 64ULL << 20U;
constexpr std::uint64_t kInodeBytes = 256;
constexpr std::uint64_t kReservedBytesMax = 16ULL << 20U;  // ext4 keeps 2 %, at most 4,096 blocks, for itself
constexpr int kLoopTries = 32;
constexpr unsigned long kMountFlags = MS_NOSUID | MS_NODEV | MS_NOATIME;

tl::unexpected<SandboxError> refuse(std::string what) {
  return fail(system_error(SandboxErrc::SetupFailed, std::move(what), errno));
}

SandboxResult<DiskKind> mount_tmpfs(const DiskRequest& request) {
  const std::string options = fmt::format("size={},nr_inodes={},mode=0700,uid={},gid={}", request.bytes,
                                          request.files + 2, request.uid, request.gid);
  if (::mount("tmpfs", request.mount_point.c_str(), "tmpfs", kMountFlags, options.c_str()) != 0) {
    return refuse("cannot mount a memory file system");
  }
  return DiskKind::Tmpfs;
}

SandboxResult<Fd> make_image(const DiskRequest& request) {
  Fd image{::open(request.image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!image.valid()) return refuse("cannot create the disk image " + request.image.string());
  const std::uint64_t tables = request.files * kInodeBytes + (1ULL << 20U);
  const std::uint64_t reserved = std::min(request.bytes / 50, kReservedBytesMax) + request.bytes / 200;
  const std::uint64_t size = (request.bytes + tables + reserved + 4095) / 4096 * 4096;
  if (::ftruncate(image.get(), static_cast<off_t>(size)) != 0) return refuse("cannot size the disk image");
  // No journal: the file system does not outlive the job, and it is checked by nobody after a crash.
  const std::string inodes = std::to_string(request.files + 16);
  std::vector<std::string> words{request.mkfs_path.string(),
                                 "-q",
                                 "-F",
                                 "-O",
                                 "^has_journal,^resize_inode",
                                 "-E",
                                 "lazy_itable_init=1,nodiscard",
                                 "-m",
                                 "0",
                                 "-N",
                                 inodes,
                                 request.image.string()};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* const env[] = {nullptr};
  pid_t child = 0;
  if (const int rc = ::posix_spawn(&child, request.mkfs_path.c_str(), nullptr, nullptr, argv.data(), env); rc != 0) {
    errno = rc;
    return refuse("cannot start " + request.mkfs_path.string());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::unlink(request.image.c_str());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(SandboxError{SandboxErrc::SetupFailed, fmt::format("{} failed with status {}", words.front(), status)});
  }
  return image;
}

// The loop device frees itself with its last user (autoclear), so nothing is left when the mount is gone.
SandboxResult<Fd> attach_loop(const Fd& image, std::string& device) {
  const Fd control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
  if (!control.valid()) return refuse("cannot open /dev/loop-control");
  for (int attempt = 0; attempt < kLoopTries; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return refuse("no free loop device");
    device = "/dev/loop" + std::to_string(number);
    Fd loop{::open(device.c_str(), O_RDWR | O_CLOEXEC)};
    if (!loop.valid()) return refuse("cannot open " + device);
    loop_config config{};
    config.fd = static_cast<__u32>(image.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return refuse("cannot set up " + device);  // EBUSY: another supervisor was faster
  }
  return refuse("no loop device stayed free");
}

SandboxResult<DiskKind> mount_image(const DiskRequest& request) {
  auto image = make_image(request);
  if (!image) return fail(image.error());
  std::string device;
  auto loop = attach_loop(*image, device);
  if (!loop) return fail(loop.error());
  if (::mount(device.c_str(), request.mount_point.c_str(), "ext4", kMountFlags, "errors=remount-ro") != 0) {
    return refuse("cannot mount " + device);
  }
  ::rmdir((request.mount_point / "lost+found").c_str());
  if (::chown(request.mount_point.c_str(), request.uid, request.gid) != 0 ||
      ::chmod(request.mount_point.c_str(), 0700) != 0) {
    return refuse("cannot hand the disk to the job");
  }
  return DiskKind::LoopImage;
}

}  // namespace

SandboxResult<DiskKind> mount_limited_disk(const DiskRequest& request) {
  const bool small = request.bytes <= kTmpfsBytesMax && request.bytes <= request.memory_bytes / 4;
  const bool loop_ready =
      request.may_use_loop && !request.mkfs_path.empty() && ::access("/dev/loop-control", W_OK) == 0;
  return small || !loop_ready ? mount_tmpfs(request) : mount_image(request);
}

bool is_disk_full(int directory, DiskKind kind) {
  struct statvfs info {};
  if (::fstatvfs(directory, &info) != 0) return false;
  // ext4 counts per processor and refuses a little before its free blocks read zero.
  const std::uint64_t margin = kind == DiskKind::LoopImage ? info.f_blocks / 256 + 16 : 0;
  return info.f_bavail <= margin || info.f_ffree == 0;
}

}  // namespace starminer::provider::sandbox
