// One measured piece of work: real kernels, a ladder of sizes, and a reference on the host that recomputes the result.
// A pass may be enqueued any number of times with the same result. Private to this folder; functions throw Failure.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "provider/benchmark/generator.h"
#include "provider/benchmark/session.h"

namespace starminer::provider::benchmark {

/// Everything is recomputed on the host, or what a random choice unknown to the device asks for.
enum class CheckDepth : std::uint8_t { Full, Sampled };

class Component {
 public:
  Component() = default;
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;
  virtual ~Component() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Rising; the first is the proof size, at which the digest is taken on every device.
  [[nodiscard]] virtual const std::vector<std::uint32_t>& sizes() const = 0;
  /// Of one pass, in the unit of the reference table.
  [[nodiscard]] virtual double operations(std::uint32_t size) const = 0;
  [[nodiscard]] virtual std::uint64_t buffer_bytes_max(std::uint32_t size) const = 0;
  [[nodiscard]] virtual std::uint64_t total_bytes(std::uint32_t size) const = 0;

  /// Builds the kernels once and the inputs of this size on the device.
  virtual void prepare(Session& session, const Generator& generator, std::uint32_t size) = 0;
  virtual void enqueue(Session& session) = 0;
  /// Reads the result of the passes so far and holds it against the host's. Fails with WrongResult.
  /// The words of the result, in one defined order, at depth Full; at depth Sampled they may be empty.
  virtual std::vector<std::uint32_t> check(Session& session, CheckDepth depth) = 0;
};

[[noreturn]] inline void throw_wrong_result(std::string_view component, const std::string& what) {
  throw Failure{FailureCode::WrongResult,
                "the device computes wrong results (" + std::string(component) + ": " + what +
                    "); check overclocking, cooling and memory errors, then run the benchmark again"};
}

/// Indexes below `count`: all of them at depth Full, else `samples` that the device cannot foresee.
[[nodiscard]] inline std::vector<std::uint32_t> indexes_to_check(std::uint32_t count, CheckDepth depth,
                                                                 std::uint32_t samples) {
  std::vector<std::uint32_t> indexes;
  if (depth == CheckDepth::Full || count <= samples) {
    for (std::uint32_t i = 0; i < count; ++i) indexes.push_back(i);
    return indexes;
  }
  std::random_device device;
  std::uniform_int_distribution<std::uint32_t> pick(0, count - 1);
  for (std::uint32_t i = 0; i < samples; ++i) indexes.push_back(pick(device));
  return indexes;
}

/// Floats are stored as fp32 or as half with fp32 sums.
enum class MatmulStorage : std::uint8_t { Fp32, Half };
enum class StencilType : std::uint8_t { Fp32, Fp64 };

[[nodiscard]] std::unique_ptr<Component> make_matmul(MatmulStorage storage);
[[nodiscard]] std::unique_ptr<Component> make_gemv();
[[nodiscard]] std::unique_ptr<Component> make_paths();
[[nodiscard]] std::unique_ptr<Component> make_pairs();
[[nodiscard]] std::unique_ptr<Component> make_stencil(StencilType type);

}  // namespace starminer::provider::benchmark
