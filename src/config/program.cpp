#include "config/program.h"

#include <exception>
#include <iostream>

#include <fmt/format.h>

#include "base/check.h"
#include "config/completion.h"
#include "config/help.h"
#include "config/manual.h"
#include "config/parser.h"
#include "terminal/table.h"

namespace starminer::config {
namespace {

using terminal::Failure;

std::string layer_text(const Option& option) {
  return option.origin.layer == Layer::Environment ? "environment " + option.origin.where : option.origin.where;
}

std::string value_text(const Option& option) {
  const auto texts = option.value.show();
  if (option.secret) return texts.empty() || texts.front().empty() ? "(not set)" : "(set)";
  std::string text;
  for (const std::string& part : texts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

struct Program::Parsed {
  ParsedLine line;
};

Program::Program(ProgramText text) : text_(std::move(text)), root_(text_.name, text_.summary) {
  using terminal::ColorMode;
  globals_.push_back(
      {"--color",
       bind_choice(settings_.color,
                   {{"auto", ColorMode::Auto}, {"always", ColorMode::Always}, {"never", ColorMode::Never}}),
       "When to use colour; auto means on a terminal without NO_COLOR."});
  globals_.back().placeholder("WHEN");
  globals_.push_back({"--utc", bind(settings_.utc), "Show times in UTC instead of the zone of this machine."});
  add_builtin_commands();
}

void Program::configure(OptionTable& options, std::vector<std::filesystem::path> default_files) {
  STARMINER_CHECK(options_ == nullptr);
  options_ = &options;
  default_files_ = std::move(default_files);
  Argument file{"--config", bind(settings_.config_file), "The configuration file (also STARMINER_CONFIG)."};
  file.placeholder("FILE");
  globals_.push_back(std::move(file));
  add_config_commands();
}

void Program::add_config_commands() {
  Command& group = root_.add("config", "Show the configuration and where each value comes from");
  group.add("show", "Print every option with its effective value and its origin")
      .prints()
      .example(text_.name + " config show", "See what is in force")
      .example(text_.name + " config show --json", "The same for scripts")
      .run([this](const Invocation& invocation) {
        if (invocation.json) {
          invocation.out.line(show_json(*options_));
          return ExitCode::Ok;
        }
        terminal::Table table({{"OPTION", terminal::Align::Left, "", true}, {"VALUE"}, {"FROM"}});
        for (const Option& option : options_->all()) table.add({option.name, value_text(option), layer_text(option)});
        invocation.out.stream() << table.render(invocation.out) << std::flush;
        return ExitCode::Ok;
      });
  group.add("example", "Print a configuration file with every option at its default")
      .without_configuration()
      .example(text_.name + " config example > " + text_.name + ".toml", "Start a configuration file")
      .run([this](const Invocation& invocation) {
        invocation.out.stream() << example_file(*options_, text_.name) << std::flush;
        return ExitCode::Ok;
      });
}

void Program::add_builtin_commands() {
  Command& completion = root_.add("completion", "Print the completion script of a shell");
  completion.hidden().without_configuration();
  completion.describe(
      "Prints a script that completes commands, options and values.\n\nbash: put it into "
      "/etc/bash_completion.d/\nzsh: put it as _" +
      text_.name +
      " into a folder of $fpath\nfish: put it into "
      "~/.config/fish/completions/" +
      text_.name + ".fish");
  completion.positional("shell", shell_, "bash, zsh or fish.").required().placeholder("SHELL");
  completion.example("source <(" + text_.name + " completion bash)", "Completion in this bash");
  completion.run([this](const Invocation& invocation) {
    const auto script = completion_script(*this, shell_);
    if (!script)
      return invocation.fail(ExitCode::Usage, {"unknown shell " + shell_, "", "expected bash, zsh or fish", {}});
    invocation.out.stream() << *script << std::flush;
    return ExitCode::Ok;
  });

  Command& manual = root_.add("man", "Print or write the manual pages");
  manual.hidden().without_configuration();
  manual.positional("command", man_command_, "The command whose page is printed.").placeholder("COMMAND");
  manual.option("--out", man_folder_, "Write all pages into this folder instead.").completes(Completion::Directory);
  manual.example(text_.name + " man | man -l -", "Read the page of the program");
  manual.example(text_.name + " man --out /usr/local/share/man/man1", "Install all pages");
  manual.run([this](const Invocation& invocation) {
    if (!man_folder_.empty()) return write_manual_pages(*this, man_folder_, invocation);
    const Command* command = &root_;
    for (const std::string& word : man_command_) {
      const Command* const below = command->find(word);
      if (below == nullptr)
        return invocation.fail(ExitCode::NotFound, {"no command \"" + word + "\" below " + command->path()});
      command = below;
    }
    invocation.out.stream() << manual_page(*this, *command) << std::flush;
    return ExitCode::Ok;
  });
}

int Program::run(int argc, const char* const* argv) {
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return static_cast<int>(run_on(arguments, nullptr, nullptr));
}

ExitCode Program::run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  return run_on(arguments, &out, &err);
}

ExitCode Program::run_on(const std::vector<std::string>& arguments, std::ostream* out, std::ostream* err) {
  const auto output = [out](terminal::ColorMode mode) {
    return out == nullptr ? terminal::Terminal::standard_output(mode) : terminal::Terminal(*out, {});
  };
  const auto errors = [err](terminal::ColorMode mode) {
    return err == nullptr ? terminal::Terminal::standard_error(mode) : terminal::Terminal(*err, {});
  };
  Invocation invocation{output(settings_.color), errors(settings_.color)};
  auto line = parse_line(*this, arguments);
  if (!line) {
    const Command& command = *line.error().command;
    // The line could not be read as a whole, so --json is looked for as a word.
    invocation.json =
        command.takes_json() && std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    return invocation.fail(ExitCode::Usage,
                           {line.error().text, "", "", {fmt::format("see {} --help", command.path())}});
  }
  if (line->version) {
    invocation.out.line(fmt::format("{} {}", text_.name, text_.version));
    return ExitCode::Ok;
  }
  invocation.json = line->json;
  invocation.yes = line->yes;
  for (Argument& global : globals_) {
    const auto given = line->arguments.find(&global);
    if (given == line->arguments.end()) continue;
    if (const auto fault = global.value.assign(given->second)) {
      return invocation.fail(ExitCode::Usage, {global.long_name() + ": " + *fault});
    }
  }
  invocation.out = output(settings_.color);
  invocation.err = errors(settings_.color);
  invocation.utc = settings_.utc;
  if (line->help || !line->command->action()) {
    const terminal::Terminal& target = line->help ? invocation.out : invocation.err;
    target.stream() << help_text(*this, *line->command, target) << std::flush;
    return line->help ? ExitCode::Ok : ExitCode::Usage;
  }
  return execute(Parsed{std::move(*line)}, invocation);
}

ExitCode Program::execute(const Parsed& parsed, Invocation& invocation) {
  const Command& command = *parsed.line.command;
  std::string faults;
  for (const Argument& argument : command.arguments()) {
    const auto given = parsed.line.arguments.find(&argument);
    if (given == parsed.line.arguments.end()) continue;
    if (const auto fault = argument.value.assign(given->second)) {
      faults += (faults.empty() ? "" : "\n") +
                (argument.positional ? argument.value.placeholder : argument.long_name()) + ": " + *fault;
    }
  }
  if (!faults.empty()) {
    return invocation.fail(ExitCode::Usage,
                           {"the command line is wrong", "", faults, {fmt::format("see {} --help", command.path())}});
  }
  if (command.rest() != nullptr && !parsed.line.rest.empty()) (void)command.rest()->value.assign(parsed.line.rest);
  if (options_ != nullptr && command.needs_configuration()) {
    if (const ExitCode code = load(parsed, invocation); code != ExitCode::Ok) return code;
  }
  try {
    return command.action()(invocation);
  } catch (const std::exception& error) {
    return invocation.fail(
        ExitCode::Failure,
        {command.path() + " failed", "", error.what(), {"this is a bug; please report it with the command line"}});
  }
}

ExitCode Program::load(const Parsed& parsed, const Invocation& invocation) {
  Sources sources;
  if (!settings_.config_file.empty()) sources.file = settings_.config_file;
  sources.default_files = default_files_;
  sources.environment = starminer_environment();
  sources.flags = parsed.line.option_flags;
  auto report = options_->load(sources);
  if (!report) {
    std::string lines;
    for (const ConfigError& error : report.error()) lines += (lines.empty() ? "" : "\n") + error.line();
    return invocation.fail(ExitCode::Usage,
                           {"the configuration is wrong",
                            "",
                            lines,
                            {fmt::format("{} config example prints all options with their defaults", text_.name)}});
  }
  loaded_ = std::move(*report);
  for (const std::string& warning : loaded_.warnings) invocation.err.line("warning: " + warning);
  return ExitCode::Ok;
}

}  // namespace starminer::config
