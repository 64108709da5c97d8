// Shell completion scripts made from the command table: commands, options, choices and file names. The scripts are
// complete in themselves and never run the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/program.h"

namespace starminer::config {

/// `shell` is "bash", "zsh" or "fish"; empty for any other.
[[nodiscard]] std::optional<std::string> completion_script(const Program& program, std::string_view shell);

}  // namespace starminer::config
