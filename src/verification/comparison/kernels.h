// The loops over elements of two tensors of one type and shape. Pure functions on bytes.
#pragma once

#include "verification/comparison/tensor.h"
#include "verification/comparison/verdict.h"

namespace starminer::verification {

/// Bytes that differ; `first` is the first of them. Requires: equally many.
[[nodiscard]] Findings compare_bytes(ByteView claimed, ByteView recomputed);
/// Elements whose bits differ.
[[nodiscard]] Findings compare_bits(const Tensor& claimed, const Tensor& recomputed);

/// Distances on ordered bits: -0 and 0 are the same place, infinity the one after the largest number. A NaN has no
/// distance: it is the same as any NaN of its class (quiet or signalling) and beyond everything else. Integers differ
/// by their difference. `first` is the first element beyond.
struct UlpFindings {
  Findings findings;
  bool first_is_nan = false;  // `first` has a NaN on one side at least
};
[[nodiscard]] UlpFindings compare_ulp(const Tensor& claimed, const Tensor& recomputed, std::uint64_t distance_max);

/// Sum of squared differences; `largest` is the largest difference, `first` the first element that differs.
/// Requires: integers of at most 16 bits.
[[nodiscard]] Findings compare_squares(const Tensor& claimed, const Tensor& recomputed);

}  // namespace starminer::verification
