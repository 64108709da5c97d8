// The order of the queues, EASY backfill and share limits.
#include "protocol/market/dispatch.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

std::vector<JobId> started(World& world) {
  std::vector<JobId> jobs;
  for (const MatchMade& made : world.match()) jobs.push_back(made.job);
  return jobs;
}

/// Starts of the reservations of all jobs that wait now.
std::map<JobId, TimeMs> reservations(const World& world) {
  // A pass of its own over the same tables; the index is that of the market, rebuilt from its rows.
  QueueIndex index;
  for (const auto& [id, row] : world.market.jobs()) index.on_change(id, nullptr, &row);
  for (const auto& [id, row] : world.market.assignments()) index.on_change(id, nullptr, &row);
  const MarketView view{world.params,
                        world.ledger,
                        world.registry,
                        world.pricing,
                        world.reputation,
                        world.staking,
                        world.market.jobs(),
                        world.market.assignments(),
                        world.shares,
                        world.class_demand,
                        index};
  DispatchPass pass(view, world.context);
  Place last{~std::uint64_t{0}, {}};
  last.job.bytes.fill(0xff);
  pass.reserve_before(last);
  std::map<JobId, TimeMs> starts;
  for (const Reservation& reservation : pass.reservations()) starts[reservation.job] = reservation.start;
  return starts;
}

// REQ: QUE-1, QUE-2, MTP-2. One order over all kinds and tiers: time of entry less what tier and urgency bring.
TEST(QueueOrder, FollowsTheKeys) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobId running = world.queue(JobOf());
  world.match();
  const JobId first = world.queue(JobOf());
  world.wait_s(10);
  const JobId later = world.queue(JobOf().set([](JobSpec& s) { s.kind = JobKind::Rendering; }));
  const JobId economy = world.queue(JobOf().tier(TierChoice::Economy));
  const JobId soon = world.queue(JobOf().set([](JobSpec& s) { s.urgency = Urgency::Soon; }));
  const JobId premium = world.queue(JobOf().tier(TierChoice::Premium).set([](JobSpec& s) { s.wait = true; }));
  EXPECT_EQ(world.job(first).key_ms, kStart.ms - 300'000);
  EXPECT_EQ(world.job(later).key_ms, kStart.ms + 10'000 - 300'000);
  EXPECT_EQ(world.job(economy).key_ms, kStart.ms + 10'000);
  EXPECT_EQ(world.job(soon).key_ms, kStart.ms + 10'000 - 300'000 - 120'000);
  EXPECT_EQ(world.job(premium).key_ms, kStart.ms + 10'000 - 900'000);
  const std::vector<JobId> order = {premium, soon, first, later, economy};
  for (std::uint32_t i = 0; i < order.size(); ++i) EXPECT_EQ(world.market.queue_position(order[i]), i);
  EXPECT_FALSE(world.market.queue_position(running));
  JobId on_node = running;
  for (const JobId& next : order) {
    world.complete(on_node);
    EXPECT_EQ(started(world), std::vector<JobId>{next});
    EXPECT_EQ(world.market.assignments().get(next).node, node);
    on_node = next;
  }
  EXPECT_TRUE(world.sound());
}

// REQ: MTP-2
TEST(QueueOrder, WhoTakesTheDiscountWaitsForIt) {
  World world;
  world.add_node(NodeOf());
  const JobOf economy = JobOf().tier(TierChoice::Economy).max_s(600);
  const TimeMs in_2000_s = world.context.time + seconds(2'000);
  const TimeMs in_4000_s = world.context.time + seconds(4'000);
  const TimeMs in_a_day = world.context.time + seconds(86'400);
  EXPECT_EQ(world.job(world.queue(JobOf(economy).deadline(in_2000_s))).key_ms, kStart.ms) << "slack below 4 x max_s";
  EXPECT_EQ(world.job(world.queue(JobOf(economy).deadline(in_4000_s))).key_ms, kStart.ms + 3'400'000);
  EXPECT_EQ(world.job(world.queue(JobOf(economy).deadline(in_a_day))).key_ms, kStart.ms + 3'600'000) << "at most 1 h";
}

TEST(QueueOrder, ClassesHaveTheirOwnOrders) {
  World world;
  world.add_node(NodeOf());
  world.add_node(NodeOf("H100").rating(1'840));
  world.queue(JobOf());
  world.match();
  const JobId blocked = world.queue(JobOf());
  world.wait_s(1);
  const JobId other_class = world.queue(JobOf().classes({"H100"}));
  EXPECT_EQ(started(world), std::vector<JobId>{other_class});
  const JobId any = world.queue(JobOf().any_class());
  EXPECT_EQ(world.market.queue_position(blocked), 0U);
  EXPECT_EQ(world.market.queue_position(any), 1U);
  world.wait_s(1);
  EXPECT_EQ(world.market.queue_position(world.queue(JobOf().classes({"H100"}))), 1U) << "behind the one that takes any";
}

// REQ: MAT-6. Every arrival and every release matches at once, nothing else is asked for.
TEST(Dispatch, StreamsAndIsIdleOtherwise) {
  World world;
  world.add_node(NodeOf());
  const JobId first = world.queue(JobOf());
  EXPECT_EQ(started(world), std::vector<JobId>{first});
  const JobId second = world.queue(JobOf());
  EXPECT_TRUE(started(world).empty());
  EXPECT_FALSE(world.market.next_match(world.context));
  world.complete(first);
  EXPECT_EQ(started(world), std::vector<JobId>{second});
}

TEST(Dispatch, TakesCapacityAndStatesThePrice) {
  World world;
  const NodeId node = world.add_node(NodeOf().devices(2));
  const JobId id = world.queue(JobOf().gpus(2).cpu(16));
  const auto made = world.match();
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].job, id);
  EXPECT_EQ(made[0].allocation.devices, (std::vector<std::uint8_t>{0, 1}));
  EXPECT_EQ(made[0].price_key, (PriceKey{kStandard, world.class_id("A100")}));
  EXPECT_EQ(Pricing::unit_price(made[0].base, made[0].winner.factors), made[0].winner.unit);
  EXPECT_EQ(world.job(id).unit, made[0].winner.unit);
  EXPECT_EQ(world.registry.capacity().get(node).cpu_free_milli, 48'000U);
  const AssignmentRow& assignment = world.market.assignments().get(id);
  EXPECT_EQ(assignment.gpu_milli, 2'000U);
  EXPECT_EQ(assignment.projected_end, kStart + seconds(30 + 60 + 3'600)) << "acknowledgement, preparation, max_s";
  world.wait_s(20);
  world.market.on_started(id, world.context.time);
  EXPECT_EQ(world.market.assignments().get(id).projected_end, kStart + seconds(20 + 3'600));
  EXPECT_TRUE(world.sound());
}

TEST(Dispatch, JobsWithoutGpuPayTheSideVector) {
  World world;
  world.add_node(NodeOf());
  const JobId id = world.queue(JobOf().gpus(0).cpu(8).set([](JobSpec& s) { s.resources.ram_bytes = 16 * kGiB; }));
  const auto made = world.match();
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].base.nagpu_per_gpu_hour, 8U * 2'000'000 + 16U * 500'000);
  EXPECT_EQ(made[0].log_price, 0U);
  EXPECT_TRUE(made[0].allocation.devices.empty());
  EXPECT_EQ(world.job(id).state, JobState::Active);
}

// A later job may start on the reserved node only if it is surely gone before the reserved one can start.
TEST(Easy, BackfillsOnlyWhatEndsBefore) {
  World world;
  world.add_node(NodeOf().devices(2));
  const JobId running = world.queue(JobOf().max_s(3'600));
  world.match();
  const JobId wide = world.queue(JobOf().gpus(2));  // can start when the first ends: at 3690 s
  EXPECT_TRUE(started(world).empty());
  world.wait_s(10);
  world.queue(JobOf().max_s(3'591));  // 10 + 90 + 3591 s
  EXPECT_TRUE(started(world).empty());
  const JobId fits = world.queue(JobOf().max_s(3'590));
  ASSERT_EQ(started(world), std::vector<JobId>{fits});
  world.complete(fits);
  world.wait_s(1);
  world.queue(JobOf().max_s(3'590));
  EXPECT_TRUE(started(world).empty());
  world.complete(running);
  EXPECT_EQ(started(world), std::vector<JobId>{wide});
}

TEST(Easy, OnlyTheFirstOfAClassReserves) {
  World world;
  world.add_node(NodeOf().devices(4));
  world.add_node(NodeOf().devices(4));
  world.queue(JobOf().gpus(4).max_s(600));
  world.queue(JobOf().gpus(4));
  ASSERT_EQ(started(world).size(), 2U);
  const JobId first = world.queue(JobOf().gpus(4));
  world.wait_s(1);
  world.queue(JobOf().gpus(4));
  world.queue(JobOf().gpus(2));
  EXPECT_TRUE(started(world).empty());
  const std::map<JobId, TimeMs> expected = {{first, kStart + seconds(90 + 600)}};
  EXPECT_EQ(reservations(world), expected) << "on the node that is free first";
}

TEST(Easy, AJobThatNobodyCouldServeHoldsUpNobody) {
  World world;
  const NodeId large = world.add_node(NodeOf().devices(2));
  const NodeId small = world.add_node(NodeOf());
  world.queue(JobOf().gpus(2));
  world.set_status(large, NodeChange::Drain);
  EXPECT_TRUE(started(world).empty());
  const JobId job = world.queue(JobOf());
  EXPECT_EQ(world.match_one(job), small);
  world.set_status(large, NodeChange::Resume);
  EXPECT_EQ(started(world).size(), 1U);
}

// No job with a later key delays the projected start of a job that reserves. One requester, so that no share yields.
RC_GTEST_PROP(Easy, NoLaterJobDelaysAReservedStart, ()) {
  World world;
  const auto sizes = draw(rc::gen::container<std::vector<std::uint32_t>>(3, rc::gen::element<std::uint32_t>(1, 2, 4)));
  for (const std::uint32_t devices : sizes) {
    world.add_node(NodeOf().devices(devices).set([](NodeRegister& op) { op.offer.offer.site = "hall"; }));
  }
  std::size_t compared = 0;
  for (int step = 0; step < 25; ++step) {
    const auto before = reservations(world);
    const int action = draw(rc::gen::inRange(0, 10));
    if (action < 7) {
      const auto gpus = draw(rc::gen::element<std::uint32_t>(1, 1, 2, 4));
      const auto max_s = draw(rc::gen::element<std::uint64_t>(60, 600, 3'600, 7'200));
      JobOf job = JobOf().gpus(gpus).max_s(max_s).budget(1'000 * kAgpu);
      if (draw(rc::gen::inRange(0, 3)) == 0) job.tier(TierChoice::Economy);
      if (draw(rc::gen::inRange(0, 3)) == 0) {
        job.gpus(draw(rc::gen::element<std::uint32_t>(2, 4, 6, 8))).set([](JobSpec& s) {
          s.placement = Placement::OneSite;
        });
      }
      static_cast<void>(world.submit(job));
    } else if (action < 9 && !world.market.assignments().empty()) {
      const std::size_t pick = draw(rc::gen::inRange<std::size_t>(0, world.market.assignments().size()));
      world.complete(std::next(world.market.assignments().begin(), static_cast<std::ptrdiff_t>(pick))->first);
    } else {
      world.wait_s(draw(rc::gen::inRange<std::uint64_t>(1, 40)));
      for (const auto& [job, row] : std::map(world.market.assignments().begin(), world.market.assignments().end())) {
        if (row.projected_end > world.context.time + seconds(world.job(job).spec.max_s)) {
          world.market.on_started(job, world.context.time);
        }
        if (row.projected_end <= world.context.time) world.complete(job);
      }
    }
    std::optional<Place> first_started;
    world.next_seed();
    for (const MatchMade& made : world.match()) {
      const Place place{world.job(made.job).key_ms, made.job};
      if (!first_started || place < *first_started) first_started = place;
    }
    const auto after = reservations(world);
    for (const auto& [job, start] : before) {
      const auto now = after.find(job);
      if (now == after.end()) continue;  // it started, or an earlier job is first in its class now
      const Place own{world.job(job).key_ms, job};
      if (first_started && *first_started < own) continue;  // an earlier job may go first
      ++compared;
      RC_ASSERT(now->second <= std::max(start, world.context.time));
    }
    RC_ASSERT(world.sound());
  }
  RC_TAG(compared > 5 ? "many reservations" : "few reservations");
}

// REQ: QUE-2, MAT-8. Who is over its share lets another with stake go first, but only while that job fits.
TEST(Shares, YieldToAStakedRequester) {
  World world;
  world.stake(kBob, kAgpu);
  world.add_node(NodeOf().devices(4));
  std::vector<JobId> mine;
  for (int i = 0; i < 4; ++i) mine.push_back(world.queue(JobOf(), kAda));
  ASSERT_EQ(started(world).size(), 4U) << "alone one may take everything";
  const JobId fifth = world.queue(JobOf(), kAda);
  world.wait_s(5);
  const JobId bob_first = world.queue(JobOf(), kBob);
  world.queue(JobOf(), kBob);
  world.complete(mine[0]);
  EXPECT_EQ(started(world), std::vector<JobId>{bob_first});
  world.complete(mine[1]);
  EXPECT_EQ(started(world), std::vector<JobId>{fifth}) << "Bob has his quarter: the order decides";
}

// REQ: MAT-8. Accounts are free: one more is no way to the front.
TEST(Shares, AccountsWithoutStakeAreOneRequester) {
  World world;
  world.add_node(NodeOf().devices(4));
  std::vector<JobId> held;
  for (int i = 0; i < 4; ++i) held.push_back(world.queue(JobOf(), kAda));
  ASSERT_EQ(started(world).size(), 4U);
  const JobId fifth = world.queue(JobOf(), kAda);
  world.wait_s(5);
  const JobId other = world.queue(JobOf(), kBob);
  world.complete(held[0]);
  EXPECT_EQ(started(world), std::vector<JobId>{fifth});
  world.stake(kCleo, kAgpu);
  world.wait_s(5);
  const JobId staked = world.queue(JobOf(), kCleo);
  world.complete(held[1]);
  EXPECT_EQ(started(world), std::vector<JobId>{staked});
  world.complete(held[2]);
  EXPECT_EQ(started(world), std::vector<JobId>{other});
}

// Those without stake have their quarter, too: nobody who is over its own goes before them there.
TEST(Shares, AStakedRequesterOverItsShareYieldsToThoseWithoutStake) {
  World world;
  world.stake(kAda, kAgpu);
  world.add_node(NodeOf().devices(4));
  std::vector<JobId> mine;
  for (int i = 0; i < 4; ++i) mine.push_back(world.queue(JobOf(), kAda));
  ASSERT_EQ(started(world).size(), 4U);
  const JobId fifth = world.queue(JobOf(), kAda);
  world.wait_s(5);
  const JobId bob = world.queue(JobOf(), kBob);
  world.queue(JobOf(), kCleo);
  world.complete(mine[0]);
  EXPECT_EQ(started(world), std::vector<JobId>{bob});
  world.complete(mine[1]);
  EXPECT_EQ(started(world), std::vector<JobId>{fifth}) << "Bob and Cleo are one, and have their quarter";
}

TEST(Shares, DoNotHoldAnIdleDevice) {
  World world;
  world.stake(kBob, kAgpu);
  world.add_node(NodeOf().devices(4));
  for (int i = 0; i < 4; ++i) world.queue(JobOf(), kAda);
  world.match();
  const JobId mine = world.queue(JobOf(), kAda);
  world.wait_s(1);
  const JobId too_wide = world.queue(JobOf().gpus(4), kBob);
  world.complete(world.market.assignments().begin()->first);
  EXPECT_EQ(started(world), std::vector<JobId>{mine}) << "Bob's job does not fit what is free";
  EXPECT_EQ(world.job(too_wide).state, JobState::Queued);
}

TEST(Shares, BelowTheShareTheOrderDecides) {
  World world;
  world.stake(kBob, kAgpu);
  world.add_node(NodeOf().devices(8));
  world.add_node(NodeOf("H100").devices(1).rating(1'840));
  world.queue(JobOf(), kAda);
  world.queue(JobOf(), kAda);
  EXPECT_EQ(started(world).size(), 2U) << "2 of 8 are no more than a quarter";
  const JobId mine = world.queue(JobOf(), kAda);
  world.wait_s(1);
  const JobId other = world.queue(JobOf(), kBob);
  EXPECT_EQ(started(world), (std::vector<JobId>{mine, other}));
}

void unbond(World& world, const AccountId& account) {
  const std::uint64_t bonded = world.staking.stake(account, Asset::Amax).bonded;
  const auto checked = world.staking.check(*StakeUnbond::validate({Asset::Amax, bonded}), {account, 0});
  ASSERT_TRUE(checked.has_value());
  world.staking.apply(*checked, {account, world.context.height++}, world.context);
}

/// Jobs come from some accounts and end; what started, by the number of the submission.
std::vector<std::size_t> starts_of(World& world, const std::vector<int>& steps,
                                   const std::vector<AccountId>& accounts) {
  world.add_node(NodeOf().devices(6));  // one, so that ties, which go by the ids of jobs, decide nothing
  std::map<JobId, std::size_t> numbers;
  std::vector<std::size_t> order;
  for (const int step : steps) {
    world.wait_s(1);
    if (step < 7) {
      const auto& account = accounts[numbers.size() % accounts.size()];
      const JobOf job = JobOf().gpus(step % 2 == 0 ? 1 : 2).max_s(step % 3 == 0 ? 600 : 3'600).budget(100 * kAgpu);
      numbers.emplace(world.queue(job, account), numbers.size());
    } else if (!order.empty()) {
      // The one that started first of those that run.
      const auto oldest = std::find_if(order.begin(), order.end(), [&](std::size_t number) {
        return std::any_of(numbers.begin(), numbers.end(), [&](const auto& entry) {
          return entry.second == number && world.market.assignments().contains(entry.first);
        });
      });
      if (oldest == order.end()) continue;
      const auto job =
          std::find_if(numbers.begin(), numbers.end(), [&](const auto& entry) { return entry.second == *oldest; });
      world.complete(job->first);
    }
    for (const JobId& job : started(world)) order.push_back(numbers.at(job));
  }
  return order;
}

// REQ: MAT-8. Where nobody has stake the order of keys is all there is, from however many accounts jobs come.
RC_GTEST_PROP(Shares, AMarketWithoutStakeKeepsThePlainOrder, ()) {
  const auto steps = draw(rc::gen::container<std::vector<int>>(40, rc::gen::inRange(0, 10)));
  World plain;
  ASSERT_TRUE(plain.params.set(Parameter::RequesterSharePpm, 1'000'000));  // no limit
  World limited;
  ASSERT_TRUE(limited.params.set(Parameter::RequesterSharePpm, 100'000));
  World split;
  ASSERT_TRUE(split.params.set(Parameter::RequesterSharePpm, 100'000));
  const auto order = starts_of(plain, steps, {kAda});
  RC_ASSERT(starts_of(limited, steps, {kAda}) == order);
  RC_ASSERT(starts_of(split, steps, {kAda, kBob, kCleo, kFarm, kBarn}) == order);
}

// At every start: an earlier job is passed over only where its identity is over its share and the later one's is not.
// So whoever is within its share waits for those before it alone, and those without stake, together, for nobody while
// they have less than a share.
RC_GTEST_PROP(Shares, PassOverOnlyWhoIsOver, ()) {
  World world;
  const auto devices = draw(rc::gen::element<std::uint32_t>(4, 8, 12));
  world.add_node(NodeOf().devices(devices));
  const std::uint64_t share = devices * 1'000 / 4;
  const std::vector<AccountId> accounts = {kAda, kBob, kCleo, kBarn};
  std::size_t passed_over = 0;
  for (int step = 0; step < 60; ++step) {
    const AccountId account = accounts[draw(rc::gen::inRange<std::size_t>(0, accounts.size()))];
    const int action = draw(rc::gen::inRange(0, 12));
    if (action < 7) {
      static_cast<void>(world.submit(JobOf().budget(1'000 * kAgpu), account));
    } else if (action < 10 && !world.market.assignments().empty()) {
      const std::size_t pick = draw(rc::gen::inRange<std::size_t>(0, world.market.assignments().size()));
      world.complete(std::next(world.market.assignments().begin(), static_cast<std::ptrdiff_t>(pick))->first);
    } else if (action == 10) {
      world.stake(account, kAgpu);
    } else if (world.market.index().is_staked(account)) {
      unbond(world, account);
    }
    world.wait_s(1);
    const auto identity = [&](const JobId& job) {
      const AccountId& requester = world.job(job).requester;
      return world.staking.stake(requester, Asset::Amax).bonded > 0 ? requester : AccountId{};
    };
    const auto held = [&](const AccountId& who) {
      std::uint64_t milli = 0;
      for (const auto& [job, row] : world.market.assignments()) milli += identity(job) == who ? row.gpu_milli : 0;
      return milli;
    };
    while (true) {
      std::vector<Place> waiting;
      std::uint64_t staked = 0;
      for (const auto& [id, row] : world.market.jobs()) {
        if (row.state != JobState::Queued) continue;
        waiting.push_back({row.key_ms, id});
        staked += identity(id).is_zero() ? 0 : 1;
      }
      RC_ASSERT(world.market.index().waiting_staked() == staked);
      for (const AccountId& each : accounts) {
        const bool has_stake = world.staking.stake(each, Asset::Amax).bonded > 0;
        const Holding holding = world.market.index().held_by_identity(world.class_id("A100"), each);
        RC_ASSERT(holding.gpu_milli == held(has_stake ? each : AccountId{}));
      }
      std::map<AccountId, std::uint64_t> before;
      for (const Place& place : waiting) before.emplace(identity(place.job), held(identity(place.job)));
      const auto made = world.market.next_match(world.context);
      if (!made) break;
      world.market.set_contract(made->job, contract_id_of(made->job, world.job(made->job).attempts));
      const Place own{world.job(made->job).key_ms, made->job};
      const AccountId who = identity(made->job);
      for (const Place& place : waiting) {
        if (!(place < own)) continue;
        ++passed_over;
        RC_ASSERT(identity(place.job) != who);
        RC_ASSERT(before.at(identity(place.job)) > share);
        RC_ASSERT(before.at(who) <= share);
      }
    }
    RC_ASSERT(world.sound());
  }
  RC_TAG(passed_over > 0 ? "passed over" : "in order");
}

}  // namespace
}  // namespace starminer::protocol
