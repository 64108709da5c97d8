#include "config/parser.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "config/nearest.h"

namespace starminer::config {
namespace {

/// One CLI11 application per command; every one takes the global arguments, so they may stand anywhere.
class Builder {
 public:
  explicit Builder(const Program& program) : program_(program) {}

  void build(CLI::App& app, const Command& command) {
    commands_[&app] = &command;
    app.set_help_flag();
    app.allow_extras();
    app.require_subcommand(0, 1);
    switch_of(app, "-h,--help", help);
    if (command.parent() == nullptr) switch_of(app, "--version", version);
    if (command.takes_json()) switch_of(app, "--json", json);
    if (command.takes_yes()) switch_of(app, "-y,--yes", yes);
    for (const Argument& argument : command.arguments())
      collect(app, argument.name, argument.value.shape, argument.positional, given[&argument]);
    for (const Argument& argument : program_.global_arguments())
      collect(app, argument.name, argument.value.shape, false, given[&argument]);
    if (program_.options() != nullptr) {
      for (const Option& option : program_.options()->all()) {
        if (!option.secret) collect(app, option.flag(), option.value.shape, false, option_flags[option.flag()]);
      }
    }
    for (const auto& child : command.commands()) build(*app.add_subcommand(child->name()), *child);
  }

  [[nodiscard]] const Command& leaf(const CLI::App& root) const {
    const CLI::App* app = &root;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return *commands_.at(app);
  }

  bool help = false;
  bool version = false;
  bool json = false;
  bool yes = false;
  std::map<const Argument*, std::vector<std::string>> given;
  std::map<std::string, std::vector<std::string>> option_flags;

 private:
  static void switch_of(CLI::App& app, const std::string& name, bool& target) {
    app.add_flag_callback(name, [&target] { target = true; });
  }

  void collect(CLI::App& app, const std::string& name, ValueShape shape, bool positional,
               std::vector<std::string>& texts) {
    if (shape == ValueShape::Boolean && !positional) {
      app.add_flag_function(name, [&texts](std::int64_t count) { texts = {count > 0 ? "true" : "false"}; });
      return;
    }
    const auto append = [&texts](const CLI::results_t& results) {
      texts.insert(texts.end(), results.begin(), results.end());
      return true;
    };
    CLI::Option* const option = app.add_option(name, append);
    if (shape == ValueShape::List && positional) {
      option->expected(1, CLI::detail::expected_max_vector_size);
      option->allow_extra_args();
    } else {
      option->expected(1);
    }
    option->multi_option_policy(shape == ValueShape::List ? CLI::MultiOptionPolicy::TakeAll
                                                          : CLI::MultiOptionPolicy::TakeLast);
  }

  const Program& program_;
  std::map<const CLI::App*, const Command*> commands_;
};

std::vector<std::string> flag_names(const Program& program, const Command& command) {
  std::vector<std::string> names = {"help"};
  const auto add = [&names](const Argument& argument) {
    if (!argument.positional && !argument.is_hidden) names.push_back(argument.long_name().substr(2));
  };
  for (const Argument& argument : command.arguments()) add(argument);
  for (const Argument& argument : program.global_arguments()) add(argument);
  if (command.takes_json()) names.emplace_back("json");
  if (command.takes_yes()) names.emplace_back("yes");
  if (command.parent() == nullptr) names.emplace_back("version");
  if (program.options() != nullptr) {
    for (const Option& option : program.options()->all()) names.push_back(option.flag().substr(2));
  }
  return names;
}

std::string unknown_text(const Program& program, const Command& command, const std::string& word) {
  if (word.starts_with("-") && word.size() > 1) {
    const std::string name = word.substr(0, word.find('='));
    const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
    const auto near = nearest_name(name.substr(dashes), flag_names(program, command));
    return fmt::format("unknown option {}{}", name, near ? "; did you mean --" + *near + "?" : "");
  }
  std::vector<std::string> names;
  for (const auto& child : command.commands()) {
    if (!child->is_hidden()) names.push_back(child->name());
  }
  if (!names.empty()) return fmt::format("unknown command \"{}\"{}", word, did_you_mean(word, names));
  return fmt::format("unexpected argument \"{}\"", word);
}

std::string joined(std::string text, const std::string& next) { return text.empty() ? next : text + "; " + next; }

}  // namespace

Result<ParsedLine, UsageError> parse_line(const Program& program, std::vector<std::string> arguments) {
  ParsedLine parsed;
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  const bool has_rest = separator != arguments.end();
  if (has_rest) {
    parsed.rest.assign(separator + 1, arguments.end());
    arguments.erase(separator, arguments.end());
  }
  CLI::App app;
  Builder builder(program);
  builder.build(app, program.root());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return fail(UsageError{&builder.leaf(app), error.what()});
  }
  parsed.command = &builder.leaf(app);
  parsed.help = builder.help;
  parsed.version = builder.version;
  parsed.json = builder.json;
  parsed.yes = builder.yes;
  if (parsed.help || parsed.version) return parsed;

  std::string errors;
  for (const std::string& word : app.remaining(true)) {
    errors = joined(errors, unknown_text(program, *parsed.command, word));
    // What follows an unknown word is most often its value and would only confuse.
    break;
  }
  if (errors.empty()) {
    for (const Argument& argument : parsed.command->arguments()) {
      if (argument.is_required && builder.given[&argument].empty()) {
        errors = joined(errors,
                        fmt::format("{} is missing", argument.positional ? "the argument " + argument.value.placeholder
                                                                         : argument.long_name()));
      }
    }
    if (has_rest && parsed.command->rest() == nullptr) errors = joined(errors, "\"--\" has no meaning here");
  }
  if (!errors.empty()) return fail(UsageError{parsed.command, errors});
  for (auto& [argument, texts] : builder.given) {
    if (!texts.empty()) parsed.arguments[argument] = std::move(texts);
  }
  for (auto& [flag, texts] : builder.option_flags) {
    if (!texts.empty()) parsed.option_flags[flag] = std::move(texts);
  }
  return parsed;
}

}  // namespace starminer::config
