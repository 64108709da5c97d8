// A pass by the index against one that looks at every node, in the same market at the same moment, and one that goes on
// after a match against a new one. RC_PARAMS="max_success=10000" makes it as long as patience allows.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/dispatch.h"
#include "protocol/market/node_index.h"
#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

bool one_in(int n) { return draw(rc::gen::inRange(0, n)) == 0; }

/// The market's own tables and index of the queue, with a look at every node.
MarketView by_scan(const World& world) {
  MarketView view = world.market.view();
  view.known = nullptr;
  return view;
}

NodeOf draw_farm() {
  NodeOf node(draw(rc::gen::element<std::string>("A100", "A100", "H100")));
  node.devices(draw(rc::gen::element<std::uint32_t>(1, 2, 4, 8)))
      .region(draw(rc::gen::element<std::string>("eu-central", "eu-north")))
      .floor(draw(rc::gen::element<std::uint8_t>(0, 0, 0, 32, 40)));
  return node.set([](NodeRegister& op) {
    op.offer.offer.site = draw(rc::gen::element<std::string>("", "hall", "hall"));
    op.offer.offer.country = draw(rc::gen::element<std::string>("DE", "FR"));
    op.hardware.cpu_threads = draw(rc::gen::element<std::uint32_t>(16, 64));
    op.hardware.ram_bytes = draw(rc::gen::element<std::uint64_t>(64, 256)) * kGiB;
  });
}

JobOf draw_work() {
  JobOf job = JobOf().max_s(draw(rc::gen::element<std::uint64_t>(60, 600, 3'600))).budget(300 * kAgpu);
  switch (draw(rc::gen::inRange(0, 7))) {
    case 0:
    case 1: job.premium(); break;
    case 2:
    case 3: job.preemptible(); break;
    case 4: job.tier(TierChoice::Economy); break;
    default: break;
  }
  switch (draw(rc::gen::inRange(0, 4))) {
    case 0: job.any_class(); break;
    case 1: job.classes({"H100"}); break;
    default: break;
  }
  switch (draw(rc::gen::inRange(0, 8))) {
    case 0: job.gpus(2); break;
    case 1: job.gpus(8); break;
    case 2: job.share(draw(rc::gen::element<std::uint32_t>(10, 100, 250, 430, 990))); break;
    case 3: job.gpus(0).cpu(draw(rc::gen::element<std::uint32_t>(1, 20, 60))); break;
    case 4: job.gpus(4); break;
    default: break;
  }
  if (one_in(4)) job.cpu(draw(rc::gen::element<std::uint32_t>(1, 9, 16, 40)));
  if (one_in(6)) job.max_price(draw(rc::gen::element<std::uint64_t>(900, 1'010, 1'400)) * 1'000'000);
  if (one_in(8)) job.credits(draw(rc::gen::element<std::uint64_t>(1, 5)));
  return job.set([](JobSpec& s) {
    if (one_in(5)) s.resources.ram_bytes = draw(rc::gen::element<std::uint64_t>(9, 40, 200)) * kGiB;
    if (one_in(8)) s.where.residency = draw(rc::gen::element<std::string>("DE", "FR"));
    if (one_in(8)) s.where.allow = {"eu-north"};
    if (one_in(10)) s.where.excluded_providers = {kFarm};
    if (one_in(10)) s.where.reputation_min = static_cast<std::uint8_t>(draw(rc::gen::inRange(60, 200)));
    if (one_in(8) && s.resources.share_milli == 0 && s.resources.gpus > 0) s.dedicated = true;
    if (one_in(4)) s.budget = {draw(rc::gen::element<std::uint64_t>(2, 4, 9)) * kAgpu};
    if (one_in(6)) s.wait = false;
    if (!one_in(3)) return;
    s.placement = Placement::OneSite;
    s.hosts_max = draw(rc::gen::element<std::uint32_t>(0, 2, 4));
    if (s.resources.gpus > 1) s.resources.gpus *= draw(rc::gen::element<std::uint32_t>(1, 2));
  });
}

bool same(const Candidate& a, const Candidate& b) {
  return a.node == b.node && a.score == b.score && a.parts == b.parts && a.unit == b.unit;
}

bool same(const std::optional<Preemption>& a, const std::optional<Preemption>& b) {
  if (a.has_value() != b.has_value()) return false;
  const auto same_victim = [](const Victim& x, const Victim& y) {
    return x.job == y.job && x.share == y.share && x.unsaved == y.unsaved;
  };
  return !a || (a->node == b->node && a->compensation == b->compensation &&
                std::equal(a->victims.begin(), a->victims.end(), b->victims.begin(), b->victims.end(), same_victim));
}

bool same(const std::vector<Reservation>& a, const std::vector<Reservation>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Reservation& x, const Reservation& y) {
    return x.job == y.job && x.node == y.node && x.dense_id == y.dense_id && x.start == y.start &&
           x.by_notice == y.by_notice;
  });
}

/// Starts all that can start; before each, a pass that looks at every node says what must come.
void match_all(World& world, std::size_t& matches, std::size_t& gangs) {
  world.market.trigger();  // the market looks when it is told to, the reference at any moment
  for (;;) {
    const MarketView scan = by_scan(world);
    DispatchPass reference(scan, world.context);
    const auto expected = reference.next_start();
    const auto made = world.market.next_match(world.context);
    const auto given = world.market.take_notices();
    if (reference.lost_nodes().empty()) {
      RC_ASSERT(made.has_value() == (expected && !expected->notice));
      RC_ASSERT(given.size() == (expected && expected->notice ? 1U : 0U));
      if (made) {
        RC_ASSERT(made->job == expected->job && same(made->winner, expected->winner));
        RC_ASSERT(std::equal(made->others.begin(), made->others.end(), expected->others.begin(), expected->others.end(),
                             [](const HostShare& a, const Candidate& b) { return a.node == b.node; }));
      }
      if (!given.empty()) {
        RC_ASSERT(given[0].by == expected->job && given[0].node == expected->notice->node);
        RC_ASSERT(given[0].victims.size() == expected->notice->victims.size());
        for (std::size_t i = 0; i < given[0].victims.size(); ++i) {
          const Victim& victim = expected->notice->victims[i];
          RC_ASSERT(given[0].victims[i].contract == world.job(victim.job).contract);
          RC_ASSERT(given[0].victims[i].share == victim.share && given[0].victims[i].unsaved == victim.unsaved);
        }
      }
      for (const JobId& job : reference.priced_out()) RC_ASSERT(world.job(job).parked);
    }
    if (!made && given.empty()) return;
    if (!made) continue;
    ++matches;
    if (!made->others.empty()) ++gangs;
    world.market.set_contract(made->job, contract_id_of(made->job, world.job(made->job).attempts));
  }
}

/// Questions about the state, each answered both ways.
void ask(const World& world) {
  const MarketView scan = by_scan(world);
  const MarketView known = world.market.view();
  RC_ASSERT(known.known->supply().is_consistent());
  RC_ASSERT(known.known->sites().is_consistent());
  RC_ASSERT(known.known->supply().rooms_are_consistent(known));
  DispatchPass by_index(known, world.context);
  DispatchPass reference(scan, world.context);
  Place last{~std::uint64_t{0}, {}};
  last.job.bytes.fill(0xff);
  by_index.reserve_before(last);
  reference.reserve_before(last);
  RC_ASSERT(same(by_index.reservations(), reference.reservations()));
  RC_ASSERT(by_index.priced_out() == reference.priced_out());
  for (int i = 0; i < 3; ++i) {
    JobSpec spec = draw_work().spec();
    const auto cap = draw(rc::gen::element<std::uint64_t>(0, 2, 300)) * kAgpu;
    const Demand::Terms terms{
        draw(rc::gen::element(kEconomy, kStandard, kPremium, kPremium)), spec.max_price, {cap}, nullptr, {}};
    const Demand demand(known, spec, terms, world.context.time);
    const Demand demand_of_scan(scan, spec, terms, world.context.time);
    const ConstraintSet ignored = draw(
        rc::gen::element<ConstraintSet>(0, constraint_set(Constraint::Price) | constraint_set(Constraint::Budget)));
    RC_ASSERT(by_index.is_taken(demand, ignored) == reference.is_taken(demand_of_scan, ignored));
    const auto fit = by_index.earliest_fit(demand, demand.classes());
    const auto expected = reference.earliest_fit(demand_of_scan, demand.classes());
    RC_ASSERT(fit.has_value() == expected.has_value());
    if (fit) {
      RC_ASSERT(fit->node == expected->node && fit->start == expected->start && fit->others == expected->others);
    }
    RC_ASSERT(same(by_index.preemption(demand, last.job, demand.classes()),
                   reference.preemption(demand_of_scan, last.job, demand.classes())));
  }
}

// REQ: QUE-2, MAT-1, MAT-6. In random markets, whatever happened before: the same starts, notices, reservations and
// answers as by a look at every node in a new pass for each start.
RC_GTEST_PROP(DispatchIndex, FindsWhatALookAtEveryNodeFinds, ()) {
  World world;
  if (one_in(2)) world.stake(kAda, 50 * kAgpu);
  if (one_in(3)) world.stake(kBob, kAgpu);
  world.wait_s(86'400);  // which brings credits to spend
  const int nodes = draw(rc::gen::inRange(1, 9));
  const NodeOf equal = draw_farm();
  const bool all_equal = one_in(5);
  const bool one_hall = one_in(2);  // where gangs are common
  const auto drawn = [&] {
    NodeOf node = all_equal ? equal : draw_farm();
    if (one_hall) node.region("eu-north").set([](NodeRegister& op) { op.offer.offer.site = "hall"; });
    return node;
  };
  const auto owner = [one_hall] { return one_hall && !one_in(4) ? kFarm : draw(rc::gen::element(kFarm, kBarn)); };
  for (int i = 0; i < nodes; ++i) {
    world.add_node(drawn(), owner());
  }
  std::size_t matches = 0;
  std::size_t gangs = 0;
  for (int step = 0; step < 25; ++step) {
    world.wait_s(draw(rc::gen::element<std::uint64_t>(0, 1, 40, 700)));
    world.next_seed();
    for (int i = draw(rc::gen::inRange(0, 5)); i > 0; --i) {
      static_cast<void>(world.submit(draw_work(), draw(rc::gen::element(kAda, kBob, kCleo))));
    }
    match_all(world, matches, gangs);
    const auto& held = world.market.assignments();
    if (!held.empty()) {
      const auto at =
          std::next(held.begin(), draw(rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(held.size()))));
      const JobId job = at->first;
      const AssignmentRow row = at->second;
      if (!row.preempted_by.is_zero()) {
        world.leave(job);
      } else if (row.started.ms == 0 && one_in(2)) {
        world.start(job);
      } else if (one_in(3)) {
        world.fail_provider(job);
      } else if (one_in(2)) {
        world.complete(job);
      }
    }
    if (one_in(8)) {
      const auto& all = world.registry.nodes();
      const auto at =
          std::next(all.begin(), draw(rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(all.size()))));
      if (at->second.status == NodeStatus::Active) {
        world.set_status(at->first, draw(rc::gen::element(NodeChange::Drain, NodeChange::Drain, NodeChange::Leave)));
      } else if (at->second.status == NodeStatus::Draining && !at->second.leaving) {
        world.set_status(at->first, NodeChange::Resume);
      }
    }
    if (one_in(8)) world.add_node(drawn(), owner());
    if (one_in(10)) world.market.on_tick(world.context);
    ask(world);
  }
  RC_ASSERT(world.sound());
  RC_TAG(matches > 20 ? "many matches" : "few matches");
  RC_TAG(gangs > 0 ? "gangs" : "no gang");
}

// A job that stays behind is judged once for all that start after it.
TEST(DispatchIndexTest, APassGoesOnAfterAMatch) {
  World world;
  world.add_node(NodeOf().devices(8));
  world.add_node(NodeOf().devices(1));
  world.queue(JobOf().gpus(8).max_s(600));
  world.match();
  const JobId wide = world.queue(JobOf().gpus(8));
  world.wait_s(1);
  const JobId small = world.queue(JobOf().max_s(60));
  const MarketView view = by_scan(world);
  DispatchPass pass(view, world.context);
  const auto start = pass.next_start();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->job, small);
  ASSERT_EQ(pass.reservations().size(), 1U);
  EXPECT_EQ(pass.reservations()[0].job, wide);
  EXPECT_TRUE(pass.go_on());
}

// What a job with notice leaves of its node is free to those before it again.
TEST(DispatchIndexTest, APassDoesNotGoOnAfterANoticedJobStarted) {
  World world;
  world.add_node(NodeOf().devices(2));
  const JobId work = world.queue(JobOf().preemptible().gpus(2));
  world.match();
  const JobId premium = world.queue(JobOf().premium());
  world.match();
  world.leave(work);
  const MarketView view = by_scan(world);
  DispatchPass pass(view, world.context);
  const auto start = pass.next_start();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->job, premium);
  EXPECT_FALSE(pass.go_on());
}

}  // namespace
}  // namespace starminer::protocol
