// Discovery of a provider's machine (REG-2): NVML and OpenCL in child processes with a deadline, host facts, runtimes,
// and the nodes that follow. It succeeds on every machine: a library that is absent, refuses, hangs or crashes becomes
// a source report that says so. Takes tenths of a second to seconds; call it off the event loop.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "provider/devices/driver_report.h"
#include "provider/devices/inventory.h"

namespace starminer::provider::devices {

struct DiscoverOptions {
  std::string nvml_library = "libnvidia-ml.so.1";
  std::string opencl_library = "libOpenCL.so.1";
  std::chrono::milliseconds driver_deadline{20'000};  ///< for each of the two
  std::string disk_path = "/";                        ///< where scratch space of jobs will lie
  bool with_runtimes = true;
};

[[nodiscard]] Inventory discover(const DiscoverOptions& options);

/// One list of physical devices: an OpenCL GPU that NVML knows as well (same PCI address, else same model in order) is
/// one device, and so is a processor that several OpenCL platforms offer. Notes what it dropped in `warnings`.
[[nodiscard]] std::vector<Device> merge_devices(std::vector<Device> nvml, std::vector<Device> opencl, const Host& host,
                                                std::vector<std::string>& warnings);

/// Usable devices by class and model, in order of first appearance. The processor is a node of its own only where the
/// machine has no usable GPU: beside one it is what feeds the GPU.
[[nodiscard]] std::vector<NodeCandidate> group_nodes(const std::vector<Device>& devices);

}  // namespace starminer::provider::devices
