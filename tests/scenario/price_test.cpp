// Prices that move: what an idle and a full market ask, what a contract keeps of it, and where the surge part goes.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::kEconomy;
using protocol::kStandard;

Price price_of(const Market& market, const char* hardware_class, protocol::TierId tier = kStandard) {
  return market.machine().pricing().price(tier, *market.machine().registry().find_class(hardware_class));
}

// REQ: MTP-3
TEST(MovingPrices, AnIdleClassGetsCheaperAFullOneDearerAndAnAbsentOneStands) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100().devices(4));
  const Price first = price_of(market, "A100");
  const Price absent = price_of(market, "H100");
  Price last = first;
  for (int i = 0; i < 30; ++i) {
    market.passes(1min);
    const Price now = price_of(market, "A100");
    EXPECT_LE(now, last);
    EXPECT_GE(now.nagpu_per_gpu_hour * 103 / 100 + 1, last.nagpu_per_gpu_hour) << "by at most 3 % a minute";
    last = now;
  }
  EXPECT_LT(last, first);
  const Job job = market.requester("ada").submits(rendering().gpus(4).max(4h).budget("50 AGPU"));
  EXPECT_EQ(market.contract(job).price.base, last) << "who comes now pays the price of now";
  aurora.runs(job);
  market.passes_with_progress(2h, aurora, job);
  EXPECT_GT(price_of(market, "A100"), last);
  EXPECT_GT(price_of(market, "A100", kEconomy), Price{last.nagpu_per_gpu_hour / 2}) << "a small class has one load";
  EXPECT_EQ(price_of(market, "H100"), absent);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  EXPECT_EQ(market.contract(job).price.base, last);
  market.expect(job).bill_follows_formula();
}

// REQ: MTP-3, TOK-5
TEST(MovingPrices, HalfOfWhatIsAboveTheSlowAverageIsBurned) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100().devices(4));
  const Job first = market.requester("ada").submits(rendering().gpus(4).max(4h).budget("50 AGPU"));
  aurora.runs(first);
  market.passes_with_progress(3h, aurora, first);
  aurora.completes(first);
  market.requester("ada").accepts(first);
  EXPECT_TRUE(market.contract(first).bill.surge_burn.is_zero()) << "matched before the price rose";
  const Job second = market.requester("bob").submits(rendering().max(1h).budget("50 AGPU"));
  aurora.runs(second);
  market.passes_with_progress(10min, aurora, second);
  aurora.completes(second);
  market.requester("bob").accepts(second);
  const auto& row = market.contract(second);
  ASSERT_GT(row.price.log_price, row.price.slow_log_price);
  const u128 calm = u128{row.bill.pay.base} * kQ32 / exp_q32(row.price.log_price - row.price.slow_log_price);
  const std::uint64_t above = row.bill.pay.base - static_cast<std::uint64_t>(calm);
  EXPECT_EQ(row.bill.surge_burn.base, (above + 1) / 2);
  EXPECT_GT(row.bill.surge_burn.base, row.bill.pay.base / 100);
  market.expect(second).bill_follows_formula();
}

}  // namespace
}  // namespace starminer::scenario
