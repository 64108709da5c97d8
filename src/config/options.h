// The configuration of a program: each option is declared once, bound to a variable, and can then be set by the TOML
// file, by the environment and by a flag, the later winning. The value a variable has when it is declared is the
// default. Declare all options before loading; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/value.h"

namespace starminer::config {

enum class Layer : std::uint8_t { Default, File, Environment, Flag };

/// Where the effective value of an option was set.
struct Origin {
  Layer layer = Layer::Default;
  /// "/etc/starminer/starminerd.toml:3:10", "STARMINER_API_LISTEN", "--api-listen"; "default" for the default.
  std::string where = "default";
};

struct Option {
  /// "api.listen": lower case, parts joined by points, words by "_".
  std::string name;
  std::string help;
  ValueBinding value;
  /// The value is a secret: `config show` hides it and it has no flag, as flags are visible to other users.
  bool secret = false;
  std::vector<std::string> default_value{};
  Origin origin{};

  /// "--api-listen".
  [[nodiscard]] std::string flag() const;
  /// "STARMINER_API_LISTEN".
  [[nodiscard]] std::string variable() const;
  /// The table it lies in: "api", or empty.
  [[nodiscard]] std::string_view group() const;
};

struct ConfigError {
  /// "starminerd.toml:3:10", "environment variable STARMINER_API_LISTEN" or "flag --api-listen".
  std::string where;
  std::string text;

  [[nodiscard]] std::string line() const { return where + ": " + text; }
};

/// What besides the file may set options.
struct Sources {
  /// Named by --config or STARMINER_CONFIG: must exist. Else the first of `default_files` that exists, if any.
  std::optional<std::filesystem::path> file{};
  std::vector<std::filesystem::path> default_files{};
  std::map<std::string, std::string> environment{};
  /// Flag to the texts given with it, in order.
  std::map<std::string, std::vector<std::string>> flags{};
};

/// The variables of this process that start with "STARMINER_".
[[nodiscard]] std::map<std::string, std::string> starminer_environment();

struct LoadReport {
  /// The file that was read, if any.
  std::optional<std::filesystem::path> file{};
  /// Environment variables that look like mistyped options. Not an error, as one environment serves several programs.
  std::vector<std::string> warnings{};
};

class OptionTable {
 public:
  /// Requires a name that is not declared yet. `target` keeps its value as the default and must outlive the table.
  template <class T>
  Option& add(const std::string& name, T& target, const std::string& help) {
    return add_binding(name, bind(target), help);
  }
  Option& add_binding(std::string name, ValueBinding value, std::string help);

  [[nodiscard]] const std::deque<Option>& all() const { return options_; }
  [[nodiscard]] const Option* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;

  /// Applies file, environment and flags in this order. All errors of all layers at once; unknown keys of the file are
  /// errors with the nearest known name.
  [[nodiscard]] Result<LoadReport, std::vector<ConfigError>> load(const Sources& sources);

 private:
  void load_environment(const Sources& sources, std::vector<ConfigError>& errors, std::vector<std::string>& warnings);
  void load_flags(const Sources& sources, std::vector<ConfigError>& errors);

  std::deque<Option> options_;
};

/// The table as a commented TOML file with every option at its default, to start from.
[[nodiscard]] std::string example_file(const OptionTable& options, std::string_view program);
/// Every option with its effective value and where that came from. Secrets are shown as "(set)" or "(not set)".
[[nodiscard]] std::string show_json(const OptionTable& options);

}  // namespace starminer::config
