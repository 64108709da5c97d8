#include "provider/devices/driver_report.h"

#include <exception>

#include <nlohmann/json.hpp>

#include "provider/devices/inventory_json.h"

namespace starminer::provider::devices {

std::string encode_driver_report(const DriverReport& report) {
  nlohmann::json out{{"source", to_json_value(report.source)}, {"devices", nlohmann::json::array()}};
  for (const auto& device : report.devices) out["devices"].push_back(to_json_value(device));
  // Drivers may report names that are not UTF-8.
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<DriverReport> decode_driver_report(std::string_view text) {
  try {
    const auto in = nlohmann::json::parse(text);
    DriverReport report;
    report.source = source_from_json(in.at("source"));
    for (const auto& device : in.at("devices")) report.devices.push_back(device_from_json(device));
    return report;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace starminer::provider::devices
