// The command line of starminer-provider: setup, run, status, drain, resume, leave, devices, selftest.
#pragma once

#include <memory>

#include "config/options.h"
#include "config/program.h"
#include "provider/settings.h"

namespace starminer::provider {

/// Settings, options and commands of one run of the program.
class ProviderProgram {
 public:
  ProviderProgram();
  ProviderProgram(const ProviderProgram&) = delete;
  ProviderProgram& operator=(const ProviderProgram&) = delete;

  [[nodiscard]] int run(int argc, const char* const* argv) { return program_.run(argc, argv); }
  [[nodiscard]] config::Program& program() { return program_; }

 private:
  void add_options();
  void add_commands();

  [[nodiscard]] config::ExitCode show_devices(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode self_test(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode show_address(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode set_up(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode serve(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode show_status(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode change_status(const config::Invocation& call, int change, const char* done) const;

  AgentSettings settings_;
  std::string state_dir_;
  std::string log_level_ = "info";
  config::OptionTable options_;
  config::Program program_;
};

}  // namespace starminer::provider
