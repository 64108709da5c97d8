// The commands of a program as one table: what a command is called, takes, prints and returns. The parser (CLI11), the
// help, the manual pages and the shell completions are all made from it, so they cannot disagree.
// Build the table at start, then run it; one thread. Variables bound to arguments must outlive the command.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/exit_code.h"
#include "config/value.h"
#include "terminal/message.h"
#include "terminal/terminal.h"

namespace starminer::config {

/// A flag with a value, a switch, or a positional argument.
struct Argument {
  /// "--gpus", with a short form "-y,--yes"; the plain name ("job") of a positional.
  std::string name;
  ValueBinding value;
  std::string help;
  /// Heading in the help; empty for "Options".
  std::string group{};
  bool positional = false;
  bool is_required = false;
  /// Not shown in help, manual and completion.
  bool is_hidden = false;

  Argument& required();
  Argument& hidden();
  /// Puts the argument under its own heading, such as "Resources".
  Argument& in(std::string heading);
  /// What stands for the value in the help.
  Argument& placeholder(std::string text);
  Argument& completes(Completion completion);

  /// "--yes" of "-y,--yes".
  [[nodiscard]] std::string long_name() const;
};

struct Example {
  std::string line;
  /// What it does, in a few words.
  std::string says;
};

struct ExitNote {
  ExitCode code;
  /// When this command ends so; empty for the general meaning.
  std::string when;
};

/// What a command gets when it runs.
struct Invocation {
  terminal::Terminal out;
  terminal::Terminal err;
  bool json = false;
  bool yes = false;
  bool utc = false;

  /// Reports a failure on standard error as text or JSON and gives the code to return.
  ExitCode fail(ExitCode code, const terminal::Failure& failure) const;
};

class Command {
 public:
  using Action = std::function<ExitCode(const Invocation&)>;

  Command(std::string name, std::string summary);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// A command below this one. `summary` is one line without a full stop.
  Command& add(std::string name, std::string summary);

  /// The long help; paragraphs are separated by empty lines.
  Command& describe(std::string text);
  Command& example(std::string line, std::string says);
  /// Codes besides ok, failure and usage, which every command may return.
  Command& returns(ExitCode code, std::string when = {});
  Command& run(Action action);

  /// A flag with a value ("--max-price") or, for a bool, a switch. The variable keeps its value if it is not given.
  template <class T>
  Argument& option(const std::string& name, T& target, const std::string& help) {
    return add_argument({name, bind(target), help});
  }
  /// An argument without a flag, in order; a list takes all that follow.
  template <class T>
  Argument& positional(const std::string& name, T& target, const std::string& help) {
    Argument argument{name, bind(target), help};
    argument.positional = true;
    return add_argument(std::move(argument));
  }
  Argument& add_argument(Argument argument);
  /// Takes everything behind "--" unread: a job's own command line.
  Command& takes_rest(std::string name, std::vector<std::string>& target, std::string help);

  /// Adds --json. Every command that prints something says this.
  Command& prints();
  /// Adds -y, --yes. Every command that asks something says this.
  Command& asks();
  /// Not listed in help, manual and completion.
  Command& hidden();
  /// Runs without loading the configuration, so that it also works when that is broken.
  Command& without_configuration();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& summary() const { return summary_; }
  [[nodiscard]] const std::string& description() const { return description_; }
  [[nodiscard]] const std::vector<Example>& examples() const { return examples_; }
  [[nodiscard]] const std::vector<ExitNote>& exit_notes() const { return exit_notes_; }
  [[nodiscard]] const std::deque<Argument>& arguments() const { return arguments_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }
  [[nodiscard]] const Command* parent() const { return parent_; }
  [[nodiscard]] const Argument* rest() const { return rest_.get(); }
  [[nodiscard]] const Action& action() const { return action_; }
  [[nodiscard]] bool is_hidden() const { return hidden_; }
  [[nodiscard]] bool takes_json() const { return takes_json_; }
  [[nodiscard]] bool takes_yes() const { return takes_yes_; }
  [[nodiscard]] bool needs_configuration() const { return needs_configuration_; }
  /// "starminer vault create".
  [[nodiscard]] std::string path() const;
  /// The command below this one with this name, or null.
  [[nodiscard]] const Command* find(std::string_view name) const;

 private:
  std::string name_;
  std::string summary_;
  std::string description_;
  std::vector<Example> examples_;
  std::vector<ExitNote> exit_notes_;
  std::deque<Argument> arguments_;
  std::unique_ptr<Argument> rest_;
  std::vector<std::unique_ptr<Command>> commands_;
  const Command* parent_ = nullptr;
  Action action_;
  bool hidden_ = false;
  bool takes_json_ = false;
  bool takes_yes_ = false;
  bool needs_configuration_ = true;
};

/// Commands in the order of declaration with all their sub-commands, hidden ones left out.
[[nodiscard]] std::vector<const Command*> visible_commands(const Command& root);

}  // namespace starminer::config
