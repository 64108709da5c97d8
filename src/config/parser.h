// Reads a command line against the command table, by CLI11. Internal to src/config; keeps that header out of ours.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/program.h"

namespace starminer::config {

struct ParsedLine {
  const Command* command = nullptr;
  bool help = false;
  bool version = false;
  bool json = false;
  bool yes = false;
  /// Texts given for each argument of the command (by its name) and each global one.
  std::map<const Argument*, std::vector<std::string>> arguments{};
  /// Texts given for flags of configuration options, as Sources::flags wants them.
  std::map<std::string, std::vector<std::string>> option_flags{};
  std::vector<std::string> rest{};
};

struct UsageError {
  const Command* command;
  std::string text;
};

/// Finds the command and collects the texts; values are not assigned yet. All unknown names are reported with the
/// nearest known one.
[[nodiscard]] Result<ParsedLine, UsageError> parse_line(const Program& program, std::vector<std::string> arguments);

}  // namespace starminer::config
