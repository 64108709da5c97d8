// A benchmark's report as people read it and as JSON for programs. Pure functions.
#pragma once

#include <string>

#include "provider/benchmark/benchmark.h"

namespace starminer::provider::benchmark {

/// One line per kind: rating in compute units, the rates behind it, the digest's start.
[[nodiscard]] std::string format_report(const NodeReport& report);

/// One JSON object with the fields of benchmark.h, indented.
[[nodiscard]] std::string report_json(const NodeReport& report);

}  // namespace starminer::provider::benchmark
