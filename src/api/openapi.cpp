#include "api/openapi.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/parts.h"
#include "api/reply.h"
#include "api/route_options.h"

namespace starminer::api {
namespace {

using nlohmann::json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProblem = "application/problem+json";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

template <class F>
void for_each_part(std::string_view text, char separator, F use) {
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    const std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) use(part);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

json scalar(std::string_view type, std::string_view pattern) { return {{"type", type}, {"pattern", pattern}}; }

/// Types that need no schema of their own; null where the name is one of a schema.
json basic_type(std::string_view name) {
  if (name == "string") return {{"type", "string"}};
  if (name == "bool") return {{"type", "boolean"}};
  if (name == "int") return {{"type", "integer"}, {"minimum", 0}};
  if (name == "number") return {{"type", "number"}};
  if (name == "object") return {{"type", "object"}};
  if (name == "Amount" || name == "Price") return scalar("string", "^(0|[1-9][0-9]*)$");
  if (name == "Hash") return scalar("string", "^[0-9a-f]{64}$");
  if (name == "Hex") return scalar("string", "^([0-9a-f]{2})*$");
  if (name == "Address") return scalar("string", "^sm1[a-z0-9]+$");
  if (name == "JobId") return scalar("string", "^j1[a-z0-9]+$");
  if (name == "ContractId") return scalar("string", "^c1[a-z0-9]+$");
  if (name == "UnbondingId") return scalar("string", "^u1[a-z0-9]+$");
  if (name == "NodeId") return scalar("string", "^n1[a-z0-9]+$");
  if (name == "Code") return scalar("string", "^(E[0-9]{4}|[a-z_]+)$");
  return nullptr;
}

json schema_of(const SchemaText& text) {
  json schema;
  if (text.members.starts_with('=')) {
    json values = json::array();
    for_each_part(text.members.substr(1), '|', [&](std::string_view value) { values.push_back(value); });
    schema = {{"type", "string"}, {"enum", std::move(values)}};
  } else {
    json members = json::object();
    json required = json::array();
    for_each_part(text.members, ',', [&](std::string_view member) {
      const std::size_t colon = member.find(':');
      std::string_view name = member.substr(0, colon);
      const bool optional = name.ends_with('?');
      if (optional) name.remove_suffix(1);
      if (!optional) required.push_back(name);
      members[std::string(name)] = schema_of_type(member.substr(colon + 1));
    });
    schema = {{"type", "object"}, {"properties", std::move(members)}, {"required", std::move(required)}};
    schema["additionalProperties"] = false;
  }
  if (!text.description.empty()) schema["description"] = text.description;
  return schema;
}

std::string_view who_may(const std::string& auth) {
  if (auth == kAccount) return "the key of any existing account";
  if (auth == kProvider) return "the key of a registered provider";
  if (auth == kContractProvider) return "the key of the contract's provider";
  if (auth == kParty) return "the key of the contract's requester or provider";
  if (auth == kOperator) return "the key of this node's operator";
  if (auth == kReader) return "the key of who uploaded the artifact, or of a party whose contract names it";
  return "";
}

void add_path_parameters(json& parameters, std::string_view pattern) {
  for_each_part(pattern, '/', [&](std::string_view segment) {
    if (segment.front() != '{') return;
    const std::string name(segment.substr(1, segment.size() - 2));
    parameters.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  });
}

void add_query_parameters(json& parameters, std::string_view text) {
  for_each_part(text, ';', [&](std::string_view item) {
    const std::size_t colon = item.find(':');
    const std::size_t equals = item.find('=');
    parameters.push_back({{"name", item.substr(0, colon)},
                          {"in", "query"},
                          {"schema", schema_of_type(item.substr(colon + 1, equals - colon - 1))},
                          {"description", item.substr(equals + 1)}});
  });
}

json content_of(std::string_view what) {
  // A media type has a slash, a schema's name has none.
  if (what.find('/') != std::string_view::npos) return {{std::string(what), json::object()}};
  return {{std::string(kJson), {{"schema", schema_of_type(what)}}}};
}

json answers_of(std::string_view text, const http::Route& route) {
  json answers = json::object();
  for_each_part(text, ' ', [&](std::string_view item) {
    const std::size_t colon = item.find(':');
    const std::string status(item.substr(0, colon));
    json answer = {{"description", http::reason_phrase(std::stoi(status))}};
    if (colon != std::string_view::npos) {
      answer["content"] = content_of(item.substr(colon + 1));
    } else if (status[0] >= '4') {
      answer["content"] = {{std::string(kProblem), {{"schema", schema_of_type("Problem")}}}};
    }
    answers[status] = std::move(answer);
  });
  const json problem = {{"description", "Any other problem"},
                        {"content", {{std::string(kProblem), {{"schema", schema_of_type("Problem")}}}}}};
  answers["default"] = problem;
  if (route.options.auth != kPublic && !answers.contains("401")) {
    answers["401"] = problem;
    answers["401"]["description"] = "unsigned, bad_signature, stale_request or replayed_request";
  }
  return answers;
}

json operation_of(const http::Route& route, const OperationText* text) {
  json operation = {{"summary", route.options.summary}};
  json parameters = json::array();
  add_path_parameters(parameters, route.pattern);
  if (text != nullptr) {
    operation["operationId"] = text->name;
    operation["tags"] = json::array({text->tag});
    add_query_parameters(parameters, text->parameters);
  }
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  operation["responses"] = answers_of(text == nullptr ? "" : text->answers, route);
  if (route.options.body_limit > 0) {
    json content = json::object();
    for (const std::string& type : route.options.content_types) {
      content[type] =
          type == kJson && text != nullptr ? json{{"schema", schema_of_type(text->request)}} : json::object();
    }
    operation["requestBody"] = {{"required", true}, {"content", std::move(content)}};
    if (text != nullptr && operation["requestBody"]["content"].contains(std::string(kOctets))) {
      operation["requestBody"]["description"] = text->request;
    }
    operation["x-body-limit-bytes"] = route.options.body_limit;
  }
  operation["x-auth"] = route.options.auth;
  if (route.options.auth == kPublic) {
    operation["security"] = json::array();
  } else {
    operation["security"] = json::array({{{"signature", json::array()}}});
    operation["description"] = fmt::format("Signed by {}.", who_may(route.options.auth));
  }
  return operation;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

json schema_of_type(std::string_view type) {
  type = trimmed(type);
  if (type.ends_with("[]")) return {{"type", "array"}, {"items", schema_of_type(type.substr(0, type.size() - 2))}};
  if (type.ends_with("{}")) {
    return {{"type", "object"}, {"additionalProperties", schema_of_type(type.substr(0, type.size() - 2))}};
  }
  if (const std::size_t bar = type.find('|'); bar != std::string_view::npos) {
    return {{"anyOf", json::array({schema_of_type(type.substr(0, bar)), schema_of_type(type.substr(bar + 1))})}};
  }
  if (type.ends_with('?')) {
    return {{"anyOf", json::array({schema_of_type(type.substr(0, type.size() - 1)), {{"type", "null"}}})}};
  }
  json basic = basic_type(type);
  if (!basic.is_null()) return basic;
  return {{"$ref", fmt::format("#/components/schemas/{}", type)}};
}

json openapi_document(const http::Router& router, std::string_view version) {
  json paths = json::object();
  const auto texts = operation_texts();
  for (const auto& route : router.routes()) {
    const std::string key = fmt::format("{} {}", http::method_name(route->method), route->pattern);
    const auto found =
        std::find_if(texts.begin(), texts.end(), [&](const OperationText& text) { return text.route == key; });
    paths[route->pattern][lower(http::method_name(route->method))] =
        operation_of(*route, found == texts.end() ? nullptr : &*found);
  }
  json schemas = json::object();
  for (const SchemaText& text : schema_texts()) schemas[std::string(text.name)] = schema_of(text);
  for (const Enumeration& list : enumerations()) {
    json& schema = schemas[std::string(list.name)];
    schema = {{"type", "string"}, {"enum", list.values}};
    if (!list.description.empty()) schema["description"] = list.description;
  }
  return {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "StarMiner"},
        {"version", version},
        {"description",
         "An open market for GPU computing. Amounts are texts of base units (10^-9 of a token), prices texts of nAGPU "
         "per GPU-hour, times Unix milliseconds, ids bech32m texts, hashes lower-case hexadecimal."},
        {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", std::move(schemas)},
        {"securitySchemes",
         {{"signature",
           {{"type", "http"},
            {"scheme", "StarMiner"},
            {"description",
             "Each request is signed with ed25519 over method, target, time, a one-use nonce and the hash of the "
             "body; see docs/api.md."}}}}}}}};
}

void add_document_route(http::Router& router, const Parts& parts) {
  const auto document = std::make_shared<std::shared_ptr<const std::string>>();
  router.add(
      http::Method::Get, "/openapi.json",
      [document](const http::Request&) { return http::Response::shared(*document, std::string(kJson)); },
      reads("This document"));
  // Made when the table is whole, this route among the others.
  *document = std::make_shared<const std::string>(openapi_document(router, parts.options.version).dump());
}

}  // namespace starminer::api
