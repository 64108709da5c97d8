// Pre-emption: who gives way to a Premium job, what is paid for it, and what becomes of both.
#include "protocol/market/preemption.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

constexpr std::uint64_t kNoticeMs = 30'000;

/// The price of a time of so many thousandths of a GPU.
std::uint64_t price_of(Price unit, std::uint64_t milli, std::uint64_t ms) {
  return Pricing::cost(unit, milli, ms, Rounding::Ceil).base;
}

JobId runs(World& world, const JobOf& job, const AccountId& account = kAda) {
  const JobId id = world.queue(job, account);
  EXPECT_TRUE(world.match_one(id).has_value());
  world.start(id);
  return id;
}

std::vector<ContractId> contracts_of(const NoticeGiven& notice) {
  std::vector<ContractId> ids;
  for (const auto& victim : notice.victims) ids.push_back(victim.contract);
  return ids;
}

// REQ: MTP-6, CSC-3. The notice takes the price of a minute of its GPUs and the unsaved time out of the job's cap, and
// the job starts on that node when the other has gone.
TEST(Preemption, APremiumJobGivesNoticeAndStartsWhenTheOtherIsGone) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobId victim = runs(world, JobOf().preemptible());
  world.wait_s(300);
  const JobId premium = world.queue(JobOf().premium(), kBob);
  const Agpu cap = world.job(premium).cap;
  EXPECT_FALSE(world.match_one(premium).has_value());
  ASSERT_EQ(world.notices.size(), 1U);
  const NoticeGiven& notice = world.notices.front();
  EXPECT_EQ(notice.by, premium);
  EXPECT_EQ(notice.node, node);
  EXPECT_EQ(notice.due, world.context.time + DurationMs{kNoticeMs});
  ASSERT_EQ(contracts_of(notice), std::vector<ContractId>{world.job(victim).contract});
  const std::uint64_t minute = price_of(world.unit_on(JobOf().premium(), node, kPremium), 1'000, 60'000);
  const std::uint64_t unsaved = price_of(world.job(victim).unit, 1'000, 300'000);
  EXPECT_EQ(notice.victims[0].share.base, minute);
  EXPECT_EQ(notice.victims[0].unsaved.base, unsaved);
  EXPECT_EQ(world.job(premium).cap.base, cap.base - minute - unsaved);
  EXPECT_EQ(world.job(premium).compensation.base, minute + unsaved);
  EXPECT_EQ(world.escrow(premium), cap.base - minute - unsaved);
  EXPECT_EQ(world.ledger.locked(LockPurpose::Notice, world.job(victim).contract.bytes, Asset::Agpu), minute + unsaved);
  EXPECT_TRUE(world.sound());

  world.wait_s(10);
  const std::uint64_t key = world.job(victim).key_ms;
  const Agpu price{world.job(victim).unit.nagpu_per_gpu_hour};
  world.leave(victim);
  EXPECT_EQ(world.match_one(premium), node);
  EXPECT_FALSE(world.job(premium).notice.has_value());
  EXPECT_EQ(world.job(victim).state, JobState::Queued);
  EXPECT_EQ(world.job(victim).key_ms, key) << "it keeps its place";
  EXPECT_EQ(world.job(victim).max_price.nagpu_per_gpu_hour, price.base) << "and its price";
  EXPECT_TRUE(world.job(victim).avoided.empty());
  EXPECT_TRUE(world.sound());
}

TEST(Preemption, UnsavedTimeCountsForTenMinutesAtMostAndNotBeforeTheStart) {
  World world;
  world.add_node(NodeOf().devices(2));
  const JobId ran_long = runs(world, JobOf().preemptible());
  world.wait_s(1'800);
  const JobId not_yet = world.queue(JobOf().preemptible());
  world.match();
  world.wait_s(5);
  static_cast<void>(world.run(JobOf().gpus(2).premium(), kBob));
  ASSERT_EQ(world.notices.size(), 1U);
  const auto& victims = world.notices[0].victims;
  ASSERT_EQ(victims.size(), 2U);
  EXPECT_EQ(victims[0].contract, world.job(not_yet).contract) << "the newest first";
  EXPECT_EQ(victims[0].unsaved.base, 0U);
  EXPECT_EQ(victims[1].unsaved.base, price_of(world.job(ran_long).unit, 1'000, 600'000));
}

// REQ: MTP-6. Standard is never pre-empted, nor what did not agree to it; only Premium pre-empts.
TEST(Preemption, OnlyEconomyThatAgreedGivesWayAndOnlyToPremium) {
  const auto agreed_in_standard = [](JobSpec& s) { s.preemptible = true; };
  for (const JobOf& there : {JobOf().set(agreed_in_standard), JobOf().tier(TierChoice::Economy),
                             JobOf().premium().set(agreed_in_standard)}) {
    World world;
    world.add_node(NodeOf());
    runs(world, there);
    EXPECT_FALSE(world.run(JobOf().premium(), kBob).has_value());
    EXPECT_TRUE(world.notices.empty());
  }
  for (const TierChoice tier : {TierChoice::Economy, TierChoice::Standard}) {
    World world;
    world.add_node(NodeOf());
    runs(world, JobOf().preemptible());
    EXPECT_FALSE(world.run(JobOf().tier(tier), kBob).has_value());
    EXPECT_TRUE(world.notices.empty());
  }
}

TEST(Preemption, WhatFitsSomewhereFreePreemptsNobody) {
  World world;
  world.add_node(NodeOf());
  runs(world, JobOf().preemptible());
  const NodeId free = world.add_node(NodeOf());
  EXPECT_EQ(world.run(JobOf().premium(), kBob), free);
  EXPECT_TRUE(world.notices.empty());
}

TEST(Preemption, TheFewestGiveWay) {
  World world;
  world.add_node(NodeOf().devices(4));
  const JobId wide = runs(world, JobOf().gpus(2).preemptible());
  world.wait_s(10);
  runs(world, JobOf().preemptible());
  world.wait_s(10);
  runs(world, JobOf().preemptible());
  world.wait_s(10);
  static_cast<void>(world.run(JobOf().gpus(2).premium(), kBob));
  ASSERT_EQ(world.notices.size(), 1U);
  const std::vector<ContractId> given = contracts_of(world.notices[0]);
  EXPECT_EQ(given, std::vector<ContractId>{world.job(wide).contract}) << "one old job rather than two that are newer";

  World other;
  other.add_node(NodeOf().devices(4));
  const JobId four = runs(other, JobOf().gpus(3).preemptible());
  other.wait_s(10);
  runs(other, JobOf().preemptible());
  other.wait_s(10);
  static_cast<void>(other.run(JobOf().gpus(3).premium(), kBob));
  ASSERT_EQ(other.notices.size(), 1U);
  EXPECT_EQ(contracts_of(other.notices[0]), std::vector<ContractId>{other.job(four).contract})
      << "the newer one is spared, as its leaving is not needed";
}

TEST(Preemption, TheNewestOfAllNodesGivesWay) {
  World world;
  world.add_node(NodeOf());
  runs(world, JobOf().preemptible());
  world.wait_s(60);
  const NodeId newest = world.add_node(NodeOf());
  runs(world, JobOf().preemptible());
  world.wait_s(60);
  static_cast<void>(world.run(JobOf().premium(), kBob));
  ASSERT_EQ(world.notices.size(), 1U);
  EXPECT_EQ(world.notices[0].node, newest);
}

// Nobody else gets the node meanwhile, not even what is free of it, and no second notice is given there.
TEST(Preemption, TheNodeIsHeldUntilTheJobStarts) {
  World world;
  const NodeId node = world.add_node(NodeOf().devices(2));
  const JobId victim = runs(world, JobOf().preemptible());
  const JobId first = world.queue(JobOf().gpus(2).premium(), kBob);
  world.match();
  ASSERT_EQ(world.notices.size(), 1U);
  EXPECT_FALSE(world.run(JobOf(), kCleo).has_value());
  EXPECT_FALSE(world.run(JobOf().premium(), kCleo).has_value());
  EXPECT_EQ(world.notices.size(), 1U);
  EXPECT_FALSE(world.run(JobOf().preemptible(), kCleo).has_value());
  world.leave(victim);
  EXPECT_EQ(world.match_one(first), node);
}

// However long the notice is: what would end before it is over does not start there, and no second notice is given.
TEST(Preemption, ALongNoticeHoldsTheNodeToo) {
  World world;
  ASSERT_TRUE(world.params.set(Parameter::NoticeMs, 300'000));
  const NodeId node = world.add_node(NodeOf().devices(2));
  const JobId victim = runs(world, JobOf().preemptible());
  const JobId first = world.queue(JobOf().gpus(2).premium(), kBob);
  world.match();
  ASSERT_EQ(world.notices.size(), 1U);
  EXPECT_FALSE(world.run(JobOf().max_s(60), kCleo).has_value());
  EXPECT_FALSE(world.run(JobOf().max_s(60).premium(), kCleo).has_value());
  EXPECT_EQ(world.notices.size(), 1U);
  EXPECT_TRUE(world.sound());
  world.leave(victim);
  EXPECT_EQ(world.match_one(first), node);
}

// REQ: CSC-3. Paid whatever follows; and the node is free again for others.
TEST(Preemption, ACancelledJobHasPaid) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobId victim = runs(world, JobOf().preemptible());
  world.wait_s(60);
  const std::uint64_t before = world.balance(kBob);
  const JobId premium = world.queue(JobOf().premium(), kBob);
  world.match();
  const std::uint64_t paid = world.job(premium).compensation.base;
  ASSERT_GT(paid, 0U);
  ASSERT_EQ(world.cancel(premium, kBob), RefusalCode::None);
  const std::uint64_t fees = 2 * world.params.get(Parameter::TxFee);
  EXPECT_EQ(world.balance(kBob), before - fees - paid);
  EXPECT_TRUE(world.sound());
  const std::uint64_t ada = world.balance(kAda);
  world.leave(victim);
  EXPECT_EQ(world.balance(kAda), ada + paid);
  EXPECT_EQ(world.match_one(victim), node) << "it was the first to wait";
}

// A victim runs for ten minutes before it may be pre-empted again.
TEST(Preemption, AVictimIsShieldedForTenMinutesOfRunning) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const JobId victim = runs(world, JobOf().preemptible());
  static_cast<void>(world.queue(JobOf().premium(), kBob));
  world.match();
  const JobId premium = world.notices.at(0).by;
  world.leave(victim);
  world.match();
  world.complete(premium);
  EXPECT_EQ(world.match_one(victim), node);
  world.wait_s(700);
  EXPECT_FALSE(world.run(JobOf().premium(), kBob).has_value());
  EXPECT_EQ(world.notices.size(), 1U) << "it does not run yet";
  world.start(victim);
  world.wait_ms(599'999);
  world.market.trigger();
  world.match();
  EXPECT_EQ(world.notices.size(), 1U);
  world.wait_ms(1);
  world.market.trigger();
  world.match();
  EXPECT_EQ(world.notices.size(), 2U);
}

// Being pre-empted is no fault: all attempts are left, and a price that rose since parks or refunds nobody.
TEST(Preemption, AVictimKeepsItsAttemptsAndItsPrice) {
  World world;
  world.add_node(NodeOf());
  const JobId victim = runs(world, JobOf().preemptible());
  const Price first = world.job(victim).unit;
  const std::uint64_t most = world.params.get(Parameter::AttemptsMax);
  for (std::uint64_t i = 0; i < 2 * most; ++i) {
    const JobId premium = world.queue(JobOf().premium(), kBob);
    world.match();
    ASSERT_EQ(world.job(premium).state, JobState::Queued);
    world.leave(victim);
    world.match();
    ASSERT_EQ(world.job(premium).state, JobState::Active);
    // Everything is busy and much more is asked for: the price rises as fast as it may.
    for (std::uint64_t tick = 1; tick <= 3; ++tick) {
      world.pricing.on_tick({{{kEconomy, world.class_id("A100")}, {8'000'000, 8'000'000, 24'000'000}}}, 3 * i + tick,
                            world.context.time);
    }
    world.complete(premium);
    ASSERT_TRUE(world.match_one(victim).has_value()) << i;
    EXPECT_EQ(world.job(victim).unit, first);
    world.start(victim);
    world.wait_s(600);
  }
  EXPECT_GT(world.pricing.price(kEconomy, world.class_id("A100")), first);
  EXPECT_EQ(world.job(victim).preemptions, 2 * most);
  EXPECT_TRUE(world.fail_provider(victim) || world.job(victim).state == JobState::Refunded);
}

// A cap without room for the compensation beside the job's own cost gives no notice.
TEST(Preemption, TheCapBoundsTheCompensation) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  runs(world, JobOf().preemptible());
  world.wait_s(600);
  const Price unit = world.unit_on(JobOf().premium(), node, kPremium);
  const std::uint64_t own = price_of({unit.nagpu_per_gpu_hour * 5 / 4}, 1'000, 1'800'000);
  const JobId tight = world.queue(JobOf().premium().budget(own), kBob);
  world.match();
  EXPECT_TRUE(world.notices.empty());
  EXPECT_EQ(world.job(tight).compensation, Agpu{});
  EXPECT_EQ(world.raise(tight, 2 * own, 0, kBob), RefusalCode::None);
  world.match();
  EXPECT_EQ(world.notices.size(), 1U);
}

TEST(Preemption, ADeadlineLeavesTimeForTheNoticeOrNobodyGivesWay) {
  for (const std::uint64_t spare_ms : {kNoticeMs - 1, kNoticeMs}) {
    World world;
    world.add_node(NodeOf());
    runs(world, JobOf().preemptible());
    const TimeMs deadline = world.context.time + DurationMs{3'600'000 + spare_ms};
    static_cast<void>(world.run(JobOf().premium().deadline(deadline), kBob));
    EXPECT_EQ(world.notices.size(), spare_ms < kNoticeMs ? 0U : 1U);
  }
}

// Premium that does not wait is admitted where a notice makes room, and the quote names the cost beforehand.
TEST(Preemption, TheQuoteNamesTheCost) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  runs(world, JobOf().preemptible());
  world.wait_s(120);
  const JobOf job = JobOf().tier(TierChoice::Premium);
  const Quote quote = world.market.quote(job.spec(), kBob, world.context);
  ASSERT_TRUE(quote.preemption.has_value());
  EXPECT_FALSE(quote.refusal.has_value());
  EXPECT_FALSE(quote.starts_now);
  EXPECT_EQ(quote.preemption->node, node);
  const JobId id = world.queue(job, kBob);
  world.match();
  ASSERT_EQ(world.notices.size(), 1U);
  EXPECT_EQ(world.job(id).compensation, quote.preemption->compensation);
  EXPECT_EQ(world.submit(job, kCleo), RefusalCode::PremiumCannotStart) << "the only node is taken";
}

// What was raised includes what was paid for the notice.
TEST(Preemption, ARaiseCountsTheCompensation) {
  World world;
  world.add_node(NodeOf());
  runs(world, JobOf().preemptible());
  world.wait_s(60);
  const JobId id = world.queue(JobOf().premium().max_price(4 * kAgpu).budget(3 * kAgpu), kBob);
  world.match();
  const Agpu paid = world.job(id).compensation;
  ASSERT_GT(paid.base, 0U);
  ASSERT_EQ(world.raise(id, 3 * kAgpu + 5, 0, kBob), RefusalCode::None);
  EXPECT_EQ(world.job(id).cap.base + paid.base, 3 * kAgpu + 5);
  EXPECT_TRUE(world.sound());
}

// ---- against a slow reference

struct Held {
  JobId job;
  TimeMs matched;
  Allocation allocation;
};

/// Whether a job of whole GPUs or a share, and some CPU, fits when these are gone: counted from the hardware.
bool reference_fits(const World& world, const NodeId& node, const JobSpec& spec, const std::set<JobId>& gone) {
  const Hardware& has = world.registry.nodes().get(node).hardware;
  std::vector<std::uint32_t> used(has.devices);
  std::uint64_t cpu = 0;
  std::size_t others = 0;
  bool whole = false;
  for (const auto& [job, row] : world.market.assignments()) {
    if (row.node != node || gone.contains(job)) continue;
    ++others;
    whole = whole || world.job(job).spec.dedicated;
    cpu += row.allocation.cpu_milli;
    for (const std::uint8_t device : row.allocation.devices) used[device] += row.allocation.milli_per_device;
  }
  if (whole || (spec.dedicated && others > 0)) return false;
  if (cpu + spec.resources.cpu_milli > has.cpu_threads * 1000ULL) return false;
  const auto idle = static_cast<std::uint32_t>(std::count(used.begin(), used.end(), 0U));
  if (spec.resources.share_milli == 0) return idle >= spec.resources.gpus;
  return std::any_of(used.begin(), used.end(), [&](std::uint32_t u) { return u + spec.resources.share_milli <= 1000; });
}

/// By the words of the rule: the newest that suffices alone; else newest first until it fits, then, the oldest first,
/// whoever is not needed stays.
std::vector<JobId> reference_victims(const World& world, const NodeId& node, const JobSpec& spec) {
  std::vector<std::pair<std::uint64_t, JobId>> order;
  for (const auto& [job, row] : world.market.assignments()) {
    const JobRow& own = world.job(job);
    const bool shielded =
        own.preemptions > 0 && (row.started.ms == 0 || row.started.ms + 600'000 > world.context.time.ms);
    if (row.node != node || row.tier != kEconomy || !own.spec.preemptible || shielded) continue;
    if (!row.preempted_by.is_zero()) continue;
    order.emplace_back(world.context.time.ms - row.matched.ms, job);
  }
  std::sort(order.begin(), order.end());
  if (reference_fits(world, node, spec, {})) return {};
  for (const auto& [age, job] : order) {
    if (reference_fits(world, node, spec, {job})) return {job};
  }
  std::set<JobId> gone;
  std::vector<JobId> taken;
  for (const auto& [age, job] : order) {
    if (reference_fits(world, node, spec, gone)) break;
    gone.insert(job);
    taken.push_back(job);
  }
  if (taken.empty() || !reference_fits(world, node, spec, gone)) return {};
  for (auto job = taken.rbegin(); job != taken.rend(); ++job) {
    gone.erase(*job);
    if (!reference_fits(world, node, spec, gone)) gone.insert(*job);
  }
  std::erase_if(taken, [&gone](const JobId& job) { return !gone.contains(job); });
  return taken;
}

JobOf draw_holder() {
  JobOf job = JobOf().max_s(3'600).budget(300 * kAgpu);
  const int kind = draw(rc::gen::inRange(0, 8));
  if (kind < 5) job.preemptible();
  if (kind == 5) job.tier(TierChoice::Economy);
  switch (draw(rc::gen::inRange(0, 5))) {
    case 0: job.gpus(2); break;
    case 1: job.share(draw(rc::gen::element<std::uint32_t>(250, 500, 700))); break;
    case 2: job.gpus(0).cpu(draw(rc::gen::element<std::uint32_t>(8, 32, 60))); break;
    default: break;
  }
  return job;
}

JobOf draw_premium() {
  JobOf job = JobOf().max_s(3'600).budget(300 * kAgpu).premium();
  switch (draw(rc::gen::inRange(0, 5))) {
    case 0: job.gpus(2); break;
    case 1: job.share(draw(rc::gen::element<std::uint32_t>(250, 500))); break;
    case 2: job.gpus(draw(rc::gen::element<std::uint32_t>(1, 4))); break;
    case 3: job.cpu(draw(rc::gen::element<std::uint32_t>(16, 60))); break;
    default: break;
  }
  if (draw(rc::gen::inRange(0, 8)) == 0) job.set([](JobSpec& s) { s.dedicated = true; });
  return job;
}

// Random markets in which Premium comes again and again: who gets notice is who the reference names, on the node that
// the reference ranks first; victims lose nothing, Standard and shielded work never gives way, and all money is there.
RC_GTEST_PROP(Preemption, FollowsTheReference, ()) {
  World world;
  const int nodes = draw(rc::gen::inRange(1, 4));
  for (int i = 0; i < nodes; ++i) world.add_node(NodeOf().devices(draw(rc::gen::element<std::uint32_t>(1, 2, 4))));
  std::set<JobId> live;
  std::size_t judged = 0;
  for (int step = 0; step < 40; ++step) {
    world.wait_s(draw(rc::gen::element<std::uint64_t>(1, 7, 40, 400)));
    world.next_seed();
    // Whose time is up leaves, and with luck earlier.
    for (const JobId& job : std::set<JobId>(live)) {
      const AssignmentRow* held = world.market.assignments().find(job);
      if (held == nullptr || held->preempted_by.is_zero()) continue;
      const JobRow before = world.job(job);
      const std::uint64_t balance = world.balance(before.requester);
      world.leave(job);
      const JobRow& after = world.job(job);
      RC_ASSERT(after.state == JobState::Queued && !after.parked);
      RC_ASSERT(after.key_ms == before.key_ms && after.cap == before.cap);
      RC_ASSERT(world.balance(before.requester) > balance);
    }
    if (draw(rc::gen::inRange(0, 3)) == 0 && !world.market.assignments().empty()) {
      const auto& held = world.market.assignments();
      const auto at =
          std::next(held.begin(), draw(rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(held.size()))));
      const JobId job = at->first;
      live.erase(job);
      world.complete(job);
    }
    for (const MatchMade& made : world.match()) {
      if (draw(rc::gen::inRange(0, 3)) != 0) world.start(made.job);
    }
    RC_ASSERT(world.sound());
    world.notices.clear();
    const bool premium = draw(rc::gen::inRange(0, 3)) == 0;
    const JobOf job = premium ? draw_premium() : draw_holder();
    if (world.submit(job, draw(rc::gen::element(kAda, kBob, kCleo))) != RefusalCode::None) continue;
    const JobId id = world.last_job;
    live.insert(id);
    // What the reference names, before anything moves. Nodes that wait for another are none.
    std::map<NodeId, std::vector<JobId>> named;
    for (const auto& [node, row] : world.registry.nodes()) {
      const bool noticed = std::any_of(world.market.jobs().begin(), world.market.jobs().end(), [&](const auto& entry) {
        return entry.second.notice && entry.second.notice->node == node;
      });
      if (!noticed && row.hardware.devices >= job.spec().resources.gpus)
        named[node] = reference_victims(world, node, job.spec());
    }
    const auto rows =
        std::map<JobId, AssignmentRow>(world.market.assignments().begin(), world.market.assignments().end());
    const auto waiting = world.market.index().waiting().size();
    world.match();
    for (const NoticeGiven& notice : world.notices) {
      for (const auto& victim : notice.victims) {
        // It holds its place until it leaves, be it from before or matched just now, ahead of a younger Premium job.
        const auto& all = world.market.assignments();
        const auto held = std::find_if(all.begin(), all.end(), [&](const auto& entry) {
          return world.job(entry.first).contract == victim.contract;
        });
        RC_ASSERT(held != all.end() && held->second.preempted_by == notice.by);
        RC_ASSERT(held->second.tier == kEconomy && world.job(held->first).spec.preemptible);
        RC_ASSERT(world.job(held->first).preemptions == 0 ||
                  (held->second.started.ms != 0 && held->second.started.ms + 600'000 <= world.context.time.ms));
      }
      if (notice.by != id || waiting != 1) continue;
      ++judged;
      std::vector<ContractId> wanted;
      for (const JobId& victim : named[notice.node]) wanted.push_back(world.job(victim).contract);
      RC_ASSERT(contracts_of(notice) == wanted);
      const auto oldest = [&rows](const std::vector<JobId>& jobs) { return rows.at(jobs.back()).matched; };
      for (const auto& [node, jobs] : named) {
        if (jobs.empty() || job.spec().dedicated) continue;
        RC_ASSERT(jobs.size() >= wanted.size());
        if (jobs.size() == wanted.size()) RC_ASSERT(oldest(jobs) <= oldest(named[notice.node]));
      }
    }
    RC_ASSERT(world.sound());
    RC_ASSERT(world.ledger.recount(Asset::Agpu).conserved());
  }
  RC_TAG(judged > 0 ? "judged" : "none judged");
}

}  // namespace
}  // namespace starminer::protocol
