// The program `starminer`: the command line of requesters, and of whoever wants to look at the market.
#pragma once

#include "cli/settings.h"
#include "config/options.h"
#include "config/program.h"

namespace starminer::cli {

class CliProgram {
 public:
  CliProgram();
  CliProgram(const CliProgram&) = delete;
  CliProgram& operator=(const CliProgram&) = delete;

  [[nodiscard]] config::Program& program() { return program_; }

 private:
  Settings settings_;
  config::OptionTable options_;
  config::Program program_;
};

}  // namespace starminer::cli
