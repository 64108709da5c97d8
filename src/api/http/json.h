// Reading JSON that strangers send. The reader is not recursive and refuses what two parsers could read differently:
// duplicate keys, invalid UTF-8, numbers that do not fit, bytes after the value. Pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "api/http/problem.h"
#include "base/result.h"

namespace starminer::api::http {

struct JsonLimits {
  std::size_t bytes = 1U << 20U;
  std::size_t depth = 32;
  /// Values and keys together; bounds the memory of a document of many small values.
  std::size_t items = 100'000;
};

/// Fails with a 400 problem (413 for the byte limit) whose detail names the place.
[[nodiscard]] Result<nlohmann::json, Problem> parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace starminer::api::http
