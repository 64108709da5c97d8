// What a job leaves behind, read without trusting it: every file is opened beneath the output directory without
// following any link, must be a plain file with one name, and is counted before it is read. Stateless.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "provider/sandbox/error.h"
#include "provider/sandbox/report.h"

namespace starminer::provider::sandbox {

struct OutputFile {
  std::string path;  ///< Relative, UTF-8, without control characters, "." or "..".
  std::uint64_t size = 0;
  std::string sha256;  ///< Lower-case hexadecimal.

  bool operator==(const OutputFile&) const = default;
};

struct OutputLimits {
  std::uint64_t bytes = 0;
  std::uint32_t files = 0;
};

/// All files below `directory`, sorted by path. Strict: the first link, hard link, device, FIFO, socket or hostile name
/// is OutputRefused, naming it; more bytes or files than allowed, or too deep a tree, is OutputTooLarge. Sparse files
/// count with their full size.
[[nodiscard]] SandboxResult<std::vector<OutputFile>> collect_outputs(const std::filesystem::path& directory,
                                                                     const OutputLimits& limits);

struct Export {
  std::vector<OutputFile> files;
  std::vector<RefusedOutput> refused;  ///< The first 100.
};

/// Copies what collect_outputs would accept into `target` (an open, empty directory) and names the rest, so that one
/// stray link does not cost a job its results. Over the limits nothing more is copied and OutputTooLarge is the answer.
[[nodiscard]] SandboxResult<Export> export_outputs(int source, int target, const OutputLimits& limits);

/// The text with control and non-ASCII bytes escaped as \xNN, at most 256 characters, for messages and terminals.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace starminer::provider::sandbox
