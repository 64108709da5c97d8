#include "artifacts/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <spdlog/spdlog.h>

namespace starminer::artifacts {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr std::size_t kReadBytes = 256U << 10U;

StoreError failed(const char* action, const std::filesystem::path& path) {
  const int reason = errno;
  spdlog::error("artifacts: cannot {} {}: {}", action, path.string(), std::strerror(reason));
  return reason == ENOSPC || reason == EDQUOT || reason == EFBIG ? StoreError::StoreFull : StoreError::IoError;
}

}  // namespace

void Descriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<bool, StoreError> make_directory(const std::filesystem::path& path) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(path, error);
  if (!error) return created;
  spdlog::error("artifacts: cannot create {}: {}", path.string(), error.message());
  return fail(error == std::errc::no_space_on_device ? StoreError::StoreFull : StoreError::IoError);
}

Result<Descriptor, StoreError> open_file(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  if (fd >= 0) return Descriptor(fd);
  if (errno == ENOENT) return fail(StoreError::NotFound);
  return fail(failed("open", path));
}

Result<std::uint64_t, StoreError> size_of(const Descriptor& file) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return fail(failed("stat", "an open file"));
  return static_cast<std::uint64_t>(facts.st_size);
}

Result<void, StoreError> write_at(const Descriptor& file, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(failed("write", "an open file"));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void, StoreError> read_at(const Descriptor& file, std::uint64_t offset, Bytes& out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t count =
        ::pread(file.get(), out.data() + filled, out.size() - filled, static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(failed("read", "an open file"));
    if (count == 0) return fail(StoreError::IoError);
    filled += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void, StoreError> sync_file(const Descriptor& file) {
  if (::fsync(file.get()) != 0) return fail(failed("sync", "an open file"));
  return {};
}

Result<void, StoreError> sync_directory(const std::filesystem::path& directory) {
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || ::fsync(opened.get()) != 0) return fail(failed("sync", directory));
  return {};
}

Result<void, StoreError> rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(failed("rename", from));
  return {};
}

Result<void, StoreError> remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(failed("remove", path));
  return {};
}

Result<void, StoreError> replace_file(const std::filesystem::path& path, std::string_view content,
                                      Durability durability) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return fail(file.error());
  if (auto written = write_at(*file, 0, as_bytes(content)); !written) return written;
  if (durability == Durability::Lazy) return rename_file(temporary, path);
  if (auto synced = sync_file(*file); !synced) return synced;
  if (auto renamed = rename_file(temporary, path); !renamed) return renamed;
  return sync_directory(path.parent_path());
}

std::optional<std::string> read_small_file(const std::filesystem::path& path) {
  static constexpr std::size_t kSmall = 64U << 10U;
  const auto file = open_file(path, O_RDONLY);
  if (!file) return std::nullopt;
  const auto size = size_of(*file);
  if (!size || *size > kSmall) return std::nullopt;
  Bytes content(*size);
  if (!read_at(*file, 0, content)) return std::nullopt;
  return to_text(content);
}

Result<std::uint64_t, StoreError> free_bytes(const std::filesystem::path& directory) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0) return fail(failed("ask the free space of", directory));
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

Result<void, StoreError> hash_range(const Descriptor& file, std::uint64_t from, std::uint64_t to, Sha256& hash) {
  Bytes piece;
  while (from < to) {
    piece.resize(std::min<std::uint64_t>(kReadBytes, to - from));
    if (auto read = read_at(file, from, piece); !read) return read;
    hash.update(piece);
    from += piece.size();
  }
  return {};
}

}  // namespace starminer::artifacts
