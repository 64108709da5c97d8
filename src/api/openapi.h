// The OpenAPI 3.1 document, made from the route table (methods, paths, media types, who may call) and two tables of
// text, operations (openapi_operations.cpp) and schemas (openapi_schemas.cpp), and the registries of the protocol
// (openapi_enumerations.cpp). A test holds it against the routes, both
// ways, and answers of a running node against the schemas.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "api/http/router.h"

namespace starminer::api {

/// What a route cannot say of itself.
struct OperationText {
  std::string_view route;  // "GET /v1/nodes/{id}"
  std::string_view name;   // operationId
  std::string_view tag;
  std::string_view parameters;  // of the query: "limit:int=rows of a page; after:NodeId=where the last page ended"
  std::string_view request;     // schema of a JSON body, or what the bytes are
  std::string_view answers;     // "200:Node 404 409": status, and the schema or media type of a success
};

/// A schema in short notation: members "name:type", separated by commas. A "?" behind the name: may be absent; behind
/// the type: may be null; "[]" list of, "{}" object with values of, "a|b" either. Or an enumeration "=a|b|c".
struct SchemaText {
  std::string_view name;
  std::string_view members;
  std::string_view description;
};

/// An enumeration that is a registry of the protocol.
struct Enumeration {
  std::string_view name;
  std::vector<std::string> values;
  std::string_view description;
};

/// Made from the registries themselves, so that document and protocol cannot disagree.
[[nodiscard]] std::vector<Enumeration> enumerations();
[[nodiscard]] std::span<const OperationText> operation_texts();
[[nodiscard]] std::span<const SchemaText> schema_texts();

/// JSON Schema of the short notation of a type: "Node[]", "Amount?".
[[nodiscard]] nlohmann::json schema_of_type(std::string_view type);
[[nodiscard]] nlohmann::json openapi_document(const http::Router& router, std::string_view version);

}  // namespace starminer::api
