// The few file operations of the store, each of which either happened on disk or says that it failed. Internal to the
// store. No state; errors are logged here with their reason, callers see only what kind they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "artifacts/store.h"
#include "base/bytes.h"

namespace starminer::artifacts {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// Creates a directory with its parents; true when it was not there.
[[nodiscard]] Result<bool, StoreError> make_directory(const std::filesystem::path& path);
/// Opens with O_CLOEXEC and without following a link. Fails with NotFound, StoreFull, IoError.
[[nodiscard]] Result<Descriptor, StoreError> open_file(const std::filesystem::path& path, int flags);
[[nodiscard]] Result<std::uint64_t, StoreError> size_of(const Descriptor& file);
/// Fails with StoreFull, IoError; the file then may hold a part of the bytes.
[[nodiscard]] Result<void, StoreError> write_at(const Descriptor& file, std::uint64_t offset, ByteView bytes);
/// Fills the whole buffer. Fails with IoError, also when the file ends before.
[[nodiscard]] Result<void, StoreError> read_at(const Descriptor& file, std::uint64_t offset, Bytes& out);
[[nodiscard]] Result<void, StoreError> sync_file(const Descriptor& file);
[[nodiscard]] Result<void, StoreError> sync_directory(const std::filesystem::path& directory);
[[nodiscard]] Result<void, StoreError> rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// A file that is not there counts as removed.
[[nodiscard]] Result<void, StoreError> remove_file(const std::filesystem::path& path);
enum class Durability : std::uint8_t { Lazy, Synced };
/// Replaces a small file: after the death of the process there is the old or the new content, whole; with Synced also
/// after a power cut.
[[nodiscard]] Result<void, StoreError> replace_file(const std::filesystem::path& path, std::string_view content,
                                                    Durability durability);
[[nodiscard]] std::optional<std::string> read_small_file(const std::filesystem::path& path);
/// Bytes an unprivileged process may still write there.
[[nodiscard]] Result<std::uint64_t, StoreError> free_bytes(const std::filesystem::path& directory);
/// Adds the bytes [from, to) of a file to a hash.
[[nodiscard]] Result<void, StoreError> hash_range(const Descriptor& file, std::uint64_t from, std::uint64_t to,
                                                  Sha256& hash);

}  // namespace starminer::artifacts
