// Refusals of JobSubmit, JobCancel and JobRaise in their order, escrow, and repeats.
#include <functional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;
using ::testing::HasSubstr;

/// A wish that leads to one refusal. Everything that a later row refuses is refused as well in the test of precedence.
struct Row {
  RefusalCode code;
  std::function<void(World&, JobOf&)> ask;
};

constexpr std::uint64_t kDay = 86'400;

std::vector<Row> rows() {
  return {
      {RefusalCode::TooManyJobs,
       [](World& world, JobOf&) { ASSERT_TRUE(world.params.set(Parameter::LiveJobsMax, 10)); }},
      {RefusalCode::DeadlinePassed,
       [](World& world, JobOf& job) { job.deadline({world.context.time.ms + job.spec().max_s * 1'000 - 1}); }},
      {RefusalCode::UnknownClass, [](World&, JobOf& job) { job.classes({"ABACUS"}); }},
      {RefusalCode::UnknownRegion,
       [](World&, JobOf& job) { job.set([](JobSpec& s) { s.where.prefer = {"atlantis"}; }); }},
      {RefusalCode::NeverRunnable, [](World&, JobOf& job) { job.cpu(4'000); }},
      {RefusalCode::TierNotServed,
       [](World& world, JobOf& job) {
         ASSERT_TRUE(world.params.set(Parameter::MaxSecondsMin, 3'600));
         job.max_s(600);
       }},
      {RefusalCode::PremiumCannotStart, [](World&, JobOf& job) { job.tier(TierChoice::Premium); }},
      {RefusalCode::BudgetTooSmall, [](World&, JobOf& job) { job.budget(1'000); }},
      {RefusalCode::CapTooSmall,
       [](World&, JobOf& job) { job.max_price(1).set([](JobSpec& s) { s.expected_s = 60; }); }},
      {RefusalCode::BoostTooSmall,
       [](World& world, JobOf& job) {
         ASSERT_TRUE(world.params.set(Parameter::BoostGain, 0));
         job.set([](JobSpec& s) { s.credits = std::max<std::uint64_t>(s.credits, 1); });
       }},
      {RefusalCode::BoostLaneTooSmall, [](World&, JobOf& job) { job.gpus(3).budget(1'000 * kAgpu).credits(100); }},
      {RefusalCode::CreditsTooFew, [](World&, JobOf& job) { job.credits(5); }},
      {RefusalCode::EscrowNotCovered,
       [](World& world, JobOf&) {
         // Ada has only a fee and a little left.
         const std::uint64_t all = world.balance(kAda);
         world.ledger.lock(LockPurpose::NodeIdentity, {0x77}, kAda, Asset::Agpu, all - 200'000);
       }},
  };
}

std::unique_ptr<World> busy_world() {
  auto world = std::make_unique<World>();
  world->add_node(NodeOf().devices(4));
  for (int i = 0; i < 10; ++i) world->queue(JobOf());
  EXPECT_EQ(world->match().size(), 4U);
  return world;
}

TEST(JobSubmitRefusals, EachRowAlone) {
  for (const Row& row : rows()) {
    const auto world = busy_world();
    JobOf job;
    row.ask(*world, job);
    const std::uint64_t before = world->balance(kAda);
    EXPECT_EQ(world->submit(job), row.code) << refusal_info(row.code).name << ": " << world->detail;
    EXPECT_FALSE(world->detail.empty()) << refusal_info(row.code).name;
    EXPECT_EQ(world->balance(kAda), before - world->params.get(Parameter::TxFee)) << "a refusal costs the fee only";
    EXPECT_TRUE(world->sound());
  }
}

// Each refusal is given while everything that later rows refuse holds too.
TEST(JobSubmitRefusals, EarlierRowsComeFirst) {
  const auto all = rows();
  for (std::size_t first = 0; first < all.size(); ++first) {
    const auto world = busy_world();
    JobOf job;
    // From the last to the first, so that an earlier wish is not undone by a later one.
    for (std::size_t i = all.size(); i-- > first;) {
      // A price of 1 makes the expected cost tiny, so a budget that is too small and it exclude one another.
      if (all[i].code == RefusalCode::CapTooSmall && first < i && all[first].code == RefusalCode::BudgetTooSmall)
        continue;
      if (all[i].code == RefusalCode::UnknownClass && i != first) continue;  // would hide NeverRunnable's figures
      all[i].ask(*world, job);
    }
    EXPECT_EQ(world->submit(job), all[first].code) << refusal_info(all[first].code).name << ": " << world->detail;
  }
}

TEST(JobSubmitRefusals, TheShapeIsCheckedFirst) {
  World world;
  EXPECT_EQ(world.submit(JobOf().budget(0)), RefusalCode::AmountZero);
  EXPECT_EQ(world.submit(JobOf(), kAda, "white space"), RefusalCode::InvalidField);
  EXPECT_EQ(world.submit(JobOf(), kAda, std::string(65, 'x')), RefusalCode::InvalidField);
}

TEST(JobSubmitRefusals, TextsCarryTheFigures) {
  const auto world = busy_world();
  EXPECT_EQ(world->submit(JobOf().set([](JobSpec& s) { s.resources.gpu_memory_bytes = 100 * kGiB; })),
            RefusalCode::NeverRunnable);
  EXPECT_THAT(world->detail, HasSubstr("of 1 nodes: 1 too little memory per device"));
  EXPECT_THAT(world->detail, HasSubstr("nearest: node n1"));
  EXPECT_THAT(world->detail, HasSubstr("(100.00 GiB needed, 80.00 GiB there)"));

  World empty;
  EXPECT_EQ(empty.submit(JobOf()), RefusalCode::NeverRunnable);
  EXPECT_EQ(empty.detail, "no node is registered");
}

TEST(JobSubmitRefusals, OnlyPremiumRunsLongerThanADay) {
  World world;
  world.add_node(NodeOf());
  const JobOf two_days = JobOf().max_s(2 * kDay).budget(500 * kAgpu);
  EXPECT_EQ(world.submit(two_days), RefusalCode::TierNotServed);
  EXPECT_EQ(world.detail, "max_s is 172800; Standard serves at most 86400");
  EXPECT_EQ(world.submit(JobOf(two_days).tier(TierChoice::Premium)), RefusalCode::None) << world.detail;
}

// REQ: MTP-9
TEST(JobSubmitRefusals, EscrowNamesTheMissingAmount) {
  World world;
  world.add_node(NodeOf());
  const JobOf job = JobOf().max_price(2 * kAgpu);
  EXPECT_EQ(world.submit(job, kPoor), RefusalCode::EscrowNotCovered);
  const std::uint64_t available =
      kAgpu - world.params.get(Parameter::AccountDeposit) - world.params.get(Parameter::TxFee);
  EXPECT_EQ(world.detail,
            fmt::format("needed 2.00 AGPU, available {}, held by live jobs 0.00 AGPU, missing {}",
                        format_amount(Asset::Agpu, available), format_amount(Asset::Agpu, 2 * kAgpu - available)));
  EXPECT_EQ(world.submit(JobOf().max_price(2 * kAgpu).max_s(600), kPoor), RefusalCode::None) << world.detail;
  EXPECT_EQ(world.submit(job, kPoor), RefusalCode::EscrowNotCovered);
  EXPECT_THAT(world.detail, HasSubstr("held by live jobs " + format_amount(world.job(world.last_job).cap)));
}

// REQ: MTP-6
TEST(JobSubmitRefusals, PremiumStartsNowOrNotAtAll) {
  World world;
  world.add_node(NodeOf());
  world.queue(JobOf().max_s(600));
  world.match();
  const JobOf premium = JobOf().tier(TierChoice::Premium);
  EXPECT_EQ(world.submit(premium), RefusalCode::PremiumCannotStart);
  EXPECT_THAT(world.detail, HasSubstr("free in 690 s at the latest"));
  EXPECT_EQ(world.submit(JobOf(premium).set([](JobSpec& s) { s.wait = true; })), RefusalCode::None) << world.detail;
  World idle;
  idle.add_node(NodeOf());
  EXPECT_TRUE(idle.run(premium).has_value());
}

TEST(JobSubmitRefusals, PremiumBelowThePriceIsToldSo) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobOf job = JobOf().tier(TierChoice::Premium);
  const std::uint64_t unit = world.unit_on(job, node, kPremium).nagpu_per_gpu_hour;
  EXPECT_EQ(world.submit(JobOf(job).max_price(unit - 1)), RefusalCode::PriceAboveCap);
  EXPECT_EQ(world.submit(JobOf(job).max_price(unit)), RefusalCode::None) << world.detail;
}

// REQ: MTP-8
TEST(JobSubmit, DowngradesOnceWhereThatIsAllowed) {
  World world;
  world.add_node(NodeOf());
  const JobOf dear = JobOf().budget(400'000'000);  // half an hour of an A100 costs 0.5 AGPU in Standard, 0.3 in Economy
  EXPECT_EQ(world.submit(dear), RefusalCode::BudgetTooSmall);
  EXPECT_THAT(world.detail, HasSubstr("in Standard"));
  const JobId job = world.queue(JobOf(dear).set([](JobSpec& s) { s.allow_downgrade = true; }));
  EXPECT_EQ(world.job(job).tier, kEconomy);
  EXPECT_EQ(world.job(job).tier_reason, TierReason::Downgraded);
  EXPECT_EQ(world.submit(JobOf(dear).budget(200'000'000).set([](JobSpec& s) { s.allow_downgrade = true; })),
            RefusalCode::BudgetTooSmall);
  EXPECT_THAT(world.detail, HasSubstr("in Economy"));
}

TEST(JobSubmit, TheAutomaticTierIsPremiumOnlyWhereItCanStart) {
  World world;
  world.add_node(NodeOf());
  const JobOf pressing = JobOf().tier(TierChoice::Auto).set([](JobSpec& s) { s.latency_ms = 20; });
  const JobId first = world.queue(pressing);
  EXPECT_EQ(world.job(first).tier, kPremium);
  world.match();
  EXPECT_EQ(world.job(world.queue(pressing)).tier, kStandard);
}

// REQ: CSC-2
TEST(JobSubmit, HoldsTheCapInEscrow) {
  World world;
  world.add_node(NodeOf());
  const std::uint64_t before = world.balance(kAda);
  const std::uint32_t roles = world.ledger.accounts().get(kAda).roles;
  const JobId job = world.queue(JobOf().max_price(2 * kAgpu).max_s(1'800));
  EXPECT_EQ(world.job(job).cap.base, kAgpu) << "2 AGPU an hour for half an hour";
  EXPECT_EQ(world.escrow(job), kAgpu);
  EXPECT_EQ(world.balance(kAda), before - kAgpu - world.params.get(Parameter::TxFee));
  EXPECT_EQ(world.ledger.accounts().get(kAda).roles, roles + 1);
  const JobId bounded = world.queue(JobOf().max_price(2 * kAgpu).budget(1'500'000'000));
  EXPECT_EQ(world.job(bounded).cap.base, 1'500'000'000U) << "the budget is the smaller bound";
  EXPECT_TRUE(world.sound());
}

TEST(JobSubmit, AnUnstatedPriceLimitHasRoomForTicksAndTheNode) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobId job = world.queue(JobOf());
  const Price envelope = world.pricing.envelope(kStandard, world.class_id("A100"), 15).high;
  const std::uint64_t runtime = 1'015'000;
  const auto with_runtime = mul_div(runtime, 1'030'000, kPpm, Rounding::Floor);
  const auto product = mul_div(*with_runtime, 1'100'000, kPpm, Rounding::Floor);
  const auto expected = mul_div(envelope.nagpu_per_gpu_hour, *product, kPpm, Rounding::Ceil);
  EXPECT_EQ(world.job(job).max_price.nagpu_per_gpu_hour, *expected);
  EXPECT_LT(world.unit_on(JobOf(), node), world.job(job).max_price);
}

// REQ: MTP-5
TEST(JobSubmit, TheCheapRegionIsEnoughForTheBudget) {
  World world;
  world.add_node(NodeOf().region("sa-east"));  // x 1.20
  const JobOf job = JobOf().budget(600'000'000);
  EXPECT_EQ(world.submit(job), RefusalCode::BudgetTooSmall);
  world.add_node(NodeOf().region("eu-north"));  // x 0.90
  EXPECT_EQ(world.submit(job), RefusalCode::None) << world.detail;
}

TEST(JobSubmit, TheSameClientIdWithTheSameJobIsTheFirstJob) {
  World world;
  world.add_node(NodeOf());
  ASSERT_EQ(world.submit(JobOf(), kAda, "night-run"), RefusalCode::None);
  const JobId first = world.last_job;
  const std::uint64_t escrow = world.escrow(first);
  ASSERT_EQ(world.submit(JobOf(), kAda, "night-run"), RefusalCode::None);
  EXPECT_EQ(world.last_job, first);
  EXPECT_EQ(world.escrow(first), escrow);
  EXPECT_EQ(world.market.jobs().size(), 1U);
  // Not even a full account or an empty market turns a repeat into a refusal.
  ASSERT_TRUE(world.params.set(Parameter::LiveJobsMax, 10));
  EXPECT_EQ(world.submit(JobOf().gpus(2), kAda, "night-run"), RefusalCode::ClientIdReused);
  EXPECT_THAT(world.detail, HasSubstr(first.text()));
  // Another account has names of its own.
  ASSERT_EQ(world.submit(JobOf(), kBob, "night-run"), RefusalCode::None);
  EXPECT_NE(world.last_job, first);
  // Without a client id every submission is a job.
  world.queue(JobOf());
  world.queue(JobOf());
  EXPECT_EQ(world.market.jobs().size(), 4U);
}

TEST(JobSubmit, DeadlinesAreInBlockTimeAndKeptInMarketTime) {
  World world;
  world.add_node(NodeOf());
  world.context.halted = {500'000};
  world.context.time = {kStart.ms - 500'000};
  EXPECT_EQ(world.submit(JobOf().deadline({kStart.ms + 3'599'999})), RefusalCode::DeadlinePassed);
  const JobId job = world.queue(JobOf().deadline({kStart.ms + 3'600'000}));
  EXPECT_EQ(world.job(job).spec.deadline, world.context.time + seconds(3'600));
  EXPECT_EQ(world.submit(JobOf().deadline({1})), RefusalCode::DeadlinePassed) << "long ago is not the same as none";
}

TEST(JobCancelRefusals, InOrder) {
  World world;
  world.add_node(NodeOf());
  const JobId job = world.queue(JobOf());
  EXPECT_EQ(world.cancel({}), RefusalCode::InvalidField);
  EXPECT_EQ(world.cancel(JobId{{7}}, kBob), RefusalCode::UnknownJob);
  EXPECT_EQ(world.cancel(job, kBob), RefusalCode::NotRequester);
  EXPECT_EQ(world.cancel(job), RefusalCode::None);
  EXPECT_EQ(world.cancel(job, kBob), RefusalCode::NotRequester);
  EXPECT_EQ(world.cancel(job), RefusalCode::JobEnded);
}

// REQ: CSC-2
TEST(JobCancel, IsFreeForATickAndThenBurnsOnePercent) {
  World world;
  world.add_node(NodeOf());
  const JobOf job = JobOf().max_price(2 * kAgpu);
  const std::uint64_t fee = world.params.get(Parameter::TxFee);
  const std::uint64_t start = world.balance(kAda);
  JobId id = world.queue(job);
  world.wait_ms(59'999);
  ASSERT_EQ(world.cancel(id), RefusalCode::None);
  EXPECT_EQ(world.job(id).burned.base, 0U);
  EXPECT_EQ(world.balance(kAda), start - 2 * fee);

  id = world.queue(job);
  world.wait_ms(60'000);
  const std::uint64_t burned_before = world.ledger.supply(Asset::Agpu).burned;
  ASSERT_EQ(world.cancel(id), RefusalCode::None);
  EXPECT_EQ(world.job(id).burned.base, 20'000'000U) << "1 % of a cap of 2 AGPU; a minute would cost 0.033";
  EXPECT_EQ(world.job(id).refunded.base, 2 * kAgpu - 20'000'000);
  EXPECT_EQ(world.ledger.supply(Asset::Agpu).burned, burned_before + 20'000'000 + fee);
  EXPECT_EQ(world.job(id).state, JobState::Refunded);
  EXPECT_EQ(world.job(id).end_reason, EndReason::CancelledRequester);
  EXPECT_EQ(world.ledger.accounts().get(kAda).roles, 0U);

  // Of a long job a minute is less than a percent.
  id = world.queue(JobOf(job).max_s(36'000).budget(100 * kAgpu));
  world.wait_ms(60'000);
  ASSERT_EQ(world.cancel(id), RefusalCode::None);
  EXPECT_EQ(world.job(id).burned.base, 33'333'334U) << "ceil(2 AGPU / 60)";
  EXPECT_TRUE(world.sound());
}

TEST(JobCancel, LeavesAnActiveJobToItsContract) {
  World world;
  world.add_node(NodeOf());
  const JobId job = world.queue(JobOf());
  world.match();
  EXPECT_EQ(world.cancel(job), RefusalCode::None);
  EXPECT_EQ(world.job(job).state, JobState::Active);
}

TEST(JobRaiseRefusals, InOrder) {
  World world;
  world.add_node(NodeOf());
  const JobOf ask = JobOf().budget(kAgpu / 2).max_price(2 * kAgpu).max_s(600);
  const JobId running = world.queue(ask);
  ASSERT_TRUE(world.match_one(running));
  const JobId job = world.queue(ask);
  EXPECT_EQ(world.raise({}, kAgpu, 0), RefusalCode::InvalidField);
  EXPECT_EQ(world.raise(job, 0, 0), RefusalCode::InvalidField) << "nothing is named";
  EXPECT_EQ(world.raise(job, kAmountMax + 1, 0), RefusalCode::AmountTooLarge);
  EXPECT_EQ(world.raise(job, 0, kAmountMax + 1), RefusalCode::AmountTooLarge);
  EXPECT_EQ(world.raise(JobId{{7}}, kAgpu, 0), RefusalCode::UnknownJob);
  EXPECT_EQ(world.raise(job, kAgpu, 0, kBob), RefusalCode::NotRequester);
  EXPECT_EQ(world.raise(running, kAgpu, 0), RefusalCode::JobNotWaiting);
  EXPECT_EQ(world.raise(job, kAgpu / 2, 2 * kAgpu), RefusalCode::RaisesNothing);
  EXPECT_EQ(world.raise(job, kAgpu, 2 * kAgpu - 1), RefusalCode::RaisesNothing) << "one up, one down";
  EXPECT_EQ(world.raise(job, kAgpu / 2 - 1, 3 * kAgpu), RefusalCode::RaisesNothing);
  EXPECT_EQ(world.raise(job, kAmountMax, kAmountMax), RefusalCode::EscrowNotCovered);
  EXPECT_THAT(world.detail, HasSubstr("more, available"));
  const JobRow before = world.job(job);
  EXPECT_EQ(world.escrow(job), before.cap.base) << "refusals leave no trace";
  EXPECT_EQ(before.spec.budget.base, kAgpu / 2);
  ASSERT_EQ(world.cancel(job), RefusalCode::None);
  EXPECT_EQ(world.raise(job, kAgpu, 0), RefusalCode::JobEnded);
}

// REQ: QUE-2
TEST(JobRaise, EscrowsTheDifferenceAndKeepsThePlace) {
  World world;
  world.add_node(NodeOf());
  const JobId running = world.queue(JobOf());
  ASSERT_TRUE(world.match_one(running));
  const JobId job = world.queue(JobOf().budget(kAgpu).max_price(2 * kAgpu));
  ASSERT_EQ(world.job(job).cap.base, kAgpu) << "an hour would cost up to 2 AGPU: the budget bounds it";
  const std::uint64_t key = world.job(job).key_ms;
  const std::uint64_t before = world.balance(kAda);
  world.wait_s(90);
  ASSERT_EQ(world.raise(job, 3 * kAgpu, 0), RefusalCode::None) << world.detail;
  EXPECT_EQ(world.job(job).cap.base, 2 * kAgpu) << "max_price bounds it now";
  EXPECT_EQ(world.escrow(job), 2 * kAgpu);
  EXPECT_EQ(world.balance(kAda), before - kAgpu - world.params.get(Parameter::TxFee));
  ASSERT_EQ(world.raise(job, 0, 2 * kAgpu + 500), RefusalCode::None) << world.detail;
  EXPECT_EQ(world.job(job).cap.base, 2 * kAgpu + 500);
  EXPECT_EQ(world.job(job).max_price.nagpu_per_gpu_hour, 2 * kAgpu + 500);
  EXPECT_EQ(world.job(job).spec.budget.base, 3 * kAgpu);
  EXPECT_EQ(world.job(job).key_ms, key);
  EXPECT_TRUE(world.sound());
  world.complete(running);
  EXPECT_TRUE(world.match_one(job));
}

TEST(JobRaise, LetsAParkedJobEnterTheQueueAtOnce) {
  World world;
  world.add_node(NodeOf());
  const JobId job = world.queue(JobOf().max_price(kAgpu / 2));
  ASSERT_TRUE(world.job(job).parked);
  world.wait_s(30);
  ASSERT_EQ(world.raise(job, 0, kAgpu * 6 / 10), RefusalCode::None) << world.detail;
  EXPECT_TRUE(world.job(job).parked) << "still below the price";
  ASSERT_EQ(world.raise(job, 0, 2 * kAgpu), RefusalCode::None) << world.detail;
  EXPECT_FALSE(world.job(job).parked);
  EXPECT_EQ(world.events.back().kind, EventKind::JobQueued);
  EXPECT_TRUE(world.match_one(job)) << "no tick is waited for";
  EXPECT_TRUE(world.sound());
}

}  // namespace
}  // namespace starminer::protocol
