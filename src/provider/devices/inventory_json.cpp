#include "provider/devices/inventory_json.h"

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace starminer::provider::devices {
namespace {

using nlohmann::json;

template <class Enum, std::size_t n>
using Names = std::array<std::pair<Enum, std::string_view>, n>;

constexpr Names<DeviceKind, 3> kKinds{
    {{DeviceKind::Gpu, "gpu"}, {DeviceKind::Accelerator, "accelerator"}, {DeviceKind::Cpu, "cpu"}}};
constexpr Names<SourceState, 6> kStates{{{SourceState::Ready, "ready"},
                                         {SourceState::Absent, "absent"},
                                         {SourceState::Empty, "empty"},
                                         {SourceState::Failed, "failed"},
                                         {SourceState::TimedOut, "timed_out"},
                                         {SourceState::Crashed, "crashed"}}};

template <class Enum, std::size_t n>
std::string name_of(const Names<Enum, n>& names, Enum value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return std::string(name);
  }
  return "unknown";
}

template <class Enum, std::size_t n>
Enum value_of(const Names<Enum, n>& names, const std::string& text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  throw std::out_of_range("unknown name");
}

template <class T>
void put(json& object, const char* key, const std::optional<T>& value) {
  object[key] = value ? json(*value) : json(nullptr);
}

template <class T>
void take(const json& object, const char* key, std::optional<T>& value) {
  const json& field = object.at(key);
  if (!field.is_null()) value = field.get<T>();
}

json detail_to_json(const NvmlDetail& nvml) {
  json out{{"index", nvml.index},
           {"compute_capability", nvml.compute_capability},
           {"nvlinks_active", nvml.nvlinks_active},
           {"mig_enabled", nvml.mig_enabled}};
  put(out, "minor_number", nvml.minor_number);
  put(out, "utilization_percent", nvml.utilization_percent);
  put(out, "temperature_c", nvml.temperature_c);
  put(out, "power_mw", nvml.power_mw);
  put(out, "pcie_generation_max", nvml.pcie_generation_max);
  put(out, "pcie_width_max", nvml.pcie_width_max);
  return out;
}

NvmlDetail nvml_from_json(const json& in) {
  NvmlDetail nvml;
  in.at("index").get_to(nvml.index);
  in.at("compute_capability").get_to(nvml.compute_capability);
  in.at("nvlinks_active").get_to(nvml.nvlinks_active);
  in.at("mig_enabled").get_to(nvml.mig_enabled);
  take(in, "minor_number", nvml.minor_number);
  take(in, "utilization_percent", nvml.utilization_percent);
  take(in, "temperature_c", nvml.temperature_c);
  take(in, "power_mw", nvml.power_mw);
  take(in, "pcie_generation_max", nvml.pcie_generation_max);
  take(in, "pcie_width_max", nvml.pcie_width_max);
  return nvml;
}

json detail_to_json(const OpenclDetail& opencl) {
  return {{"platform_index", opencl.platform_index},
          {"device_index", opencl.device_index},
          {"platform", opencl.platform},
          {"vendor", opencl.vendor},
          {"name", opencl.name},
          {"version", opencl.version},
          {"allocation_bytes_max", opencl.allocation_bytes_max},
          {"fp16", opencl.fp16},
          {"fp64", opencl.fp64}};
}

OpenclDetail opencl_from_json(const json& in) {
  OpenclDetail opencl;
  in.at("platform_index").get_to(opencl.platform_index);
  in.at("device_index").get_to(opencl.device_index);
  in.at("platform").get_to(opencl.platform);
  in.at("vendor").get_to(opencl.vendor);
  in.at("name").get_to(opencl.name);
  in.at("version").get_to(opencl.version);
  in.at("allocation_bytes_max").get_to(opencl.allocation_bytes_max);
  in.at("fp16").get_to(opencl.fp16);
  in.at("fp64").get_to(opencl.fp64);
  return opencl;
}

json host_to_json(const Host& host) {
  json out{{"cpu_model", host.cpu_model},
           {"cpu_cores", host.cpu_cores},
           {"cpu_threads", host.cpu_threads},
           {"numa_nodes", host.numa_nodes},
           {"memory_bytes", host.memory_bytes},
           {"memory_available_bytes", host.memory_available_bytes},
           {"disk_path", host.disk_path},
           {"disk_total_bytes", host.disk_total_bytes},
           {"disk_free_bytes", host.disk_free_bytes},
           {"kernel", host.kernel},
           {"os", host.os}};
  put(out, "network_mbps", host.network_mbps);
  return out;
}

template <class T, class Convert>
json array_of(const std::vector<T>& values, const Convert& convert) {
  json out = json::array();
  for (const auto& value : values) out.push_back(convert(value));
  return out;
}

}  // namespace

json to_json_value(const Device& device) {
  json out{{"id", device.id},
           {"kind", name_of(kKinds, device.kind)},
           {"name", device.name},
           {"hardware_class", device.hardware_class},
           {"pci_bus_id", device.pci_bus_id},
           {"memory_bytes", device.memory_bytes},
           {"compute_units", device.compute_units},
           {"clock_mhz", device.clock_mhz},
           {"driver_version", device.driver_version},
           {"device_file", device.device_file},
           {"unusable", device.unusable},
           {"nvml", device.nvml ? detail_to_json(*device.nvml) : json(nullptr)},
           {"opencl", device.opencl ? detail_to_json(*device.opencl) : json(nullptr)}};
  put(out, "memory_free_bytes", device.memory_free_bytes);
  return out;
}

Device device_from_json(const json& in) {
  Device device;
  in.at("id").get_to(device.id);
  device.kind = value_of(kKinds, in.at("kind").get<std::string>());
  in.at("name").get_to(device.name);
  in.at("hardware_class").get_to(device.hardware_class);
  in.at("pci_bus_id").get_to(device.pci_bus_id);
  in.at("memory_bytes").get_to(device.memory_bytes);
  in.at("compute_units").get_to(device.compute_units);
  in.at("clock_mhz").get_to(device.clock_mhz);
  in.at("driver_version").get_to(device.driver_version);
  in.at("device_file").get_to(device.device_file);
  in.at("unusable").get_to(device.unusable);
  take(in, "memory_free_bytes", device.memory_free_bytes);
  if (!in.at("nvml").is_null()) device.nvml = nvml_from_json(in.at("nvml"));
  if (!in.at("opencl").is_null()) device.opencl = opencl_from_json(in.at("opencl"));
  return device;
}

json to_json_value(const SourceReport& source) {
  return {{"source", source.source},
          {"state", name_of(kStates, source.state)},
          {"driver_version", source.driver_version},
          {"message", source.message},
          {"warnings", source.warnings}};
}

SourceReport source_from_json(const json& in) {
  SourceReport source;
  in.at("source").get_to(source.source);
  source.state = value_of(kStates, in.at("state").get<std::string>());
  in.at("driver_version").get_to(source.driver_version);
  in.at("message").get_to(source.message);
  in.at("warnings").get_to(source.warnings);
  return source;
}

json to_json_value(const Inventory& inventory) {
  const auto convert = [](const auto& part) { return to_json_value(part); };
  const auto runtime = [](const Runtime& r) {
    return json{{"tag", r.tag}, {"version", r.version}, {"program", r.program}, {"read_only_paths", r.read_only_paths}};
  };
  const auto missing = [](const MissingRuntime& m) { return json{{"family", m.family}, {"advice", m.advice}}; };
  const auto node = [](const NodeCandidate& n) {
    return json{{"hardware_class", n.hardware_class},
                {"model", n.model},
                {"devices", n.devices},
                {"memory_per_device_bytes", n.memory_per_device_bytes},
                {"interconnect", n.interconnect}};
  };
  return {{"host", host_to_json(inventory.host)},
          {"devices", array_of(inventory.devices, convert)},
          {"sources", array_of(inventory.sources, convert)},
          {"runtimes", array_of(inventory.runtimes, runtime)},
          {"missing_runtimes", array_of(inventory.missing_runtimes, missing)},
          {"nodes", array_of(inventory.nodes, node)},
          {"warnings", inventory.warnings}};
}

}  // namespace starminer::provider::devices
