// Credits spent on a place in the queue, and what boosted jobs may hold while others wait (economics 8.2, Q1 to Q3).
#include "protocol/market/boost.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/explain.h"
#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

constexpr std::uint64_t kHourS = 3'600;

/// A world in which three requesters have a day's credits of a thousand AMAX.
struct StakedWorld : World {
  StakedWorld() {
    for (const AccountId& account : {kAda, kBob, kCleo}) stake(account, 1'000 * kAgpu);
    wait_s(24 * kHourS);
  }
};

JobSpec spec_of(std::uint32_t gpus, std::uint64_t max_s, std::uint64_t credits) {
  return JobOf().gpus(gpus).max_s(max_s).credits(credits).spec();
}

// REQ: QUE-3
TEST(Boost, IsTheRootOfCreditsPerGpuSecond) {
  const World world;
  EXPECT_EQ(boost_of(world.params, spec_of(8, kHourS, 1'000)).ahead, seconds(186)) << "economics, section 13";
  EXPECT_EQ(boost_of(world.params, spec_of(1, 8 * kHourS, 1'000)).ahead, seconds(186));
  EXPECT_EQ(boost_of(world.params, JobOf().share(250).max_s(4 * kHourS).credits(125).spec()).ahead, seconds(186));
  EXPECT_EQ(boost_of(world.params, spec_of(1, kHourS, 1)).ahead, seconds(16));
  const Boost none = boost_of(world.params, spec_of(1, kHourS, 0));
  EXPECT_TRUE(none.credits == 0 && none.ahead.ms == 0 && none.burned.is_zero());
}

TEST(Boost, SpendsNoMoreThanTheLargestBoostNeeds) {
  World world;
  const Boost most = boost_of(world.params, spec_of(1, kHourS, kCreditsMax));
  EXPECT_EQ(most.ahead, seconds(600));
  EXPECT_EQ(most.credits, 1'296U) << "600^2 x 3600 / 10^6";
  EXPECT_EQ(most.burned, Agpu{1'296'000'000});
  EXPECT_EQ(boost_of(world.params, spec_of(1, kHourS, 1'295)).ahead, seconds(599));
  const JobSpec largest = spec_of(static_cast<std::uint32_t>(kJobGpusMax), kJobSecondsMax, kCreditsMax);
  EXPECT_LE(boost_of(world.params, largest).ahead, seconds(600));
  ASSERT_TRUE(world.params.set(Parameter::BoostGain, 1'000'000'000));
  EXPECT_EQ(boost_of(world.params, largest).ahead, seconds(600)) << "no product overflows";
  ASSERT_TRUE(world.params.set(Parameter::BoostGain, 0));
  EXPECT_EQ(boost_of(world.params, largest).credits, 0U);
}

// Q2: however a job is split, over however many accounts, its parts are not ahead of the whole by GPU-seconds.
RC_GTEST_PROP(Boost, NothingIsGainedBySplitting, ()) {
  const World world;
  const auto parts = draw(rc::gen::inRange(1, 12));
  const bool by_time = draw(rc::gen::inRange(0, 2)) == 0;
  std::uint64_t gpus = 0;
  std::uint64_t max_s = 0;
  std::uint64_t credits = 0;
  u128 weighted = 0;
  const auto of_all = draw(rc::gen::inRange<std::uint64_t>(60, 90'000));
  for (int i = 0; i < parts; ++i) {
    const auto part_gpus = by_time ? 4U : draw(rc::gen::inRange(1U, 64U));
    const auto part_s = by_time ? draw(rc::gen::inRange<std::uint64_t>(60, 90'000)) : of_all;
    const auto offered = draw(rc::gen::inRange<std::uint64_t>(0, draw(rc::gen::element(10, 1'000, 100'000)) + 1));
    const Boost boost = boost_of(world.params, spec_of(part_gpus, part_s, offered));
    weighted += u128{part_gpus} * part_s * (boost.ahead.ms / 1'000);
    gpus = by_time ? 4 : gpus + part_gpus;
    max_s = by_time ? max_s + part_s : of_all;
    credits += offered;
  }
  const Boost whole = boost_of(world.params, spec_of(static_cast<std::uint32_t>(gpus), max_s, credits));
  RC_ASSERT(weighted < u128{gpus} * max_s * (whole.ahead.ms / 1'000 + 1));
  RC_ASSERT(whole.credits <= credits);
}

// REQ: QUE-3. Q1: a job stands behind one that entered later by BOOST_MAX and the largest offsets at most, and by what
// its own discount is paid with.
TEST(Boost, OvertakingIsBounded) {
  const World world;
  const MarketView view = world.view();
  struct Entered {
    TimeMs at;
    std::uint64_t key_ms;
    bool flexible;
  };
  std::vector<Entered> jobs;
  std::uint64_t state = 7;
  const auto roll = [&state](std::uint64_t sides) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return (state >> 33U) % sides;
  };
  TimeMs now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now = now + DurationMs{roll(4'000)};
    JobSpec spec = spec_of(1 + static_cast<std::uint32_t>(roll(8)), 60 + roll(9'000), roll(3) == 0 ? roll(20'000) : 0);
    spec.urgency = static_cast<Urgency>(roll(3));
    if (roll(4) == 0) spec.deadline = now + seconds(roll(100'000));
    const auto tier = static_cast<TierId>(roll(3));
    const TimeMs plain = {queue_key(view, spec, tier, {}, now)};
    const Boost boost = boost_of(world.params, spec);
    const std::uint64_t key = queue_key(view, spec, tier, boost.ahead, now);
    ASSERT_EQ(key + boost.ahead.ms, plain.ms);
    jobs.push_back({now, key, tier == kEconomy && spec.deadline.ms != 0});
  }
  constexpr std::uint64_t kMostMs = 600'000 + 900'000 + 600'000;
  std::size_t overtaken = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    for (std::size_t j = i + 1; j < jobs.size() && j < i + 3'000; ++j) {
      if (jobs[j].key_ms >= jobs[i].key_ms) continue;
      ++overtaken;
      ASSERT_LE(elapsed(jobs[j].at, jobs[i].at).ms, kMostMs + (jobs[i].flexible ? 3'600'000 : 0));
    }
  }
  EXPECT_GT(overtaken, 20'000U);
}

TEST(Boost, MovesAJobAheadForCreditsAndBurnsThem) {
  StakedWorld world;
  world.add_node(NodeOf().devices(4));
  for (int i = 0; i < 4; ++i) world.queue(JobOf(), kCleo);
  ASSERT_EQ(world.match().size(), 4U);
  const JobId first = world.queue(JobOf(), kBob);
  world.wait_s(20);
  const std::uint64_t credits = world.staking.credits_micro(kAda, world.context.time);
  const std::uint64_t balance = world.balance(kAda);
  const std::uint64_t burned = world.ledger.supply(Asset::Agpu).burned;
  const JobId boosted = world.queue(JobOf().credits(100), kAda);
  const JobRow& row = world.job(boosted);
  EXPECT_EQ(row.credits, 100U);
  EXPECT_EQ(row.boost, seconds(166)) << "isqrt(10^6 x 100 / 3600)";
  EXPECT_EQ(row.key_ms, world.context.time.ms - 300'000 - 166'000);
  EXPECT_EQ(row.credits_burned, Agpu{100'000'000});
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time), credits - 100'000'000);
  const std::uint64_t fee = world.params.get(Parameter::TxFee);
  EXPECT_EQ(world.balance(kAda), balance - fee - row.cap.base - 100'000'000);
  EXPECT_EQ(world.escrow(boosted), row.cap.base);
  EXPECT_EQ(world.ledger.supply(Asset::Agpu).burned, burned + fee + 100'000'000);
  EXPECT_EQ(world.market.queue_position(boosted), 0U);
  EXPECT_EQ(world.market.queue_position(first), 1U);
  ASSERT_EQ(world.cancel(boosted), RefusalCode::None);
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time), credits - 100'000'000) << "spent is spent";
  EXPECT_TRUE(world.sound());
  EXPECT_TRUE(world.ledger.recount(Asset::Agpu).conserved());
}

TEST(Boost, IsQuotedAsItIsSpent) {
  StakedWorld world;
  world.add_node(NodeOf().devices(4));
  const JobSpec spec = JobOf().credits(100).spec();
  const Quote quote = world.market.quote(spec, kAda, world.context);
  EXPECT_EQ(quote.boost.credits, 100U);
  EXPECT_EQ(quote.boost.ahead, seconds(166));
  EXPECT_EQ(quote.boost.burned, Agpu{100'000'000});
  EXPECT_EQ(quote.credits_micro, 24'000'000'000U);
  EXPECT_FALSE(quote.refusal);
  const Quote strangers = world.market.quote(spec, kPoor, world.context);
  ASSERT_TRUE(strangers.refusal);
  EXPECT_EQ(strangers.refusal->code, RefusalCode::CreditsTooFew);
}

TEST(Boost, StaysWithAJobThatIsQueuedAgain) {
  StakedWorld world;
  world.add_node(NodeOf().devices(4));
  world.add_node(NodeOf().devices(4), kBarn);
  const JobId job = world.queue(JobOf().credits(100), kAda);
  const std::uint64_t key = world.job(job).key_ms;
  ASSERT_TRUE(world.match_one(job));
  ASSERT_TRUE(world.fail_provider(job));
  EXPECT_EQ(world.job(job).key_ms, key);
  EXPECT_EQ(world.job(job).boost, seconds(166));
}

TEST(Boost, StaysWithAJobThatWaitsForThePrice) {
  StakedWorld world;
  world.add_node(NodeOf().devices(4).region("sa-east"));
  const JobId job = world.queue(JobOf().max_price(950'000'000).credits(100));
  ASSERT_TRUE(world.job(job).parked);
  world.add_node(NodeOf().devices(4).region("eu-north"));
  world.wait_s(60);
  world.market.on_tick(world.context);
  ASSERT_FALSE(world.job(job).parked);
  EXPECT_EQ(world.job(job).key_ms, world.context.time.ms - 300'000 - 166'000)
      << "its time begins anew, its boost stays";
}

/// Devices of the class that serve boosted jobs.
std::uint64_t boosted_milli(const World& world, const AccountId* owner = nullptr) {
  std::uint64_t sum = 0;
  for (const auto& [job, row] : world.market.assignments()) {
    if (row.boosted && (owner == nullptr || row.requester == *owner)) sum += row.gpu_milli;
  }
  return sum;
}

// REQ: QUE-3. Q3: while jobs without boost wait, they hold 40 % of a saturated class.
TEST(BoostLane, LeavesOthersTheirPart) {
  StakedWorld world;
  world.stake(kFarm, 1'000 * kAgpu);
  world.wait_s(24 * kHourS);
  ASSERT_TRUE(world.params.set(Parameter::BoostOwnerPpm, 330'000));
  world.add_node(NodeOf().devices(20));
  const std::vector<AccountId> owners = {kAda, kBob, kCleo, kFarm};
  for (std::size_t i = 0; i < 40; ++i) world.queue(JobOf().credits(500), owners[i % owners.size()]);
  for (int i = 0; i < 60; ++i) world.queue(JobOf(), kBarn);
  ASSERT_EQ(world.match().size(), 20U);
  EXPECT_EQ(boosted_milli(world), 12'000U) << "the lane, although boosted jobs stand before all others";
  std::uint64_t boosted_starts = 0;
  for (int round = 0; round < 40; ++round) {
    world.wait_s(5);
    world.complete(world.market.assignments().begin()->first);
    const auto made = world.match();
    ASSERT_EQ(made.size(), 1U);
    ASSERT_EQ(boosted_milli(world), 12'000U);
    boosted_starts += world.job(made[0].job).boost.ms != 0 ? 1 : 0;
  }
  EXPECT_GT(boosted_starts, 0U);
  EXPECT_LT(boosted_starts, 40U);
  EXPECT_TRUE(world.sound());
}

TEST(BoostLane, IsNoLimitWhereNobodyElseCouldStart) {
  StakedWorld world;
  world.add_node(NodeOf().devices(10));
  for (int i = 0; i < 12; ++i) world.queue(JobOf().credits(100), kAda);
  EXPECT_EQ(world.match().size(), 10U);
  EXPECT_EQ(boosted_milli(world), 10'000U);
  const JobId too_wide = world.queue(JobOf().gpus(4).budget(1'000 * kAgpu), kBob);
  world.wait_s(1);
  world.complete(world.market.assignments().begin()->first);
  EXPECT_EQ(world.match().size(), 1U) << "the wide job does not fit what is free";
  EXPECT_EQ(world.job(too_wide).state, JobState::Queued);
}

TEST(BoostLane, OneRequesterHoldsAFifthOfIt) {
  StakedWorld world;
  world.add_node(NodeOf().devices(10));
  for (int i = 0; i < 8; ++i) world.queue(JobOf().credits(1'300), kAda);
  for (int i = 0; i < 8; ++i) world.queue(JobOf(), kBob);
  ASSERT_EQ(world.match().size(), 10U);
  EXPECT_EQ(boosted_milli(world, &kAda), 2'000U) << "one of them is a fifth of the lane; the last place was nobody's";
}

TEST(BoostLane, AFullLaneHoldsNoNodeForABoostedJob) {
  StakedWorld world;
  world.add_node(NodeOf().devices(10));
  for (int i = 0; i < 3; ++i)
    world.queue(JobOf().gpus(2).budget(100 * kAgpu).credits(2'600), i == 0 ? kAda : i == 1 ? kBob : kCleo);
  for (int i = 0; i < 4; ++i) world.queue(JobOf(), kFarm);
  ASSERT_EQ(world.match().size(), 7U);
  ASSERT_EQ(boosted_milli(world), 6'000U);
  const JobId wide = world.queue(JobOf().gpus(4).budget(100 * kAgpu).credits(5'000), kAda);
  world.wait_s(1);
  const JobId small = world.queue(JobOf(), kFarm);
  const JobId next = world.queue(JobOf(), kBarn);
  for (const auto& [job, row] : world.market.assignments()) {
    if (row.requester != kFarm) continue;
    world.complete(job);
    break;
  }
  std::vector<JobId> started;
  for (const MatchMade& made : world.match()) started.push_back(made.job);
  ASSERT_EQ(started.size(), 1U) << "with a node held for the wide job nobody could start";
  EXPECT_TRUE(started[0] == small || started[0] == next);
  EXPECT_EQ(world.job(wide).state, JobState::Queued);
  const auto lane = explain_job(world.market.view(), wide, world.job(wide), world.context).full_lane;
  ASSERT_TRUE(lane) << "and the requester is told";
  EXPECT_EQ(lane->hardware_class, world.class_id("A100"));
  EXPECT_EQ(lane->held_milli, 6'000U);
  EXPECT_EQ(lane->lane_milli, 6'000U);
  const JobId plain = started[0] == small ? next : small;
  EXPECT_FALSE(explain_job(world.market.view(), plain, world.job(plain), world.context).full_lane);
}

// At every start: a boosted job goes over its lane only where no job waits that is not over its own.
RC_GTEST_PROP(BoostLane, IsKeptAtEveryStart, ()) {
  StakedWorld world;
  std::uint64_t total_milli = 0;
  for (int i = draw(rc::gen::inRange(1, 4)); i > 0; --i) {
    const auto devices = draw(rc::gen::element<std::uint32_t>(4, 8));
    world.add_node(NodeOf().devices(devices));
    total_milli += devices * 1'000;
  }
  const std::uint64_t lane = total_milli * 6 / 10;
  // All of one size: where one fits, all do.
  const auto gpus = draw(rc::gen::element<std::uint32_t>(1, 1, 2));
  const std::uint64_t milli = gpus * 1'000;
  const std::vector<AccountId> accounts = {kAda, kBob, kCleo};
  std::size_t over = 0;
  std::size_t boosted_starts = 0;
  for (int step = 0; step < 40; ++step) {
    for (int i = draw(rc::gen::inRange(0, 4)); i > 0; --i) {
      JobOf job = JobOf().gpus(gpus).budget(1'000 * kAgpu).max_s(draw(rc::gen::element<std::uint64_t>(600, 3'600)));
      if (draw(rc::gen::inRange(0, 3)) > 0) job.credits(draw(rc::gen::inRange<std::uint64_t>(10, 200)));
      static_cast<void>(world.submit(job, accounts[draw(rc::gen::inRange<std::size_t>(0, accounts.size()))]));
    }
    for (int i = draw(rc::gen::inRange(0, 3)); i > 0 && !world.market.assignments().empty(); --i) {
      const auto pick = draw(rc::gen::inRange<std::size_t>(0, world.market.assignments().size()));
      world.complete(std::next(world.market.assignments().begin(), static_cast<std::ptrdiff_t>(pick))->first);
    }
    world.wait_s(draw(rc::gen::inRange<std::uint64_t>(1, 100)));
    world.next_seed();
    while (true) {
      const auto is_over = [&](const JobRow& row) {
        if (row.boost.ms == 0) return false;
        const std::uint64_t own = boosted_milli(world, &row.requester);
        return boosted_milli(world) + milli > lane || (own > 0 && own + milli > lane / 5);
      };
      std::map<JobId, bool> waiting;  // and whether it is over its lane
      for (const auto& [id, row] : world.market.jobs()) {
        if (row.state == JobState::Queued) waiting.emplace(id, is_over(row));
      }
      const auto made = world.market.next_match(world.context);
      if (!made) break;
      world.market.set_contract(made->job, contract_id_of(made->job, world.job(made->job).attempts));
      RC_ASSERT(world.sound());
      if (world.job(made->job).boost.ms != 0) ++boosted_starts;
      if (!waiting.at(made->job)) continue;
      ++over;
      for (const auto& [id, is_over_too] : waiting) RC_ASSERT(is_over_too);
    }
  }
  RC_TAG(boosted_starts > 10 ? "many boosted starts" : "few boosted starts", over > 0 ? "over the lane" : "within");
}

}  // namespace
}  // namespace starminer::protocol
