// What one driver interface answered, before devices of several interfaces are merged. It crosses from the probing
// child process to the agent as JSON text, whose reader trusts nothing in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provider/devices/inventory.h"

namespace starminer::provider::devices {

struct DriverReport {
  SourceReport source;
  std::vector<Device> devices;
};

[[nodiscard]] std::string encode_driver_report(const DriverReport& report);
/// Empty optional if the text is not a report.
[[nodiscard]] std::optional<DriverReport> decode_driver_report(std::string_view text);

}  // namespace starminer::provider::devices
