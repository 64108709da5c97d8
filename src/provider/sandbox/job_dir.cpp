#include "provider/sandbox/job_dir.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace starminer::provider::sandbox {
namespace {

constexpr std::size_t kJsonBytesMax = 8U << 20U;

template <class T, class Decode>
SandboxResult<std::optional<T>> read_optional(int directory, const char* name, Decode decode) {
  const auto text = read_file_at(directory, name, kJsonBytesMax);
  if (!text && text.error().code == SandboxErrc::NotFound) return std::optional<T>{};
  if (!text) return fail(text.error());
  auto value = decode(*text);
  if (!value) return fail(value.error());
  return std::optional<T>(std::move(*value));
}

}  // namespace

SandboxResult<Fd> lock_job(int job_directory, LockWait wait) {
  Fd lock{::openat(job_directory, kLockFile, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!lock.valid()) return fail(system_error(SandboxErrc::Io, "cannot open the job's lock", errno));
  for (;;) {
    if (::flock(lock.get(), LOCK_EX | (wait == LockWait::No ? LOCK_NB : 0)) == 0) return lock;
    if (errno == EWOULDBLOCK) return Fd{};
    if (errno != EINTR) return fail(system_error(SandboxErrc::Io, "cannot lock the job", errno));
  }
}

SandboxResult<std::optional<ExitReport>> read_exit(int job_directory) {
  return read_optional<ExitReport>(job_directory, kExitFile, decode_report);
}

SandboxResult<std::optional<RunningState>> read_running(int job_directory) {
  return read_optional<RunningState>(job_directory, kRunningFile, decode_running);
}

SandboxResult<StoredSpec> read_spec(int job_directory) {
  const auto text = read_file_at(job_directory, kSpecFile, kJsonBytesMax);
  if (!text) return fail(text.error());
  return decode_spec(*text);
}

SandboxResult<void> write_exit(int job_directory, const ExitReport& report) {
  return replace_file_at(job_directory, kExitFile, encode_report(report), Durability::Synced);
}

}  // namespace starminer::provider::sandbox
