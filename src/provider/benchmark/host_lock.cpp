#include "provider/benchmark/host_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace starminer::provider::benchmark {
namespace {

constexpr const char* kFileName = "starminer-benchmark.lock";
constexpr std::chrono::milliseconds kRetryStep{20};

/// An existing file is opened for reading only: in a sticky folder the kernel refuses O_CREAT on another user's file. A
/// link in place of the file is refused, since anyone may write there.
int open_lock_file(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
  const int existing = ::open(path.c_str(), kFlags);
  if (existing >= 0 || errno != ENOENT) return existing;
  const int made = ::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0644);
  if (made >= 0 || errno != EEXIST) {
    if (made >= 0) ::fchmod(made, 0644);  // readable for agents of other users whatever the umask
    return made;
  }
  return ::open(path.c_str(), kFlags);
}

}  // namespace

std::string default_lock_path() {
  const std::string folder = ::access("/run/lock", W_OK | X_OK) == 0 ? "/run/lock/" : "/tmp/";
  return folder + kFileName;
}

Result<HostLock, Failure> HostLock::acquire(const std::string& path, std::chrono::milliseconds wait_max) {
  HostLock lock(open_lock_file(path));
  if (lock.fd_ < 0) {
    return fail(
        Failure{FailureCode::BadRequest, fmt::format("cannot open the benchmark's lock file {}: {}; name a file that "
                                                     "this user can create and that all agents of the host share",
                                                     path, std::strerror(errno))});
  }
  const auto deadline = std::chrono::steady_clock::now() + wait_max;
  while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(Failure{FailureCode::BadRequest, fmt::format("cannot lock {}: {}", path, std::strerror(errno))});
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Failure{FailureCode::Busy,
                          fmt::format("another benchmark on this host held {} for {} ms; `fuser {}` names it; "
                                      "try again when it is done",
                                      path, wait_max.count(), path)});
    }
    std::this_thread::sleep_for(kRetryStep);
  }
  return lock;
}

HostLock::HostLock(HostLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

HostLock& HostLock::operator=(HostLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

HostLock::~HostLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace starminer::provider::benchmark
