// The market's figures for /metrics, taken from the state when they are asked for. Thread-safe.
#pragma once

#include <string>

namespace prometheus {
class Registry;
}

namespace starminer::api {

struct Parts;

/// The text format of Prometheus: the figures of `parts.metrics` and those of chain, market, relay and artifacts.
[[nodiscard]] std::string metrics_text(const Parts& parts);

}  // namespace starminer::api
