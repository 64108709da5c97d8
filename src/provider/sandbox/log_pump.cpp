#include "provider/sandbox/log_pump.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace starminer::provider::sandbox {
namespace {

constexpr std::size_t kBufferBytes = 64U << 10U;
constexpr std::size_t kPumpBytesMax = 1U << 20U;

}  // namespace

LogPump::LogPump(Fd file, Fd pipe, std::uint64_t bytes_max)
    : file_(std::move(file)), pipe_(std::move(pipe)), bytes_max_(bytes_max), buffer_(kBufferBytes) {}

SandboxResult<LogPump> LogPump::open(int directory, const std::string& name, Fd pipe, std::uint64_t bytes_max) {
  Fd file{::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file.valid()) return fail(system_error(SandboxErrc::Io, "cannot create " + name, errno));
  return LogPump(std::move(file), std::move(pipe), bytes_max);
}

SandboxResult<void> LogPump::pump() {
  for (std::size_t moved = 0; pipe_.valid() && moved < kPumpBytesMax;) {
    const ssize_t count = ::read(pipe_.get(), buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return {};
    if (count <= 0) {
      pipe_.reset();
      return {};
    }
    moved += static_cast<std::size_t>(count);
    const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    const std::uint64_t kept = std::min<std::uint64_t>(bytes.size(), bytes_max_ - written_);
    dropped_ += bytes.size() - kept;
    written_ += kept;
    if (auto done = write_all(file_.get(), bytes.substr(0, kept)); !done) return done;
  }
  return {};
}

}  // namespace starminer::provider::sandbox
