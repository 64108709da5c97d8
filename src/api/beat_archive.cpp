#include "api/beat_archive.h"

#include <charconv>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace starminer::api {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".beats";

std::optional<std::uint64_t> epoch_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t epoch = 0;
  const char* const end = name.data() + name.size() - kSuffix.size();
  const auto [read, fault] = std::from_chars(name.data(), end, epoch);
  if (fault != std::errc() || read != end) return std::nullopt;
  return epoch;
}

}  // namespace

Result<std::unique_ptr<BeatArchive>, std::string> BeatArchive::open(fs::path folder, const BeatArchiveLimits& limits) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return fail(fmt::format("the folder of raw beats cannot be used: {}: {}", folder.string(), error.message()));
  return std::unique_ptr<BeatArchive>(new BeatArchive(std::move(folder), limits));
}

fs::path BeatArchive::path_of(std::uint64_t epoch) const { return folder_ / fmt::format("{}{}", epoch, kSuffix); }

void BeatArchive::append(std::uint64_t epoch, std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (closed_ && epoch <= *closed_) return;
  const fs::path path = path_of(epoch);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && size + line.size() > limits_.epoch_bytes_max) return;
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file.write(line.data(), static_cast<std::streamsize>(line.size()));
  if (!file.flush()) spdlog::error("telemetry: a beat could not be written to {}", path.string());
}

std::optional<std::string> BeatArchive::close(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (!closed_ || *closed_ < epoch) closed_ = epoch;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    const auto old = epoch_of(entry.path());
    if (old && *old + limits_.epochs_kept < epoch) fs::remove(entry.path(), error);
  }
  const fs::path path = path_of(epoch);
  { const std::ofstream created(path, std::ios::binary | std::ios::app); }
  std::ifstream file(path, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    spdlog::error("telemetry: the raw beats of epoch {} cannot be read from {}", epoch, path.string());
    return std::nullopt;
  }
  // What a power cut left of the last line was never acknowledged as a beat.
  const std::size_t whole = content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1;
  if (whole != content.size()) {
    content.resize(whole);
    fs::resize_file(path, whole, error);
    if (error) return std::nullopt;
  }
  return content;
}

std::optional<fs::path> BeatArchive::find(std::uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  const fs::path path = path_of(epoch);
  return fs::is_regular_file(path, error) ? std::optional(path) : std::nullopt;
}

}  // namespace starminer::api
