// The part of the NVIDIA management library's C interface that discovery calls, declared here because the vendor's
// header is not needed to build. Layouts and numbers are the library's stable ABI (NVML API reference, versions "_v2"
// and "_v3" where the name says so); they must not be changed. Shared with the test library in fake_nvml/.
#pragma once

#include <cstdint>

extern "C" {

struct NvmlDeviceHandle;

struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct NvmlPciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};

struct NvmlUtilization {
  unsigned gpu;
  unsigned memory;
};

using NvmlInitFn = int();
using NvmlShutdownFn = int();
using NvmlErrorStringFn = const char*(int);
using NvmlDriverVersionFn = int(char*, unsigned);
using NvmlDeviceCountFn = int(unsigned*);
using NvmlHandleByIndexFn = int(unsigned, NvmlDeviceHandle**);
using NvmlTextFn = int(NvmlDeviceHandle*, char*, unsigned);
using NvmlMemoryFn = int(NvmlDeviceHandle*, NvmlMemory*);
using NvmlPciFn = int(NvmlDeviceHandle*, NvmlPciInfo*);
using NvmlCapabilityFn = int(NvmlDeviceHandle*, int*, int*);
using NvmlUtilizationFn = int(NvmlDeviceHandle*, NvmlUtilization*);
using NvmlTemperatureFn = int(NvmlDeviceHandle*, unsigned sensor, unsigned*);
using NvmlNumberFn = int(NvmlDeviceHandle*, unsigned*);
using NvmlLinkStateFn = int(NvmlDeviceHandle*, unsigned link, unsigned*);
using NvmlMigModeFn = int(NvmlDeviceHandle*, unsigned* current, unsigned* pending);
}

namespace starminer::provider::devices {

inline constexpr int kNvmlSuccess = 0;
inline constexpr int kNvmlNotSupported = 3;
inline constexpr int kNvmlNoPermission = 4;
inline constexpr int kNvmlDriverNotLoaded = 9;
inline constexpr int kNvmlGpuIsLost = 15;
inline constexpr int kNvmlVersionMismatch = 18;
inline constexpr int kNvmlUnknown = 999;
inline constexpr unsigned kNvmlSensorGpu = 0;
inline constexpr unsigned kNvmlLinksMax = 18;
inline constexpr unsigned kNvmlNameBytes = 96;
inline constexpr unsigned kNvmlVersionBytes = 80;
inline constexpr unsigned kNvmlDevicesMax = 64;

}  // namespace starminer::provider::devices
