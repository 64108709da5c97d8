#include "api/json_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starminer::api {

std::string decimal(std::uint64_t value) { return fmt::format("{}", value); }
std::string decimal(u128 value) { return decimal(static_cast<std::uint64_t>(value)); }
std::string decimal(Price price) { return decimal(price.nagpu_per_gpu_hour); }
std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace starminer::api
