#include "provider/devices/opencl.h"

#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "provider/devices/device_class.h"
#include "provider/devices/opencl_api.h"

namespace starminer::provider::devices {
namespace {

// Vendor queries by number: cl_nv_device_attribute_query and cl_amd_device_attribute_query.
constexpr cl_device_info kNvPciBus = 0x4008;
constexpr cl_device_info kNvPciSlot = 0x4009;
constexpr cl_device_info kNvPciDomain = 0x400A;
constexpr cl_device_info kAmdBoardName = 0x4038;

template <class T>
std::optional<T> read_value(const OpenclApi& api, cl_device_id device, cl_device_info what) {
  T value{};
  std::size_t size = 0;
  if (api.get_device_info(device, what, sizeof value, &value, &size) != CL_SUCCESS || size != sizeof value)
    return std::nullopt;
  return value;
}

std::string read_pci_bus_id(const OpenclApi& api, cl_device_id device, const std::string& extensions) {
  if (extensions.find("cl_khr_pci_bus_info") != std::string::npos) {
    const auto info = read_value<cl_device_pci_bus_info_khr>(api, device, CL_DEVICE_PCI_BUS_INFO_KHR);
    if (info) {
      return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", info->pci_domain, info->pci_bus, info->pci_device,
                         info->pci_function);
    }
  }
  if (extensions.find("cl_nv_device_attribute_query") != std::string::npos) {
    const auto bus = read_value<cl_uint>(api, device, kNvPciBus);
    const auto slot = read_value<cl_uint>(api, device, kNvPciSlot);
    const auto domain = read_value<cl_uint>(api, device, kNvPciDomain);
    // The slot holds device and function as PCI packs them.
    if (bus && slot) {
      return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain.value_or(0), *bus, *slot >> 3U, *slot & 7U);
    }
  }
  return {};
}

DeviceKind kind_of(cl_device_type type) {
  if ((type & CL_DEVICE_TYPE_GPU) != 0) return DeviceKind::Gpu;
  if ((type & CL_DEVICE_TYPE_CPU) != 0) return DeviceKind::Cpu;
  return DeviceKind::Accelerator;
}

/// Why the device cannot run our kernels, or an empty text.
std::string unusable_reason(const OpenclApi& api, cl_device_id device) {
  if (read_value<cl_bool>(api, device, CL_DEVICE_AVAILABLE).value_or(CL_FALSE) == CL_FALSE) {
    return "the driver says that the device is not available";
  }
  if (read_value<cl_bool>(api, device, CL_DEVICE_COMPILER_AVAILABLE).value_or(CL_FALSE) == CL_FALSE) {
    return "the driver has no kernel compiler; install the full OpenCL driver of the vendor";
  }
  return {};
}

std::optional<Device> read_device(const OpenclApi& api, cl_device_id handle, const OpenclDetail& place) {
  const auto type = read_value<cl_device_type>(api, handle, CL_DEVICE_TYPE);
  const auto memory = read_value<cl_ulong>(api, handle, CL_DEVICE_GLOBAL_MEM_SIZE);
  if (!type || !memory) return std::nullopt;
  const std::string extensions = opencl_device_text(api, handle, CL_DEVICE_EXTENSIONS);
  Device device;
  device.kind = kind_of(*type);
  device.memory_bytes = *memory;
  device.compute_units = read_value<cl_uint>(api, handle, CL_DEVICE_MAX_COMPUTE_UNITS).value_or(0);
  device.clock_mhz = read_value<cl_uint>(api, handle, CL_DEVICE_MAX_CLOCK_FREQUENCY).value_or(0);
  device.driver_version = opencl_device_text(api, handle, CL_DRIVER_VERSION);
  device.pci_bus_id = device.kind == DeviceKind::Cpu ? "" : read_pci_bus_id(api, handle, extensions);
  device.unusable = unusable_reason(api, handle);
  OpenclDetail detail = place;
  detail.name = opencl_device_text(api, handle, CL_DEVICE_NAME);
  detail.vendor = opencl_device_text(api, handle, CL_DEVICE_VENDOR);
  detail.version = opencl_device_text(api, handle, CL_DEVICE_VERSION);
  detail.allocation_bytes_max = read_value<cl_ulong>(api, handle, CL_DEVICE_MAX_MEM_ALLOC_SIZE).value_or(0);
  detail.fp16 = extensions.find("cl_khr_fp16") != std::string::npos;
  detail.fp64 = read_value<cl_device_fp_config>(api, handle, CL_DEVICE_DOUBLE_FP_CONFIG).value_or(0) != 0;
  // AMD reports a chip name ("gfx90a") as device name; the board name is what people know.
  const std::string board = extensions.find("cl_amd_device_attribute_query") != std::string::npos
                                ? opencl_device_text(api, handle, kAmdBoardName)
                                : "";
  device.name = !board.empty() ? board : !detail.name.empty() ? detail.name : "unnamed OpenCL device";
  device.hardware_class = device.kind == DeviceKind::Cpu ? kCpuClass : gpu_class(device.name, device.memory_bytes);
  device.id = !device.pci_bus_id.empty() ? "pci-" + device.pci_bus_id
                                         : fmt::format("opencl-{}-{}", place.platform_index, place.device_index);
  device.opencl = std::move(detail);
  return device;
}

void read_platform(const OpenclApi& api, cl_platform_id platform, std::uint32_t platform_index, DriverReport& report) {
  OpenclDetail place;
  place.platform_index = platform_index;
  place.platform = opencl_platform_text(api, platform, CL_PLATFORM_NAME);
  const std::string version = opencl_platform_text(api, platform, CL_PLATFORM_VERSION);
  report.source.driver_version += (report.source.driver_version.empty() ? "" : "; ") + place.platform + ": " + version;
  const auto handles = opencl_devices(api, platform);
  if (handles.empty()) {
    report.source.warnings.push_back(fmt::format("OpenCL platform '{}' has no device", place.platform));
  }
  for (std::uint32_t index = 0; index < handles.size(); ++index) {
    place.device_index = index;
    auto device = read_device(api, handles[index], place);
    if (device) {
      report.devices.push_back(std::move(*device));
    } else {
      report.source.warnings.push_back(
          fmt::format("device {} of OpenCL platform '{}' does not answer", index, place.platform));
    }
  }
}

}  // namespace

DriverReport read_opencl(const std::string& library) {
  DriverReport report;
  report.source.source = "OpenCL";
  const auto api = load_opencl(library);
  if (!api) {
    report.source.state = api.error().absent ? SourceState::Absent : SourceState::Failed;
    report.source.message = api.error().message;
    return report;
  }
  const auto platforms = opencl_platforms(*api);
  for (std::uint32_t index = 0; index < platforms.size(); ++index) {
    read_platform(*api, platforms[index], index, report);
  }
  report.source.state = report.devices.empty() ? SourceState::Empty : SourceState::Ready;
  if (report.devices.empty()) {
    report.source.message = platforms.empty()
                                ? "OpenCL is installed without any driver; install the GPU vendor's OpenCL "
                                  "driver, or pocl-opencl-icd for the processor"
                                : "OpenCL drivers are installed and see no device";
  }
  return report;
}

}  // namespace starminer::provider::devices
