#include "config/help.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "terminal/text.h"

namespace starminer::config {
namespace {

constexpr std::size_t kHelpWidthMax = 110;
constexpr std::size_t kUsageWidthMax = 30;

std::string usage_of(const Argument& argument) {
  if (argument.positional) return argument.value.placeholder;
  std::string names = argument.name;
  if (const std::size_t comma = names.find(','); comma != std::string::npos) names.insert(comma + 1, " ");
  if (argument.value.shape == ValueShape::Boolean) return names;
  return names + " " + argument.value.placeholder + (argument.value.shape == ValueShape::List ? " ..." : "");
}

std::string help_of(const Argument& argument) {
  std::string text = argument.help;
  const auto defaults = argument.value.show();
  const bool shown = argument.value.shape != ValueShape::Boolean && !defaults.empty() && !defaults.front().empty();
  // The variable still holds its default when help is shown: values are assigned only when a command runs.
  if (shown) text += fmt::format(" [default: {}]", fmt::join(defaults, ", "));
  return text;
}

void add_line(std::vector<ArgumentGroup>& groups, const std::string& heading, ArgumentLine line) {
  auto found = std::find_if(groups.begin(), groups.end(), [&](const ArgumentGroup& g) { return g.heading == heading; });
  if (found == groups.end()) found = groups.insert(groups.end(), ArgumentGroup{heading, {}});
  found->lines.push_back(std::move(line));
}

class Page {
 public:
  explicit Page(const terminal::Terminal& terminal)
      : terminal_(terminal), width_(std::min(terminal.width(), kHelpWidthMax)) {}

  void heading(std::string_view text) { out_ += "\n" + terminal_.paint(terminal::Style::Strong, text) + "\n"; }
  void text(std::string_view text, std::size_t indent) { out_ += terminal::wrap(text, width_, indent) + "\n"; }

  void lines(const std::vector<ArgumentLine>& lines) {
    std::size_t column = 0;
    for (const ArgumentLine& line : lines) {
      const std::size_t width = terminal::display_width(line.usage);
      if (width <= kUsageWidthMax) column = std::max(column, width);
    }
    for (const ArgumentLine& line : lines) {
      std::string text = terminal::wrap(line.help, width_, column + 4);
      const bool fits = terminal::display_width(line.usage) <= column;
      if (fits) text.erase(0, std::min(text.size(), column + 4));
      out_ += "  " + (fits ? terminal::pad_right(line.usage, column) + "  " : line.usage + "\n") + text;
      out_.erase(out_.find_last_not_of(" \n") + 1);
      out_ += "\n";
    }
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  const terminal::Terminal& terminal_;
  std::size_t width_;
  std::string out_;
};

void add_commands(Page& page, const Command& command) {
  std::vector<ArgumentLine> lines;
  for (const auto& child : command.commands()) {
    if (!child->is_hidden()) lines.push_back({child->name(), child->summary()});
  }
  if (lines.empty()) return;
  page.heading("Commands");
  page.lines(lines);
}

void add_configuration(Page& page, const Program& program, const Command& command) {
  if (program.options() == nullptr || program.options()->all().empty()) return;
  page.heading("Configuration");
  if (command.parent() != nullptr) {
    page.text(
        fmt::format("Every option of the configuration can be given as a flag, such as {}; \"{} --help\" lists them.",
                    program.options()->all().front().flag(), program.text().name),
        2);
    return;
  }
  page.text("A flag wins over the environment, which wins over the configuration file (--config).", 2);
  std::vector<ArgumentLine> lines;
  for (const Option& option : program.options()->all()) {
    const std::string value = option.value.shape == ValueShape::Boolean ? "" : " " + option.value.placeholder;
    const std::string usage = option.secret ? option.variable() : option.flag() + value;
    lines.push_back({usage, option.help + fmt::format(" [default: {}]", fmt::join(option.default_value, ", "))});
  }
  page.lines(lines);
}

void add_examples(Page& page, const Command& command) {
  if (command.examples().empty()) return;
  page.heading("Examples");
  for (const Example& example : command.examples()) {
    page.text(example.says + ":", 2);
    page.text("$ " + example.line, 4);
  }
}

void add_exit_codes(Page& page, const Command& command) {
  page.heading("Exit codes");
  std::vector<ArgumentLine> lines;
  for (const ExitNote& note : exit_notes_of(command)) {
    lines.push_back({std::to_string(static_cast<int>(note.code)), note.when});
  }
  page.lines(lines);
}

}  // namespace

std::string usage_line(const Program& program, const Command& command) {
  (void)program;
  std::string line = command.path();
  const bool has_visible = std::any_of(command.commands().begin(), command.commands().end(),
                                       [](const auto& child) { return !child->is_hidden(); });
  line += " [OPTIONS]";
  if (has_visible) line += command.action() ? " [COMMAND]" : " COMMAND";
  for (const Argument& argument : command.arguments()) {
    if (!argument.positional) continue;
    const std::string name = argument.value.placeholder + (argument.value.shape == ValueShape::List ? "..." : "");
    line += argument.is_required ? " " + name : " [" + name + "]";
  }
  if (command.rest() != nullptr) line += " [-- " + command.rest()->name + "...]";
  return line;
}

std::vector<ArgumentGroup> argument_groups(const Program& program, const Command& command) {
  std::vector<ArgumentGroup> groups;
  for (const Argument& argument : command.arguments()) {
    if (argument.positional && !argument.is_hidden)
      add_line(groups, "Arguments", {usage_of(argument), help_of(argument)});
  }
  if (command.rest() != nullptr)
    add_line(groups, "Arguments", {"-- " + command.rest()->name + "...", command.rest()->help});
  for (const Argument& argument : command.arguments()) {
    if (argument.positional || argument.is_hidden) continue;
    add_line(groups, argument.group.empty() ? "Options" : argument.group, {usage_of(argument), help_of(argument)});
  }
  const std::string general = "General options";
  if (command.takes_json()) add_line(groups, general, {"--json", "Print JSON instead of text, for scripts."});
  if (command.takes_yes()) add_line(groups, general, {"-y, --yes", "Answer every question with yes."});
  for (const Argument& argument : program.global_arguments()) {
    if (!argument.is_hidden) add_line(groups, general, {usage_of(argument), help_of(argument)});
  }
  if (command.parent() == nullptr) add_line(groups, general, {"--version", "Print the version."});
  add_line(groups, general, {"-h, --help", "Print this help."});
  return groups;
}

std::vector<ExitNote> exit_notes_of(const Command& command) {
  std::vector<ExitNote> notes = command.exit_notes();
  for (const ExitCode common : {ExitCode::Ok, ExitCode::Failure, ExitCode::Usage}) {
    const bool there = std::any_of(notes.begin(), notes.end(), [&](const ExitNote& n) { return n.code == common; });
    if (!there) notes.push_back({common, ""});
  }
  std::sort(notes.begin(), notes.end(), [](const ExitNote& a, const ExitNote& b) { return a.code < b.code; });
  for (ExitNote& note : notes) {
    if (note.when.empty()) note.when = std::string(exit_code_row(note.code).meaning);
  }
  return notes;
}

std::string help_text(const Program& program, const Command& command, const terminal::Terminal& terminal) {
  Page page(terminal);
  page.text(command.summary() + ".", 0);
  page.heading("Usage");
  page.text(usage_line(program, command), 2);
  if (!command.description().empty()) {
    page.heading("Description");
    page.text(command.description(), 2);
  }
  add_commands(page, command);
  for (const ArgumentGroup& group : argument_groups(program, command)) {
    page.heading(group.heading);
    page.lines(group.lines);
  }
  add_configuration(page, program, command);
  add_examples(page, command);
  add_exit_codes(page, command);
  return std::move(page).take();
}

}  // namespace starminer::config
