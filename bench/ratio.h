// Micro benchmarks that only count beside a reference: each comparison measures its subject and a stated reference in
// the same run, interleaved, and prints cost over cost. On a busy machine the ratio holds where the times do not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <benchmark/benchmark.h>

namespace starminer::bench {

using Body = std::function<void(benchmark::State&)>;

struct Side {
  Body body;
  /// Pieces of work in one iteration; costs are compared per piece.
  double pieces = 1;
  /// 0: as many as the library finds useful.
  std::int64_t iterations = 0;
};

struct Comparison {
  std::string figure;     ///< Name of the ratio, such as "decode_over_memcpy".
  std::string reference;  ///< What the reference does, in a few words.
  std::string corpus;     ///< What both work on.
  Side subject;
  Side baseline;
  /// The bodies call SetIterationTime; otherwise the time of this thread on a core counts.
  bool manual_time = false;
  /// Where set, the subject's pieces per second are a figure too; or, of another unit than time, its amount per piece.
  std::string rate_figure{};
  /// What the bodies measure: another unit than "ns" gives SetIterationTime one nanosecond for each of it.
  std::string unit = "ns";
};

/// Adds a comparison to the run. Requires: before run_comparisons.
void compare(Comparison comparison);

/// Runs what was added, with the arguments of Google Benchmark and --ratios=FILE for a JSON file of the results.
/// Returns the exit status of the program.
[[nodiscard]] int run_comparisons(int argc, char** argv);

/// Time of this thread on a core, in seconds: the clock for bodies that time a part of their iteration.
[[nodiscard]] double thread_seconds();

}  // namespace starminer::bench
