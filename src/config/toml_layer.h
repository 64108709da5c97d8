// The file layer of the configuration: reads one TOML file into an option table. Internal to src/config.
#pragma once

#include <deque>
#include <filesystem>
#include <vector>

#include "config/options.h"

namespace starminer::config {

/// Sets each option that the file names. Refuses files above 1 MiB, syntax errors, unknown keys, wrong types and
/// values, with file, line and column.
void load_toml(const std::filesystem::path& file, std::deque<Option>& options, std::vector<ConfigError>& errors);

}  // namespace starminer::config
