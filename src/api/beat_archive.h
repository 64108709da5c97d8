// The raw beats that this operator keeps beside the chain (REG-7): one file per epoch, a line per signed request.
// Bounded per epoch and in epochs; what was reported is what the file holds, so a beat that found no room is not
// counted. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starminer::api {

struct BeatArchiveLimits {
  std::uint64_t epoch_bytes_max = 256ULL << 20U;
  std::uint64_t epochs_kept = 168;
};

class BeatArchive {
 public:
  /// Creates the folder where needed. The error is a sentence for the operator.
  [[nodiscard]] static Result<std::unique_ptr<BeatArchive>, std::string> open(std::filesystem::path folder,
                                                                              const BeatArchiveLimits& limits);
  BeatArchive(const BeatArchive&) = delete;
  BeatArchive& operator=(const BeatArchive&) = delete;

  /// Appends a line (beats::format_beat). Nothing is written to an epoch that was closed or is full.
  void append(std::uint64_t epoch, std::string_view line);
  /// Ends a file, gives its content and drops the files of epochs that are older than is kept. An epoch without a beat
  /// has an empty file. Nothing where the disk failed.
  [[nodiscard]] std::optional<std::string> close(std::uint64_t epoch);
  /// The file of an epoch, where it is kept. It grows until the epoch has ended.
  [[nodiscard]] std::optional<std::filesystem::path> find(std::uint64_t epoch) const;

 private:
  BeatArchive(std::filesystem::path folder, const BeatArchiveLimits& limits)
      : folder_(std::move(folder)), limits_(limits) {}
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t epoch) const;

  std::filesystem::path folder_;
  BeatArchiveLimits limits_;
  mutable std::mutex mutex_;
  std::optional<std::uint64_t> closed_;  // up to this one
};

}  // namespace starminer::api
