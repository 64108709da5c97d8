// JSON form of reports, one writer for programs that read them and for the pipe from the measuring child. Field names
// are those of benchmark.h. Private to this folder.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "provider/benchmark/benchmark.h"

namespace starminer::provider::benchmark {

[[nodiscard]] nlohmann::json to_json_value(const DeviceReport& report);
[[nodiscard]] nlohmann::json to_json_value(const NodeReport& report);

}  // namespace starminer::provider::benchmark
