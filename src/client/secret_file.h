// Files that hold secrets: written once and readable by their owner only (mode 0600), refused where others can read
// them. Threading: none of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starminer::client {

/// Makes the file, synced. Fails where it exists, and with what the system says.
[[nodiscard]] Result<void, std::string> write_secret_file(const std::filesystem::path& file, const std::string& text);
/// The whole file. Fails where it does not exist, naming the command that makes one, where other users can read it, and
/// where it is too large to be one of ours.
[[nodiscard]] Result<std::string, std::string> read_secret_file(const std::filesystem::path& file,
                                                                std::string_view made_by);

}  // namespace starminer::client
