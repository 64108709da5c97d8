// The published schema against the parser: the same corpus through both. The validator below knows the part of JSON
// Schema that the schema uses and fails on any other keyword, so that none is silently not checked.
#include "client/job_file/schema.h"

#include <stdlib.h>

#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "client/job_file/fields.h"
#include "client/job_file/pattern.h"
#include "client/job_file/templates.h"
#include "client/job_file/yaml_tree.h"

namespace starminer::client::job_file {
namespace {

using Json = nlohmann::json;

Json to_json(const YamlNode& node) {
  switch (node.type) {
    case YamlType::Null: return nullptr;
    case YamlType::Boolean: return node.text == "true";
    case YamlType::Integer:
    case YamlType::Float: return Json::parse(node.text, nullptr, false);
    case YamlType::String: return node.text;
    case YamlType::List: break;
    case YamlType::Map: {
      Json object = Json::object();
      for (std::size_t i = 0; i < node.keys.size(); ++i) object[node.keys[i]] = to_json(node.items[i]);
      return object;
    }
  }
  Json array = Json::array();
  for (const YamlNode& item : node.items) array.push_back(to_json(item));
  return array;
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "integer") return value.is_number_integer();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  ADD_FAILURE() << "unknown type " << type;
  return false;
}

bool accepts(const Json& schema, const Json& value);

bool accepts_object(const Json& schema, const Json& value) {
  for (const auto& name : schema.value("required", Json::array())) {
    if (!value.contains(name)) return false;
  }
  if (schema.contains("maxProperties") && value.size() > schema["maxProperties"]) return false;
  for (const auto& [name, member] : value.items()) {
    if (schema.contains("propertyNames") && !accepts(schema["propertyNames"], name)) return false;
    if (schema.contains("properties") && schema["properties"].contains(name)) {
      if (!accepts(schema["properties"][name], member)) return false;
    } else if (schema.contains("additionalProperties")) {
      const Json& more = schema["additionalProperties"];
      if (more.is_boolean() ? !more.get<bool>() : !accepts(more, member)) return false;
    }
  }
  return true;
}

bool accepts(const Json& schema, const Json& value) {
  static const std::set<std::string> kKnown = {"$schema",    "title",         "description",   "type",
                                               "pattern",    "enum",          "minimum",       "maximum",
                                               "multipleOf", "items",         "minItems",      "maxItems",
                                               "anyOf",      "required",      "properties",    "minLength",
                                               "maxLength",  "maxProperties", "propertyNames", "additionalProperties"};
  for (const auto& [keyword, unused] : schema.items()) EXPECT_TRUE(kKnown.count(keyword) == 1) << keyword;
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    if (std::none_of(types.begin(), types.end(), [&](const Json& t) { return has_type(value, t); })) return false;
  }
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return false;
  if (schema.contains("anyOf") &&
      std::none_of(schema["anyOf"].begin(), schema["anyOf"].end(), [&](const Json& s) { return accepts(s, value); }))
    return false;
  if (value.is_string()) {
    const std::string text = value;
    if (schema.contains("pattern") && !Pattern(schema["pattern"].get<std::string>()).matches(text)) return false;
    if (schema.contains("minLength") && text.size() < schema["minLength"]) return false;
    if (schema.contains("maxLength") && text.size() > schema["maxLength"]) return false;
  }
  if (value.is_number()) {
    if (schema.contains("minimum") && value < schema["minimum"]) return false;
    if (schema.contains("maximum") && value > schema["maximum"]) return false;
    if (schema.contains("multipleOf") && value.get<std::int64_t>() % schema["multipleOf"].get<std::int64_t>() != 0)
      return false;
  }
  if (value.is_array()) {
    if (schema.contains("minItems") && value.size() < schema["minItems"]) return false;
    if (schema.contains("maxItems") && value.size() > schema["maxItems"]) return false;
    if (schema.contains("items") &&
        !std::all_of(value.begin(), value.end(), [&](const Json& item) { return accepts(schema["items"], item); }))
      return false;
  }
  return !value.is_object() || accepts_object(schema, value);
}

bool schema_accepts(const std::string& text) {
  static const Json kSchema = Json::parse(job_schema());
  std::vector<Problem> problems;
  const YamlNode root = read_yaml(text, "f", problems);
  return problems.empty() && accepts(kSchema, to_json(root));
}

bool parser_accepts(const std::string& text) { return parse_job_file(text, "f").has_value(); }

const std::string kSmallest = "name: a\nkind: training\nruntime: debian/x-1\ncommand: [/run]\ntime: {max: 1 min}\n";

TEST(Schema, PublishedFileIsTheFieldTable) {
  const std::string path = std::string(STARMINER_SOURCE_DIR) + "/docs/formats/job.schema.json";
  if (std::getenv("STARMINER_WRITE_SCHEMA") != nullptr) std::ofstream(path) << job_schema();
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), job_schema()) << "run this test with STARMINER_WRITE_SCHEMA=1 and commit the file";
}

TEST(Schema, ValidFilesPassBoth) {
  const char* const lines[] = {
      "",
      "tier: premium\nwait: true\n",
      "env: {A: 1, B: x, C: true, D: 1.5}\n",
      "command: [/a, 1, 2.5, true]\n",
      "inputs: [a, {from: b}, {from: c/, to: d/}]\n",
      "outputs: x.png\n",
      "outputs: [x.png, 'y/*']\n",
      "resources: {class: any}\n",
      "resources: {class: H100, gpus: 8, gpu_memory: 80 GiB}\n",
      "resources: {class: [CPU, H100], gpus: 0, cpus: 0.5}\n",
      "resources: {share: 250, cpus: 1.5, memory: 512MB, disk: 1.5 TiB, interconnect: any}\n",
      "limits: {output: 1 B, processes: 4, log: 1kB}\n",
      "placement: any\nurgency: now\n",
      "latency: 50ms\n",
      "region: {prefer: eu, allow: [a, b], residency: DE}\n",
      "tee: [sgx]\nsite_tier_min: 4\nsandbox_tier_min: 3\n",
      "reputation_min: 99.5%\n",
      "max_price: 0.5 AGPU\nbudget: 1AGPU\nverify: accept\n",
      "dedicated: true\npreemptible: false\nallow_downgrade: true\ncredits: 1000\nprice_lock: 15\n",
  };
  for (const char* more : lines) {
    std::string text = kSmallest;
    if (std::string_view(more).starts_with("command")) text.erase(text.find("command: [/run]\n"), 16);
    text += more;
    EXPECT_TRUE(parser_accepts(text)) << text;
    EXPECT_TRUE(schema_accepts(text)) << text;
  }
  for (const char* time : {"{max: 1h30m}", "{max: 90 seconds, expected: 1 min}", "{max: 2d, deadline: 6h}",
                           "{max: 1 min, deadline: \"2026-10-01T12:00:00Z\", start_within: 500ms}"}) {
    std::string text = kSmallest;
    text.replace(text.find("{max: 1 min}"), 12, time);
    EXPECT_TRUE(parser_accepts(text)) << text;
    EXPECT_TRUE(schema_accepts(text)) << text;
  }
}

TEST(Schema, TemplatesPassBoth) {
  using protocol::JobKind;
  for (const JobKind kind : {JobKind::Training, JobKind::Inference, JobKind::Rendering, JobKind::Simulation}) {
    EXPECT_TRUE(schema_accepts(std::string(job_template(kind))));
    EXPECT_TRUE(parser_accepts(std::string(job_template(kind))));
  }
}

TEST(Schema, WrongFilesFailBoth) {
  const char* const lines[] = {"unknown: 1\n",
                               "tier: gold\n",
                               "tier: 1\n",
                               "dedicated: yes\n",
                               "dedicated: 1\n",
                               "env: [A]\n",
                               "env: {1A: x}\n",
                               "env: {A: [1]}\n",
                               "env: {A: null}\n",
                               "inputs: a\n",
                               "inputs: [{to: a}]\n",
                               "inputs: [{from: a, too: b}]\n",
                               "inputs: [1]\n",
                               "inputs: ['']\n",
                               "outputs: [/a]\n",
                               "outputs: [1]\n",
                               "resources: 1\n",
                               "resources: {gpus: -1}\n",
                               "resources: {gpus: 4097}\n",
                               "resources: {gpus: \"1\"}\n",
                               "resources: {gpus: 1.5}\n",
                               "resources: {share: 15}\n",
                               "resources: {share: 0}\n",
                               "resources: {cpus: 0}\n",
                               "resources: {cpus: 5000}\n",
                               "resources: {cpus: \"1\"}\n",
                               "resources: {memory: 1}\n",
                               "resources: {memory: 1 GIB}\n",
                               "resources: {class: h100}\n",
                               "resources: {class: [1]}\n",
                               "resources: {link: nvlink}\n",
                               "limits: {processes: 3}\n",
                               "latency: 50\n",
                               "latency: fast\n",
                               "region: {residency: de}\n",
                               "region: {prefer: [EU]}\n",
                               "region: eu\n",
                               "tee: amd\n",
                               "site_tier_min: 5\n",
                               "reputation_min: 0.9\n",
                               "reputation_min: 90\n",
                               "exclude: [someone]\n",
                               "max_price: 0.5\n",
                               "max_price: 0.5 USD\n",
                               "budget: -1 AGPU\n",
                               "budget: 0.0000000001 AGPU\n",
                               "verify: replicated\n",
                               "placement: two-nodes\n"};
  for (const char* more : lines) {
    EXPECT_FALSE(parser_accepts(kSmallest + more)) << more;
    EXPECT_FALSE(schema_accepts(kSmallest + more)) << more;
  }
  for (const char* line :
       {"name: a\n", "kind: training\n", "runtime: debian/x-1\n", "command: [/run]\n", "time: {max: 1 min}\n"}) {
    std::string text = kSmallest;
    text.erase(text.find(line), std::string_view(line).size());
    EXPECT_FALSE(parser_accepts(text)) << "without " << line;
    EXPECT_FALSE(schema_accepts(text)) << "without " << line;
  }
  for (const char* bad : {"time: {}", "time: {max: 1}", "time: 5 min", "time: {max: 1 min, deadline: soon}",
                          "time: {max: 1 lightyear}"}) {
    std::string text = kSmallest;
    text.replace(text.find("time: {max: 1 min}"), 18, bad);
    EXPECT_FALSE(parser_accepts(text)) << bad;
    EXPECT_FALSE(schema_accepts(text)) << bad;
  }
}

TEST(Schema, EveryFieldIsDescribedAndHasItsOwnFlag) {
  std::set<std::string> flags;
  for (const Field& field : job_fields()) {
    EXPECT_TRUE(field.help.ends_with(".")) << field.path;
    if (!field.flag.empty()) {
      EXPECT_TRUE(flags.insert(field.flag).second) << field.flag;
    }
  }
  EXPECT_GT(flags.size(), 35U);
}

}  // namespace
}  // namespace starminer::client::job_file
