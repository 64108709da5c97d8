#include "config/toml_layer.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "config/nearest.h"

namespace starminer::config {
namespace {

constexpr std::uintmax_t kFileBytesMax = std::uintmax_t{1} << 20;

std::string place(const std::filesystem::path& file, const toml::source_position& at) {
  return fmt::format("{}:{}:{}", file.string(), at.line, at.column);
}

std::string_view found_type(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  if (node.is_string()) return "a string";
  if (node.is_integer()) return "a whole number";
  if (node.is_floating_point()) return "a number with a point";
  if (node.is_boolean()) return "true or false";
  return "a date or time";
}

std::string_view expected_type(ValueShape shape) {
  switch (shape) {
    case ValueShape::Text: break;
    case ValueShape::Boolean: return "true or false";
    case ValueShape::Integer: return "a whole number";
    case ValueShape::List: return "a list of strings";
  }
  return "a string";
}

/// The texts that the binding takes, or nothing if the node has another type.
std::optional<std::vector<std::string>> texts_of(const toml::node& node, ValueShape shape) {
  if (const auto* text = node.as_string(); text != nullptr && shape == ValueShape::Text) return {{text->get()}};
  if (const auto* flag = node.as_boolean(); flag != nullptr && shape == ValueShape::Boolean) {
    return {{flag->get() ? "true" : "false"}};
  }
  if (const auto* number = node.as_integer(); number != nullptr && shape == ValueShape::Integer) {
    return {{std::to_string(number->get())}};
  }
  const auto* list = node.as_array();
  if (list == nullptr || shape != ValueShape::List) return std::nullopt;
  std::vector<std::string> texts;
  for (const toml::node& element : *list) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    texts.push_back(text->get());
  }
  return texts;
}

class Walk {
 public:
  Walk(const std::filesystem::path& file, std::deque<Option>& options) : file_(file), options_(options) {
    for (const Option& option : options) {
      names_.push_back(option.name);
      if (!option.group().empty()) names_.emplace_back(option.group());
    }
  }

  /// In the order of the file; the parsed table is ordered by name.
  [[nodiscard]] std::vector<ConfigError> errors() && {
    const auto earlier = [](const Found& a, const Found& b) {
      return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    };
    std::stable_sort(found_.begin(), found_.end(), earlier);
    std::vector<ConfigError> errors;
    for (Found& found : found_) errors.push_back({place(file_, found.at), std::move(found.text)});
    return errors;
  }

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      const auto found =
          std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
      if (found != options_.end()) {
        value(*found, node);
      } else if (node.is_table() && is_group(name)) {
        this->table(*node.as_table(), name + ".");
      } else {
        error(key.source().begin, fmt::format("unknown option \"{}\"{}", name, did_you_mean(name, names_)));
      }
    }
  }

 private:
  struct Found {
    toml::source_position at;
    std::string text;
  };

  [[nodiscard]] bool is_group(const std::string& name) const {
    return std::any_of(names_.begin(), names_.end(), [&](const std::string& n) { return n.starts_with(name + "."); });
  }

  void value(Option& option, const toml::node& node) {
    const auto at = node.source().begin;
    const auto texts = texts_of(node, option.value.shape);
    if (!texts) {
      error(at, fmt::format("{}: expected {}{}, found {}", option.name, expected_type(option.value.shape),
                            option.value.shape == ValueShape::Text ? " (" + option.value.placeholder + ")" : "",
                            found_type(node)));
    } else if (const auto fault = option.value.assign(*texts)) {
      error(at, fmt::format("{}: {}", option.name, *fault));
    } else {
      option.origin = {Layer::File, place(file_, at)};
    }
  }

  void error(const toml::source_position& at, std::string text) { found_.push_back({at, std::move(text)}); }

  const std::filesystem::path& file_;
  std::deque<Option>& options_;
  std::vector<Found> found_;
  std::vector<std::string> names_;
};

}  // namespace

void load_toml(const std::filesystem::path& file, std::deque<Option>& options, std::vector<ConfigError>& errors) {
  std::error_code fault;
  const auto bytes = std::filesystem::file_size(file, fault);
  if (!fault && bytes > kFileBytesMax) {
    errors.push_back({file.string(),
                      fmt::format("{} bytes are too many for a configuration file: at most {}", bytes, kFileBytesMax)});
    return;
  }
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  if (fault || !stream || !(content << stream.rdbuf() || stream.peek() == std::ifstream::traits_type::eof())) {
    errors.push_back({file.string(),
                      "cannot be read: " + (fault ? fault.message() : std::string("is it a file that you may read?"))});
    return;
  }
  try {
    const toml::table table = toml::parse(std::string_view(content.str()));
    Walk walk(file, options);
    walk.table(table, "");
    for (ConfigError& error : std::move(walk).errors()) errors.push_back(std::move(error));
  } catch (const toml::parse_error& error) {
    errors.push_back({place(file, error.source().begin), std::string(error.description())});
  }
}

}  // namespace starminer::config
