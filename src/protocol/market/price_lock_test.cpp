// The lock of a price: what it holds, what it costs, and who gets that.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;
using ::testing::HasSubstr;

JobOf locked(std::uint32_t ticks) {
  return JobOf().max_price(4 * kAgpu).budget(4 * kAgpu).set([ticks](JobSpec& spec) { spec.price_lock = ticks; });
}

/// A tick at which everything of the class is busy and much more is asked for, in a class so large that prices rise as
/// fast as they may.
void rise(World& world, std::uint64_t tick) {
  Loads loads;
  for (const TierId tier : {kEconomy, kStandard, kPremium}) {
    loads[{tier, world.class_id("A100")}] = {8'000'000, 8'000'000, 24'000'000};
  }
  world.wait_s(60);
  world.pricing.on_tick(loads, tick, world.context.time);
}

struct Waiting {
  World world;
  NodeId node;
  JobId running;

  Waiting() {
    node = world.add_node(NodeOf());
    running = world.queue(JobOf(), kBob);
    EXPECT_TRUE(world.match_one(running));
    for (std::uint64_t tick = 1; tick <= 3; ++tick) rise(world, tick);
  }
  Price price() { return world.pricing.price(kStandard, world.class_id("A100")); }
};

// REQ: CSC-3
TEST(PriceLock, AFirstMatchInItsTimeIsAtTheLockedPrice) {
  Waiting market;
  World& world = market.world;
  const Price decided = world.pricing.price_row(kStandard, world.class_id("A100")).next_price;
  ASSERT_GT(decided, market.price());
  const JobId job = world.queue(locked(5));
  world.wait_s(1);
  const JobId open = world.queue(JobOf().max_price(4 * kAgpu).budget(4 * kAgpu));
  ASSERT_TRUE(world.job(job).price_lock.has_value());
  EXPECT_EQ(world.job(job).price_lock->prices.at(0).base, decided) << "no bet on what is known";
  for (std::uint64_t tick = 4; tick <= 7; ++tick) rise(world, tick);
  world.complete(market.running);
  const auto made = world.match();
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].job, job);
  EXPECT_EQ(made[0].base, decided);
  EXPECT_LT(made[0].base, market.price());
  EXPECT_TRUE(world.job(job).price_lock->held);
  world.complete(job);
  const auto later = world.match();
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].job, open);
  EXPECT_EQ(later[0].base, market.price());
  EXPECT_GT(later[0].winner.unit, made[0].winner.unit);
  EXPECT_TRUE(world.sound());
}

TEST(PriceLock, EndsWithItsTime) {
  Waiting market;
  World& world = market.world;
  const JobId job = world.queue(locked(2));
  rise(world, 4);
  rise(world, 5);
  EXPECT_EQ(world.context.time, world.job(job).price_lock->until);
  world.complete(market.running);
  const auto made = world.match();
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].base, market.price());
  EXPECT_FALSE(world.job(job).price_lock->held);
}

TEST(PriceLock, HalfOfTheFeeGoesToWhoServesItAndTheRestBurns) {
  Waiting market;
  World& world = market.world;
  const std::uint64_t before = world.balance(kAda);
  const JobId job = world.queue(locked(5));
  const Agpu fee = world.job(job).price_lock->fee;
  ASSERT_GT(fee.base, 1U);
  EXPECT_EQ(world.balance(kAda), before - world.job(job).cap.base - fee.base - world.params.get(Parameter::TxFee));
  EXPECT_EQ(world.ledger.locked(LockPurpose::PriceLock, job.bytes, Asset::Agpu), fee.base);
  world.complete(market.running);
  ASSERT_TRUE(world.match_one(job));
  const std::uint64_t farm = world.balance(kFarm);
  world.market.pay_price_lock(job, kFarm);
  EXPECT_EQ(world.balance(kFarm), farm + fee.base / 2);
  world.market.pay_price_lock(job, kBarn);
  EXPECT_EQ(world.balance(kFarm), farm + fee.base / 2) << "once";
  EXPECT_TRUE(world.sound());
  const std::uint64_t burned = world.ledger.supply(Asset::Agpu).burned;
  world.complete(job);
  EXPECT_EQ(world.ledger.supply(Asset::Agpu).burned, burned + fee.base - fee.base / 2);
  EXPECT_EQ(world.job(job).price_lock->paid.base, fee.base / 2);
  EXPECT_TRUE(world.sound());
}

TEST(PriceLock, AJobThatNobodyServedAtItsPriceBurnsTheWholeFee) {
  Waiting market;
  World& world = market.world;
  const JobId job = world.queue(locked(5));
  const Agpu fee = world.job(job).price_lock->fee;
  const std::uint64_t burned = world.ledger.supply(Asset::Agpu).burned;
  const std::uint64_t had = world.balance(kAda);
  ASSERT_EQ(world.cancel(job), RefusalCode::None);
  EXPECT_EQ(world.ledger.supply(Asset::Agpu).burned, burned + fee.base + world.params.get(Parameter::TxFee));
  EXPECT_EQ(world.balance(kAda), had + world.job(job).cap.base - world.params.get(Parameter::TxFee));
  world.market.pay_price_lock(job, kFarm);
  EXPECT_TRUE(world.sound());
}

TEST(PriceLock, IsRefusedAboveTheLimitAndBeyondTheBalance) {
  Waiting market;
  World& world = market.world;
  EXPECT_EQ(world.submit(locked(5).max_price(kAgpu / 2)), RefusalCode::LockAboveLimit);
  EXPECT_THAT(world.detail, HasSubstr("less than any locked price"));
  EXPECT_EQ(world.submit(locked(5).max_price(200'000 * kAgpu).budget(100'000 * kAgpu)), RefusalCode::EscrowNotCovered);
  EXPECT_THAT(world.detail, HasSubstr("of it for the price lock"));
  EXPECT_EQ(world.submit(locked(16)), RefusalCode::InvalidField);
}

TEST(PriceLock, AJobWithOneIsNotRaisedBeforeItEnds) {
  Waiting market;
  World& world = market.world;
  const JobId job = world.queue(locked(2));
  EXPECT_EQ(world.raise(job, 5 * kAgpu, 0), RefusalCode::PriceIsLocked);
  EXPECT_EQ(world.detail, "for 120 s more");
  world.wait_s(120);
  EXPECT_EQ(world.raise(job, 0, 5 * kAgpu), RefusalCode::None) << world.detail;
  EXPECT_TRUE(world.sound());
}

// Who could have had the price of a later tick for less would be paid to wait.
TEST(PriceLock, TheFeeGrowsWithTheTimeAndWithHowFastThePriceRises) {
  Waiting market;
  World& world = market.world;
  const auto fee = [&](std::uint32_t ticks) {
    return world.market.quote(locked(ticks).spec(), kAda, world.context).lock->fee.base;
  };
  EXPECT_LT(fee(1), fee(3));
  EXPECT_LT(fee(3), fee(5));
  EXPECT_LT(fee(5), fee(15));
  const Quote quote = world.market.quote(JobOf().max_price(4 * kAgpu).budget(4 * kAgpu).spec(), kAda, world.context);
  EXPECT_FALSE(quote.lock.has_value());
  EXPECT_EQ(quote.lock_fees[0].base, fee(5));
  EXPECT_EQ(quote.lock_fees[1].base, fee(15));
}

}  // namespace
}  // namespace starminer::protocol
