#include "config/options.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/check.h"
#include "config/nearest.h"
#include "config/toml_layer.h"
#include "terminal/message.h"
#include "terminal/text.h"

namespace starminer::config {
namespace {

constexpr std::string_view kPrefix = "STARMINER_";
constexpr std::string_view kFileVariable = "STARMINER_CONFIG";
constexpr std::size_t kCommentWidth = 100;

/// Values of lists in the environment and behind flags are separated by commas.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::vector<std::string> list_texts(const Option& option, const std::vector<std::string>& texts) {
  if (option.value.shape != ValueShape::List) return texts;
  std::vector<std::string> all;
  for (const std::string& text : texts) {
    for (std::string& part : split_list(text)) all.push_back(std::move(part));
  }
  return all;
}

std::string toml_literal(const Option& option, const std::vector<std::string>& texts) {
  const bool bare = option.value.shape == ValueShape::Boolean || option.value.shape == ValueShape::Integer;
  if (option.value.shape != ValueShape::List) {
    return texts.empty() ? "\"\"" : bare ? texts.front() : terminal::json_quote(texts.front());
  }
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + terminal::json_quote(text);
  return "[" + list + "]";
}

}  // namespace

std::string Option::flag() const {
  std::string out = "--" + name;
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return out;
}

std::string Option::variable() const {
  std::string out(kPrefix);
  for (const char c : name)
    out.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return out;
}

std::string_view Option::group() const {
  const std::size_t point = name.rfind('.');
  return point == std::string::npos ? std::string_view() : std::string_view(name).substr(0, point);
}

std::map<std::string, std::string> starminer_environment() {
  std::map<std::string, std::string> found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || !text.starts_with(kPrefix)) continue;
    found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

Option& OptionTable::add_binding(std::string name, ValueBinding value, std::string help) {
  STARMINER_CHECK(find(name) == nullptr);
  Option& option = options_.emplace_back();
  option.name = std::move(name);
  option.help = std::move(help);
  option.value = std::move(value);
  option.default_value = option.value.show();
  return option;
}

const Option* OptionTable::find(std::string_view name) const {
  const auto found = std::find_if(options_.begin(), options_.end(), [name](const Option& o) { return o.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> names;
  for (const Option& option : options_) names.push_back(option.name);
  return names;
}

void OptionTable::load_environment(const Sources& sources, std::vector<ConfigError>& errors,
                                   std::vector<std::string>& warnings) {
  // Without the common prefix, which would make any two names look alike.
  std::vector<std::string> known = {std::string(kFileVariable.substr(kPrefix.size()))};
  for (Option& option : options_) {
    known.push_back(option.variable().substr(kPrefix.size()));
    const auto found = sources.environment.find(option.variable());
    if (found == sources.environment.end()) continue;
    if (const auto fault = option.value.assign(list_texts(option, {found->second}))) {
      errors.push_back({"environment variable " + option.variable(), *fault});
    } else {
      option.origin = {Layer::Environment, option.variable()};
    }
  }
  for (const auto& [variable, text] : sources.environment) {
    const std::string name = variable.substr(std::min(kPrefix.size(), variable.size()));
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (const auto near = nearest_name(name, known)) {
      warnings.push_back(
          fmt::format("environment variable {} sets nothing; did you mean {}{}?", variable, kPrefix, *near));
    }
  }
}

void OptionTable::load_flags(const Sources& sources, std::vector<ConfigError>& errors) {
  for (Option& option : options_) {
    const auto found = sources.flags.find(option.flag());
    if (found == sources.flags.end()) continue;
    if (const auto fault = option.value.assign(list_texts(option, found->second))) {
      errors.push_back({"flag " + option.flag(), *fault});
    } else {
      option.origin = {Layer::Flag, option.flag()};
    }
  }
}

Result<LoadReport, std::vector<ConfigError>> OptionTable::load(const Sources& sources) {
  LoadReport report;
  std::vector<ConfigError> errors;
  report.file = sources.file;
  const auto variable = sources.environment.find(std::string(kFileVariable));
  if (!report.file && variable != sources.environment.end() && !variable->second.empty()) {
    report.file = variable->second;
  }
  for (const auto& candidate : sources.default_files) {
    std::error_code ignored;
    if (!report.file && std::filesystem::exists(candidate, ignored)) report.file = candidate;
  }
  if (report.file) load_toml(*report.file, options_, errors);
  load_environment(sources, errors, report.warnings);
  load_flags(sources, errors);
  if (!errors.empty()) return fail(std::move(errors));
  return report;
}

std::string example_file(const OptionTable& options, std::string_view program) {
  std::string out = fmt::format(
      "# Configuration of {}. Every option is at its default; remove the \"#\" to change one.\n"
      "# Environment variables win over this file, flags win over both.\n",
      program);
  // Options without a table must come first in TOML; after that the tables in the order of declaration.
  std::vector<std::string_view> groups = {""};
  for (const Option& option : options.all()) {
    if (std::find(groups.begin(), groups.end(), option.group()) == groups.end()) groups.push_back(option.group());
  }
  for (const std::string_view group : groups) {
    if (!group.empty()) out += fmt::format("\n[{}]\n", group);
    for (const Option& option : options.all()) {
      if (option.group() != group) continue;
      const std::string key = group.empty() ? option.name : option.name.substr(group.size() + 1);
      std::string comment = terminal::wrap(option.help, kCommentWidth, 0);
      for (std::size_t at = comment.find('\n'); at != std::string::npos; at = comment.find('\n', at + 3)) {
        comment.insert(at + 1, "# ");
      }
      out += fmt::format("# {}\n# {} = {}\n", comment, key, toml_literal(option, option.default_value));
    }
  }
  return out;
}

std::string show_json(const OptionTable& options) {
  std::string out;
  for (const Option& option : options.all()) {
    const auto texts = option.value.show();
    std::string value = toml_literal(option, texts);
    if (option.secret) value = texts.empty() || texts.front().empty() ? "\"(not set)\"" : "\"(set)\"";
    constexpr std::string_view kLayers[] = {"default", "file", "environment", "flag"};
    out += fmt::format("{}{{\"name\":{},\"value\":{},\"layer\":\"{}\",\"where\":{}}}", out.empty() ? "" : ",",
                       terminal::json_quote(option.name), value, kLayers[static_cast<std::size_t>(option.origin.layer)],
                       terminal::json_quote(option.origin.where));
  }
  return "{\"options\":[" + out + "]}";
}

}  // namespace starminer::config
