// What a provider's machine has: devices, host, runtimes, and the nodes that can be registered from them (REG-2).
// Plain values without behaviour: discover.h fills them, report.h shows them, the agent registers from them.
// Sizes are bytes. An absent optional means that the machine does not say; 0 is never used for "unknown" there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace starminer::provider::devices {

enum class DeviceKind : std::uint8_t { Gpu, Accelerator, Cpu };

/// What the NVIDIA management library adds. Momentary figures (temperature, power, load) are of the discovery.
struct NvmlDetail {
  std::uint32_t index = 0;
  std::string compute_capability;  ///< "9.0"; empty where not reported
  std::optional<std::uint32_t> minor_number;
  std::optional<std::uint32_t> utilization_percent;
  std::optional<std::uint32_t> temperature_c;
  std::optional<std::uint32_t> power_mw;
  std::optional<std::uint32_t> pcie_generation_max;
  std::optional<std::uint32_t> pcie_width_max;
  std::uint32_t nvlinks_active = 0;
  bool mig_enabled = false;
};

/// Where and how OpenCL sees the device. The two indexes address it in this machine's OpenCL until drivers change.
struct OpenclDetail {
  std::uint32_t platform_index = 0;
  std::uint32_t device_index = 0;
  std::string platform;
  std::string vendor;
  std::string name;
  std::string version;
  std::uint64_t allocation_bytes_max = 0;
  bool fp16 = false;
  bool fp64 = false;
};

/// One physical device. Requires at least one of `nvml` and `opencl`.
struct Device {
  std::string id;  ///< stable on this machine: the driver's UUID, else "pci-<bus id>", else "cpu-0", "opencl-<p>-<d>"
  DeviceKind kind{};
  std::string name;            ///< model as the driver reports it; the host's processor for Cpu
  std::string hardware_class;  ///< a name of device_class.h
  std::string pci_bus_id;      ///< "0000:65:00.0", lower case; empty where not known
  std::uint64_t memory_bytes = 0;
  std::optional<std::uint64_t> memory_free_bytes;
  std::uint32_t compute_units = 0;
  std::uint32_t clock_mhz = 0;
  std::string driver_version;
  std::string device_file;  ///< "/dev/nvidia0"; empty where there is none to hand to a sandbox
  std::string unusable;     ///< why no job can run on it and what to do; empty for a usable device
  std::optional<NvmlDetail> nvml;
  std::optional<OpenclDetail> opencl;
};

enum class SourceState : std::uint8_t {
  Ready,     ///< answered, with devices
  Absent,    ///< the library is not installed: normal on a machine without such hardware
  Empty,     ///< answered, with no device
  Failed,    ///< the library or driver refused
  TimedOut,  ///< no answer in time
  Crashed    ///< the library ended its process
};

/// How one driver interface answered.
struct SourceReport {
  std::string source;  ///< "NVML" or "OpenCL"
  SourceState state{};
  std::string driver_version;
  std::string message;                ///< for states other than Ready: what happened and what to do
  std::vector<std::string> warnings;  ///< single devices or facts that could not be read
};

struct Host {
  std::string cpu_model;
  std::uint32_t cpu_cores = 0;
  std::uint32_t cpu_threads = 0;  ///< that this process may use
  std::uint32_t numa_nodes = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_available_bytes = 0;
  std::string disk_path;
  std::uint64_t disk_total_bytes = 0;
  std::uint64_t disk_free_bytes = 0;  ///< free to this user
  std::string kernel;
  std::string os;
  std::optional<std::uint32_t> network_mbps;  ///< fastest link that is up, by its own claim
};

/// A runtime that jobs may name, found on this host.
struct Runtime {
  std::string tag;                           ///< "debian/blender-3.4": the version is the one found
  std::string version;                       ///< full, "3.4.1"
  std::string program;                       ///< absolute path of what a job of this runtime starts
  std::vector<std::string> read_only_paths;  ///< existing host paths a sandbox must show the job
};

struct MissingRuntime {
  std::string family;  ///< "debian/blender"
  std::string advice;  ///< what to install, or what is wrong with what is installed
};

/// Devices of one class and model on this host: what one registered node consists of.
struct NodeCandidate {
  std::string hardware_class;
  std::string model;
  std::vector<std::size_t> devices;  ///< indexes into Inventory::devices
  std::uint64_t memory_per_device_bytes = 0;
  std::string interconnect;  ///< "nvlink", "pcie" or "none" (one device)
};

struct Inventory {
  Host host;
  std::vector<Device> devices;
  std::vector<SourceReport> sources;
  std::vector<Runtime> runtimes;
  std::vector<MissingRuntime> missing_runtimes;
  std::vector<NodeCandidate> nodes;
  std::vector<std::string> warnings;
};

}  // namespace starminer::provider::devices
