#include "provider/benchmark/rating.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace starminer::provider::benchmark {
namespace {

// Reference rates of an A100-80GB (SXM), derived from its public data sheet and an assumed efficiency of these kernels;
// they are not measured. Data sheet: fp32 19.5 TFLOP/s, that is 108 units x 64 lanes x 1.41 GHz = 9.75 T lane
// instructions a second; memory 2039 GB/s. README.md has the derivation of each row.
constexpr double kLaneInstructions = 9.75e12;
constexpr double kFp32Flops = 19.5e12;
constexpr double kMemoryBytes = 2.039e12;

constexpr double kMatmulFp32 = 0.65 * kFp32Flops;
constexpr double kMatmulHalf = 0.60 * kFp32Flops;
constexpr double kGemvBytes = 0.85 * kMemoryBytes;
constexpr double kPathInstructions = 2.5 * 64 * 17;  // rays a path, spheres a ray, instructions a test
constexpr double kPaths = 0.45 * kLaneInstructions / kPathInstructions;
constexpr double kPairs = 0.80 * kLaneInstructions / 12;
constexpr double kStencilFp32 = 0.75 * kMemoryBytes / 8;
constexpr double kStencilFp64 = 0.80 * kMemoryBytes / 16;

constexpr std::array<ReferenceRow, 2> kTraining{{
    {WorkloadKind::Training, "matmul_fp32", 0.5, kMatmulFp32, "flop"},
    {WorkloadKind::Training, "matmul_half", 0.5, kMatmulHalf, "flop"},
}};
constexpr std::array<ReferenceRow, 2> kInference{{
    {WorkloadKind::Inference, "gemv", 0.8, kGemvBytes, "byte of weights"},
    {WorkloadKind::Inference, "matmul_half", 0.2, kMatmulHalf, "flop"},
}};
constexpr std::array<ReferenceRow, 1> kRendering{{
    {WorkloadKind::Rendering, "paths", 1.0, kPaths, "path"},
}};
constexpr std::array<ReferenceRow, 3> kSimulation{{
    {WorkloadKind::Simulation, "pairs", 0.5, kPairs, "pair"},
    {WorkloadKind::Simulation, "stencil_fp32", 0.3, kStencilFp32, "cell step"},
    {WorkloadKind::Simulation, "stencil_fp64", 0.2, kStencilFp64, "cell step"},
}};

constexpr double kRatingMax = 1e9;

}  // namespace

std::span<const ReferenceRow> reference_rows(WorkloadKind kind) {
  switch (kind) {
    case WorkloadKind::Training: return kTraining;
    case WorkloadKind::Inference: return kInference;
    case WorkloadKind::Rendering: return kRendering;
    case WorkloadKind::Simulation: return kSimulation;
  }
  return {};
}

std::uint64_t rating_x1000(std::span<const Measurement> measurements) {
  double time = 0;
  for (const auto& m : measurements) time += m.weight * m.reference_per_second / m.operations_per_second;
  return static_cast<std::uint64_t>(std::clamp(std::round(1000 / time), 1.0, kRatingMax));
}

}  // namespace starminer::provider::benchmark
