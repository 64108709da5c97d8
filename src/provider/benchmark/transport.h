// The answer of the measuring child process as JSON text: a report or a failure. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provider/benchmark/benchmark.h"

namespace starminer::provider::benchmark {

[[nodiscard]] std::string encode_answer(const Result<DeviceReport, Failure>& answer);
/// Empty optional if the text is no answer.
[[nodiscard]] std::optional<Result<DeviceReport, Failure>> decode_answer(std::string_view text);

}  // namespace starminer::provider::benchmark
