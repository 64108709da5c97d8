#include "provider/devices/nvml.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "provider/devices/device_class.h"
#include "provider/devices/nvml_abi.h"
#include "provider/devices/shared_library.h"

namespace starminer::provider::devices {
namespace {

/// The functions of one loaded library. Those of the first group must exist; the others are null in old drivers.
struct Api {
  NvmlInitFn* init;
  NvmlShutdownFn* shutdown;
  NvmlDeviceCountFn* device_count;
  NvmlHandleByIndexFn* handle_by_index;
  NvmlTextFn* name;
  NvmlMemoryFn* memory;

  NvmlErrorStringFn* error_string;
  NvmlDriverVersionFn* driver_version;
  NvmlTextFn* uuid;
  NvmlPciFn* pci;
  NvmlCapabilityFn* capability;
  NvmlUtilizationFn* utilization;
  NvmlTemperatureFn* temperature;
  NvmlNumberFn* power;
  NvmlNumberFn* pcie_generation;
  NvmlNumberFn* pcie_width;
  NvmlNumberFn* minor_number;
  NvmlLinkStateFn* link_state;
  NvmlMigModeFn* mig_mode;
};

Api find_api(const SharedLibrary& library) {
  return Api{
      library.find<NvmlInitFn>("nvmlInit_v2"),
      library.find<NvmlShutdownFn>("nvmlShutdown"),
      library.find<NvmlDeviceCountFn>("nvmlDeviceGetCount_v2"),
      library.find<NvmlHandleByIndexFn>("nvmlDeviceGetHandleByIndex_v2"),
      library.find<NvmlTextFn>("nvmlDeviceGetName"),
      library.find<NvmlMemoryFn>("nvmlDeviceGetMemoryInfo"),
      library.find<NvmlErrorStringFn>("nvmlErrorString"),
      library.find<NvmlDriverVersionFn>("nvmlSystemGetDriverVersion"),
      library.find<NvmlTextFn>("nvmlDeviceGetUUID"),
      library.find<NvmlPciFn>("nvmlDeviceGetPciInfo_v3"),
      library.find<NvmlCapabilityFn>("nvmlDeviceGetCudaComputeCapability"),
      library.find<NvmlUtilizationFn>("nvmlDeviceGetUtilizationRates"),
      library.find<NvmlTemperatureFn>("nvmlDeviceGetTemperature"),
      library.find<NvmlNumberFn>("nvmlDeviceGetPowerUsage"),
      library.find<NvmlNumberFn>("nvmlDeviceGetMaxPcieLinkGeneration"),
      library.find<NvmlNumberFn>("nvmlDeviceGetMaxPcieLinkWidth"),
      library.find<NvmlNumberFn>("nvmlDeviceGetMinorNumber"),
      library.find<NvmlLinkStateFn>("nvmlDeviceGetNvLinkState"),
      library.find<NvmlMigModeFn>("nvmlDeviceGetMigMode"),
  };
}

bool is_complete(const Api& api) {
  return api.init != nullptr && api.shutdown != nullptr && api.device_count != nullptr &&
         api.handle_by_index != nullptr && api.name != nullptr && api.memory != nullptr;
}

std::string describe(const Api& api, int code) {
  const char* text = api.error_string != nullptr ? api.error_string(code) : nullptr;
  return text != nullptr ? fmt::format("{} (NVML code {})", text, code) : fmt::format("NVML code {}", code);
}

std::string advice(int code) {
  switch (code) {
    case kNvmlDriverNotLoaded:
      return "load the kernel driver (modprobe nvidia) or, without an NVIDIA card, remove its user-space library";
    case kNvmlNoPermission: return "give the agent's user access to /dev/nvidiactl and /dev/nvidia*";
    case kNvmlVersionMismatch:
      return "the kernel driver is of another version than the library: reboot, or reload the nvidia modules";
    case kNvmlGpuIsLost: return "the card fell off the bus: check power and seating, then reboot";
    default: return "check that `nvidia-smi` works for the agent's user";
  }
}

/// Text of a call that fills a buffer, or nothing if it refuses or does not end the text.
std::optional<std::string> read_text(NvmlTextFn* function, NvmlDeviceHandle* handle) {
  std::array<char, kNvmlNameBytes> buffer{};
  if (function == nullptr || function(handle, buffer.data(), kNvmlNameBytes) != kNvmlSuccess) return std::nullopt;
  const auto* end = static_cast<const char*>(std::memchr(buffer.data(), 0, buffer.size()));
  if (end == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(buffer.data()), end);
}

std::optional<std::uint32_t> read_number(NvmlNumberFn* function, NvmlDeviceHandle* handle) {
  unsigned value = 0;
  if (function == nullptr || function(handle, &value) != kNvmlSuccess) return std::nullopt;
  return value;
}

std::string read_pci_bus_id(const Api& api, NvmlDeviceHandle* handle) {
  NvmlPciInfo info{};
  if (api.pci == nullptr || api.pci(handle, &info) != kNvmlSuccess) return {};
  return fmt::format("{:04x}:{:02x}:{:02x}.0", info.domain, info.bus, info.device);
}

NvmlDetail read_detail(const Api& api, NvmlDeviceHandle* handle, std::uint32_t index) {
  NvmlDetail detail;
  detail.index = index;
  int major = 0;
  int minor = 0;
  if (api.capability != nullptr && api.capability(handle, &major, &minor) == kNvmlSuccess) {
    detail.compute_capability = fmt::format("{}.{}", major, minor);
  }
  NvmlUtilization utilization{};
  if (api.utilization != nullptr && api.utilization(handle, &utilization) == kNvmlSuccess) {
    detail.utilization_percent = utilization.gpu;
  }
  unsigned temperature = 0;
  if (api.temperature != nullptr && api.temperature(handle, kNvmlSensorGpu, &temperature) == kNvmlSuccess) {
    detail.temperature_c = temperature;
  }
  detail.power_mw = read_number(api.power, handle);
  detail.pcie_generation_max = read_number(api.pcie_generation, handle);
  detail.pcie_width_max = read_number(api.pcie_width, handle);
  detail.minor_number = read_number(api.minor_number, handle);
  for (unsigned link = 0; api.link_state != nullptr && link < kNvmlLinksMax; ++link) {
    unsigned active = 0;
    if (api.link_state(handle, link, &active) == kNvmlSuccess && active == 1) ++detail.nvlinks_active;
  }
  unsigned current = 0;
  unsigned pending = 0;
  if (api.mig_mode != nullptr && api.mig_mode(handle, &current, &pending) == kNvmlSuccess) {
    detail.mig_enabled = current == 1;
  }
  return detail;
}

/// The device, or the reason why this one cannot be read.
Result<Device, std::string> read_device(const Api& api, std::uint32_t index, const std::string& driver_version) {
  NvmlDeviceHandle* handle = nullptr;
  if (const int code = api.handle_by_index(index, &handle); code != kNvmlSuccess) {
    return fail(fmt::format("GPU {}: {}; {}", index, describe(api, code), advice(code)));
  }
  Device device;
  device.kind = DeviceKind::Gpu;
  device.driver_version = driver_version;
  const auto name = read_text(api.name, handle);
  if (!name || name->empty()) return fail(fmt::format("GPU {}: the driver gives no model name", index));
  device.name = *name;
  NvmlMemory memory{};
  if (const int code = api.memory(handle, &memory); code != kNvmlSuccess) {
    return fail(fmt::format("GPU {} ({}): memory: {}; {}", index, device.name, describe(api, code), advice(code)));
  }
  device.memory_bytes = memory.total;
  device.memory_free_bytes = memory.free;
  device.hardware_class = gpu_class(device.name, device.memory_bytes);
  device.pci_bus_id = read_pci_bus_id(api, handle);
  device.nvml = read_detail(api, handle, index);
  const auto uuid = read_text(api.uuid, handle);
  device.id = uuid && !uuid->empty()      ? *uuid
              : device.pci_bus_id.empty() ? fmt::format("nvml-{}", index)
                                          : "pci-" + device.pci_bus_id;
  if (device.nvml->minor_number) device.device_file = fmt::format("/dev/nvidia{}", *device.nvml->minor_number);
  if (device.nvml->mig_enabled) {
    device.unusable =
        fmt::format("MIG is on: whole-card jobs cannot run; turn it off with `nvidia-smi -i {} -mig 0`", index);
  }
  return device;
}

std::string read_driver_version(const Api& api) {
  std::array<char, kNvmlVersionBytes> buffer{};
  if (api.driver_version == nullptr || api.driver_version(buffer.data(), kNvmlVersionBytes) != kNvmlSuccess) return {};
  buffer.back() = 0;
  return buffer.data();
}

void read_all(const Api& api, DriverReport& report) {
  report.source.driver_version = read_driver_version(api);
  unsigned count = 0;
  if (const int code = api.device_count(&count); code != kNvmlSuccess) {
    report.source.state = SourceState::Failed;
    report.source.message = fmt::format("cannot count GPUs: {}; {}", describe(api, code), advice(code));
    return;
  }
  if (count > kNvmlDevicesMax) {
    report.source.warnings.push_back(
        fmt::format("the driver claims {} GPUs; only the first {} are read", count, kNvmlDevicesMax));
    count = kNvmlDevicesMax;
  }
  for (unsigned index = 0; index < count; ++index) {
    auto device = read_device(api, index, report.source.driver_version);
    if (device) {
      report.devices.push_back(std::move(*device));
    } else {
      report.source.warnings.push_back(std::move(device.error()));
    }
  }
  if (!report.devices.empty()) {
    report.source.state = SourceState::Ready;
  } else if (report.source.warnings.empty()) {
    report.source.state = SourceState::Empty;
    report.source.message = "the driver is installed and sees no card";
  } else {
    report.source.state = SourceState::Failed;
    report.source.message = "no GPU could be read";
  }
}

/// "libnvidia-ml.so.1: cannot open shared object file: No such file or directory" is the normal case without a card;
/// any other loader error is a broken installation.
bool is_absence(const std::string& loader_error) {
  return loader_error.find("cannot open shared object file: No such file") != std::string::npos;
}

}  // namespace

DriverReport read_nvml(const std::string& library_name) {
  DriverReport report;
  report.source.source = "NVML";
  auto library = SharedLibrary::open(library_name);
  if (!library) {
    const bool absent = is_absence(library.error());
    report.source.state = absent ? SourceState::Absent : SourceState::Failed;
    report.source.message = absent ? "no NVIDIA driver on this machine (" + library_name + " is not installed)"
                                   : library.error() + "; reinstall the NVIDIA driver";
    return report;
  }
  const Api api = find_api(*library);
  if (!is_complete(api)) {
    report.source.state = SourceState::Failed;
    report.source.message =
        library_name + " lacks functions that every NVIDIA driver since 2013 has; reinstall the driver";
    return report;
  }
  if (const int code = api.init(); code != kNvmlSuccess) {
    report.source.state = SourceState::Failed;
    report.source.message = fmt::format("the NVIDIA driver does not start: {}; {}", describe(api, code), advice(code));
    return report;
  }
  read_all(api, report);
  api.shutdown();
  return report;
}

}  // namespace starminer::provider::devices
