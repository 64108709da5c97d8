#include "provider/devices/report.h"

#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "provider/devices/inventory_json.h"

namespace starminer::provider::devices {
namespace {

using Out = std::back_insert_iterator<std::string>;

void add_host(Out out, const Host& host) {
  fmt::format_to(out, "Host      {}, {} cores, {} threads, {} NUMA node{}\n", host.cpu_model, host.cpu_cores,
                 host.cpu_threads, host.numa_nodes, host.numa_nodes == 1 ? "" : "s");
  fmt::format_to(out, "          {} memory ({} available), {} free of {} at {}\n", format_bytes(host.memory_bytes),
                 format_bytes(host.memory_available_bytes), format_bytes(host.disk_free_bytes),
                 format_bytes(host.disk_total_bytes), host.disk_path);
  const std::string network =
      host.network_mbps ? fmt::format("{} Mbit/s link", *host.network_mbps) : "link speed not reported";
  fmt::format_to(out, "          {}, {}, {}\n", host.os, host.kernel, network);
}

std::string nvml_facts(const NvmlDetail& nvml) {
  std::string text;
  if (!nvml.compute_capability.empty()) text += ", compute " + nvml.compute_capability;
  if (nvml.pcie_generation_max && nvml.pcie_width_max)
    text += fmt::format(", PCIe {} x{}", *nvml.pcie_generation_max, *nvml.pcie_width_max);
  if (nvml.nvlinks_active > 0) text += fmt::format(", {} NVLinks", nvml.nvlinks_active);
  if (nvml.utilization_percent) text += fmt::format(", load {} %", *nvml.utilization_percent);
  if (nvml.temperature_c) text += fmt::format(", {} C", *nvml.temperature_c);
  if (nvml.power_mw) text += fmt::format(", {} W", *nvml.power_mw / 1000);
  return text;
}

void add_device(Out out, std::size_t index, const Device& device) {
  fmt::format_to(out, "Device {}  {} [{}] {}", index, device.name, device.hardware_class,
                 format_bytes(device.memory_bytes));
  if (device.compute_units > 0) fmt::format_to(out, ", {} units at {} MHz", device.compute_units, device.clock_mhz);
  fmt::format_to(out, "\n          {}{}\n", device.id, device.nvml ? nvml_facts(*device.nvml) : "");
  if (!device.driver_version.empty() || device.opencl) {
    fmt::format_to(out, "          driver {}{}\n", device.driver_version.empty() ? "unknown" : device.driver_version,
                   device.opencl ? ", OpenCL by " + device.opencl->platform : "");
  }
  if (!device.unusable.empty()) fmt::format_to(out, "          not usable: {}\n", device.unusable);
}

void add_node(Out out, const NodeCandidate& node) {
  fmt::format_to(out, "Node      {} x {} ({}), {} each", node.devices.size(), node.hardware_class, node.model,
                 format_bytes(node.memory_per_device_bytes));
  if (node.interconnect != "none") fmt::format_to(out, ", {}", node.interconnect);
  fmt::format_to(out, "\n");
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_inventory(const Inventory& inventory) {
  std::string text;
  const Out out(text);
  add_host(out, inventory.host);
  for (std::size_t i = 0; i < inventory.devices.size(); ++i) add_device(out, i, inventory.devices[i]);
  for (const auto& node : inventory.nodes) add_node(out, node);
  for (const auto& runtime : inventory.runtimes)
    fmt::format_to(out, "Runtime   {} ({})\n", runtime.tag, runtime.version);
  for (const auto& missing : inventory.missing_runtimes) {
    fmt::format_to(out, "Missing   {}: {}\n", missing.family, missing.advice);
  }
  for (const auto& source : inventory.sources) {
    if (source.state != SourceState::Ready) fmt::format_to(out, "{:<9} {}\n", source.source, source.message);
    for (const auto& warning : source.warnings) fmt::format_to(out, "Warning   {}\n", warning);
  }
  for (const auto& warning : inventory.warnings) fmt::format_to(out, "Warning   {}\n", warning);
  return text;
}

std::string inventory_json(const Inventory& inventory) {
  return to_json_value(inventory).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace starminer::provider::devices
