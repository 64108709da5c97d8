#include "config/completion.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace starminer::config {
namespace {

/// An option as a shell sees it.
struct Flag {
  std::string long_name;
  std::string short_name;
  std::string help;
  bool takes_value = false;
  std::vector<std::string> choices{};
  Completion completion = Completion::None;
};

/// What may stand behind one command.
struct Place {
  std::string path;
  std::vector<const Command*> commands{};
  std::vector<Flag> flags{};
  /// Of the first positional argument.
  std::vector<std::string> choices{};
  Completion completion = Completion::None;
};

Flag flag_of(const Argument& argument) {
  const bool takes_value = argument.value.shape != ValueShape::Boolean;
  Flag flag{argument.long_name(), "", argument.help, takes_value, {}, argument.value.completion};
  if (takes_value) flag.choices = argument.value.choices;
  if (argument.name != flag.long_name) flag.short_name = argument.name.substr(0, argument.name.find(','));
  return flag;
}

Place place_of(const Program& program, const Command& command) {
  Place place{command.path()};
  for (const auto& child : command.commands()) {
    if (!child->is_hidden()) place.commands.push_back(child.get());
  }
  bool first_positional = true;
  for (const Argument& argument : command.arguments()) {
    if (argument.is_hidden) continue;
    if (!argument.positional) {
      place.flags.push_back(flag_of(argument));
    } else if (first_positional) {
      place.choices = argument.value.choices;
      place.completion = argument.value.completion;
      first_positional = false;
    }
  }
  for (const Argument& argument : program.global_arguments()) place.flags.push_back(flag_of(argument));
  if (command.takes_json()) place.flags.push_back({"--json", "", "Print JSON instead of text, for scripts."});
  if (command.takes_yes()) place.flags.push_back({"--yes", "-y", "Answer every question with yes."});
  place.flags.push_back({"--help", "-h", "Print help."});
  if (command.parent() == nullptr) place.flags.push_back({"--version", "", "Print the version."});
  if (program.options() == nullptr) return place;
  for (const Option& option : program.options()->all()) {
    if (option.secret) continue;
    const bool takes_value = option.value.shape != ValueShape::Boolean;
    place.flags.push_back({option.flag(), "", option.help, takes_value,
                           takes_value ? option.value.choices : std::vector<std::string>(), option.value.completion});
  }
  return place;
}

std::vector<Place> places_of(const Program& program) {
  std::vector<Place> places;
  for (const Command* command : visible_commands(program.root())) places.push_back(place_of(program, *command));
  return places;
}

/// For single quotes of any of the three shells; descriptions hold no backslashes.
std::string quoted(std::string_view text, std::string_view quote_escape) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += quote_escape;
    } else {
      out.push_back(c == '\n' ? ' ' : c);
    }
  }
  return out + "'";
}

std::string posix_quoted(std::string_view text) { return quoted(text, "'\\''"); }
std::string fish_quoted(std::string_view text) { return quoted(text, "\\'"); }

std::string function_name(const Program& program) {
  std::string name = "_" + program.text().name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// Case patterns of all command paths below the program, for walking along the words.
std::string path_patterns(const std::vector<Place>& places, std::string_view separator) {
  std::vector<std::string> patterns;
  for (std::size_t i = 1; i < places.size(); ++i) patterns.push_back(posix_quoted(places[i].path));
  if (patterns.empty()) patterns.emplace_back("''");
  return fmt::format("{}", fmt::join(patterns, separator));
}

std::vector<std::string> words_of(const Place& place) {
  std::vector<std::string> words = place.choices;
  for (const Command* command : place.commands) words.push_back(command->name());
  return words;
}

std::vector<std::string> flag_words(const Place& place) {
  std::vector<std::string> words;
  for (const Flag& flag : place.flags) {
    words.push_back(flag.long_name);
    if (!flag.short_name.empty()) words.push_back(flag.short_name);
  }
  return words;
}

constexpr std::string_view kBashHead = R"(# bash completion for {name}
{function}() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" path={quoted_name} words="" flags="" files="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${{COMP_WORDS[i]}}" in
      {patterns}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$path $prev" in
)";

constexpr std::string_view kBashTail = R"(  esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n "$files" ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen "$files" -- "$cur"))
  fi
}}
complete -F {function} {name}
)";

std::string bash_action(const Flag& flag) {
  if (!flag.choices.empty())
    return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", fmt::join(flag.choices, " "));
  if (flag.completion == Completion::None) return ":";
  const char* const kind = flag.completion == Completion::Directory ? "-d" : "-f";
  return fmt::format("compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen {} -- \"$cur\"))", kind);
}

std::string bash_script(const Program& program, const std::vector<Place>& places) {
  const std::string& name = program.text().name;
  std::string out =
      fmt::format(kBashHead, fmt::arg("name", name), fmt::arg("function", function_name(program)),
                  fmt::arg("quoted_name", posix_quoted(name)), fmt::arg("patterns", path_patterns(places, "|")));
  for (const Place& place : places) {
    for (const Flag& flag : place.flags) {
      if (!flag.takes_value) continue;
      out += fmt::format("    {}) {}; return ;;\n", posix_quoted(place.path + " " + flag.long_name), bash_action(flag));
    }
  }
  out += "  esac\n  case \"$path\" in\n";
  for (const Place& place : places) {
    const char* const files = place.completion == Completion::None        ? ""
                              : place.completion == Completion::Directory ? " files='-d'"
                                                                          : " files='-f'";
    out += fmt::format("    {}) words='{}' flags='{}'{} ;;\n", posix_quoted(place.path),
                       fmt::join(words_of(place), " "), fmt::join(flag_words(place), " "), files);
  }
  return out + fmt::format(kBashTail, fmt::arg("name", name), fmt::arg("function", function_name(program)));
}

constexpr std::string_view kZshHead = R"(#compdef {name}
{function}() {{
  local cmd={quoted_name} i
  local -a commands flags
  for (( i = 2; i < CURRENT; i++ )); do
    case "$cmd ${{words[i]}}" in
      ({patterns}) cmd="$cmd ${{words[i]}}" ;;
    esac
  done
  case "$cmd ${{words[CURRENT-1]}}" in
)";

constexpr std::string_view kZshTail = R"(  esac
  if [[ "${{words[CURRENT]}}" == -* ]]; then
    _describe -o 'option' flags
  elif (( ${{#commands}} )); then
    _describe 'command' commands
  fi
}}
if [ "$funcstack[1]" = "{function}" ]; then
  {function} "$@"
else
  compdef {function} {name}
fi
)";

std::string zsh_item(std::string_view name, std::string_view help) {
  return posix_quoted(fmt::format("{}:{}", name, help));
}

std::string zsh_files(Completion completion) { return completion == Completion::Directory ? "_files -/" : "_files"; }

std::string zsh_script(const Program& program, const std::vector<Place>& places) {
  const std::string& name = program.text().name;
  std::string out =
      fmt::format(kZshHead, fmt::arg("name", name), fmt::arg("function", function_name(program)),
                  fmt::arg("quoted_name", posix_quoted(name)), fmt::arg("patterns", path_patterns(places, "|")));
  for (const Place& place : places) {
    for (const Flag& flag : place.flags) {
      if (!flag.takes_value) continue;
      std::string action = ":";
      if (!flag.choices.empty()) {
        action = fmt::format("compadd {}", fmt::join(flag.choices, " "));
      } else if (flag.completion != Completion::None) {
        action = zsh_files(flag.completion);
      }
      out += fmt::format("    ({}) {}; return ;;\n", posix_quoted(place.path + " " + flag.long_name), action);
    }
  }
  out += "  esac\n  case \"$cmd\" in\n";
  for (const Place& place : places) {
    out += fmt::format("    ({})\n      commands=(\n", posix_quoted(place.path));
    for (const std::string& choice : place.choices) out += "        " + zsh_item(choice, "") + "\n";
    for (const Command* command : place.commands)
      out += "        " + zsh_item(command->name(), command->summary()) + "\n";
    out += "      )\n      flags=(\n";
    for (const Flag& flag : place.flags) {
      out += "        " + zsh_item(flag.long_name, flag.help) + "\n";
      if (!flag.short_name.empty()) out += "        " + zsh_item(flag.short_name, flag.help) + "\n";
    }
    out += "      )\n";
    if (place.completion != Completion::None) {
      out += fmt::format("      [[ \"${{words[CURRENT]}}\" == -* ]] || {}\n", zsh_files(place.completion));
    }
    out += "      ;;\n";
  }
  return out + fmt::format(kZshTail, fmt::arg("name", name), fmt::arg("function", function_name(program)));
}

constexpr std::string_view kFishHead = R"(# fish completion for {name}
function _{function}_at
    set -l path {quoted_name}
    for word in (commandline -opc)[2..-1]
        switch "$path $word"
            case {patterns}
                set path "$path $word"
        end
    end
    test "$path" = "$argv[1]"
end
complete -c {name} -f
)";

std::string fish_script(const Program& program, const std::vector<Place>& places) {
  const std::string& name = program.text().name;
  const std::string function = function_name(program);
  std::string out =
      fmt::format(kFishHead, fmt::arg("name", name), fmt::arg("function", function),
                  fmt::arg("quoted_name", fish_quoted(name)), fmt::arg("patterns", path_patterns(places, " ")));
  for (const Place& place : places) {
    const std::string line =
        fmt::format("complete -c {} -n {}", name, fish_quoted(fmt::format("_{}_at \"{}\"", function, place.path)));
    for (const Command* command : place.commands) {
      out += fmt::format("{} -a {} -d {}\n", line, fish_quoted(command->name()), fish_quoted(command->summary()));
    }
    if (!place.choices.empty()) out += fmt::format("{} -a '{}'\n", line, fmt::join(place.choices, " "));
    if (place.completion != Completion::None) out += fmt::format("{} -F\n", line);
    for (const Flag& flag : place.flags) {
      out += fmt::format("{} -l {}", line, flag.long_name.substr(2));
      if (!flag.short_name.empty()) out += fmt::format(" -s {}", flag.short_name.substr(1));
      if (!flag.choices.empty()) {
        out += fmt::format(" -x -a '{}'", fmt::join(flag.choices, " "));
      } else if (flag.takes_value) {
        out += flag.completion == Completion::None ? " -x" : " -r -F";
      }
      out += fmt::format(" -d {}\n", fish_quoted(flag.help));
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> completion_script(const Program& program, std::string_view shell) {
  const auto places = places_of(program);
  if (shell == "bash") return bash_script(program, places);
  if (shell == "zsh") return zsh_script(program, places);
  if (shell == "fish") return fish_script(program, places);
  return std::nullopt;
}

}  // namespace starminer::config
