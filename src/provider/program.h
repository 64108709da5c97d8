// The command line of starminer-provider: setup, run, status, drain, resume, leave, reserve, devices, selftest.
#pragma once

#include <functional>
#include <memory>
#include <string>

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
  using Prepared =
      std::function<config::Command::Action(config::ExitCode (ProviderProgram::*)(const config::Invocation&) const)>;
  /// reserve join, reserve leave
  void add_reserve_commands(const Prepared& prepared);

  [[nodiscard]] config::ExitCode show_devices(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode self_test(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode show_address(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode set_up(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode serve(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode show_status(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode change_status(const config::Invocation& call, int change, const char* done) const;

  [[nodiscard]] config::ExitCode join_reserve(const config::Invocation& call) const;
  [[nodiscard]] config::ExitCode leave_reserve(const config::Invocation& call) const;

  struct ReserveRequest {
    std::string stake;  // AGPU on each node; empty: what its devices ask for and a tenth more
    std::string time;   // from now
  };

  AgentSettings settings_;
  ReserveRequest reserve_;
  std::string state_dir_;
  std::string log_level_ = "info";
  config::OptionTable options_;
  config::Program program_;
};

}  // namespace starminer::provider
