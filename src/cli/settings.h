// What a user configures of the command line: which node, which key, where runs are remembered.
#pragma once

#include <filesystem>
#include <string>

#include "config/options.h"

namespace starminer::cli {

struct Settings {
  std::string api_url = "http://127.0.0.1:7700";
  std::filesystem::path key_file;
  std::filesystem::path state_dir;
};

/// Defaults below the user's home (XDG_CONFIG_HOME and XDG_STATE_HOME where they are set).
[[nodiscard]] Settings make_settings();
/// `settings` must outlive the table.
void declare_options(config::OptionTable& options, Settings& settings);
/// Files that are tried where no --config is given.
[[nodiscard]] std::vector<std::filesystem::path> config_files();

}  // namespace starminer::cli
