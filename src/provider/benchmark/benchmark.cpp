#include "provider/benchmark/benchmark.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "provider/benchmark/component.h"
#include "provider/benchmark/host_lock.h"
#include "provider/benchmark/measure.h"
#include "provider/benchmark/transport.h"
#include "provider/devices/child_process.h"

namespace starminer::provider::benchmark {
namespace {

constexpr std::string_view kDigestTag = "starminer/benchmark/result/1";
constexpr std::string_view kIdTag = "starminer/benchmark/id/1";

std::unique_ptr<Component> make_component(std::string_view name) {
  if (name == "matmul_fp32") return make_matmul(MatmulStorage::Fp32);
  if (name == "matmul_half") return make_matmul(MatmulStorage::Half);
  if (name == "gemv") return make_gemv();
  if (name == "paths") return make_paths();
  if (name == "pairs") return make_pairs();
  STARMINER_CHECK(name == "stencil_fp32" || name == "stencil_fp64");
  return make_stencil(name == "stencil_fp64" ? StencilType::Fp64 : StencilType::Fp32);
}

void append_word(Bytes& bytes, std::uint64_t word, int byte_count) {
  for (int i = 0; i < byte_count; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

/// Runs in the child.
KindResult run_kind(Session& session, WorkloadKind kind, const BenchmarkOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  KindResult result;
  result.kind = kind;
  Bytes message(options.seed.bytes.begin(), options.seed.bytes.end());
  message.push_back(static_cast<std::uint8_t>(kind));
  const Tuning tuning = options.quick ? Tuning::quick() : Tuning::full();
  for (const auto& row : reference_rows(kind)) {
    const auto component = make_component(row.component);
    auto measured = measure(session, *component, Generator(options.seed, kind, row.component), row, tuning);
    for (const std::uint32_t word : measured.proof_words) append_word(message, word, 4);
    result.measurements.push_back(std::move(measured.measurement));
  }
  result.digest = tagged_hash(kDigestTag, message);
  result.rating_x1000 = rating_x1000(result.measurements);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

/// Runs in the child: the only place where a Failure stops being an exception.
Result<DeviceReport, Failure> run_device(const devices::Device& device, const BenchmarkOptions& options) {
  // PoCL calls the system's linker; a service may be started without a search path.
  ::setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 0);
  try {
    Session session(options.opencl_library, *device.opencl, options.kernel_style, options.kernel_filter);
    DeviceReport report{
        device.id, device.name, device.hardware_class, device.opencl->platform, session.driver_version(), {}, {}};
    for (const auto kind : options.kinds) {
      try {
        report.results.push_back(run_kind(session, kind, options));
      } catch (const Failure& failure) {
        if (failure.code != FailureCode::Unsupported) throw;
        report.skipped.push_back({kind, failure.message});
      }
    }
    return report;
  } catch (const Failure& failure) {
    return fail(failure);
  }
}

Failure from_child(const devices::Device& device, const devices::ChildFailure& failure) {
  using devices::ChildEnd;
  const bool late = failure.end == ChildEnd::TimedOut || failure.end == ChildEnd::Stuck;
  const bool crashed = failure.end == ChildEnd::Crashed;
  return {late      ? FailureCode::TimedOut
          : crashed ? FailureCode::Crashed
                    : FailureCode::DriverError,
          fmt::format("the benchmark of {} {}; check `dmesg` and the device's driver", device.name, failure.message)};
}

/// Why these options cannot be served, if so.
std::optional<Failure> refuse(const devices::Device& device, const BenchmarkOptions& options) {
  if (!device.unusable.empty())
    return Failure{FailureCode::BadRequest, device.name + " is not usable: " + device.unusable};
  if (!device.opencl) {
    return Failure{FailureCode::NoOpencl,
                   device.name + " has no OpenCL driver; install the vendor's (for NVIDIA: nvidia-opencl-icd)"};
  }
  if (options.kinds.empty()) return Failure{FailureCode::BadRequest, "no kind of work to benchmark; name at least one"};
  auto kinds = options.kinds;
  std::sort(kinds.begin(), kinds.end());
  if (std::adjacent_find(kinds.begin(), kinds.end()) != kinds.end()) {
    return Failure{FailureCode::BadRequest, "a kind of work is named twice; name each once"};
  }
  return std::nullopt;
}

/// Requires: the caller holds the host's lock.
Result<DeviceReport, Failure> benchmark_locked(const devices::Device& device, const BenchmarkOptions& options) {
  if (auto refusal = refuse(device, options)) return fail(std::move(*refusal));
  const auto text = devices::run_in_child([&] { return encode_answer(run_device(device, options)); },
                                          devices::ChildLimits{.deadline = options.deadline});
  if (!text) return fail(from_child(device, text.error()));
  if (auto answer = decode_answer(*text)) return std::move(*answer);
  return fail(
      Failure{FailureCode::DriverError, "the benchmark of " + device.name + " gave no readable answer; run it again"});
}

Result<HostLock, Failure> lock_host(const BenchmarkOptions& options) {
  return HostLock::acquire(options.lock_path.empty() ? default_lock_path() : options.lock_path, options.lock_wait);
}

/// The slowest device's rating of a kind, or nothing if one device cannot do it.
std::optional<NodeRating> node_rating(const std::vector<DeviceReport>& devices, WorkloadKind kind) {
  std::optional<NodeRating> rating;
  for (const auto& device : devices) {
    const auto found =
        std::find_if(device.results.begin(), device.results.end(), [&](const KindResult& r) { return r.kind == kind; });
    if (found == device.results.end()) return std::nullopt;
    if (!rating || found->rating_x1000 < rating->rating_x1000)
      rating = NodeRating{kind, found->rating_x1000, found->digest};
  }
  return rating;
}

Hash32 benchmark_id(const NodeReport& report) {
  Bytes message(report.seed.bytes.begin(), report.seed.bytes.end());
  for (const auto& device : report.devices) {
    append_word(message, device.results.size(), 4);
    for (const auto& result : device.results) {
      message.push_back(static_cast<std::uint8_t>(result.kind));
      append_word(message, result.rating_x1000, 8);
      message.insert(message.end(), result.digest.bytes.begin(), result.digest.bytes.end());
    }
  }
  return tagged_hash(kIdTag, message);
}

}  // namespace

Result<DeviceReport, Failure> benchmark_device(const devices::Device& device, const BenchmarkOptions& options) {
  const auto lock = lock_host(options);
  if (!lock) return fail(lock.error());
  return benchmark_locked(device, options);
}

Result<NodeReport, Failure> benchmark_node(const devices::Inventory& inventory, const devices::NodeCandidate& node,
                                           const BenchmarkOptions& options) {
  const auto lock = lock_host(options);
  if (!lock) return fail(lock.error());
  NodeReport report;
  report.seed = options.seed;
  report.quick = options.quick;
  report.hardware_class = node.hardware_class;
  report.model = node.model;
  for (const std::size_t index : node.devices) {
    auto device = benchmark_locked(inventory.devices.at(index), options);
    if (!device) return fail(std::move(device.error()));
    report.devices.push_back(std::move(*device));
  }
  for (const auto kind : options.kinds) {
    if (const auto rating = node_rating(report.devices, kind)) report.ratings.push_back(*rating);
  }
  report.benchmark_id = benchmark_id(report);
  return report;
}

}  // namespace starminer::provider::benchmark
