// Who waits that could draw a reserve (RSV-1): the demand side of what a pool covers. A question about one moment, for
// views; it writes nothing, and many may run at once.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "protocol/market/market_view.h"

namespace starminer::protocol {

struct ReserveDemand {
  std::uint64_t jobs = 0;
  std::uint64_t gpu_milli = 0;
};

using ReservePlace = std::pair<ClassId, RegionId>;

/// For each of these places: the GPU jobs that wait, allow it, and belong to requesters with the stake to draw, whether
/// its class is short of GPUs at the moment or not.
[[nodiscard]] std::map<ReservePlace, ReserveDemand> waiting_to_draw(const MarketView& market, TimeMs now,
                                                                    const std::vector<ReservePlace>& places);

}  // namespace starminer::protocol
