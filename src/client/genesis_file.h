// The genesis of a chain as a JSON file. Reading is strict: unknown, missing or malformed members are errors that name
// the member, since two nodes with different readings of one file would be two chains. Pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/machine.h"

namespace starminer::client {

/// Fails with a sentence that names the member and what it may be.
[[nodiscard]] Result<protocol::Genesis, std::string> parse_genesis(std::string_view text);
/// Text that parses to the same genesis.
[[nodiscard]] std::string format_genesis(const protocol::Genesis& genesis);
/// The same with the file's name before the sentence.
[[nodiscard]] Result<protocol::Genesis, std::string> load_genesis(const std::filesystem::path& file);

}  // namespace starminer::client
