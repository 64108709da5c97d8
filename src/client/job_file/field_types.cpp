#include "client/job_file/field_types.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/job_file/limits.h"
#include "client/job_file/pattern.h"
#include "client/job_file/utf8.h"
#include "config/nearest.h"
#include "config/units.h"
#include "terminal/message.h"

namespace starminer::client::job_file {
namespace {

using config::UnitResult;

bool from_flag(const YamlNode& node) { return !node.place.flag.empty(); }

std::string found(const YamlNode& node) {
  const bool scalar = node.type != YamlType::List && node.type != YamlType::Map && node.type != YamlType::Null;
  return fmt::format("found {}{}", type_text(node.type), scalar ? " (" + shown(node.text) + ")" : "");
}

/// A text, or (from a flag) any scalar. Reports what else it is, with the way out for plain numbers and booleans.
bool is_text(const FieldInput& in, std::string_view expected) {
  if (in.node.type == YamlType::String || from_flag(in.node)) return true;
  const bool quotable =
      in.node.type == YamlType::Integer || in.node.type == YamlType::Float || in.node.type == YamlType::Boolean;
  in.fault(fmt::format("expected {}, {}{}", expected, found(in.node),
                       quotable ? fmt::format("; write \"{}\" for the text", shown(in.node.text)) : ""));
  return false;
}

/// A scalar that is not nothing.
bool is_scalar(const YamlNode& node) {
  return node.type == YamlType::Boolean || node.type == YamlType::Integer || node.type == YamlType::Float ||
         node.type == YamlType::String;
}

/// A value written as text with a unit, read by a parser of config/units.h.
template <class T, class Parse, class Accept>
FieldType unit_type(std::string placeholder, std::string_view pattern, std::string_view expected, Parse parse,
                    Accept accept) {
  FieldType type;
  type.schema = fmt::format(R"("type":"string","pattern":{})", json_text(pattern));
  type.placeholder = std::move(placeholder);
  type.decode = [parse, accept, expected = std::string(expected)](const FieldInput& in, JobFile& job) {
    const bool number = in.node.type == YamlType::Integer || in.node.type == YamlType::Float;
    if (!number && !is_text(in, expected)) return;
    // A bare number goes to the parser too: it says which unit is missing.
    const UnitResult<T> value = parse(in.node.text);
    if (!value) {
      in.fault(value.error().text);
    } else if (const std::optional<std::string> fault = accept(job, *value)) {
      in.fault(*fault);
    }
  };
  return type;
}

/// The items of a list; a single text counts as a list of one.
std::vector<const YamlNode*> items_of(const FieldInput& in, std::string_view expected, std::size_t count) {
  std::vector<const YamlNode*> items;
  if (in.node.type == YamlType::List) {
    for (const YamlNode& item : in.node.items) items.push_back(&item);
  } else if (is_scalar(in.node)) {
    items.push_back(&in.node);
  } else {
    in.fault(fmt::format("expected {}, {}", expected, found(in.node)));
  }
  if (items.size() > count) {
    in.fault(fmt::format("has {} items: at most {}", items.size(), count));
    items.clear();
  }
  return items;
}

std::string list_schema(const std::string& item, std::size_t count) {
  return fmt::format(R"("anyOf":[{{{0}}},{{"type":"array","maxItems":{1},"items":{{{0}}}}}])", item, count);
}

std::string enum_schema(const std::vector<std::string>& names) {
  std::string quoted;
  for (const std::string& name : names) quoted += (quoted.empty() ? "" : ",") + json_text(name);
  return "\"enum\":[" + quoted + "]";
}

std::string name_of(const FieldInput& in, std::size_t index) { return fmt::format("{}[{}]", in.field, index); }

}  // namespace

void Reporter::add(const Place& place, std::string_view field, std::string_view text) {
  Problem problem;
  problem.text = field.empty() ? std::string(text) : fmt::format("{}: {}", field, text);
  problem.line = place.line;
  problem.column = place.column;
  problem.where =
      place.flag.empty() ? fmt::format("{}:{}:{}", file_name_, place.line, place.column) : "flag " + place.flag;
  problems_.push_back(std::move(problem));
}

void Reporter::add_missing(std::string_view text) { problems_.push_back({file_name_, std::string(text)}); }

std::string json_text(std::string_view text) { return terminal::json_quote(text); }

FieldType text_type(std::string placeholder, const TextForm& form, Setter<std::string> set) {
  FieldType type;
  type.schema = fmt::format(R"("type":"string","pattern":{})", json_text(form.pattern));
  type.placeholder = std::move(placeholder);
  type.decode = [form, regex = Pattern(form.pattern), set = std::move(set)](const FieldInput& in, JobFile& job) {
    if (!is_text(in, form.says)) return;
    if (in.node.text.size() > kPathMax || !regex.matches(in.node.text)) {
      in.fault(fmt::format("\"{}\" is not {}", shown(in.node.text), form.says));
    } else {
      set(job, in.node.text);
    }
  };
  return type;
}

FieldType choice_type(std::vector<std::string> names, Setter<std::size_t> set) {
  FieldType type;
  type.schema = enum_schema(names);
  type.placeholder = fmt::format("{}", fmt::join(names, "|"));
  type.choices = names;
  type.decode = [names = std::move(names), set = std::move(set)](const FieldInput& in, JobFile& job) {
    const std::string expected = fmt::format("one of {}", fmt::join(names, ", "));
    if (!is_text(in, expected)) return;
    const auto name = std::find(names.begin(), names.end(), in.node.text);
    if (name == names.end()) {
      in.fault(
          fmt::format("\"{}\" is not {}{}", shown(in.node.text), expected, config::did_you_mean(in.node.text, names)));
    } else {
      set(job, static_cast<std::size_t>(name - names.begin()));
    }
  };
  return type;
}

FieldType switch_type(Setter<bool> set) {
  FieldType type;
  type.schema = R"("type":"boolean")";
  type.is_switch = true;
  type.decode = [set = std::move(set)](const FieldInput& in, JobFile& job) {
    if (in.node.type != YamlType::Boolean && !from_flag(in.node)) {
      in.fault("expected true or false, " + found(in.node));
    } else {
      set(job, in.node.text == "true" || in.node.text == "True" || in.node.text == "TRUE");
    }
  };
  return type;
}

FieldType integer_type(IntegerForm form, Setter<std::uint64_t> set) {
  FieldType type;
  type.schema = fmt::format(R"("type":"integer","minimum":{},"maximum":{})", form.low, form.high);
  if (form.step > 1) type.schema += fmt::format(R"(,"multipleOf":{})", form.step);
  type.placeholder = "N";
  const std::string steps = form.step > 1 ? fmt::format(", a multiple of {}", form.step) : "";
  const std::string expected = fmt::format("expected a whole number from {} to {}{}", form.low, form.high, steps);
  type.decode = [form, expected, set = std::move(set)](const FieldInput& in, JobFile& job) {
    const auto value = in.node.type == YamlType::Integer || from_flag(in.node)
                           ? config::parse_whole(in.node.text)
                                 .map([](std::uint64_t n) { return std::optional(n); })
                                 .value_or(std::nullopt)
                           : std::nullopt;
    if (!value || *value < form.low || *value > form.high || *value % form.step != 0) {
      in.fault(fmt::format("{}, {}", expected, found(in.node)));
    } else {
      set(job, *value);
    }
  };
  return type;
}

FieldType size_type(SizeRange range, Setter<std::uint64_t> set) {
  const auto accept = [range, set = std::move(set)](JobFile& job, config::ByteSize size) -> std::optional<std::string> {
    if (size.bytes < range.low || size.bytes > range.high) {
      return fmt::format("{} is out of range: expected {} to {}", config::format_size(size),
                         config::format_size({range.low}), config::format_size({range.high}));
    }
    set(job, size.bytes);
    return std::nullopt;
  };
  return unit_type<config::ByteSize>("SIZE", R"(^ *[0-9]+(\.[0-9]+)? *(B|kB|KB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB) *$)",
                                     R"(a size such as "2 GiB")", config::parse_size, accept);
}

namespace {

constexpr std::string_view kDurationPattern =
    R"(^ *([0-9]+(\.[0-9]+)? *(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?) *)+$)";

}  // namespace

FieldType duration_type(DurationForm form, Setter<std::chrono::milliseconds> set) {
  const auto accept = [form, set = std::move(set)](JobFile& job,
                                                   std::chrono::milliseconds value) -> std::optional<std::string> {
    const auto text = [](std::uint64_t ms) { return config::format_duration(std::chrono::milliseconds(ms)); };
    const auto ms = static_cast<std::uint64_t>(value.count());
    if (ms < form.low_ms || ms > form.high_ms) {
      return fmt::format("{} is out of range: expected {} to {}", text(ms), text(form.low_ms), text(form.high_ms));
    }
    if (ms % form.step_ms != 0) return fmt::format("{} is not a multiple of {}", text(ms), text(form.step_ms));
    set(job, value);
    return std::nullopt;
  };
  return unit_type<std::chrono::milliseconds>("DURATION", kDurationPattern, R"(a duration such as "90s" or "1h30m")",
                                              config::parse_duration, accept);
}

FieldType milli_type(std::uint32_t high_milli, Setter<std::uint32_t> set) {
  FieldType type;
  type.schema = fmt::format(R"("type":"number","minimum":0.001,"maximum":{})", config::format_milli(high_milli));
  type.placeholder = "N";
  type.decode = [high_milli, set = std::move(set)](const FieldInput& in, JobFile& job) {
    const bool number = in.node.type == YamlType::Integer || in.node.type == YamlType::Float || from_flag(in.node);
    const auto milli = config::parse_milli(in.node.text);
    if (!number) {
      in.fault(fmt::format("expected a number such as 4 or 1.5, {}", found(in.node)));
    } else if (!milli) {
      in.fault(milli.error().text);
    } else if (*milli == 0 || *milli > high_milli) {
      in.fault(fmt::format("{} is out of range: expected 0.001 to {}", shown(in.node.text),
                           config::format_milli(high_milli)));
    } else {
      set(job, *milli);
    }
  };
  return type;
}

FieldType percent_type(Setter<std::uint32_t> set) {
  const auto accept = [set = std::move(set)](JobFile& job, std::uint32_t ppm) -> std::optional<std::string> {
    set(job, ppm);
    return std::nullopt;
  };
  return unit_type<std::uint32_t>("PERCENT", R"(^ *[0-9]+(\.[0-9]{1,4})? *% *$)", R"(a percentage such as "90 %")",
                                  config::parse_percent, accept);
}

FieldType amount_type(Setter<Agpu> set) {
  const auto parse = [](const std::string& text) { return config::parse_token_amount(text, "AGPU"); };
  const auto accept = [set = std::move(set)](JobFile& job, std::uint64_t base) -> std::optional<std::string> {
    if (base == 0) return "must be more than 0";
    set(job, Agpu{base});
    return std::nullopt;
  };
  return unit_type<std::uint64_t>("AMOUNT", R"(^ *[0-9]+(\.[0-9]{1,9})? *AGPU *$)", R"(an amount such as "1.5 AGPU")",
                                  parse, accept);
}

FieldType checked_list_type(std::string placeholder, const TextForm& form, std::size_t count, ItemCheck check,
                            Setter<std::vector<std::string>> set) {
  FieldType type;
  type.schema = list_schema(fmt::format(R"("type":"string","pattern":{})", json_text(form.pattern)), count);
  type.placeholder = std::move(placeholder);
  type.is_list = true;
  type.decode = [form, count, check = std::move(check), regex = Pattern(form.pattern), set = std::move(set)](
                    const FieldInput& in, JobFile& job) {
    std::vector<std::string> texts;
    const std::size_t before = in.report.count();
    for (const YamlNode* item : items_of(in, form.says + " or a list of them", count)) {
      const FieldInput at{*item, in.field, in.report};
      if (!is_text(at, form.says)) continue;
      if (item->text.size() > kPathMax || !regex.matches(item->text)) {
        at.fault(fmt::format("\"{}\" is not {}", shown(item->text), form.says));
      } else if (const auto fault = check(item->text)) {
        at.fault(fmt::format("\"{}\": {}", shown(item->text), *fault));
      } else if (std::find(texts.begin(), texts.end(), item->text) != texts.end()) {
        at.fault(fmt::format("\"{}\" stands twice", shown(item->text)));
      } else {
        texts.push_back(item->text);
      }
    }
    if (in.report.count() == before) set(job, std::move(texts));
  };
  return type;
}

FieldType text_list_type(std::string placeholder, const TextForm& form, std::size_t count,
                         Setter<std::vector<std::string>> set) {
  return checked_list_type(
      std::move(placeholder), form, count, [](const std::string&) { return std::nullopt; }, std::move(set));
}

FieldType choice_list_type(std::vector<std::string> names, Setter<std::vector<std::size_t>> set) {
  FieldType type;
  type.schema = list_schema(enum_schema(names), names.size());
  type.placeholder = fmt::format("{}", fmt::join(names, "|"));
  type.choices = names;
  type.is_list = true;
  type.decode = [names = std::move(names), set = std::move(set)](const FieldInput& in, JobFile& job) {
    std::vector<std::size_t> found_names;
    const std::size_t before = in.report.count();
    const std::string expected = fmt::format("one of {}", fmt::join(names, ", "));
    for (const YamlNode* item : items_of(in, expected, names.size())) {
      const FieldInput at{*item, in.field, in.report};
      if (!is_text(at, expected)) continue;
      const auto name = std::find(names.begin(), names.end(), item->text);
      if (name == names.end()) {
        at.fault(
            fmt::format("\"{}\" is not {}{}", shown(item->text), expected, config::did_you_mean(item->text, names)));
      } else {
        found_names.push_back(static_cast<std::size_t>(name - names.begin()));
      }
    }
    std::sort(found_names.begin(), found_names.end());
    found_names.erase(std::unique(found_names.begin(), found_names.end()), found_names.end());
    if (in.report.count() == before) set(job, std::move(found_names));
  };
  return type;
}

FieldType deadline_type() {
  constexpr std::string_view kTimePattern = R"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)";
  FieldType type;
  // Either form; the pattern of a duration keeps its own anchors.
  const std::string pattern = fmt::format("^{}$|{}", kTimePattern, kDurationPattern);
  type.schema = fmt::format(R"("type":"string","pattern":{})", json_text(pattern));
  type.placeholder = "TIME|DURATION";
  type.decode = [form = Pattern(fmt::format("^{}$", kTimePattern))](const FieldInput& in, JobFile& job) {
    constexpr std::string_view kExpected =
        R"(a time such as "2026-10-01T12:00:00Z" or a duration from submission such as "6h")";
    if (!is_text(in, kExpected)) return;
    const std::string& text = in.node.text;
    if (text.size() == 20 && form.matches(text)) {
      const auto number = [&](std::size_t at, std::size_t length) { return std::stoi(text.substr(at, length)); };
      const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                             std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                             std::chrono::day(static_cast<unsigned>(number(8, 2)))};
      const int hours = number(11, 2);
      const int minutes = number(14, 2);
      const int seconds = number(17, 2);
      if (!date.ok() || number(0, 4) < 1970 || hours > 23 || minutes > 59 || seconds > 59) {
        in.fault(fmt::format("\"{}\" is no time of the calendar", text));
        return;
      }
      const auto days = std::chrono::sys_days(date).time_since_epoch().count();
      const std::int64_t total = (static_cast<std::int64_t>(days) * 24 + hours) * 3600 + minutes * 60 + seconds;
      job.time.deadline_at = TimeMs{static_cast<std::uint64_t>(total) * 1000};
      job.time.deadline_after.reset();
      return;
    }
    const auto duration = config::parse_duration(text);
    if (!duration || duration->count() == 0) {
      in.fault(fmt::format("\"{}\" is not {}", shown(text), kExpected));
      return;
    }
    job.time.deadline_after = *duration;
    job.time.deadline_at.reset();
  };
  return type;
}

FieldType command_type() {
  FieldType type;
  type.schema = fmt::format(
      R"("type":"array","minItems":1,"maxItems":{},"items":{{"type":["string","number","boolean"]}})", kArgumentsMax);
  type.placeholder = "WORD";
  type.is_list = true;
  type.decode = [](const FieldInput& in, JobFile& job) {
    if (in.node.type != YamlType::List || in.node.items.empty() || in.node.items.size() > kArgumentsMax) {
      const std::string count =
          in.node.type == YamlType::List ? fmt::format("{} of them", in.node.items.size()) : found(in.node);
      in.fault(fmt::format("expected a list of 1 to {} words such as [/usr/bin/python3, train.py], {}", kArgumentsMax,
                           count));
      return;
    }
    std::vector<std::string> words;
    std::size_t bytes = 0;
    const std::size_t before = in.report.count();
    for (std::size_t i = 0; i < in.node.items.size(); ++i) {
      const YamlNode& item = in.node.items[i];
      if (!is_scalar(item)) {
        in.report.add(item.place, name_of(in, i), "expected a word, " + found(item));
      } else if (item.text.size() > kArgumentBytesMax || find_bad_text(item.text)) {
        in.report.add(item.place, name_of(in, i),
                      fmt::format("expected text without control characters and at most {} bytes", kArgumentBytesMax));
      }
      bytes += item.text.size() + 1;
      words.push_back(item.text);
    }
    // The sandbox has no search path of its own, so that a job means the same on every node.
    if (!words.front().starts_with("/")) {
      in.fault("the first word is the program with its whole path on the node, such as /usr/bin/python3");
    }
    if (bytes > kCommandBytesMax) in.fault(fmt::format("has {} bytes: at most {}", bytes, kCommandBytesMax));
    if (in.report.count() == before) job.command = std::move(words);
  };
  return type;
}

FieldType environment_type() {
  constexpr std::string_view kNamePattern = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";
  FieldType type;
  type.schema = fmt::format(
      R"("type":"object","maxProperties":{},"propertyNames":{{"pattern":{}}},"additionalProperties":{{"type":["string","number","boolean"]}})",
      kVariablesMax, json_text(kNamePattern));
  type.placeholder = "NAME=VALUE";
  type.is_list = true;
  type.decode = [name_form = Pattern(std::string(kNamePattern))](const FieldInput& in, JobFile& job) {
    if (in.node.type != YamlType::Map) {
      in.fault("expected variables such as \"SEED: 42\", " + found(in.node));
      return;
    }
    if (in.node.keys.size() > kVariablesMax)
      in.fault(fmt::format("has {} variables: at most {}", in.node.keys.size(), kVariablesMax));
    std::map<std::string, std::string> variables;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < in.node.keys.size(); ++i) {
      const std::string& name = in.node.keys[i];
      const YamlNode& value = in.node.items[i];
      const std::string field = fmt::format("{}.{}", in.field, shown(name));
      if (name.size() > kVariableNameMax || !name_form.matches(name)) {
        in.report.add(in.node.key_places[i], field,
                      "a variable's name has letters, digits and \"_\", does not start with a digit, and has at most "
                      "64 characters");
      } else if (!is_scalar(value)) {
        in.report.add(value.place, field, "expected a text or a number, " + found(value));
      } else if (value.text.size() > kVariableBytesMax || find_bad_text(value.text)) {
        in.report.add(value.place, field,
                      fmt::format("expected text without control characters and at most {} bytes", kVariableBytesMax));
      }
      bytes += name.size() + value.text.size() + 2;
      variables[name] = value.text;
    }
    if (bytes > kCommandBytesMax) in.fault(fmt::format("has {} bytes: at most {}", bytes, kCommandBytesMax));
    job.env = std::move(variables);
  };
  return type;
}

}  // namespace starminer::client::job_file
