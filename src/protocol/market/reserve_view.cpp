#include "protocol/market/reserve_view.h"

#include "protocol/market/demand.h"

namespace starminer::protocol {

std::map<ReservePlace, ReserveDemand> waiting_to_draw(const MarketView& market, TimeMs now,
                                                      const std::vector<ReservePlace>& places) {
  std::map<ReservePlace, ReserveDemand> asked;
  if (places.empty()) return asked;
  std::map<AccountId, bool> levels;
  for (const auto& [place, waiting] : market.index.waiting()) {
    const JobRow& row = *waiting.row;
    if (row.spec.resources.gpus == 0) continue;
    const auto level = levels.try_emplace(row.requester);
    if (level.second) level.first->second = reaches_reserve_level(market, row.requester);
    if (!level.first->second) continue;
    const Demand demand(market, row, now);
    for (const ReservePlace& pool : places) {
      if (!demand.classes().test(pool.first) || !demand.allows_region(pool.second)) continue;
      ReserveDemand& sum = asked[pool];
      ++sum.jobs;
      sum.gpu_milli += gpu_milli(row.spec.resources);
    }
  }
  return asked;
}

}  // namespace starminer::protocol
