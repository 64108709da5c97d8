// A program: its command tree, its configuration, and main. Parses the command line, answers --help and --version,
// loads the configuration, runs the command and turns every mistake into a message that says what to do. Brings the
// commands `config show|example` (if it has options), `completion` and `man`. One thread.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "config/command.h"
#include "config/options.h"

namespace starminer::config {

/// Text of a program that is the same for all its commands.
struct ProgramText {
  std::string name;
  /// One line: what it is for.
  std::string summary;
  std::string version;
};

/// Settings that every command takes.
struct GlobalSettings {
  terminal::ColorMode color = terminal::ColorMode::Auto;
  bool utc = false;
  std::filesystem::path config_file{};
};

class Program {
 public:
  explicit Program(ProgramText text);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] Command& root() { return root_; }
  [[nodiscard]] const Command& root() const { return root_; }
  [[nodiscard]] const ProgramText& text() const { return text_; }

  /// Gives the program a configuration. `default_files` are tried in order where no --config is given.
  /// Requires that all options are declared; call it once.
  void configure(OptionTable& options, std::vector<std::filesystem::path> default_files);
  [[nodiscard]] const OptionTable* options() const { return options_; }
  [[nodiscard]] const std::vector<std::filesystem::path>& default_files() const { return default_files_; }
  /// What was loaded; the file is empty if none was there.
  [[nodiscard]] const LoadReport& loaded() const { return loaded_; }
  /// Arguments that every command takes.
  [[nodiscard]] const std::deque<Argument>& global_arguments() const { return globals_; }

  /// Runs the command line and returns the exit status. An exception that leaves a command is reported as a failure.
  [[nodiscard]] int run(int argc, const char* const* argv);
  /// The same without the name of the program, writing to given streams; for tests.
  [[nodiscard]] ExitCode run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

 private:
  struct Parsed;

  void add_builtin_commands();
  void add_config_commands();
  [[nodiscard]] ExitCode run_on(const std::vector<std::string>& arguments, std::ostream* out, std::ostream* err);
  [[nodiscard]] ExitCode execute(const Parsed& parsed, Invocation& invocation);
  [[nodiscard]] ExitCode load(const Parsed& parsed, const Invocation& invocation);

  ProgramText text_;
  Command root_;
  std::deque<Argument> globals_;
  GlobalSettings settings_;
  OptionTable* options_ = nullptr;
  std::vector<std::filesystem::path> default_files_;
  LoadReport loaded_;
  std::string shell_;
  std::filesystem::path man_folder_;
  std::vector<std::string> man_command_;
};

}  // namespace starminer::config
