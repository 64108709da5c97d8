#include "provider/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace starminer::provider {

Result<StateLock, std::string> StateLock::take(const std::filesystem::path& state_dir) {
  const std::filesystem::path path = state_dir / "agent.lock";
  sandbox::Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file.valid()) return fail(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fail(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    return fail(fmt::format("another agent serves from {}: stop it first, or name another folder with --state-dir",
                            state_dir.string()));
  }
  return StateLock(std::move(file));
}

}  // namespace starminer::provider
