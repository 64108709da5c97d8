// Measures one component: proof, size, samples. Private to this folder; throws Failure.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "provider/benchmark/component.h"
#include "provider/benchmark/rating.h"

namespace starminer::provider::benchmark {

struct Tuning {
  std::chrono::duration<double> sample_target;  ///< length of one timed sample
  std::chrono::duration<double> budget;         ///< no further sample after this
  std::uint32_t repetitions_max;

  [[nodiscard]] static Tuning full() { return {std::chrono::milliseconds(60), std::chrono::milliseconds(450), 7}; }
  [[nodiscard]] static Tuning quick() { return {std::chrono::milliseconds(8), std::chrono::milliseconds(60), 3}; }
};

struct Measured {
  Measurement measurement;
  std::vector<std::uint32_t> proof_words;  ///< the whole result at the proof size
};

/// 1. Runs the proof size, recomputes it whole on the host. 2. Climbs the ladder of sizes until a pass fills the sample
/// target, so that slow and fast devices are both measured over work that suits them. 3. Takes the median of several
/// samples. 4. Holds the last result against the host again.
[[nodiscard]] Measured measure(Session& session, Component& component, const Generator& generator,
                               const ReferenceRow& row, const Tuning& tuning);

}  // namespace starminer::provider::benchmark
