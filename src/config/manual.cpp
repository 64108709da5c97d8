#include "config/manual.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/help.h"

namespace starminer::config {
namespace {

/// Text as roff shows it: no character starts a request or an escape, and "-" can be copied.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool line_start = out.empty() || out.back() == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string paragraphs(std::string_view text) {
  std::string out = escaped(text);
  for (std::size_t at = out.find("\n\n"); at != std::string::npos; at = out.find("\n\n", at))
    out.replace(at, 2, "\n.PP\n");
  return out;
}

std::string page_title(const Command& command) {
  std::string title = command.path();
  std::replace(title.begin(), title.end(), ' ', '-');
  return title;
}

void add_see_also(std::string& out, const Command& command) {
  std::vector<std::string> pages;
  if (command.parent() != nullptr) pages.push_back(page_title(*command.parent()));
  for (const auto& child : command.commands()) {
    if (!child->is_hidden()) pages.push_back(page_title(*child));
  }
  if (pages.empty()) return;
  out += ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < pages.size(); ++i) {
    out += fmt::format(".BR {} (1){}\n", escaped(pages[i]), i + 1 < pages.size() ? "," : "");
  }
}

void add_configuration(std::string& out, const Program& program) {
  if (program.options() == nullptr) return;
  out +=
      ".SH CONFIGURATION\nEach option can be set in the configuration file, by an environment variable and by a flag; "
      "the later wins.\n";
  for (const Option& option : program.options()->all()) {
    out += fmt::format(".TP\n.B {}\n{} Environment: {}.", escaped(option.name), escaped(option.help),
                       escaped(option.variable()));
    if (!option.secret) out += fmt::format(" Flag: {}.", escaped(option.flag()));
    out += fmt::format(" Default: {}.\n", escaped(fmt::format("{}", fmt::join(option.default_value, ", "))));
  }
  if (program.default_files().empty()) return;
  out += ".SH FILES\n";
  for (const auto& file : program.default_files())
    out += fmt::format(".TP\n.I {}\nRead if it exists and no other is named.\n", escaped(file.string()));
}

}  // namespace

std::string manual_page_name(const Command& command) { return page_title(command) + ".1"; }

std::string manual_page(const Program& program, const Command& command) {
  std::string upper = page_title(command);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string out = fmt::format(".TH \"{}\" \"1\" \"\" \"{} {}\" \"User Commands\"\n", escaped(upper),
                                escaped(program.text().name), escaped(program.text().version));
  out += fmt::format(".SH NAME\n{} \\- {}\n", escaped(page_title(command)), escaped(command.summary()));
  const std::string usage = usage_line(program, command);
  out += fmt::format(".SH SYNOPSIS\n.B {}\n{}\n", escaped(command.path()),
                     escaped(usage.substr(command.path().size() + 1)));
  out += fmt::format(".SH DESCRIPTION\n{}\n",
                     paragraphs(command.description().empty() ? command.summary() + "." : command.description()));
  std::string commands;
  for (const auto& child : command.commands()) {
    if (!child->is_hidden())
      commands += fmt::format(".TP\n.B {}\n{}\n", escaped(child->name()), escaped(child->summary() + "."));
  }
  if (!commands.empty()) out += ".SH COMMANDS\n" + commands;
  out += ".SH OPTIONS\n";
  for (const ArgumentGroup& group : argument_groups(program, command)) {
    out += fmt::format(".SS {}\n", escaped(group.heading));
    for (const ArgumentLine& line : group.lines)
      out += fmt::format(".TP\n.B {}\n{}\n", escaped(line.usage), escaped(line.help));
  }
  if (command.parent() == nullptr) add_configuration(out, program);
  if (!command.examples().empty()) out += ".SH EXAMPLES\n";
  for (const Example& example : command.examples()) {
    out += fmt::format(".TP\n{}\n.nf\n.B {}\n.fi\n", escaped(example.says + ":"), escaped("$ " + example.line));
  }
  out += ".SH EXIT STATUS\n";
  for (const ExitNote& note : exit_notes_of(command)) {
    out += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(note.code), escaped(note.when));
  }
  add_see_also(out, command);
  return out;
}

ExitCode write_manual_pages(const Program& program, const std::filesystem::path& folder, const Invocation& invocation) {
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  for (const Command* command : visible_commands(program.root())) {
    const auto path = folder / manual_page_name(*command);
    std::ofstream file(path, std::ios::binary);
    file << manual_page(program, *command);
    file.close();
    if (!file)
      return invocation.fail(ExitCode::Failure,
                             {"cannot write " + path.string(), "", fault ? fault.message() : "", {}});
    invocation.out.line(path.string());
  }
  return ExitCode::Ok;
}

}  // namespace starminer::config
