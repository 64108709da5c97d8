// Reading a trace from a file: whole, bounded, with the file's name in every error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "sim/trace.h"

namespace starminer::sim {

struct FileError {
  bool is_missing = false;  // or cannot be read; else its content is wrong
  /// "FILE:LINE:COLUMN: what".
  std::string text;
};

/// At most 1 GiB.
[[nodiscard]] Result<std::string, FileError> read_input(const std::filesystem::path& file);
[[nodiscard]] Result<std::vector<TraceNode>, FileError> read_nodes(const std::filesystem::path& file);
[[nodiscard]] Result<std::vector<TraceJob>, FileError> read_jobs(const std::filesystem::path& file);
[[nodiscard]] Result<TraceRuns, FileError> read_runs(const std::filesystem::path& file, std::uint64_t run_s);

}  // namespace starminer::sim
