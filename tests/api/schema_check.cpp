#include "tests/api/schema_check.h"

#include <regex>

namespace starminer::api_test {
namespace {

using nlohmann::json;

bool has_type(const std::string& type, const json& value) {
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  return type == "null" && value.is_null();
}

class Checker {
 public:
  explicit Checker(const json& document) : document_(document) {}

  std::string check(const json& schema, const json& value, const std::string& where) const {
    if (schema.contains("$ref")) {
      const json::json_pointer pointer(schema["$ref"].get<std::string>().substr(1));
      return document_.contains(pointer) ? check(document_.at(pointer), value, where)
                                         : where + ": dangling " + schema["$ref"].dump();
    }
    if (schema.contains("anyOf")) {
      for (const json& one : schema["anyOf"]) {
        if (check(one, value, where).empty()) return {};
      }
      return where + ": fits none of " + schema["anyOf"].dump() + ": " + value.dump();
    }
    if (schema.contains("type") && !has_type(schema["type"], value)) {
      return where + ": " + value.dump() + " is no " + schema["type"].get<std::string>();
    }
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
      return where + ": " + value.dump() + " is none of " + schema["enum"].dump();
    }
    if (schema.contains("minimum") && value.get<double>() < schema["minimum"].get<double>())
      return where + ": too small";
    if (schema.contains("pattern") &&
        !std::regex_match(value.get<std::string>(), std::regex(schema["pattern"].get<std::string>()))) {
      return where + ": " + value.dump() + " does not match " + schema["pattern"].dump();
    }
    if (schema.contains("items")) return check_items(schema["items"], value, where);
    return value.is_object() ? check_members(schema, value, where) : std::string();
  }

 private:
  std::string check_items(const json& schema, const json& value, const std::string& where) const {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (auto fault = check(schema, value[i], where + "[" + std::to_string(i) + "]"); !fault.empty()) return fault;
    }
    return {};
  }

  std::string check_members(const json& schema, const json& value, const std::string& where) const {
    for (const json& name : schema.value("required", json::array())) {
      if (!value.contains(name.get<std::string>())) return where + ": lacks " + name.dump();
    }
    const json properties = schema.value("properties", json::object());
    for (const auto& [name, member] : value.items()) {
      const std::string place = where + "." + name;
      std::string fault;
      if (properties.contains(name)) {
        fault = check(properties[name], member, place);
      } else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
        fault = check(schema["additionalProperties"], member, place);
      } else if (schema.contains("additionalProperties")) {
        fault = place + ": is in no schema";
      }
      if (!fault.empty()) return fault;
    }
    return {};
  }

  const json& document_;
};

}  // namespace

std::string mismatch(const json& document, const std::string& name, const json& value) {
  return Checker(document).check({{"$ref", "#/components/schemas/" + name}}, value, name);
}

}  // namespace starminer::api_test
