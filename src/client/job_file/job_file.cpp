#include "client/job_file/job_file.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/job_file/fields.h"
#include "client/job_file/limits.h"
#include "client/job_file/utf8.h"
#include "client/job_file/yaml_tree.h"
#include "config/nearest.h"
#include "config/units.h"

namespace starminer::client::job_file {
namespace {

/// The value of a flag as a node, so that flags pass the same checks as the file.
YamlNode node_of(const Override& given, const Field& field) {
  YamlNode node;
  node.place.flag = given.flag;
  node.type = YamlType::String;
  if (!field.type.is_list) {
    node.text = given.texts.empty() ? "" : given.texts.back();
    return node;
  }
  node.type = YamlType::List;
  for (const std::string& text : given.texts) {
    YamlNode item;
    item.type = YamlType::String;
    item.text = text;
    item.place.flag = given.flag;
    node.items.push_back(std::move(item));
  }
  return node;
}

YamlNode& child_of(YamlNode& map, std::string_view key, const Place& place) {
  const auto found = std::find(map.keys.begin(), map.keys.end(), key);
  if (found != map.keys.end()) return map.items[static_cast<std::size_t>(found - map.keys.begin())];
  map.keys.emplace_back(key);
  map.key_places.push_back(place);
  return map.items.emplace_back();
}

/// Variables of the flags are added to those of the file one by one.
void merge_variables(YamlNode& root, const Override& given, Reporter& report) {
  const Place place{0, 0, given.flag};
  YamlNode& variables = child_of(root, "env", place);
  if (variables.type == YamlType::Null) {
    variables.type = YamlType::Map;
    variables.place = place;
  }
  if (variables.type != YamlType::Map) return;
  for (const std::string& text : given.texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      report.add(place, "env", fmt::format("\"{}\" is not NAME=VALUE", shown(text)));
      continue;
    }
    YamlNode& value = child_of(variables, text.substr(0, equals), place);
    value = YamlNode{.type = YamlType::String, .text = text.substr(equals + 1), .place = place};
  }
}

void overlay(YamlNode& root, std::span<const Override> overrides, Reporter& report) {
  for (const Override& given : overrides) {
    const Field* const field = find_field(given.field);
    if (field == nullptr) {
      report.add({0, 0, given.flag}, "", "sets no field of a job file");
      continue;
    }
    if (field->path == "env") {
      merge_variables(root, given, report);
      continue;
    }
    YamlNode* map = &root;
    if (!field->group().empty()) {
      map = &child_of(root, field->group(), {0, 0, given.flag});
      if (map->type == YamlType::Null) map->type = YamlType::Map;
      // A group that is something else is reported when the tree is read.
      if (map->type != YamlType::Map) continue;
    }
    child_of(*map, field->key(), {0, 0, given.flag}) = node_of(given, *field);
  }
}

/// Reads the tree field by field and remembers which fields were given and which are wrong.
class Decoder {
 public:
  explicit Decoder(Reporter& report) : report_(report) {
    for (const Field& field : job_fields()) names_.push_back(field.path);
    for (const FieldGroup& group : job_field_groups()) names_.push_back(group.name);
  }

  void decode(const YamlNode& map, const std::string& group) {
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
      const std::string path = group.empty() ? map.keys[i] : group + "." + map.keys[i];
      const Field* const field = map.keys[i].find('.') == std::string::npos ? find_field(path) : nullptr;
      if (field != nullptr) {
        decode_field(*field, map.items[i]);
      } else if (group.empty() && is_group(map.keys[i])) {
        decode_group(map.items[i], map.keys[i]);
      } else {
        report_.add(map.key_places[i], group,
                    fmt::format("unknown field \"{}\"{}", shown(map.keys[i]), suggestion(group, map.keys[i])));
      }
    }
  }

  void require_fields(bool from_file) {
    for (const Field& field : job_fields()) {
      if (field.missing_hint.empty() || given(field.path) || wrong_.contains(std::string(field.group()))) continue;
      const std::string flag = field.flag.empty() ? "-- PROGRAM ARGUMENTS..." : field.flag;
      report_.add_missing(from_file
                              ? fmt::format("\"{}\" is missing: add for example \"{}\"", field.path, field.missing_hint)
                              : fmt::format("{} is missing", flag));
    }
  }

  [[nodiscard]] bool given(const std::string& path) const { return places_.contains(path); }
  [[nodiscard]] bool right(const std::string& path) const { return !wrong_.contains(path); }
  [[nodiscard]] const Place& place(const std::string& path) const { return places_.at(path); }
  [[nodiscard]] JobFile& job() { return job_; }

 private:
  static bool is_group(std::string_view name) {
    const auto groups = job_field_groups();
    return std::any_of(groups.begin(), groups.end(), [name](const FieldGroup& g) { return g.name == name; });
  }

  void decode_group(const YamlNode& node, const std::string& name) {
    if (node.type == YamlType::Map) {
      decode(node, name);
      return;
    }
    std::vector<std::string_view> keys;
    for (const Field& field : job_fields()) {
      if (field.group() == name) keys.push_back(field.key());
    }
    wrong_.insert(name);
    report_.add(node.place, name,
                fmt::format("expected a group of fields ({}), found {}", fmt::join(keys, ", "), type_text(node.type)));
  }

  void decode_field(const Field& field, const YamlNode& node) {
    places_[field.path] = node.place;
    const std::size_t before = report_.count();
    field.type.decode({node, field.path, report_}, job_);
    if (report_.count() > before) wrong_.insert(field.path);
  }

  /// A field of the same group first, then one of another: "gpus" at the top belongs below "resources".
  [[nodiscard]] std::string suggestion(const std::string& group, const std::string& key) const {
    std::vector<std::string> near;
    for (const std::string& name : names_) {
      const std::size_t point = name.find('.');
      const bool same_group =
          group.empty() ? point == std::string::npos : point == group.size() && name.starts_with(group);
      if (same_group) near.push_back(group.empty() ? name : name.substr(group.size() + 1));
    }
    if (auto text = config::did_you_mean(key, near); !text.empty()) return text;
    for (const Field& field : job_fields()) {
      if (field.key() != key) continue;
      return field.group().empty() ? fmt::format("; \"{}\" stands at the top level", key)
                                   : fmt::format("; \"{}\" belongs below \"{}\"", key, field.group());
    }
    return fmt::format("; known here: {}", fmt::join(near, ", "));
  }

  Reporter& report_;
  std::vector<std::string> names_;
  std::map<std::string, Place> places_;
  std::set<std::string> wrong_;
  JobFile job_;
};

/// What single fields cannot see.
void check_together(Decoder& decoder, Reporter& report) {
  JobFile& job = decoder.job();
  const auto fault = [&](const std::string& path, std::string_view text) {
    report.add(decoder.given(path) ? decoder.place(path) : Place{1, 1}, path, text);
  };
  const auto both_right = [&](const std::string& a, const std::string& b) {
    return decoder.right(a) && decoder.right(b);
  };
  if (both_right("time.expected", "time.max") && decoder.given("time.max")) {
    if (!decoder.given("time.expected")) job.time.expected = job.time.max;
    if (job.time.expected > job.time.max) {
      fault("time.expected", fmt::format("is longer than time.max ({})", config::format_duration(job.time.max)));
    }
  }
  const JobResources& resources = job.resources;
  if (both_right("resources.share", "resources.gpus") && resources.share_milli < 1000 && resources.gpus != 1) {
    fault("resources.share", fmt::format("is a part of one GPU, but resources.gpus is {}", resources.gpus));
  }
  if (both_right("resources.gpu_memory", "resources.gpus") && resources.gpus == 0 && resources.gpu_memory_bytes > 0) {
    fault("resources.gpu_memory", "needs a GPU, but resources.gpus is 0");
  }
  if (both_right("dedicated", "resources.share") && job.dedicated && resources.share_milli < 1000) {
    fault("dedicated", "is a whole node and does not go with resources.share");
  }
  if (both_right("wait", "tier") && job.wait && job.tier != protocol::TierChoice::Premium) {
    fault("wait", "is for tier: premium, which is refused when it cannot start at once; other tiers always wait");
  }
  if (both_right("max_price", "budget") && job.budget && job.max_price &&
      job.budget->base < job.max_price->base / 3600) {
    fault("budget", "does not pay for one second at max_price");
  }
}

JobFileResult decode(YamlNode root, bool from_file, std::span<const Override> overrides, Reporter& report) {
  overlay(root, overrides, report);
  Decoder decoder(report);
  decoder.decode(root, "");
  decoder.require_fields(from_file);
  check_together(decoder, report);
  if (report.count() == 0) return std::move(decoder.job());
  auto& problems = report.problems();
  // What has a line comes first, in the order of the file; then what is missing, then flags.
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::make_tuple(a.line == 0, a.line, a.column) < std::make_tuple(b.line == 0, b.line, b.column);
  });
  if (problems.size() > kProblemsMax) problems.resize(kProblemsMax);
  return fail(std::move(problems));
}

}  // namespace

JobFileResult parse_job_file(std::string_view text, std::string_view file_name, std::span<const Override> overrides) {
  Reporter report(file_name);
  YamlNode root = read_yaml(text, file_name, report.problems());
  // Without a tree, what is missing would only hide the one real problem.
  if (report.count() > 0 && root.keys.empty()) return fail(std::move(report.problems()));
  return decode(std::move(root), true, overrides, report);
}

JobFileResult job_from_flags(std::span<const Override> overrides) {
  Reporter report("command line");
  return decode(YamlNode{.type = YamlType::Map}, false, overrides, report);
}

}  // namespace starminer::client::job_file
