#include "client/job_file/yaml_tree.h"

#include <algorithm>
#include <array>
#include <istream>
#include <optional>
#include <streambuf>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "client/job_file/limits.h"
#include "client/job_file/utf8.h"

namespace starminer::client::job_file {
namespace {

/// Stops yaml-cpp from inside an event; caught in read_yaml.
struct Stop {
  Place place;
  std::string text;
};

Place place_of(const YAML::Mark& mark) {
  return {static_cast<std::uint32_t>(std::max(mark.line, 0)) + 1,
          static_cast<std::uint32_t>(std::max(mark.column, 0)) + 1};
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_in(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_integer(std::string_view text) {
  if (text.starts_with("0o")) return all_in(text.substr(2), "01234567");
  if (text.starts_with("0x")) return all_in(text.substr(2), "0123456789abcdefABCDEF");
  if (text.starts_with("+") || text.starts_with("-")) text.remove_prefix(1);
  return all_in(text, "0123456789");
}

bool is_float(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  if (text.starts_with("+") || text.starts_with("-")) text.remove_prefix(1);
  if (is_one_of(text, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) return true;
  const auto take_digits = [&] {
    const std::size_t count = std::min(text.find_first_not_of(kDigits), text.size());
    text.remove_prefix(count);
    return count;
  };
  std::size_t digits = take_digits();
  if (text.starts_with(".")) {
    text.remove_prefix(1);
    digits += take_digits();
  }
  if (digits == 0) return false;
  if (text.starts_with("e") || text.starts_with("E")) {
    text.remove_prefix(1);
    if (text.starts_with("+") || text.starts_with("-")) text.remove_prefix(1);
    if (take_digits() == 0) return false;
  }
  return text.empty();
}

YamlType plain_type(std::string_view text) {
  if (text.empty() || is_one_of(text, {"~", "null", "Null", "NULL"})) return YamlType::Null;
  if (is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"})) return YamlType::Boolean;
  if (is_integer(text)) return YamlType::Integer;
  return is_float(text) ? YamlType::Float : YamlType::String;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<Stop>& duplicates) : duplicates_(duplicates) {}

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    YamlNode node;
    node.place = place_of(mark);
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    throw Stop{place_of(mark), "aliases (*name) are not used in a job file: write the value out"};
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    // yaml-cpp reports "?" for plain and "!" for quoted scalars; anything else was written by the user.
    if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark);
    YamlNode node;
    node.type = tag == "!" ? YamlType::String : plain_type(value);
    node.text = value;
    node.place = place_of(mark);
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(YamlType::List, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(YamlType::Map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] YamlNode take_root() && {
    return std::move(root_).value_or(YamlNode{.type = YamlType::Null, .place = start_});
  }

 private:
  struct Open {
    YamlNode node;
    /// A key that waits for its value.
    std::optional<YamlNode> key{};
  };

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      throw Stop{place_of(mark), "anchors (&name) are not used in a job file: write the value where it is needed"};
    }
  }

  static void refuse_tag(const YAML::Mark& mark) {
    throw Stop{place_of(mark), "tags (!name) are not used in a job file: put a text into quotes instead"};
  }

  void count(const Place& place) {
    if (++nodes_ > kNodesMax) throw Stop{place, fmt::format("too many values: at most {}", kNodesMax)};
  }

  void open(YamlType type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark);
    if (stack_.size() >= kDepthMax)
      throw Stop{place_of(mark), fmt::format("nested too deeply: at most {} levels", kDepthMax)};
    Open level;
    level.node.type = type;
    level.node.place = place_of(mark);
    stack_.push_back(std::move(level));
  }

  void close() {
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    count(node.place);
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& level = stack_.back();
    if (level.node.type == YamlType::List) {
      level.node.items.push_back(std::move(node));
    } else if (!level.key) {
      if (node.type == YamlType::List || node.type == YamlType::Map)
        throw Stop{node.place, "the name of a field must be a plain text"};
      level.key = std::move(node);
    } else {
      add_entry(level, std::move(node));
    }
  }

  void add_entry(Open& level, YamlNode value) {
    YamlNode& map = level.node;
    const auto earlier = std::find(map.keys.begin(), map.keys.end(), level.key->text);
    if (earlier != map.keys.end()) {
      const Place& first = map.key_places[static_cast<std::size_t>(earlier - map.keys.begin())];
      duplicates_.push_back({level.key->place, fmt::format("\"{}\" stands twice; it is already in line {}",
                                                           shown(level.key->text), first.line)});
    } else {
      map.keys.push_back(std::move(level.key->text));
      map.key_places.push_back(std::move(level.key->place));
      map.items.push_back(std::move(value));
    }
    level.key.reset();
  }

  std::vector<Stop>& duplicates_;
  std::vector<Open> stack_;
  std::optional<YamlNode> root_;
  Place start_;
  std::size_t nodes_ = 0;
};

/// Reads from a view without a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* const start = const_cast<char*>(text.data());  // the stream only reads
    setg(start, start, start + text.size());
  }
};

Place place_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<std::uint32_t>(offset - line_start) + 1};
}

Problem problem_at(std::string_view file_name, const Place& place, std::string text) {
  return {fmt::format("{}:{}:{}", file_name, place.line, place.column), std::move(text), place.line, place.column};
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
}

std::string_view type_text(YamlType type) {
  constexpr std::array<std::string_view, 7> kTexts = {
      "nothing", "true or false", "a whole number", "a number with a point", "a text", "a list", "a group of fields"};
  return kTexts[static_cast<std::size_t>(type)];
}

YamlNode read_yaml(std::string_view text, std::string_view file_name, std::vector<Problem>& problems) {
  const auto report = [&](const Place& place, std::string what) {
    problems.push_back(problem_at(file_name, place, std::move(what)));
  };
  const YamlNode nothing{.type = YamlType::Map};
  if (text.size() > kFileBytesMax) {
    report({1, 1}, fmt::format("the file has {} bytes: at most {} are read", text.size(), kFileBytesMax));
    return nothing;
  }
  if (const auto fault = find_bad_text(text)) {
    report(place_at(text, *fault), "here is a byte that is neither UTF-8 text nor a line break or tab");
    return nothing;
  }
  std::vector<Stop> duplicates;
  TreeBuilder builder(duplicates);
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  try {
    YAML::Parser parser(stream);
    const bool found = parser.HandleNextDocument(builder);
    TreeBuilder second(duplicates);
    if (found && parser.HandleNextDocument(second)) {
      const YamlNode other = std::move(second).take_root();
      throw Stop{other.place, "a job file holds one document: remove the second one"};
    }
  } catch (const Stop& stop) {
    report(stop.place, stop.text);
    return nothing;
  } catch (const YAML::ParserException& error) {
    report(place_of(error.mark), "not valid YAML: " + error.msg);
    return nothing;
  } catch (const YAML::Exception& error) {
    report(place_of(error.mark), "not valid YAML: " + error.msg);
    return nothing;
  }
  for (const Stop& duplicate : duplicates) report(duplicate.place, duplicate.text);
  YamlNode root = std::move(builder).take_root();
  if (root.type == YamlType::Null) return nothing;
  if (root.type != YamlType::Map) {
    report(root.place, fmt::format("expected fields such as \"kind: training\", found {}", type_text(root.type)));
    return nothing;
  }
  return root;
}

}  // namespace starminer::client::job_file
