#include "provider/devices/discover.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "provider/devices/child_process.h"
#include "provider/devices/host.h"
#include "provider/devices/nvml.h"
#include "provider/devices/opencl.h"
#include "provider/devices/runtimes.h"

namespace starminer::provider::devices {
namespace {

DriverReport failed_report(const std::string& source, const ChildFailure& failure) {
  DriverReport report;
  report.source.source = source;
  switch (failure.end) {
    case ChildEnd::TimedOut:
    case ChildEnd::Stuck:
      report.source.state = SourceState::TimedOut;
      report.source.message = fmt::format(
          "the {} driver gave {}; check `dmesg` for driver errors and reboot if they persist", source, failure.message);
      break;
    case ChildEnd::Crashed:
      report.source.state = SourceState::Crashed;
      report.source.message = fmt::format("the {} library {}; reinstall the driver", source, failure.message);
      break;
    case ChildEnd::StartFailed:
    case ChildEnd::Failed:
    case ChildEnd::OutputTooLong:
      report.source.state = SourceState::Failed;
      report.source.message = fmt::format("asking {} failed: {}", source, failure.message);
      break;
  }
  return report;
}

DriverReport ask(const std::string& source, const std::function<DriverReport()>& read,
                 std::chrono::milliseconds deadline) {
  const auto text = run_in_child([&read] { return encode_driver_report(read()); }, ChildLimits{.deadline = deadline});
  if (!text) return failed_report(source, text.error());
  if (auto report = decode_driver_report(*text)) return std::move(*report);
  return failed_report(source, {ChildEnd::Failed, 0, "the probe's answer cannot be read"});
}

/// The NVML device that this OpenCL device is, or null.
Device* find_twin(std::vector<Device>& known, const Device& device) {
  if (!device.pci_bus_id.empty()) {
    for (auto& candidate : known) {
      if (candidate.pci_bus_id == device.pci_bus_id) return &candidate;
    }
  }
  for (auto& candidate : known) {
    const bool one_unaddressed = candidate.pci_bus_id.empty() || device.pci_bus_id.empty();
    if (one_unaddressed && !candidate.opencl && candidate.name == device.name) return &candidate;
  }
  return nullptr;
}

void adopt_opencl(Device& known, const Device& device, std::vector<std::string>& warnings) {
  if (known.opencl) {
    warnings.push_back(fmt::format("{} is offered by two OpenCL platforms; '{}' is used, '{}' is not", known.name,
                                   known.opencl->platform, device.opencl->platform));
    return;
  }
  known.opencl = device.opencl;
  known.compute_units = device.compute_units;
  known.clock_mhz = device.clock_mhz;
  if (known.unusable.empty()) known.unusable = device.unusable;
}

std::string interconnect_of(const std::vector<Device>& devices, const NodeCandidate& node) {
  if (node.devices.size() < 2) return "none";
  const bool linked = std::all_of(node.devices.begin(), node.devices.end(), [&](std::size_t index) {
    return devices[index].nvml && devices[index].nvml->nvlinks_active > 0;
  });
  return linked ? "nvlink" : "pcie";
}

}  // namespace

std::vector<Device> merge_devices(std::vector<Device> nvml, std::vector<Device> opencl, const Host& host,
                                  std::vector<std::string>& warnings) {
  std::vector<Device> devices = std::move(nvml);
  const Device* processor = nullptr;
  std::vector<Device> processors;
  for (auto& device : opencl) {
    if (device.kind == DeviceKind::Cpu) {
      device.id = "cpu-0";
      device.name = host.cpu_model;
      processors.push_back(std::move(device));
    } else if (Device* twin = find_twin(devices, device)) {
      adopt_opencl(*twin, device, warnings);
    } else {
      devices.push_back(std::move(device));
    }
  }
  for (auto& device : processors) {
    if (processor != nullptr) {
      warnings.push_back(fmt::format("the processor is offered by two OpenCL platforms; '{}' is used, '{}' is not",
                                     processor->opencl->platform, device.opencl->platform));
      continue;
    }
    devices.push_back(std::move(device));
    processor = &devices.back();
  }
  for (const auto& device : devices) {
    if (device.opencl || !device.unusable.empty()) continue;
    warnings.push_back(
        fmt::format("{} ({}) has no OpenCL driver, so it cannot be benchmarked; install nvidia-opencl-icd", device.name,
                    device.id));
  }
  return devices;
}

std::vector<NodeCandidate> group_nodes(const std::vector<Device>& devices) {
  const auto usable = [](const Device& device) { return device.unusable.empty(); };
  const bool has_gpu = std::any_of(devices.begin(), devices.end(),
                                   [&](const Device& d) { return usable(d) && d.kind != DeviceKind::Cpu; });
  std::vector<NodeCandidate> nodes;
  for (std::size_t index = 0; index < devices.size(); ++index) {
    const Device& device = devices[index];
    if (!usable(device) || (has_gpu && device.kind == DeviceKind::Cpu)) continue;
    auto node = std::find_if(nodes.begin(), nodes.end(), [&](const NodeCandidate& n) {
      return n.hardware_class == device.hardware_class && n.model == device.name;
    });
    if (node == nodes.end()) {
      nodes.push_back({device.hardware_class, device.name, {}, device.memory_bytes, {}});
      node = std::prev(nodes.end());
    }
    node->devices.push_back(index);
    node->memory_per_device_bytes = std::min(node->memory_per_device_bytes, device.memory_bytes);
  }
  for (auto& node : nodes) node.interconnect = interconnect_of(devices, node);
  return nodes;
}

Inventory discover(const DiscoverOptions& options) {
  Inventory inventory;
  inventory.host = read_host("", options.disk_path);
  auto nvml = ask(
      "NVML", [&] { return read_nvml(options.nvml_library); }, options.driver_deadline);
  auto opencl = ask(
      "OpenCL", [&] { return read_opencl(options.opencl_library); }, options.driver_deadline);
  inventory.devices =
      merge_devices(std::move(nvml.devices), std::move(opencl.devices), inventory.host, inventory.warnings);
  inventory.sources = {std::move(nvml.source), std::move(opencl.source)};
  inventory.nodes = group_nodes(inventory.devices);
  if (options.with_runtimes) {
    auto runtimes = probe_runtimes("");
    inventory.runtimes = std::move(runtimes.present);
    inventory.missing_runtimes = std::move(runtimes.missing);
  }
  if (inventory.nodes.empty()) {
    inventory.warnings.emplace_back(
        "no usable device: install the GPU vendor's driver with OpenCL, or `apt-get install pocl-opencl-icd` to offer "
        "the processor");
  }
  return inventory;
}

}  // namespace starminer::provider::devices
