#include "api/http/body.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace starminer::api::http {
namespace {

class FileSource final : public BodySource {
 public:
  explicit FileSource(int fd) : fd_(fd) { ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { ::close(fd_); }

  std::optional<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    for (;;) {
      const ssize_t count = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return std::nullopt;
    }
  }

 private:
  int fd_;
};

}  // namespace

std::shared_ptr<BodySource> make_file_source(int fd) { return std::make_shared<FileSource>(fd); }

}  // namespace starminer::api::http
