#include "provider/sandbox/file_io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace starminer::provider::sandbox {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

SandboxResult<Fd> open_directory(const std::filesystem::path& path) {
  Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd.valid()) {
    const auto code = errno == ENOENT ? SandboxErrc::NotFound : SandboxErrc::Io;
    return fail(system_error(code, "cannot open directory " + path.string(), errno));
  }
  return fd;
}

SandboxResult<std::string> read_file_at(int directory, const std::string& name, std::size_t bytes_max) {
  const Fd fd{::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd.valid()) {
    const auto code = errno == ENOENT ? SandboxErrc::NotFound : SandboxErrc::Io;
    return fail(system_error(code, "cannot open " + name, errno));
  }
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(SandboxErrc::Io, "cannot read " + name, errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > bytes_max) {
      return fail(SandboxError{SandboxErrc::Corrupt, name + " is larger than " + std::to_string(bytes_max) + " bytes"});
    }
  }
}

SandboxResult<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  return read_file_at(AT_FDCWD, path.string(), bytes_max);
}

SandboxResult<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(SandboxErrc::Io, "cannot write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

SandboxResult<void> replace_file_at(int directory, const std::string& name, std::string_view text,
                                    Durability durability) {
  const std::string temporary = name + ".tmp";
  const Fd fd{::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd.valid()) return fail(system_error(SandboxErrc::Io, "cannot create " + temporary, errno));
  if (auto written = write_all(fd.get(), text); !written) return written;
  const bool synced = durability == Durability::Synced;
  if (synced && ::fsync(fd.get()) != 0) return fail(system_error(SandboxErrc::Io, "cannot sync " + temporary, errno));
  if (::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) {
    return fail(system_error(SandboxErrc::Io, "cannot rename " + temporary, errno));
  }
  if (synced && ::fsync(directory) != 0) {
    return fail(system_error(SandboxErrc::Io, "cannot sync the directory of " + name, errno));
  }
  return {};
}

SandboxResult<Fd> make_memory_file(const char* name) {
  Fd fd{::memfd_create(name, MFD_CLOEXEC)};
  if (!fd.valid()) return fail(system_error(SandboxErrc::Io, "cannot create a memory file", errno));
  return fd;
}

SandboxResult<void> fill_memory_file(const Fd& file, std::string_view bytes) {
  if (auto written = write_all(file.get(), bytes); !written) return written;
  if (::lseek(file.get(), 0, SEEK_SET) == 0) return {};
  return fail(system_error(SandboxErrc::Io, "cannot rewind a memory file", errno));
}

}  // namespace starminer::provider::sandbox
