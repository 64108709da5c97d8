// An open file of the client's transfers: closes itself, reads and writes whole buffers. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace starminer::api::http {

class FileHandle {
 public:
  FileHandle() = default;
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept;
  ~FileHandle() { close(); }

  /// Empty: see errno.
  [[nodiscard]] static std::optional<FileHandle> open_to_read(const std::filesystem::path& path);
  [[nodiscard]] static std::optional<FileHandle> open_to_write(const std::filesystem::path& path);

  [[nodiscard]] std::optional<std::uint64_t> size() const;
  /// Fills the whole span or fails.
  [[nodiscard]] bool read_at(std::uint64_t offset, std::span<char> out) const;
  [[nodiscard]] bool write_at(std::uint64_t offset, std::string_view bytes) const;
  [[nodiscard]] bool truncate(std::uint64_t size) const;

 private:
  void close();
  int fd_ = -1;
};

}  // namespace starminer::api::http
