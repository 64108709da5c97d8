#include "provider/benchmark/benchmark.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "provider/benchmark/report.h"
#include "provider/benchmark/transport.h"
#include "provider/devices/discover.h"

namespace starminer::provider::benchmark {
namespace {

using devices::Device;
using testing::HasSubstr;

/// The processor through PoCL: every test below runs real kernels on it.
const Device& processor() {
  static const Device device = [] {
    devices::DiscoverOptions options;
    options.with_runtimes = false;
    for (const auto& found : devices::discover(options).devices) {
      if (found.kind == devices::DeviceKind::Cpu) return found;
    }
    return Device{};
  }();
  return device;
}

BenchmarkOptions quick(std::vector<WorkloadKind> kinds, const std::string& seed = "seed one") {
  BenchmarkOptions options;
  options.seed = sha256(seed);
  options.kinds = std::move(kinds);
  options.quick = true;
  options.lock_path = testing::TempDir() + "starminer-benchmark-test-" + std::to_string(getpid()) + ".lock";
  return options;
}

class BenchmarkOnProcessor : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(processor().opencl) << "no OpenCL processor device: apt-get install pocl-opencl-icd";
  }
};

// REQ: REG-8
// REQ: TOK-2
TEST_F(BenchmarkOnProcessor, EveryKindGetsARatingFromRealKernels) {
  const auto report = benchmark_device(processor(), quick({kAllKinds.begin(), kAllKinds.end()}));
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->results.size(), 4U);
  EXPECT_TRUE(report->skipped.empty());
  EXPECT_FALSE(report->driver_version.empty());
  for (std::size_t i = 0; i < 4; ++i) {
    const KindResult& result = report->results[i];
    EXPECT_EQ(result.kind, kAllKinds[i]);
    EXPECT_GE(result.rating_x1000, 1U);
    EXPECT_LT(result.rating_x1000, 1000U) << "a processor is no A100";
    EXPECT_GT(result.seconds, 0);
    EXPECT_FALSE(result.digest.is_zero());
    EXPECT_EQ(result.measurements.size(), reference_rows(result.kind).size());
    for (const auto& m : result.measurements) {
      EXPECT_GT(m.operations_per_second, 0) << m.component;
      EXPECT_GE(m.repetitions, 1U);
    }
  }
}

// The digest depends on the seed and the kind only: not on time, size or the form of the kernels.
TEST_F(BenchmarkOnProcessor, DigestIsThatOfTheSeedForEveryFormOfTheKernels) {
  const std::vector<WorkloadKind> kinds{kAllKinds.begin(), kAllKinds.end()};
  auto options = quick(kinds);
  options.kernel_style = KernelStyle::Processor;
  const auto first = benchmark_device(processor(), options);
  options.kernel_style = KernelStyle::Accelerator;
  const auto second = benchmark_device(processor(), options);
  const auto other = benchmark_device(processor(), quick(kinds, "seed two"));
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE(other) << other.error().message;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(first->results[i].digest, second->results[i].digest) << kind_name(kinds[i]);
    EXPECT_NE(first->results[i].digest, other->results[i].digest) << kind_name(kinds[i]);
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(first->results[i].digest, first->results[j].digest);
  }
}

struct Fault {
  const char* name;
  WorkloadKind kind;
  KernelStyle style;
  std::string component;
  std::string from;
  std::string to;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class WrongKernel : public BenchmarkOnProcessor, public testing::WithParamInterface<Fault> {};

// REQ: REG-8
TEST_P(WrongKernel, IsRefused) {
  const Fault& fault = GetParam();
  auto options = quick({fault.kind});
  options.kernel_style = fault.style;
  options.kernel_filter = [&fault](std::string_view component, std::string source) {
    if (component != fault.component) return source;
    const auto at = source.find(fault.from);
    if (at == std::string::npos) return std::string("the fault does not fit the kernel");
    return source.replace(at, fault.from.size(), fault.to);
  };
  const auto report = benchmark_device(processor(), options);
  ASSERT_FALSE(report) << "a device with wrong results got a rating";
  EXPECT_EQ(report.error().code, FailureCode::WrongResult) << report.error().message;
  EXPECT_THAT(report.error().message, HasSubstr(fault.component));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, WrongKernel,
    testing::Values(
        Fault{"one_wrong_product", WorkloadKind::Training, KernelStyle::Processor, "matmul_fp32", "vstore16(s0, 0,",
              "if (row == 64 && column == 32) s0.s7 += 1.0f; vstore16(s0, 0,"},
        Fault{"matmul_wrong_when_large", WorkloadKind::Training, KernelStyle::Processor, "matmul_half",
              "vstore16(s1, 0,", "if (n > 128 && row == 0 && column == 0) s1.s0 += 7.0f; vstore16(s1, 0,"},
        Fault{"tiled_matmul_drops_a_slice", WorkloadKind::Training, KernelStyle::Accelerator, "matmul_fp32", "k0 < n",
              "k0 < n - 8"},
        Fault{"not_a_number", WorkloadKind::Training, KernelStyle::Processor, "matmul_fp32", "vstore16(s0, 0,",
              "s0 = s0 / 0.0f - s0 / 0.0f; vstore16(s0, 0,"},
        Fault{"gemv_ignores_a_vector", WorkloadKind::Inference, KernelStyle::Processor, "gemv",
              "s2 += v * vload16(0, x + 2 * n + k)", "s2 += v * vload16(0, x + n + k)"},
        Fault{"gemv_wrong_when_large", WorkloadKind::Inference, KernelStyle::Accelerator, "gemv", "part[t] = s;",
              "part[t] = n > 256 ? s + 1.0f : s;"},
        Fault{"paths_one_bounce_less", WorkloadKind::Rendering, KernelStyle::Processor, "paths", "bounce < 8",
              "bounce < 7"},
        Fault{"paths_miss_a_sphere", WorkloadKind::Rendering, KernelStyle::Accelerator, "paths", "i < 64", "i < 63"},
        Fault{"pairs_are_too_soft", WorkloadKind::Simulation, KernelStyle::Processor, "pairs", "64.0f -", "63.0f -"},
        Fault{"pairs_without_barrier_effect", WorkloadKind::Simulation, KernelStyle::Accelerator, "pairs",
              "bodies[base + t]", "bodies[t]"},
        Fault{"stencil_last_bit", WorkloadKind::Simulation, KernelStyle::Processor, "stencil_fp32",
              "(real)0.125 * ((sx + sy) + sz)", "(real)0.12500002 * ((sx + sy) + sz)"},
        Fault{"stencil_in_lower_precision", WorkloadKind::Simulation, KernelStyle::Accelerator, "stencil_fp64",
              "(real)0.25 * in[i]", "(float)((real)0.25 * in[i])"}),
    [](const testing::TestParamInfo<Fault>& row) { return std::string(row.param.name); });

TEST_F(BenchmarkOnProcessor, KernelThatDoesNotBuildNamesItself) {
  auto options = quick({WorkloadKind::Rendering});
  options.kernel_filter = [](std::string_view, std::string source) { return source + " this is no C "; };
  const auto report = benchmark_device(processor(), options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, FailureCode::DriverError);
  EXPECT_THAT(report.error().message, HasSubstr("cannot build the kernel 'paths'"));
}

TEST_F(BenchmarkOnProcessor, KernelThatNeverEndsIsCutOff) {
  auto options = quick({WorkloadKind::Rendering});
  options.deadline = std::chrono::milliseconds(3000);
  options.kernel_filter = [](std::string_view, std::string source) {
    const std::string store = "image[pixel] = sum;";
    return source.replace(source.find(store), store.size(),
                          "volatile __global uint* p = image; while (p[pixel] != 1u) p[pixel] = 0u;");
  };
  const auto report = benchmark_device(processor(), options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, FailureCode::TimedOut) << report.error().message;
}

TEST_F(BenchmarkOnProcessor, DriverThatCrashesIsReported) {
  auto options = quick({WorkloadKind::Rendering});
  options.kernel_filter = [](std::string_view, std::string source) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return source;
  };
  const auto report = benchmark_device(processor(), options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, FailureCode::Crashed);
  EXPECT_THAT(report.error().message, HasSubstr("signal 11"));
}

TEST_F(BenchmarkOnProcessor, DeviceThatMovedIsNotMistakenForAnother) {
  Device moved = processor();
  moved.opencl->name = "another device";
  const auto report = benchmark_device(moved, quick({WorkloadKind::Rendering}));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, FailureCode::DeviceGone);
}

TEST_F(BenchmarkOnProcessor, DeviceWithoutFp64IsNotRatedForSimulation) {
  Device limited = processor();
  limited.opencl->fp64 = false;
  const auto report = benchmark_device(limited, quick({WorkloadKind::Simulation, WorkloadKind::Rendering}));
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->results.size(), 1U);
  EXPECT_EQ(report->results[0].kind, WorkloadKind::Rendering);
  ASSERT_EQ(report->skipped.size(), 1U);
  EXPECT_THAT(report->skipped[0].reason, HasSubstr("fp64"));
}

// REQ: REG-8
TEST_F(BenchmarkOnProcessor, NodeIsRatedByItsSlowestDevice) {
  devices::Inventory inventory;
  inventory.devices = {processor(), processor()};
  const devices::NodeCandidate node{"CPU", processor().name, {0, 1}, processor().memory_bytes, "pcie"};
  const auto report = benchmark_node(inventory, node, quick({WorkloadKind::Rendering}));
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->devices.size(), 2U);
  ASSERT_EQ(report->ratings.size(), 1U);
  EXPECT_EQ(report->ratings[0].rating_x1000,
            std::min(report->devices[0].results[0].rating_x1000, report->devices[1].results[0].rating_x1000));
  EXPECT_EQ(report->devices[0].results[0].digest, report->devices[1].results[0].digest);
  EXPECT_FALSE(report->benchmark_id.is_zero());
  const auto json = nlohmann::json::parse(report_json(*report));
  EXPECT_EQ(json["ratings"][0]["kind"], "rendering");
  EXPECT_EQ(json["devices"][1]["results"][0]["measurements"][0]["component"], "paths");
  EXPECT_THAT(format_report(*report), HasSubstr("rendering"));
}

TEST(Benchmark, RequestsWithoutSenseAreRefused) {
  Device device;
  device.name = "X";
  const auto without_opencl = benchmark_device(device, quick({WorkloadKind::Rendering}));
  ASSERT_FALSE(without_opencl);
  EXPECT_EQ(without_opencl.error().code, FailureCode::NoOpencl);
  device.opencl = devices::OpenclDetail{};
  EXPECT_EQ(benchmark_device(device, quick({})).error().code, FailureCode::BadRequest);
  EXPECT_EQ(benchmark_device(device, quick({WorkloadKind::Training, WorkloadKind::Training})).error().code,
            FailureCode::BadRequest);
  auto no_library = quick({WorkloadKind::Training});
  no_library.opencl_library = "libstarminer-no-such-opencl.so.1";
  EXPECT_EQ(benchmark_device(device, no_library).error().code, FailureCode::NoOpencl);
  device.unusable = "MIG is on";
  EXPECT_EQ(benchmark_device(device, quick({WorkloadKind::Training})).error().code, FailureCode::BadRequest);
}

TEST(Transport, AnswerSurvivesAndGarbageIsRefused) {
  DeviceReport report{"id", "name", "CPU", "platform", "1.0", {}, {{WorkloadKind::Simulation, "no fp64"}}};
  report.results.push_back(
      {WorkloadKind::Inference, 42, 0.5, sha256("x"), {{"gemv", "byte", 1e9, 2e9, 0.8, 0.01, 1e7, 2048, 3}}});
  const std::string text = encode_answer(report);
  const auto answer = decode_answer(text);
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->results[0].digest, sha256("x"));
  EXPECT_EQ((*answer)->results[0].measurements[0].size, 2048U);
  EXPECT_EQ((*answer)->skipped[0].reason, "no fp64");
  const auto failure = decode_answer(encode_answer(fail(Failure{FailureCode::WrongResult, "row 3"})));
  ASSERT_TRUE(failure);
  ASSERT_FALSE(*failure);
  EXPECT_EQ(failure->error().code, FailureCode::WrongResult);
  EXPECT_FALSE(decode_answer(""));
  EXPECT_FALSE(decode_answer("{}"));
  EXPECT_FALSE(decode_answer(text.substr(1)));
  EXPECT_FALSE(decode_answer(R"({"failure":{"code":99,"message":""}})"));
}

}  // namespace
}  // namespace starminer::provider::benchmark
