#include "client/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace starminer::client {
namespace {

constexpr std::size_t kFileBytesMax = 16 * 1024;

}  // namespace

Result<void, std::string> write_secret_file(const std::filesystem::path& file, const std::string& text) {
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  if (error) return fail(fmt::format("{}: {}", file.parent_path().string(), error.message()));
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) {
    if (errno == EEXIST) return fail(fmt::format("{} exists already; keys are never overwritten", file.string()));
    return fail(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  }
  const bool written =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const int fault = errno;
  ::close(descriptor);
  if (!written) {
    std::filesystem::remove(file, error);
    return fail(fmt::format("{}: {}", file.string(), std::strerror(fault)));
  }
  return {};
}

Result<std::string, std::string> read_secret_file(const std::filesystem::path& file, std::string_view made_by) {
  const std::string name = file.string();
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    return fail(fmt::format("there is no key at {} ({}); make one with: {}", name, std::strerror(errno), made_by));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(fmt::format("{} can be read by other users: chmod 600 {}", name, name));
  }
  if (static_cast<std::size_t>(info.st_size) > kFileBytesMax) return fail(fmt::format("{} is no key file", name));
  std::ifstream stream(file, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace starminer::client
