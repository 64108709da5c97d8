#include "sim/input_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

namespace starminer::sim {
namespace {

constexpr std::uintmax_t kFileBytesMax = std::uintmax_t{1} << 30;

template <class T>
Result<T, FileError> located(Result<T, InputError> parsed, const std::filesystem::path& file) {
  if (parsed) return std::move(*parsed);
  return fail(FileError{false, parsed.error().in(file.string())});
}

}  // namespace

Result<std::string, FileError> read_input(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) return fail(FileError{true, fmt::format("{}: {}", file.string(), error.message())});
  if (size > kFileBytesMax) {
    return fail(FileError{true, fmt::format("{}: {} bytes, at most {} are read", file.string(), size, kFileBytesMax)});
  }
  std::ifstream in(file, std::ios::binary);
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size))) {
    return fail(FileError{true, fmt::format("{}: {}", file.string(), std::strerror(errno))});
  }
  constexpr std::string_view kXz =
      "\xfd"
      "7zXZ";
  if (text.starts_with(kXz)) {
    return fail(FileError{false, fmt::format("{0}: the file is compressed: xz -dk {0}", file.string())});
  }
  return text;
}

Result<std::vector<TraceNode>, FileError> read_nodes(const std::filesystem::path& file) {
  const auto text = read_input(file);
  if (!text) return fail(text.error());
  return located(parse_nodes(*text), file);
}

Result<std::vector<TraceJob>, FileError> read_jobs(const std::filesystem::path& file) {
  const auto text = read_input(file);
  if (!text) return fail(text.error());
  return located(parse_jobs(*text), file);
}

Result<TraceRuns, FileError> read_runs(const std::filesystem::path& file, std::uint64_t run_s) {
  const auto text = read_input(file);
  if (!text) return fail(text.error());
  return located(parse_runs(*text, run_s), file);
}

}  // namespace starminer::sim
