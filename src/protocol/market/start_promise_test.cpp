// Start promises: how waits are counted, what is published of them, and by when jobs of each tier must start.
#include "protocol/market/start_promise.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

constexpr std::uint64_t kUnit = 1'000;
constexpr std::uint64_t kWeight = 16;
constexpr std::uint64_t kEpochs = 200;  // more than any count lives

std::uint64_t weight_of(const StartWaitsRow& row) {
  std::uint64_t sum = 0;
  for (const std::uint32_t count : row.counts) sum += count;
  return sum;
}

TEST(WaitSteps, FourToAnOctave) {
  EXPECT_EQ(wait_step({0}, kUnit), 0U);
  EXPECT_EQ(wait_step({999}, kUnit), 0U);
  EXPECT_EQ(wait_step({4'000}, kUnit), 4U);
  EXPECT_EQ(wait_step({7'999}, kUnit), 7U);
  EXPECT_EQ(wait_step({8'000}, kUnit), 8U);
  EXPECT_EQ(wait_step({9'999}, kUnit), 8U);
  EXPECT_EQ(wait_step({10'000}, kUnit), 9U);
  EXPECT_EQ(wait_step_end(8, kUnit).ms, 10'000U);
  EXPECT_EQ(wait_step({~std::uint64_t{0}}, 1), kWaitSteps - 1) << "the last is open";
}

RC_GTEST_PROP(WaitSteps, AStepHoldsWhatIsBelowItsEndAndNotBelowTheOneBefore, ()) {
  const std::uint64_t octave = draw(rc::gen::inRange<std::uint64_t>(0, 27));
  const std::uint64_t wait = draw(rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << octave));
  const std::size_t step = wait_step({wait}, kUnit);
  if (step < kWaitSteps - 1) RC_ASSERT(wait < wait_step_end(step, kUnit).ms);
  if (step > 0) RC_ASSERT(wait >= wait_step_end(step - 1, kUnit).ms);
  if (step >= 4 && step < kWaitSteps - 1) {
    RC_ASSERT(wait_step_end(step, kUnit).ms * 4 <= wait_step_end(step - 1, kUnit).ms * 5);
  }
}

// REQ: MTP-6. What is published is the true ninth tenth of the waits, up to a step.
RC_GTEST_PROP(PublishedWaits, AreTheNinthTenthOfTheWaits, ()) {
  auto waits = *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 40'000'000));
  const std::uint64_t least = draw(rc::gen::inRange<std::uint64_t>(1, 30));
  StartWaitsRow row;
  for (const std::uint64_t wait : waits) count_wait(row, {wait}, kUnit);
  publish_waits(row, least, kUnit);
  if (waits.size() < least) {
    RC_ASSERT(row.p90.ms == 0U);
    return;
  }
  std::sort(waits.begin(), waits.end());
  const std::uint64_t p90 = waits[(waits.size() * 9 + 9) / 10 - 1];
  RC_ASSERT(row.p90.ms > p90);
  RC_ASSERT(row.p90 == wait_step_end(wait_step({p90}, kUnit), kUnit));
}

TEST(PublishedWaits, FadeByAnEighthAndAreForgotten) {
  StartWaitsRow row;
  for (int i = 0; i < 100; ++i) count_wait(row, {60'000}, kUnit);
  EXPECT_EQ(weight_of(row), 100 * kWeight);
  publish_waits(row, 20, kUnit);
  EXPECT_EQ(weight_of(row), 100 * kWeight * 7 / 8);
  EXPECT_EQ(row.p90.ms, 64'000U);
  for (int i = 0; i < 400; ++i) count_wait(row, {1'000}, kUnit);
  publish_waits(row, 20, kUnit);
  EXPECT_EQ(row.p90.ms, 64'000U) << "a fifth of all waits was long";
  for (int i = 0; i < 600; ++i) count_wait(row, {1'000}, kUnit);
  publish_waits(row, 20, kUnit);
  EXPECT_EQ(row.p90.ms, 2'000U);
  for (std::uint64_t i = 0; i < kEpochs; ++i) publish_waits(row, 20, kUnit);
  EXPECT_EQ(weight_of(row), 0U);
  EXPECT_EQ(row.p90.ms, 0U);
}

/// A world in which so many Standard jobs had to wait for the only A100 for so many seconds, and an epoch has gone by.
struct Known {
  World world;
  NodeId node = world.add_node(NodeOf());

  explicit Known(std::uint64_t waited_s, int jobs = 20) {
    for (int i = 0; i < jobs; ++i) waits(waited_s);
    world.market.on_epoch(world.context);
  }
  /// A Standard job that waits behind another; it has its node at the end.
  JobId waits(std::uint64_t s) {
    const JobId blocker = world.queue(JobOf().tier(TierChoice::Economy));
    world.match();
    const JobId job = world.queue(JobOf(), kBob);
    world.wait_s(s);
    world.complete(blocker);
    EXPECT_EQ(world.match_one(job), node);
    const JobRow row = world.job(job);
    world.complete(job);
    EXPECT_EQ(world.job(job).start_promise, row.start_promise) << "its end changes nothing";
    return job;
  }
  [[nodiscard]] DurationMs p90() const { return world.market.start_p90(kStandard, world.class_id("A100")); }
  [[nodiscard]] std::optional<std::uint64_t> promised_ms(const JobOf& job) {
    const JobId id = world.queue(job);
    const auto promise = world.job(id).start_promise;
    EXPECT_EQ(world.job(id).waiting_since, world.context.time);
    EXPECT_EQ(world.cancel(id), RefusalCode::None);
    if (!promise) return std::nullopt;
    EXPECT_EQ(promise->state, StartState::Open);
    return promise->due.ms - world.context.time.ms;
  }
  [[nodiscard]] StartState state(const JobId& job) const { return world.job(job).start_promise->state; }
};

// REQ: MTP-6. Standard promises four times the wait that it publishes, and nothing sooner than ten minutes.
TEST(StartPromise, StandardPromisesAMultipleOfThePublishedWait) {
  Known known(1'200);
  EXPECT_EQ(known.p90().ms, 1'280'000U) << "the end of the step of 1,200 s";
  EXPECT_EQ(known.promised_ms(JobOf()), 4U * 1'280'000);
  EXPECT_EQ(known.promised_ms(JobOf().tier(TierChoice::Economy)), std::nullopt);
  Known quick(0);
  EXPECT_EQ(quick.p90().ms, 1'000U);
  EXPECT_EQ(quick.promised_ms(JobOf()), 600'000U);
}

TEST(StartPromise, FewWaitsPromiseNothing) {
  Known known(1'200, 19);
  EXPECT_EQ(known.p90().ms, 0U);
  EXPECT_EQ(known.promised_ms(JobOf()), std::nullopt);
}

TEST(StartPromise, TheSlowestClassThatTheJobAllowsCounts) {
  Known known(1'200, 30);
  known.world.add_node(NodeOf("H100"));
  for (int i = 0; i < 20; ++i) {
    const JobId job = known.world.queue(JobOf().classes({"H100"}).budget(50 * kAgpu));
    EXPECT_TRUE(known.world.match_one(job).has_value());
    known.world.complete(job);
  }
  known.world.market.on_epoch(known.world.context);
  EXPECT_EQ(known.promised_ms(JobOf().classes({"H100"}).budget(50 * kAgpu)), 600'000U);
  EXPECT_EQ(known.promised_ms(JobOf().classes({"A100", "H100"}).budget(50 * kAgpu)), 4 * known.p90().ms);
  EXPECT_EQ(known.promised_ms(JobOf().any_class().budget(50 * kAgpu)), 4 * known.p90().ms);
}

TEST(StartPromise, StandardIsJudgedByItsFirstMatch) {
  Known known(0);
  EXPECT_EQ(known.state(known.waits(600)), StartState::Kept);
  EXPECT_EQ(known.state(known.waits(601)), StartState::Missed);
  World& world = known.world;
  const JobId job = world.queue(JobOf());
  EXPECT_EQ(world.match_one(job), known.node);
  world.add_node(NodeOf(), kBarn);
  EXPECT_TRUE(world.fail_provider(job));
  world.wait_s(3'000);
  EXPECT_TRUE(world.match_one(job).has_value());
  EXPECT_EQ(known.state(job), StartState::Kept) << "what follows the first match is the provider's";
}

// A limit below the price is the requester's own: such a job waits only from the moment on when the price has fallen.
TEST(StartPromise, ParkedJobsArePromisedNothingUntilTheyWake) {
  Known known(1'200);
  World& world = known.world;
  const Price price = world.unit_on(JobOf(), known.node);
  const JobId job = world.queue(JobOf().max_price(price.nagpu_per_gpu_hour / 2));
  ASSERT_TRUE(world.job(job).parked);
  EXPECT_EQ(world.job(job).waiting_since.ms, 0U);
  EXPECT_FALSE(world.job(job).start_promise.has_value());
  world.wait_s(500);
  EXPECT_EQ(world.raise(job, 20 * kAgpu, 10 * kAgpu), RefusalCode::None);
  ASSERT_FALSE(world.job(job).parked);
  EXPECT_EQ(world.job(job).waiting_since, world.context.time);
  EXPECT_EQ(world.job(job).start_promise->due.ms, world.context.time.ms + 4 * known.p90().ms);
}

// REQ: MTP-6. Premium starts within acknowledgement and ten seconds, and the time to fetch its inputs.
TEST(StartPromise, PremiumStartsAtOnce) {
  World world;
  world.add_node(NodeOf());
  const auto with_inputs = [](JobSpec& s) { s.input_bytes = 125'000'000; };
  const JobId job = world.queue(JobOf().tier(TierChoice::Premium).set(with_inputs));
  const TimeMs due = world.context.time + seconds(30 + 10 + 100);
  EXPECT_EQ(world.job(job).start_promise->due, due);
  EXPECT_TRUE(world.match_one(job).has_value());
  world.context.time = due;
  world.start(job);
  EXPECT_EQ(world.job(job).start_promise->state, StartState::Kept);

  World late;
  late.add_node(NodeOf());
  const JobId other = late.queue(JobOf().tier(TierChoice::Premium));
  EXPECT_TRUE(late.match_one(other).has_value());
  late.wait_ms(40'001);
  late.start(other);
  EXPECT_EQ(late.job(other).start_promise->state, StartState::Missed);
  late.wait_s(1);
  late.start(other);
  EXPECT_EQ(late.job(other).start_promise->state, StartState::Missed) << "once and for all";
}

TEST(StartPromise, PremiumThatWaitsIsPromisedItsStartFromTheMatchOrTheNotice) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobId blocker = world.queue(JobOf());
  EXPECT_TRUE(world.match_one(blocker).has_value());
  const JobId job = world.queue(JobOf().premium(), kBob);
  EXPECT_FALSE(world.match_one(job).has_value());
  EXPECT_FALSE(world.job(job).start_promise.has_value());
  world.wait_s(1'000);
  world.complete(blocker);
  EXPECT_EQ(world.match_one(job), node);
  EXPECT_EQ(world.job(job).start_promise->due, world.context.time + seconds(40));

  World contested;
  contested.add_node(NodeOf());
  const JobId victim = contested.queue(JobOf().preemptible());
  EXPECT_TRUE(contested.match_one(victim).has_value());
  contested.start(victim);
  contested.wait_s(60);
  const JobId premium = contested.queue(JobOf().premium(), kBob);
  contested.match();
  ASSERT_EQ(contested.notices.size(), 1U);
  const TimeMs due = contested.context.time + seconds(30 + 40);
  EXPECT_EQ(contested.job(premium).start_promise->due, due);
  contested.wait_s(5);
  contested.leave(victim);
  EXPECT_TRUE(contested.match_one(premium).has_value());
  EXPECT_EQ(contested.job(premium).start_promise->due, due) << "an early leave promises nothing sooner";
}

TEST(StartPromise, ALaterAttemptPromisesNothingNew) {
  World world;
  world.add_node(NodeOf());
  world.add_node(NodeOf(), kBarn);
  const JobId job = world.queue(JobOf().premium(), kBob);
  const auto first = world.match_one(job);
  ASSERT_TRUE(first.has_value());
  world.wait_ms(40'001);
  world.start(job);
  ASSERT_EQ(world.job(job).start_promise->state, StartState::Missed);
  const StartPromise missed = *world.job(job).start_promise;
  const JobId victim = world.queue(JobOf().preemptible());
  EXPECT_TRUE(world.match_one(victim).has_value());
  EXPECT_TRUE(world.fail_provider(job));
  world.match();
  ASSERT_TRUE(world.job(job).notice.has_value()) << "its first provider is avoided, and the other node is taken";
  EXPECT_EQ(world.job(job).start_promise, missed);
}

}  // namespace
}  // namespace starminer::protocol
