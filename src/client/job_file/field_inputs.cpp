// The field type of `inputs`: short and long form, and "FROM:TO" of the flag.
#include <algorithm>

#include <fmt/format.h>

#include "client/job_file/field_types.h"
#include "client/job_file/limits.h"
#include "client/job_file/paths.h"
#include "client/job_file/utf8.h"
#include "config/nearest.h"

namespace starminer::client::job_file {
namespace {

/// A path that may end in "/" where it names a folder.
std::optional<std::string> source_fault(std::string_view path) {
  if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path_fault(path);
}

struct Item {
  InputSpec spec;
  bool ok = false;
};

const std::string* text_of(const YamlNode& map, std::string_view key, std::string_view field, Reporter& report) {
  const YamlNode* const node = map.find(key);
  if (node == nullptr) return nullptr;
  if (node->type == YamlType::String) return &node->text;
  report.add(node->place, fmt::format("{}.{}", field, key),
             fmt::format("expected a path, found {}", type_text(node->type)));
  return nullptr;
}

Item read_item(const YamlNode& node, const std::string& field, Reporter& report) {
  const std::size_t before = report.count();
  Item item;
  if (node.type == YamlType::String && !node.place.flag.empty()) {
    const std::size_t colon = node.text.find(':');
    item.spec.from = node.text.substr(0, colon);
    if (colon != std::string::npos) item.spec.to = node.text.substr(colon + 1);
  } else if (node.type == YamlType::String) {
    item.spec.from = node.text;
  } else if (node.type == YamlType::Map) {
    const std::vector<std::string> known = {"from", "to"};
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      if (std::find(known.begin(), known.end(), node.keys[i]) != known.end()) continue;
      report.add(node.key_places[i], field,
                 fmt::format("unknown field \"{}\"{}", shown(node.keys[i]), config::did_you_mean(node.keys[i], known)));
    }
    if (const std::string* from = text_of(node, "from", field, report)) item.spec.from = *from;
    if (const std::string* to = text_of(node, "to", field, report)) item.spec.to = *to;
    if (node.find("from") == nullptr)
      report.add(node.place, field, "\"from\" is missing: the file, folder or glob to send");
  } else {
    report.add(node.place, field,
               fmt::format("expected a path or {{from: ..., to: ...}}, found {}", type_text(node.type)));
  }
  if (report.count() > before) return item;
  if (const auto fault = source_fault(item.spec.from)) {
    report.add(node.place, field,
               fmt::format("\"{}\": {}; inputs lie below the folder of the job file", shown(item.spec.from), *fault));
  } else if (const auto to_fault = item.spec.to.empty() ? std::nullopt : source_fault(item.spec.to)) {
    report.add(node.place, field,
               fmt::format("\"{}\": {}; \"to\" is a place below /job/in", shown(item.spec.to), *to_fault));
  } else if (has_glob(item.spec.to)) {
    report.add(node.place, field, "\"to\" must not have * ? or [ in it");
  } else {
    item.ok = true;
  }
  return item;
}

}  // namespace

FieldType inputs_type() {
  FieldType type;
  type.schema = fmt::format(
      R"("type":"array","maxItems":{},"items":{{"anyOf":[{{"type":"string","minLength":1,"maxLength":256}},)"
      R"({{"type":"object","required":["from"],"additionalProperties":false,"properties":{{)"
      R"("from":{{"type":"string","minLength":1,"maxLength":256}},"to":{{"type":"string","maxLength":256}}}}}}]}})",
      kInputEntriesMax);
  type.placeholder = "FROM[:TO]";
  type.is_list = true;
  type.decode = [](const FieldInput& in, JobFile& job) {
    if (in.node.type != YamlType::List) {
      in.fault(
          fmt::format("expected a list of files such as [train.py, data/*.txt], found {}", type_text(in.node.type)));
      return;
    }
    if (in.node.items.size() > kInputEntriesMax) {
      in.fault(fmt::format("has {} items: at most {}; a folder or a glob is one item", in.node.items.size(),
                           kInputEntriesMax));
      return;
    }
    std::vector<InputSpec> inputs;
    for (std::size_t i = 0; i < in.node.items.size(); ++i) {
      Item item = read_item(in.node.items[i], fmt::format("{}[{}]", in.field, i), in.report);
      if (item.ok) inputs.push_back(std::move(item.spec));
    }
    job.inputs = std::move(inputs);
  };
  return type;
}

}  // namespace starminer::client::job_file
