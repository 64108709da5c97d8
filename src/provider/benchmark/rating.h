// From measured rates to ratings: compute units per device-second, times 1000, where the reference device (A100-80GB)
// is 1000 (TOK-2). Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "provider/benchmark/workload.h"

namespace starminer::provider::benchmark {

/// One component of a kind of work. Weights of a kind sum to 1: the share of the reference device's time that such a
/// job spends on it.
struct ReferenceRow {
  WorkloadKind kind{};
  std::string_view component;
  double weight = 0;
  double reference_per_second = 0;  ///< operations a second of an A100-80GB, see rating.cpp
  std::string_view unit;            ///< what one operation is
};

/// Rows of a kind, in the order in which they are measured and hashed.
[[nodiscard]] std::span<const ReferenceRow> reference_rows(WorkloadKind kind);

struct Measurement {
  std::string component;
  std::string unit;
  double operations_per_second = 0;  ///< median over the repetitions
  double reference_per_second = 0;
  double weight = 0;
  double seconds_per_pass = 0;  ///< median
  double operations_per_pass = 0;
  std::uint32_t size = 0;         ///< the component's own measure of size
  std::uint32_t repetitions = 0;  ///< timed samples behind the median
};

/// 1000 times the weighted harmonic mean of the rates against the reference: a job that spends the weights' shares of
/// its time on the reference device takes 1000/rating as long here. At least 1, at most 10^9.
/// Requires: measurements are those of one kind, with positive rates.
[[nodiscard]] std::uint64_t rating_x1000(std::span<const Measurement> measurements);

}  // namespace starminer::provider::benchmark
