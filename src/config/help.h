// Help of a command as text for the terminal, and what help, manual and completion share. Pure rendering.
#pragma once

#include <string>
#include <vector>

#include "config/program.h"

namespace starminer::config {

/// One line of an argument list: "-y, --yes", "--gpus N".
struct ArgumentLine {
  std::string usage;
  std::string help;
};

struct ArgumentGroup {
  std::string heading;
  std::vector<ArgumentLine> lines;
};

/// "starminer run [OPTIONS] [JOB] [-- COMMAND...]".
[[nodiscard]] std::string usage_line(const Program& program, const Command& command);
/// Arguments, options by heading and the options that every command takes, hidden ones left out.
[[nodiscard]] std::vector<ArgumentGroup> argument_groups(const Program& program, const Command& command);
/// Ok, failure, usage and what the command adds, in rising order.
[[nodiscard]] std::vector<ExitNote> exit_notes_of(const Command& command);
[[nodiscard]] std::string help_text(const Program& program, const Command& command, const terminal::Terminal& terminal);

}  // namespace starminer::config
