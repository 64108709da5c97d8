// Checks a value against a schema of the OpenAPI document: the part of JSON Schema that the document uses.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace starminer::api_test {

/// Empty where the value fits `#/components/schemas/<name>`; else where and why it does not.
[[nodiscard]] std::string mismatch(const nlohmann::json& document, const std::string& name,
                                   const nlohmann::json& value);

}  // namespace starminer::api_test
