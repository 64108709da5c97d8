#include "client/job_file/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "client/job_file/fields.h"

namespace starminer::client::job_file {
namespace {

using Json = nlohmann::ordered_json;

Json object_of(std::string_view group) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& field : job_fields()) {
    if (field.group() != group) continue;
    Json property = Json::parse("{" + field.type.schema + "}");
    property["description"] = field.help;
    properties[std::string(field.key())] = std::move(property);
    if (!field.missing_hint.empty()) required.push_back(std::string(field.key()));
  }
  Json object = Json::object();
  object["type"] = "object";
  object["additionalProperties"] = false;
  if (!required.empty()) object["required"] = std::move(required);
  object["properties"] = std::move(properties);
  return object;
}

}  // namespace

std::string job_schema() {
  Json root = Json::object();
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["title"] = "StarMiner job file";
  root["description"] =
      "A job for the StarMiner market, as YAML. Amounts, sizes and durations are text with a unit. Some rules need "
      "more "
      "than a schema (ranges of durations, fields that exclude each other); \"starminer plan\" checks all of them.";
  Json object = object_of("");
  for (auto& [key, value] : object.items()) root[key] = value;
  for (const FieldGroup& group : job_field_groups()) {
    Json inner = object_of(group.name);
    inner["description"] = group.help;
    if (inner.contains("required")) root["required"].push_back(group.name);
    root["properties"][group.name] = std::move(inner);
  }
  return root.dump(2) + "\n";
}

}  // namespace starminer::client::job_file
