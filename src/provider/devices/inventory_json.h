// JSON form of the inventory's parts, one writer for the report that people read and for the pipe from a probing child.
// Field names are those of inventory.h. Private to this folder.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "provider/devices/inventory.h"

namespace starminer::provider::devices {

[[nodiscard]] nlohmann::json to_json_value(const Device& device);
[[nodiscard]] nlohmann::json to_json_value(const SourceReport& source);
[[nodiscard]] nlohmann::json to_json_value(const Inventory& inventory);

/// Throw nlohmann::json::exception or std::out_of_range on anything but the form above.
[[nodiscard]] Device device_from_json(const nlohmann::json& json);
[[nodiscard]] SourceReport source_from_json(const nlohmann::json& json);

}  // namespace starminer::provider::devices
