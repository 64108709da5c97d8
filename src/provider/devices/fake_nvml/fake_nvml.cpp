// A library with the NVIDIA management library's binary interface, for tests only: the tests load it by path where an
// agent loads the driver's, so the whole run-time path is exercised on machines without a card. Environment:
//   FAKE_NVML_DEVICES  "NAME|MIB;NAME|MIB;..."  models and memory, at most 16
//   FAKE_NVML_MIG      "1": MIG is on everywhere
//   FAKE_NVML_NVLINKS  active links of each device
//   FAKE_NVML_INIT     code that initialisation returns
//   FAKE_NVML_LOST     index of a device that answers "GPU is lost"
//   FAKE_NVML_MISSING  "1": refuse all optional facts with "not supported"
//   FAKE_NVML_COUNT    a device count that is a lie
//   FAKE_NVML_HANG     "1": initialisation never returns
//   FAKE_NVML_CRASH    "1": initialisation dies of a bad access
//   FAKE_NVML_NOISE    "1": initialisation writes to both standard streams
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "provider/devices/nvml_abi.h"

using namespace starminer::provider::devices;

struct NvmlDeviceHandle {
  unsigned index = 0;
  std::string name;
  unsigned long long memory_bytes = 0;
};

namespace {

constexpr int kInvalidArgument = 2;
constexpr std::size_t kDevicesMax = 16;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<NvmlDeviceHandle>& devices() {
  static std::vector<NvmlDeviceHandle> all = [] {
    std::vector<NvmlDeviceHandle> parsed;
    const std::string text = setting("FAKE_NVML_DEVICES");
    for (std::size_t at = 0; at < text.size() && parsed.size() < kDevicesMax;) {
      const std::size_t end = std::min(text.find(';', at), text.size());
      const std::string row = text.substr(at, end - at);
      const std::size_t bar = row.find('|');
      const auto index = static_cast<unsigned>(parsed.size());
      parsed.push_back({index, row.substr(0, bar), std::strtoull(row.substr(bar + 1).c_str(), nullptr, 10) << 20U});
      at = end + 1;
    }
    return parsed;
  }();
  return all;
}

bool optional_facts() { return setting("FAKE_NVML_MISSING") != "1"; }

int put(char* into, unsigned size, const std::string& text) {
  if (text.size() + 1 > size) return kInvalidArgument;
  std::memcpy(into, text.c_str(), text.size() + 1);
  return kNvmlSuccess;
}

int put(unsigned* into, unsigned value) {
  if (!optional_facts()) return kNvmlNotSupported;
  *into = value;
  return kNvmlSuccess;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int nvmlInit_v2() {
  if (setting("FAKE_NVML_NOISE") == "1") {
    std::puts("driver chatter on stdout");
    std::fflush(stdout);
    std::fputs("driver chatter on stderr\n", stderr);
  }
  while (setting("FAKE_NVML_HANG") == "1") pause();
  if (setting("FAKE_NVML_CRASH") == "1") {
    std::fputs("assertion in driver", stderr);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  return std::atoi(setting("FAKE_NVML_INIT").c_str());
}

EXPORT int nvmlShutdown() { return kNvmlSuccess; }

EXPORT const char* nvmlErrorString(int code) {
  return code == kNvmlGpuIsLost ? "GPU is lost" : code == kNvmlDriverNotLoaded ? "Driver Not Loaded" : "Unknown Error";
}

EXPORT int nvmlSystemGetDriverVersion(char* into, unsigned size) { return put(into, size, "550.54.15"); }

EXPORT int nvmlDeviceGetCount_v2(unsigned* count) {
  const std::string claimed = setting("FAKE_NVML_COUNT");
  *count = claimed.empty() ? static_cast<unsigned>(devices().size())
                           : static_cast<unsigned>(std::strtoul(claimed.c_str(), nullptr, 10));
  return kNvmlSuccess;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, NvmlDeviceHandle** handle) {
  const std::string lost = setting("FAKE_NVML_LOST");
  if (!lost.empty() && std::to_string(index) == lost) return kNvmlGpuIsLost;
  if (index >= devices().size()) return kInvalidArgument;
  *handle = &devices()[index];
  return kNvmlSuccess;
}

EXPORT int nvmlDeviceGetName(NvmlDeviceHandle* handle, char* into, unsigned size) {
  return put(into, size, handle->name);
}

EXPORT int nvmlDeviceGetUUID(NvmlDeviceHandle* handle, char* into, unsigned size) {
  if (!optional_facts()) return kNvmlNotSupported;
  return put(into, size, "GPU-00000000-0000-0000-0000-00000000000" + std::to_string(handle->index % 10));
}

EXPORT int nvmlDeviceGetMemoryInfo(NvmlDeviceHandle* handle, NvmlMemory* memory) {
  *memory = {handle->memory_bytes, handle->memory_bytes - (1ULL << 29U), 1ULL << 29U};
  return kNvmlSuccess;
}

EXPORT int nvmlDeviceGetPciInfo_v3(NvmlDeviceHandle* handle, NvmlPciInfo* info) {
  if (!optional_facts()) return kNvmlNotSupported;
  *info = {};
  info->bus = 0x10 + handle->index;
  return kNvmlSuccess;
}

EXPORT int nvmlDeviceGetCudaComputeCapability(NvmlDeviceHandle*, int* major, int* minor) {
  if (!optional_facts()) return kNvmlNotSupported;
  *major = 9;
  *minor = 0;
  return kNvmlSuccess;
}

EXPORT int nvmlDeviceGetUtilizationRates(NvmlDeviceHandle*, NvmlUtilization* rates) {
  if (!optional_facts()) return kNvmlNotSupported;
  *rates = {7, 3};
  return kNvmlSuccess;
}

EXPORT int nvmlDeviceGetTemperature(NvmlDeviceHandle*, unsigned, unsigned* value) { return put(value, 41); }
EXPORT int nvmlDeviceGetPowerUsage(NvmlDeviceHandle*, unsigned* value) { return put(value, 71'250); }
EXPORT int nvmlDeviceGetMaxPcieLinkGeneration(NvmlDeviceHandle*, unsigned* value) { return put(value, 5); }
EXPORT int nvmlDeviceGetMaxPcieLinkWidth(NvmlDeviceHandle*, unsigned* value) { return put(value, 16); }
EXPORT int nvmlDeviceGetMinorNumber(NvmlDeviceHandle* handle, unsigned* value) { return put(value, handle->index); }

EXPORT int nvmlDeviceGetNvLinkState(NvmlDeviceHandle*, unsigned link, unsigned* active) {
  return put(active, link < static_cast<unsigned>(std::atoi(setting("FAKE_NVML_NVLINKS").c_str())) ? 1 : 0);
}

EXPORT int nvmlDeviceGetMigMode(NvmlDeviceHandle*, unsigned* current, unsigned* pending) {
  if (!optional_facts()) return kNvmlNotSupported;
  *current = *pending = setting("FAKE_NVML_MIG") == "1" ? 1 : 0;
  return kNvmlSuccess;
}
