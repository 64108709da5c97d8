// The quote against what a submission really does.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

// REQ: WRK-4. Every figure of a quote follows from the inputs that it lists.
TEST(Quote, ByHand) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobOf job = JobOf().max_price(2 * kAgpu);
  const Quote quote = world.market.quote(job.spec(), kAda, world.context);
  EXPECT_FALSE(quote.refusal);
  EXPECT_EQ(quote.tier.tier, kStandard);
  EXPECT_EQ(quote.cap.base, 2 * kAgpu);
  EXPECT_EQ(quote.balance.base, world.balance(kAda));
  EXPECT_EQ(quote.tx_fee, world.params.agpu(Parameter::TxFee));
  ASSERT_TRUE(quote.match);
  EXPECT_EQ(quote.match->winner.node, node);
  EXPECT_TRUE(quote.starts_now);
  ASSERT_EQ(quote.classes.size(), 1U);
  const ClassQuote& a100 = quote.classes[0];
  EXPECT_EQ(a100.hardware_class, world.class_id("A100"));
  EXPECT_EQ(a100.base, world.pricing.price(kStandard, a100.hardware_class));
  EXPECT_EQ(a100.unit_min, a100.unit_max);
  EXPECT_EQ(Pricing::unit_price(a100.base, a100.factors), a100.unit_min);
  EXPECT_EQ(a100.eligible, 1U);
  EXPECT_EQ(a100.free, 1U);
  EXPECT_LT(a100.next_60.low, a100.next_15.low);
  EXPECT_LT(a100.next_15.low, a100.next_5.low);
  EXPECT_GT(a100.next_60.high, a100.next_5.high);
  EXPECT_EQ(quote.expected, Pricing::cost(a100.unit_min, 1000, 1'800'000, Rounding::Ceil));
  const FeeSplit& split = quote.expected_split;
  EXPECT_EQ(split.pay, quote.expected);
  EXPECT_EQ(split.surge_burn.base + split.burn.base + split.stakers.base + split.treasury.base + split.insurance.base +
                split.referrer.base + split.provider.base,
            quote.expected.base);
}

TEST(Quote, ShortJobsPayTheMinimum) {
  World world;
  world.add_node(NodeOf());
  const JobOf job = JobOf().max_s(60).set([](JobSpec& s) { s.expected_s = 1; });
  const Quote quote = world.market.quote(job.spec(), kAda, world.context);
  EXPECT_EQ(quote.expected, Pricing::cost(quote.match->winner.unit, 1000, 60'000, Rounding::Ceil));
}

TEST(Quote, ShowsThePriceRangeTheQueueAndWhoIsBusy) {
  World world;
  world.add_node(NodeOf().region("eu-north"));
  world.add_node(NodeOf().region("sa-east"));
  world.add_node(NodeOf("H100").rating(1'840));
  Quote quote = world.market.quote(JobOf().spec(), kAda, world.context);
  EXPECT_LT(quote.classes[0].unit_min, quote.classes[0].unit_max);
  world.queue(JobOf());
  world.queue(JobOf());
  world.match();
  world.wait_s(1);
  world.queue(JobOf());
  world.match();
  world.wait_s(1);
  quote = world.market.quote(JobOf().spec(), kAda, world.context);
  EXPECT_FALSE(quote.match);
  EXPECT_FALSE(quote.starts_now);
  EXPECT_FALSE(quote.refusal) << "it would wait";
  EXPECT_EQ(quote.queue_ahead, 1U);
  EXPECT_EQ(quote.classes[0].eligible, 2U);
  EXPECT_EQ(quote.classes[0].free, 0U);
  EXPECT_EQ(quote.exclusions.eligible_busy, 2U);
  EXPECT_EQ(quote.exclusions.first[static_cast<std::size_t>(Constraint::Class)], 1U);
  EXPECT_GT(quote.expected.base, 0U);
  const Quote any = world.market.quote(JobOf().any_class().spec(), kAda, world.context);
  EXPECT_EQ(any.classes.size(), 2U);
}

TEST(Quote, AnswersWithoutNodesAndForStrangers) {
  World world;
  const AccountId stranger{{0x99}};
  const Quote quote = world.market.quote(JobOf().classes({"A100", "H100"}).spec(), stranger, world.context);
  ASSERT_TRUE(quote.refusal);
  EXPECT_EQ(quote.refusal->code, RefusalCode::NeverRunnable);
  EXPECT_EQ(quote.balance.base, 0U);
  ASSERT_EQ(quote.classes.size(), 2U) << "named classes are priced even where nobody offers them";
  EXPECT_EQ(quote.classes[0].eligible, 0U);
  EXPECT_GT(quote.classes[0].unit_min.nagpu_per_gpu_hour, 0U);
  EXPECT_GT(quote.expected.base, 0U);
  const Quote nothing = world.market.quote(JobOf().classes({"ABACUS"}).spec(), stranger, world.context);
  EXPECT_EQ(nothing.refusal->code, RefusalCode::UnknownClass);
  EXPECT_TRUE(nothing.classes.empty());
}

// REQ: WRK-4. A quote says what the very next submission meets: refusal or cap, tier, node and unit price.
RC_GTEST_PROP(Quote, EqualsTheSubmission, ()) {
  World world;
  const int nodes = draw(rc::gen::inRange(1, 6));
  for (int i = 0; i < nodes; ++i) {
    world.add_node(NodeOf(draw(rc::gen::element<std::string>("A100", "H100")))
                       .devices(draw(rc::gen::element<std::uint32_t>(1, 2, 4)))
                       .region(draw(rc::gen::element<std::string>("eu-central", "us-east", "sa-east")))
                       .floor(draw(rc::gen::element<std::uint8_t>(0, 0, 31, 40))),
                   draw(rc::gen::element(kFarm, kBarn)));
  }
  std::size_t admitted = 0;
  const auto draw_job = [] {
    JobOf job = JobOf()
                    .max_s(draw(rc::gen::element<std::uint64_t>(60, 3'600, 86'400, 90'000)))
                    .tier(draw(rc::gen::element(TierChoice::Auto, TierChoice::Economy, TierChoice::Standard,
                                                TierChoice::Premium)))
                    .max_price(draw(rc::gen::element<std::uint64_t>(0, 0, 700'000'000, 1'100'000'000, 3 * kAgpu)))
                    .budget(draw(rc::gen::element<std::uint64_t>(100, 300'000'000, 2 * kAgpu, 300 * kAgpu)));
    if (draw(rc::gen::arbitrary<bool>())) job.any_class();
    if (draw(rc::gen::arbitrary<bool>())) job.gpus(draw(rc::gen::element<std::uint32_t>(1, 2, 8)));
    if (draw(rc::gen::inRange(0, 4)) == 0) job.share(draw(rc::gen::element<std::uint32_t>(250, 500))).gpus(1);
    const bool wait = draw(rc::gen::arbitrary<bool>());
    const bool downgrade = draw(rc::gen::arbitrary<bool>());
    const auto latency = draw(rc::gen::element<std::uint32_t>(0, 0, 40, 150));
    return job.set([=](JobSpec& s) {
      s.wait = wait;
      s.allow_downgrade = downgrade;
      s.latency_ms = latency;
    });
  };
  for (int step = 0; step < 8; ++step) {
    const AccountId account = draw(rc::gen::element(kAda, kPoor));
    const JobOf job = draw_job();
    const Quote quote = world.market.quote(job.spec(), account, world.context);
    const RefusalCode code = world.submit(job, account);
    admitted += code == RefusalCode::None ? 1U : 0U;
    RC_ASSERT(quote.refusal.has_value() == (code != RefusalCode::None));
    if (code != RefusalCode::None) {
      RC_ASSERT(quote.refusal->code == code);
      RC_ASSERT(quote.refusal->detail == world.detail);
      continue;
    }
    const JobId id = world.last_job;
    const JobRow& row = world.job(id);
    RC_ASSERT(quote.cap == row.cap);
    RC_ASSERT(quote.max_price == row.max_price);
    RC_ASSERT(quote.tier.tier == row.tier);
    RC_ASSERT(quote.tier.reason == row.tier_reason);
    const auto node = world.match_one(id);
    RC_ASSERT(quote.starts_now == node.has_value());
    if (node) {
      RC_ASSERT(*node == quote.match->winner.node);
      RC_ASSERT(row.unit == quote.match->winner.unit);
    }
    RC_ASSERT(world.sound());
    world.wait_s(1);
  }
  RC_TAG(admitted > 2 ? "many admitted" : "few admitted");
}

}  // namespace
}  // namespace starminer::protocol
