#include "cli/settings.h"

#include <cstdlib>

namespace starminer::cli {
namespace {

std::filesystem::path base_folder(const char* variable, const char* below_home) {
  const char* const given = std::getenv(variable);
  if (given != nullptr && *given == '/') return std::filesystem::path(given) / "starminer";
  const char* const home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr && *home != '\0' ? home : ".") / below_home / "starminer";
}

}  // namespace

Settings make_settings() {
  Settings settings;
  settings.key_file = base_folder("XDG_CONFIG_HOME", ".config") / "key.json";
  settings.state_dir = base_folder("XDG_STATE_HOME", ".local/state");
  return settings;
}

void declare_options(config::OptionTable& options, Settings& settings) {
  options.add("api.url", settings.api_url,
              "The node that is asked, or several with commas between: the next one where one is away.");
  options.add("key.file", settings.key_file, "The key of your account.");
  options.add("state.dir", settings.state_dir, "Where runs are remembered, so that no job is ever submitted twice.");
}

std::vector<std::filesystem::path> config_files() {
  return {base_folder("XDG_CONFIG_HOME", ".config") / "config.toml", "/etc/starminer/starminer.toml"};
}

}  // namespace starminer::cli
