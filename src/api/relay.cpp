#include "api/relay.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace starminer::api {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, kLogStreamCount> kStreamNames = {"stdout", "stderr"};
constexpr const char* kProgressFile = "progress.json";
constexpr std::size_t kProgressBytesMax = 4096;

/// A descriptor that closes itself.
class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  [[nodiscard]] bool write_at(std::uint64_t offset, std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return true;
  }

  [[nodiscard]] bool read_at(std::uint64_t offset, std::string& out) const {
    std::size_t filled = 0;
    while (filled < out.size()) {
      const ssize_t count = ::pread(fd_, out.data() + filled, out.size() - filled, static_cast<off_t>(offset + filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    out.resize(filled);
    return true;
  }

 private:
  int fd_;
};

/// The last progress; empty where there is none, or where the machine died before the disk had it.
std::string read_progress(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (text.size() > kProgressBytesMax) return {};
  return nlohmann::json::parse(text, nullptr, false).is_object() ? text : std::string();
}

void log_failure(const fs::path& path) {
  spdlog::error("relay: {} cannot be written: {}", path.string(), std::generic_category().message(errno));
}

}  // namespace

std::string_view log_stream_name(LogStream stream) { return kStreamNames[static_cast<std::size_t>(stream)]; }

std::optional<LogStream> find_log_stream(std::string_view name) {
  for (std::size_t i = 0; i < kLogStreamCount; ++i) {
    if (kStreamNames[i] == name) return static_cast<LogStream>(i);
  }
  return std::nullopt;
}

Result<std::unique_ptr<Relay>, std::string> Relay::open(fs::path folder, const RelayLimits& limits) {
  std::error_code error;
  fs::create_directories(folder, error);
  auto relay = std::unique_ptr<Relay>(new Relay(std::move(folder), limits));
  if (!error) {
    for (fs::directory_iterator at(relay->folder_, error), end; !error && at != end; at.increment(error)) {
      if (const auto contract = ContractId::parse(at->path().filename().string())) {
        relay->load_contract(at->path(), *contract);
      }
    }
  }
  if (error) return fail(fmt::format("{}: {}", relay->folder_.string(), error.message()));
  return relay;
}

void Relay::load_contract(const fs::path& folder, const ContractId& contract) {
  Kept kept;
  for (std::size_t i = 0; i < kLogStreamCount; ++i) {
    std::error_code missing;
    const std::uintmax_t size = fs::file_size(folder / kStreamNames[i], missing);
    if (!missing) kept.sizes[i] = size;
    bytes_ += kept.sizes[i];
  }
  kept.progress = read_progress(folder / kProgressFile);
  kept_.emplace(contract, std::move(kept));
}

fs::path Relay::folder_of(const ContractId& contract) const { return folder_ / contract.text(); }

Result<std::uint64_t, AppendError> Relay::append_log(const ContractId& contract, LogStream stream, std::uint64_t offset,
                                                     std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(contract);
  const std::uint64_t size = found == kept_.end() ? 0 : found->second.sizes[static_cast<std::size_t>(stream)];
  if (offset != size) return fail(AppendError{RelayFault::OffsetMismatch, size});
  if (bytes.empty()) return size;
  if (size >= limits_.stream_bytes_max) return fail(AppendError{RelayFault::StreamFull, size});
  bytes = bytes.substr(0, limits_.stream_bytes_max - size);
  if (bytes_ + bytes.size() > limits_.total_bytes_max) return fail(AppendError{RelayFault::RelayFull, size});
  const fs::path folder = folder_of(contract);
  std::error_code ignored;
  fs::create_directory(folder, ignored);
  const fs::path path = folder / log_stream_name(stream);
  const File file(path, O_WRONLY | O_CREAT);
  // Bytes of a write that failed in the middle are overwritten by the next one: the size counts whole appends only.
  if (!file.is_open() || !file.write_at(offset, bytes)) {
    log_failure(path);
    if (file.is_open() && ::truncate(path.c_str(), static_cast<off_t>(size)) != 0) log_failure(path);
    return fail(AppendError{RelayFault::IoError, size});
  }
  bytes_ += bytes.size();
  return kept_[contract].sizes[static_cast<std::size_t>(stream)] = size + bytes.size();
}

LogSizes Relay::log_sizes(const ContractId& contract) const {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(contract);
  return found == kept_.end() ? LogSizes{} : found->second.sizes;
}

std::optional<std::string> Relay::read_log(const ContractId& contract, LogStream stream, std::uint64_t offset,
                                           std::size_t limit) const {
  const std::uint64_t size = log_sizes(contract)[static_cast<std::size_t>(stream)];
  if (offset >= size) return std::string();
  std::string bytes(std::min<std::uint64_t>(limit, size - offset), '\0');
  const File file(folder_of(contract) / log_stream_name(stream), O_RDONLY);
  if (!file.is_open() || !file.read_at(offset, bytes)) return std::nullopt;
  return bytes;
}

bool Relay::set_progress(const ContractId& contract, const std::string& json) {
  const std::lock_guard lock(mutex_);
  const fs::path folder = folder_of(contract);
  std::error_code error;
  fs::create_directory(folder, error);
  const fs::path path = folder / kProgressFile;
  const fs::path temporary = folder / "progress.tmp";
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open() || !file.write_at(0, json)) {
      log_failure(temporary);
      return false;
    }
  }
  fs::rename(temporary, path, error);
  if (error) log_failure(path);
  if (!error) kept_[contract].progress = json;
  return !error;
}

std::optional<std::string> Relay::progress(const ContractId& contract) const {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(contract);
  if (found == kept_.end() || found->second.progress.empty()) return std::nullopt;
  return found->second.progress;
}

void Relay::beat(const NodeId& node, Moment now) {
  const std::lock_guard lock(mutex_);
  beats_[node] = now;
}

std::optional<Relay::Moment> Relay::last_beat(const NodeId& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = beats_.find(node);
  return found == beats_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ContractId> Relay::contracts() const {
  const std::lock_guard lock(mutex_);
  std::vector<ContractId> all;
  all.reserve(kept_.size());
  for (const auto& [contract, kept] : kept_) all.push_back(contract);
  return all;
}

void Relay::remove(const ContractId& contract) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(contract);
  if (found == kept_.end()) return;
  for (const std::uint64_t size : found->second.sizes) bytes_ -= size;
  kept_.erase(found);
  std::error_code error;
  fs::remove_all(folder_of(contract), error);
  if (error) spdlog::warn("relay: the logs of {} cannot be removed: {}", contract.text(), error.message());
}

std::uint64_t Relay::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace starminer::api
