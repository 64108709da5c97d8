#include "storage/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace starminer::storage {

bool sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = ::fsync(fd) == 0;
  ::close(fd);
  return good;
}

bool make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path full = std::filesystem::absolute(folder, error).lexically_normal();
  if (!full.has_filename()) full = full.parent_path();  // it ended with a slash
  const std::filesystem::path above = full.parent_path();
  if (!std::filesystem::exists(above, error) && !make_folder(above)) return false;
  if (::mkdir(full.c_str(), 0777) != 0 && errno != EEXIST) return false;
  return sync_folder(above);
}

bool write_all(int fd, ByteView bytes, std::uint64_t offset, std::size_t* written) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t taken = ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) break;
    done += static_cast<std::size_t>(taken);
  }
  if (written != nullptr) *written = done;
  return done == bytes.size();
}

bool is_out_of_room(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

std::string_view write_advice(int error) {
  if (error == EFBIG) return "raise the limit on the size of files (ulimit -f, prlimit --fsize)";
  if (error == EDQUOT) return "free disk space of this user or raise the quota";
  return error == ENOSPC ? "free disk space" : "replace the disk";
}

std::optional<Bytes> read_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat status {};
  Bytes bytes(::fstat(fd, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::pread(fd, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (filled < bytes.size()) return std::nullopt;
  return bytes;
}

bool write_new_file(const std::filesystem::path& path, ByteView bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool good = write_all(fd, bytes, 0) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return good;
}

}  // namespace starminer::storage
