// What a running job says that is not for the chain: last progress, logs, and when nodes were last heard. Logs and
// progress are files, so they outlive a restart; bounded per stream and in all. Nothing here is money or state: a lost
// page after a power cut is sent again by the agent, which asks for the offset.
// Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace starminer::api {

enum class LogStream : std::uint8_t { Stdout = 0, Stderr = 1 };
inline constexpr std::size_t kLogStreamCount = 2;
[[nodiscard]] std::string_view log_stream_name(LogStream stream);
[[nodiscard]] std::optional<LogStream> find_log_stream(std::string_view name);

/// Sizes of a contract's streams: where each goes on.
using LogSizes = std::array<std::uint64_t, kLogStreamCount>;

enum class RelayFault : std::uint8_t {
  OffsetMismatch,  // the bytes do not start where the stored ones end
  StreamFull,      // the stream has as many bytes as it may
  RelayFull,       // all logs together have
  IoError,
};

struct AppendError {
  RelayFault fault{};
  std::uint64_t expected = 0;  // offset to go on at
};

struct RelayLimits {
  std::uint64_t stream_bytes_max = 16ULL << 20U;
  std::uint64_t total_bytes_max = 4ULL << 30U;
};

class Relay {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// Creates the folder where needed and finds what is there. The error is a sentence for the operator.
  [[nodiscard]] static Result<std::unique_ptr<Relay>, std::string> open(std::filesystem::path folder,
                                                                        const RelayLimits& limits);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Appends at `offset` and gives the new size. Bytes beyond the limit of a stream are left out, so the size tells how
  /// many were taken.
  [[nodiscard]] Result<std::uint64_t, AppendError> append_log(const ContractId& contract, LogStream stream,
                                                              std::uint64_t offset, std::string_view bytes);
  [[nodiscard]] LogSizes log_sizes(const ContractId& contract) const;
  /// At most `limit` bytes from `offset` on; empty at the end, nothing where the disk failed.
  [[nodiscard]] std::optional<std::string> read_log(const ContractId& contract, LogStream stream, std::uint64_t offset,
                                                    std::size_t limit) const;

  /// Replaces the last progress: a JSON object of our own making. False where the disk failed.
  [[nodiscard]] bool set_progress(const ContractId& contract, const std::string& json);
  [[nodiscard]] std::optional<std::string> progress(const ContractId& contract) const;

  void beat(const NodeId& node, Moment now);
  [[nodiscard]] std::optional<Moment> last_beat(const NodeId& node) const;

  /// Contracts of which something is kept.
  [[nodiscard]] std::vector<ContractId> contracts() const;
  void remove(const ContractId& contract);
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Kept {
    LogSizes sizes{};
    std::string progress;
  };

  Relay(std::filesystem::path folder, const RelayLimits& limits) : folder_(std::move(folder)), limits_(limits) {}
  void load_contract(const std::filesystem::path& folder, const ContractId& contract);
  [[nodiscard]] std::filesystem::path folder_of(const ContractId& contract) const;

  std::filesystem::path folder_;
  RelayLimits limits_;
  mutable std::mutex mutex_;
  std::map<ContractId, Kept> kept_;
  std::uint64_t bytes_ = 0;
  std::map<NodeId, Moment> beats_;
};

}  // namespace starminer::api
