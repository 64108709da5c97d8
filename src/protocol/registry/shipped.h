// The hardware classes, regions and latencies that a new market starts with. Governance changes the rows later.
#pragma once

#include <utility>
#include <vector>

#include "protocol/registry/rows.h"

namespace starminer::protocol {

/// Rows in order of their ids. Anchors are in nAGPU per GPU-hour times `price_scale`.
[[nodiscard]] std::vector<ClassRow> shipped_classes(std::uint64_t price_scale);
/// Rows in order of their ids.
[[nodiscard]] std::vector<RegionRow> shipped_regions();
/// Round trips between regions; each pair once, with from <= to.
[[nodiscard]] std::vector<std::pair<RegionPair, LatencyRow>> shipped_latencies();

}  // namespace starminer::protocol
