// The life of a job between queue and end: attempts, deadlines, ends.
#include <gtest/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

std::vector<JobId> jobs_of(const World& world, const AccountId& requester, std::size_t limit = 10,
                           std::uint64_t below = ~std::uint64_t{0}) {
  std::vector<JobId> jobs;
  for (const auto& [sequence, id] : world.market.index().jobs_of(requester, below, limit)) jobs.push_back(id);
  return jobs;
}

/// The first whole second at which a job that ends now may leave.
TimeMs archive_due(const World& world) {
  const std::uint64_t earliest = world.context.time.ms + world.params.get(Parameter::ArchiveAfterMs);
  return {(earliest + 999) / 1000 * 1000};
}

TEST(Requeue, KeepsPlaceAndPriceAndAvoidsTheProvider) {
  World world;
  const NodeId first = world.add_node(NodeOf(), kFarm);
  const JobId job = world.queue(JobOf());
  EXPECT_EQ(world.match_one(job), first);
  const JobRow before = world.job(job);
  EXPECT_EQ(before.attempts, 1U);
  const NodeId second = world.add_node(NodeOf(), kBarn);
  world.wait_s(600);
  ASSERT_TRUE(world.fail_provider(job));
  const JobRow again = world.job(job);
  EXPECT_EQ(again.state, JobState::Queued);
  EXPECT_EQ(again.key_ms, before.key_ms);
  EXPECT_EQ(again.submitted, before.submitted);
  EXPECT_EQ(again.max_price, before.unit) << "the first unit price is the ceiling of later attempts";
  EXPECT_EQ(again.cap, before.cap);
  EXPECT_EQ(world.escrow(job), before.cap.base);
  EXPECT_EQ(again.avoided, std::vector<AccountId>{kFarm});
  EXPECT_EQ(world.match_one(job), second) << "the failed provider's node is free, too";
  EXPECT_EQ(world.job(job).attempts, 2U);
  EXPECT_TRUE(world.sound());
}

// A node whose own factors make it dearer serves a later attempt at the price of the first.
TEST(Requeue, TheFirstPriceHoldsOnABetterNode) {
  World world;
  const NodeId worse = world.add_node(NodeOf(), kFarm);
  for (int i = 0; i < 30; ++i) world.reputation.record(worse, 0, Outcome::Failure, 1000, world.context.time);
  const JobId job = world.queue(JobOf());
  ASSERT_EQ(world.match_one(job), worse);
  const Price first_unit = world.job(job).unit;
  const NodeId better = world.add_node(NodeOf(), kBarn);
  ASSERT_GT(world.unit_on(JobOf(), better), first_unit);
  ASSERT_TRUE(world.fail_provider(job));
  EXPECT_EQ(world.match_one(job), better);
  EXPECT_EQ(world.job(job).unit, first_unit);
}

// The ceiling is the first unit price, not the lowest so far: a cheap attempt that failed must not shut out the rest.
TEST(Requeue, ACheaperAttemptDoesNotLowerTheCeiling) {
  World world;
  const NodeId first = world.add_node(NodeOf(), kFarm);
  const JobId job = world.queue(JobOf());
  ASSERT_EQ(world.match_one(job), first);
  const Price first_unit = world.job(job).unit;
  const NodeId worse = world.add_node(NodeOf(), kBarn);
  for (int i = 0; i < 30; ++i) world.reputation.record(worse, 0, Outcome::Failure, 1000, world.context.time);
  ASSERT_TRUE(world.fail_provider(job));
  ASSERT_EQ(world.match_one(job), worse);
  ASSERT_LT(world.job(job).unit, first_unit);
  const NodeId third = world.add_node(NodeOf(), kCleo);
  ASSERT_TRUE(world.fail_provider(job));
  EXPECT_EQ(world.job(job).max_price, first_unit);
  EXPECT_EQ(world.match_one(job), third);
  EXPECT_EQ(world.job(job).unit, first_unit);
}

TEST(Requeue, EndsAfterTheLastAttempt) {
  World world;
  std::vector<AccountId> providers = {kFarm, kBarn, kCleo, kBob, kAda};
  for (const AccountId& provider : providers) world.add_node(NodeOf(), provider);
  const JobId job = world.queue(JobOf());
  for (int attempt = 1; attempt <= 4; ++attempt) {
    ASSERT_TRUE(world.match_one(job)) << attempt;
    EXPECT_EQ(world.fail_provider(job), attempt <= 3) << "queued again at most three times: " << attempt;
  }
  EXPECT_EQ(world.job(job).state, JobState::Refunded);
  EXPECT_EQ(world.job(job).refunded, world.job(job).cap);
  EXPECT_TRUE(world.sound());
}

TEST(Requeue, IsRefusedWhereItCannotHelp) {
  {
    World world;
    world.add_node(NodeOf());
    const JobId job = world.queue(JobOf());
    world.match();
    EXPECT_FALSE(world.market.can_ever_run(job, kFarm, world.context));
    EXPECT_TRUE(world.market.can_ever_run(job, kBarn, world.context));
    EXPECT_FALSE(world.fail_provider(job)) << "nobody else could run it";
  }
  {
    World world;
    world.add_node(NodeOf(), kFarm);
    world.add_node(NodeOf(), kBarn);
    const JobId job = world.queue(JobOf().deadline(world.context.time + seconds(3'700)));
    world.match();
    world.wait_s(101);
    EXPECT_FALSE(world.fail_provider(job)) << "the deadline cannot be met any more";
  }
  {
    World world;
    world.add_node(NodeOf(), kFarm);
    world.add_node(NodeOf().region("sa-east"), kBarn);
    const JobId job = world.queue(JobOf().max_price(1'050'000'000));
    world.match();
    EXPECT_FALSE(world.fail_provider(job)) << "a region that costs more is no place for the first price";
  }
  {
    World world;
    world.add_node(NodeOf(), kFarm);
    world.add_node(NodeOf(), kBarn);
    const JobId job = world.queue(JobOf().budget(600'000'000));
    world.match();
    ASSERT_TRUE(world.params.set(Parameter::MinimumMeterMs, 600'000));
    ASSERT_TRUE(world.params.set(Parameter::MinimumJobFee, 10'000'000));
    EXPECT_TRUE(world.fail_provider(job));
  }
}

// REQ: CSC-2
TEST(Deadline, AQueuedJobLeavesWhenItCannotMeetItAnyMore) {
  World world;
  world.add_node(NodeOf());
  world.queue(JobOf());
  world.match();
  const std::uint64_t before = world.balance(kAda);
  const JobId job = world.queue(JobOf().deadline(world.context.time + seconds(3'600 + 100)));
  world.wait_ms(99'999);
  world.run_timers();
  EXPECT_EQ(world.job(job).state, JobState::Queued);
  world.wait_ms(1);
  world.run_timers();
  EXPECT_EQ(world.job(job).state, JobState::Refunded);
  EXPECT_EQ(world.job(job).end_reason, EndReason::DeadlinePassed);
  EXPECT_EQ(world.balance(kAda), before - world.params.get(Parameter::TxFee)) << "the whole escrow is back";
  EXPECT_EQ(world.events.back().kind, EventKind::JobEnded);
  EXPECT_EQ(world.events.back().state, static_cast<std::uint8_t>(JobState::Refunded));
  EXPECT_TRUE(world.sound());
}

// REQ: MTP-3. What moved the price and never started leaves at the price of a cancelled job.
TEST(Deadline, IsNoFreeWayOutForAJobThatCountedAsLoad) {
  World world;
  world.add_node(NodeOf());
  world.queue(JobOf());
  world.match();
  const TimeMs latest = world.context.time + seconds(3'600 + 200);
  const JobId weighs = world.queue(JobOf().deadline(latest));
  const JobId too_late = world.queue(JobOf().deadline(latest).set([](JobSpec& s) { s.max_s = 3'700; }));
  world.wait_s(59);
  static_cast<void>(world.market.weigh_load(world.context));
  EXPECT_FALSE(world.job(weighs).weighed) << "it has not waited a whole tick";
  world.wait_s(41);
  world.run_timers();
  EXPECT_EQ(world.job(too_late).end_reason, EndReason::DeadlinePassed);
  EXPECT_EQ(world.job(too_late).burned, Agpu{}) << "no tick counted it";
  static_cast<void>(world.market.weigh_load(world.context));
  ASSERT_TRUE(world.job(weighs).weighed);
  world.wait_s(100);
  world.run_timers();
  const JobRow& row = world.job(weighs);
  ASSERT_EQ(row.end_reason, EndReason::DeadlinePassed);
  const Agpu minute = Pricing::cost(row.max_price, 1'000, 60'000, Rounding::Ceil);
  EXPECT_EQ(row.burned, std::min(minute, Agpu{(row.cap.base + 99) / 100}));
  EXPECT_GT(row.burned, Agpu{});
  EXPECT_EQ(row.refunded.base + row.burned.base, row.cap.base);
  EXPECT_TRUE(world.sound());
  EXPECT_TRUE(world.ledger.recount(Asset::Agpu).conserved());
}

TEST(Deadline, CostsNothingAfterAProvidersFault) {
  World world;
  world.add_node(NodeOf());
  world.add_node(NodeOf(), kBarn);
  const JobId running = world.queue(JobOf());
  const JobId job = world.queue(JobOf().deadline(world.context.time + seconds(3'600 + 200)));
  ASSERT_EQ(world.match().size(), 2U);
  static_cast<void>(running);
  ASSERT_TRUE(world.fail_provider(job));
  world.wait_s(100);
  static_cast<void>(world.market.weigh_load(world.context));
  ASSERT_TRUE(world.job(job).weighed);
  world.wait_s(100);
  world.run_timers();
  ASSERT_EQ(world.job(job).end_reason, EndReason::DeadlinePassed);
  EXPECT_EQ(world.job(job).burned, Agpu{});
}

TEST(Deadline, DoesNotTouchARunningJob) {
  World world;
  world.add_node(NodeOf());
  const JobId job = world.queue(JobOf().deadline(world.context.time + seconds(3'600 + 100)));
  world.match();
  EXPECT_TRUE(world.timers.table().empty());
  world.market.on_deadline(job, world.context);
  EXPECT_EQ(world.job(job).state, JobState::Active);
}

TEST(End, ReturnsWhatIsLeftAndClosesTheAccounts) {
  World world;
  world.add_node(NodeOf());
  const JobId job = world.queue(JobOf().max_price(2 * kAgpu));
  world.match();
  const Agpu paid{300'000'000};
  world.ledger.burn_from_lock(LockPurpose::Escrow, job.bytes, paid);
  world.market.release(job, world.context);
  EXPECT_EQ(world.job(job).state, JobState::Active) << "delivered: the devices are free, the contract lives on";
  EXPECT_TRUE(world.market.assignments().empty());
  world.market.end(job, JobState::Settled, EndReason::Accepted, paid, world.context);
  const JobRow& row = world.job(job);
  EXPECT_EQ(row.paid, paid);
  EXPECT_EQ(row.refunded.base, 2 * kAgpu - paid.base);
  EXPECT_EQ(row.end_reason, EndReason::Accepted);
  EXPECT_EQ(row.ended, world.context.time);
  EXPECT_EQ(world.escrow(job), 0U);
  EXPECT_EQ(world.ledger.accounts().get(kAda).roles, 0U);
  EXPECT_EQ(jobs_of(world, kAda), std::vector<JobId>{job});
}

TEST(Queries, JobsOfARequesterNewestFirst) {
  World world;
  world.add_node(NodeOf());
  std::vector<JobId> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(world.queue(JobOf()));
  world.queue(JobOf(), kBob);
  EXPECT_EQ(jobs_of(world, kAda, 3), (std::vector<JobId>{jobs[4], jobs[3], jobs[2]}));
  EXPECT_EQ(jobs_of(world, kAda, 9, world.job(jobs[3]).sequence), (std::vector<JobId>{jobs[2], jobs[1], jobs[0]}));
  EXPECT_TRUE(jobs_of(world, kCleo).empty());
  world.market.set_fault_claim(jobs[0], ContractId{{9}});
  EXPECT_EQ(world.job(jobs[0]).fault_claim, ContractId{{9}});
}

// REQ: AUD-1
// Every ended job leaves the state at the first whole second after its time, however it ended, and only then.
TEST(Archive, TakesEndedJobsOutOfTheState) {
  World world;
  world.add_node(NodeOf());
  const JobId done = world.queue(JobOf());
  world.match();
  world.complete(done);
  const JobId cancelled = world.queue(JobOf().max_price(1'000'000).budget(kAgpu));
  ASSERT_EQ(world.cancel(cancelled), RefusalCode::None);
  const JobId waiting = world.queue(JobOf().max_price(1'000'000).budget(kAgpu));
  const TimeMs due = archive_due(world);
  const std::vector<EndedJob> leaves = world.market.take_ended();
  ASSERT_EQ(leaves.size(), 2U);
  EXPECT_EQ(leaves[0].job, done);
  EXPECT_EQ(encode(leaves[0].row), encode(world.job(done))) << "the history gets the row as it stays";
  EXPECT_TRUE(world.market.take_ended().empty());

  world.context.time = {due.ms - 1};
  world.run_timers();
  EXPECT_TRUE(world.market.jobs().contains(done) && world.market.jobs().contains(cancelled));
  EXPECT_TRUE(world.sound());
  world.wait_ms(1);
  world.run_timers();
  EXPECT_EQ(jobs_of(world, kAda), std::vector<JobId>{waiting});
  EXPECT_EQ(world.market.jobs().size(), 1U);
  EXPECT_EQ(world.market.index().counts()[static_cast<std::size_t>(JobState::Settled)], 0U);
  EXPECT_EQ(world.cancel(done), RefusalCode::UnknownJob);
  EXPECT_TRUE(world.sound());
}

TEST(Archive, TheClientIdHoldsAsLongAsTheJob) {
  World world;
  world.add_node(NodeOf());
  ASSERT_EQ(world.submit(JobOf(), kAda, "render-7"), RefusalCode::None);
  const JobId first = world.last_job;
  world.wait_ms(123);
  ASSERT_EQ(world.cancel(first), RefusalCode::None);
  const TimeMs due = archive_due(world);
  world.context.time = {due.ms - 1};
  world.run_timers();
  ASSERT_EQ(world.submit(JobOf(), kAda, "render-7"), RefusalCode::None);
  EXPECT_EQ(world.last_job, first) << "a repeat gives the first job";
  EXPECT_EQ(world.submit(JobOf().max_s(7'200), kAda, "render-7"), RefusalCode::ClientIdReused);
  world.context.time = due;
  world.run_timers();
  ASSERT_EQ(world.submit(JobOf(), kAda, "render-7"), RefusalCode::None);
  EXPECT_NE(world.last_job, first) << "long after the end it is a new job";
  EXPECT_EQ(world.job(world.last_job).state, JobState::Queued);
  EXPECT_TRUE(world.sound());
}

// What an operation wrote is gone after a rollback, in the tables and in everything derived from them.
TEST(Rollback, LeavesNoTrace) {
  World world;
  world.add_node(NodeOf().devices(2));
  const JobId kept = world.queue(JobOf());
  world.match();
  world.store.commit();
  const std::size_t point = world.store.checkpoint();
  world.queue(JobOf());
  world.queue(JobOf().max_price(1'000'000).budget(kAgpu));
  world.match();
  world.complete(kept);
  world.market.on_tick(world.context);
  world.market.on_epoch(world.context);
  world.store.rollback(point);
  EXPECT_TRUE(world.sound());
  EXPECT_EQ(world.market.jobs().size(), 1U);
  EXPECT_EQ(world.job(kept).state, JobState::Active);
  EXPECT_EQ(jobs_of(world, kAda), std::vector<JobId>{kept});
  EXPECT_EQ(world.market.assignments().size(), 1U);
}

}  // namespace
}  // namespace starminer::protocol
