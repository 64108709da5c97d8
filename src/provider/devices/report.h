// The inventory as people read it and as JSON for programs. Pure functions.
#pragma once

#include <string>

#include "provider/devices/inventory.h"

namespace starminer::provider::devices {

/// Several lines: host, one per device, nodes, runtimes, then what is missing and what to do about it.
[[nodiscard]] std::string format_inventory(const Inventory& inventory);

/// One JSON object with the fields of inventory.h, indented.
[[nodiscard]] std::string inventory_json(const Inventory& inventory);

/// "23.5 GiB"; for sizes of memory and disk.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace starminer::provider::devices
