// Benchmarks of devices, per kind of work, by real OpenCL kernels (REG-8, TOK-2). Every result is held against the
// host's own computation, so a device that computes garbage gets no rating; inputs and digests are bound to a 32-byte
// challenge. Runs in a child process under a deadline and holds the host's lock meanwhile. Takes seconds: call it off
// the event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "provider/benchmark/failure.h"
#include "provider/benchmark/kernel_options.h"
#include "provider/benchmark/rating.h"
#include "provider/benchmark/workload.h"
#include "provider/devices/inventory.h"

namespace starminer::provider::benchmark {

struct BenchmarkOptions {
  Hash32 seed;  ///< the challenge; chosen by whoever wants to be convinced
  std::vector<WorkloadKind> kinds{kAllKinds.begin(), kAllKinds.end()};
  bool quick = false;  ///< tenths of a second a kind: for a look, not for registration
  std::string opencl_library = "libOpenCL.so.1";
  std::string lock_path;                         ///< empty: default_lock_path() of host_lock.h
  std::chrono::milliseconds lock_wait{900'000};  ///< how long to wait for other agents' benchmarks
  std::chrono::milliseconds deadline{180'000};   ///< for one device, kernel compilation included
  KernelStyle kernel_style = KernelStyle::Auto;
  KernelFilter kernel_filter;
};

/// One kind on one device.
struct KindResult {
  WorkloadKind kind{};
  std::uint64_t rating_x1000 = 0;  ///< compute units per device-second, times 1000
  double seconds = 0;              ///< how long this kind took in all
  Hash32 digest;  ///< SHA-256(tag, seed, kind, all result words at the proof sizes): equal on every correct device
  std::vector<Measurement> measurements;
};

/// A kind that this device cannot do.
struct SkippedKind {
  WorkloadKind kind{};
  std::string reason;
};

struct DeviceReport {
  std::string device_id;
  std::string device_name;
  std::string hardware_class;
  std::string platform;
  std::string driver_version;
  std::vector<KindResult> results;
  std::vector<SkippedKind> skipped;
};

/// Benchmarks one device. Fails as a whole if a single result is wrong: such a device is not to be trusted with any
/// work.
[[nodiscard]] Result<DeviceReport, Failure> benchmark_device(const devices::Device& device,
                                                             const BenchmarkOptions& options);

struct NodeRating {
  WorkloadKind kind{};
  std::uint64_t rating_x1000 = 0;  ///< of the slowest device: what every device of the node keeps
  Hash32 digest;
};

struct NodeReport {
  Hash32 seed;
  bool quick = false;
  Hash32 benchmark_id;  ///< SHA-256 over seed and, per device and kind, rating and digest
  std::string hardware_class;
  std::string model;
  std::vector<NodeRating> ratings;  ///< kinds that all devices can do
  std::vector<DeviceReport> devices;
};

/// Benchmarks all devices of a node one after the other, under one hold of the host's lock.
/// Requires: the node's indexes are those of the inventory.
[[nodiscard]] Result<NodeReport, Failure> benchmark_node(const devices::Inventory& inventory,
                                                         const devices::NodeCandidate& node,
                                                         const BenchmarkOptions& options);

}  // namespace starminer::provider::benchmark
