// Files that commands compare or check, read as a whole. Total.
#pragma once

#include <string>

#include "base/bytes.h"
#include "cli/outcome.h"

namespace starminer::cli {

/// Fails with NotFound where there is no file, else with Usage: a folder, unreadable, larger than what is compared.
[[nodiscard]] Outcome<Bytes> read_artifact(const std::string& name);

}  // namespace starminer::cli
