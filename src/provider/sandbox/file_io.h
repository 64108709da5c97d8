// Small files of a job directory: owned descriptors, bounded reads, atomic replacement. All paths below a directory are
// taken relative to its descriptor, because the supervisor changes what lies at a path. Thread-safe as the calls are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "provider/sandbox/error.h"

namespace starminer::provider::sandbox {

/// A file descriptor with one owner. Always opened close-on-exec by the functions here.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

enum class Durability : std::uint8_t { Cached, Synced };

[[nodiscard]] SandboxResult<Fd> open_directory(const std::filesystem::path& path);

/// Reads at most `bytes_max` bytes. Fails with NotFound, Io, or Corrupt when the file is larger.
[[nodiscard]] SandboxResult<std::string> read_file_at(int directory, const std::string& name, std::size_t bytes_max);
[[nodiscard]] SandboxResult<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max);

/// Writes to a temporary name and renames: a reader sees the old file or the whole new one, also after kill -9; with
/// Synced also after a power cut.
[[nodiscard]] SandboxResult<void> replace_file_at(int directory, const std::string& name, std::string_view text,
                                                  Durability durability);

/// Writes all bytes or fails with Io.
[[nodiscard]] SandboxResult<void> write_all(int fd, std::string_view bytes);

/// An empty anonymous file, for handing data to a child.
[[nodiscard]] SandboxResult<Fd> make_memory_file(const char* name);

/// Writes these bytes and rewinds, so that whoever shares the file reads them from the start.
[[nodiscard]] SandboxResult<void> fill_memory_file(const Fd& file, std::string_view bytes);

}  // namespace starminer::provider::sandbox
