// The index against Scorer::choose, which looks at every node: over random registries, random jobs and every event that
// may change a choice. RC_PARAMS="max_success=100000" makes it as long as patience allows.
#include "protocol/market/node_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

/// A world and an index that watches it, with tables of shares and scarcity that a test fills itself.
struct Watched {
  explicit Watched(NodeIndex::Policy policy = {0, {}}) : nodes(world.registry, policy) {
    world.registry.observe(nodes, nodes);
    world.reputation.observe(nodes);
    world.shares.add_observer(nodes);
    world.staking.observe(nodes);
    EXPECT_TRUE(world.params.set(Parameter::ReserveLevelU, 1));
    world.stake(kAda, kAgpu);  // worth 1 U: enough to draw
  }
  [[nodiscard]] MarketView view() const {
    return {world.params,     world.ledger,       world.registry,      world.pricing,
            world.reputation, world.staking,      world.market.jobs(), world.market.assignments(),
            world.shares,     world.class_demand, world.market.index()};
  }
  World world;
  NodeIndex nodes;
};

struct Answer {
  std::optional<NodeId> node;
  std::uint32_t score = 0;

  bool operator==(const Answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  return out << (answer.node ? answer.node->text() : "none") << " with " << answer.score;
}

/// Both answers for a job, the reference first.
std::pair<Answer, Answer> ask(Watched& watched, const JobSpec& spec, const Demand::Terms& terms, std::uint32_t start,
                              const std::vector<NodeId>& reserved = {}) {
  const MarketView view = watched.view();
  const Demand demand(view, spec, terms, watched.world.context.time);
  NodeList list(view);
  std::vector<std::uint32_t> withheld;
  for (std::size_t i = 0; i < list.all().size(); ++i) {
    if (std::find(reserved.begin(), reserved.end(), list.all()[i].id) == reserved.end()) continue;
    list.reserve(i, watched.world.context.time);
    withheld.push_back(list.all()[i].node->dense_id);
  }
  const auto shapes = view.index.demand(kTypicalShapesMax, std::nullopt);
  const Fragmentation fragmentation(shapes.shapes, shapes.total);
  const auto match = Scorer(demand, fragmentation, start).choose(list);
  EXPECT_TRUE(watched.nodes.prepare(view, watched.world.context.time));
  EXPECT_TRUE(watched.nodes.matches().is_consistent());
  const auto chosen = watched.nodes.choose(demand, start, withheld);
  Answer by_scan;
  Answer by_index;
  if (match) by_scan = {match->winner.node, match->winner.score};
  if (chosen) by_index = {chosen->node, chosen->score};
  return {by_scan, by_index};
}

NodeOf draw_node() {
  const auto upto = [](std::uint32_t most) { return draw(rc::gen::inRange<std::uint32_t>(0, most + 1)); };
  NodeOf node(draw(rc::gen::element<std::string>("A100", "A100", "H100", "L40S")));
  node.devices(draw(rc::gen::element<std::uint32_t>(1, 2, 4, 8)))
      .region(draw(rc::gen::element<std::string>("eu-central", "eu-north", "sa-east")))
      .floor(draw(rc::gen::element<std::uint8_t>(0, 0, 0, 32, 33, 40)))
      .rating(1'000 + 100 * upto(8));
  const std::uint32_t tags = upto(7);
  return node.set([&](NodeRegister& op) {
    op.offer.offer.site_tier = static_cast<std::uint8_t>(upto(4));
    op.offer.offer.sandbox_tier = static_cast<std::uint8_t>(upto(3));
    op.offer.offer.last_mile_level = static_cast<std::uint8_t>(upto(7));
    op.offer.offer.country = draw(rc::gen::element<std::string>("DE", "FR"));
    op.hardware.interconnect = static_cast<std::uint8_t>(upto(1));
    op.hardware.cpu_threads = 16 + 16 * upto(3);
    op.hardware.ram_bytes = (16 + 64 * std::uint64_t{upto(3)}) * kGiB;
    op.hardware.disk_bytes = (100 + 400 * std::uint64_t{upto(2)}) * kGiB;
    op.hardware.device_memory_bytes = (24 + 56 * std::uint64_t{upto(1)}) * kGiB;
    if ((tags & 1) != 0) op.offer.images.push_back(sha256("image-a"));
    if ((tags & 2) != 0) op.offer.images.push_back(sha256("image-b"));
    if ((tags & 4) != 0) op.offer.runtimes = {"debian/pytorch-1.13"};
    std::sort(op.offer.images.begin(), op.offer.images.end());
  });
}

JobOf draw_job() {
  const auto one_in = [](int n) { return draw(rc::gen::inRange(0, n)) == 0; };
  JobOf job = JobOf().max_s(draw(rc::gen::element<std::uint64_t>(60, 600, 3'600)));
  job.tier(draw(rc::gen::element(TierChoice::Economy, TierChoice::Standard)));
  switch (draw(rc::gen::inRange(0, 5))) {
    case 0: job.classes({"A100", "H100"}); break;
    case 1: job.classes({"H100"}); break;
    case 2: job.classes({"A100"}); break;
    default: job.any_class(); break;
  }
  switch (draw(rc::gen::inRange(0, 6))) {
    case 0: job.gpus(2); break;
    case 1: job.share(draw(rc::gen::element<std::uint32_t>(10, 100, 230, 500, 990))); break;
    case 2: job.gpus(0).cpu(4); break;
    case 3: job.gpus(4); break;
    default: break;
  }
  if (one_in(3)) job.cpu(draw(rc::gen::element<std::uint32_t>(1, 8, 30, 64)));
  return job.set([&](JobSpec& s) {
    if (one_in(4)) s.kind = draw(rc::gen::element(JobKind::Rendering, JobKind::Inference));
    if (one_in(3)) s.image = draw(rc::gen::element(sha256("image-a"), sha256("image-b"), sha256("image-c")));
    if (one_in(4)) s.runtime = draw(rc::gen::element<std::string>("debian/blender-3.4", "debian/none"));
    if (one_in(4)) s.where.allow = {"eu-central", "eu-north"};
    if (one_in(4)) s.where.prefer = {draw(rc::gen::element<std::string>("sa-east", "us-east"))};
    if (one_in(6)) s.where.residency = draw(rc::gen::element<std::string>("DE", "FR", "US"));
    if (one_in(6)) s.where.site_tier_min = static_cast<std::uint8_t>(draw(rc::gen::inRange(1, 5)));
    if (one_in(6)) s.where.sandbox_tier_min = static_cast<std::uint8_t>(draw(rc::gen::inRange(1, 4)));
    if (one_in(6)) s.where.reputation_min = static_cast<std::uint8_t>(draw(rc::gen::inRange(60, 120)));
    if (one_in(8)) s.where.excluded_providers = {kFarm};
    if (one_in(20)) s.where.tee_kinds = {1};
    if (one_in(5)) s.resources.gpu_memory_bytes = draw(rc::gen::element<std::uint64_t>(20, 60)) * kGiB;
    if (one_in(5)) s.resources.ram_bytes = draw(rc::gen::element<std::uint64_t>(10, 100)) * kGiB;
    if (one_in(5)) s.resources.disk_bytes = draw(rc::gen::element<std::uint64_t>(50, 400)) * kGiB;
    if (one_in(4)) s.resources.interconnect = 1;
    if (one_in(5) && s.resources.share_milli == 0) s.dedicated = true;
    if (one_in(4)) s.latency_ms = draw(rc::gen::element<std::uint32_t>(50, 300));
    if (one_in(5)) s.urgency = Urgency::Now;
  });
}

const NodeId& any_node(const World& world) {
  const auto& nodes = world.registry.nodes();
  const auto step = draw(rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(nodes.size())));
  return std::next(nodes.begin(), step)->first;
}

/// Something happens that may change a choice.
void happen(Watched& watched, std::set<JobId>& running) {
  World& world = watched.world;
  const AccountId provider = draw(rc::gen::element(kFarm, kBarn, kCleo));
  switch (draw(rc::gen::inRange(0, 11))) {
    case 0: world.add_node(draw_node(), provider); break;
    case 7: {
      const NodeId node = any_node(world);
      if (world.registry.nodes().get(node).status == NodeStatus::Left) break;
      world.registry.set_reserve(node,
                                 draw(rc::gen::element(ReserveStanding::None, ReserveStanding::Lapsed,
                                                       ReserveStanding::StandsBy, ReserveStanding::StandsBy)),
                                 world.context);
      break;
    }
    case 8:
      world.class_demand.put(world.class_id(draw(rc::gen::element<std::string>("A100", "L40S"))),
                             {0, 0, 0, 240, 0, draw(rc::gen::element<std::uint32_t>(900'000, 1'200'000))});
      break;
    case 1: {
      const NodeId node = any_node(world);
      const NodeRow& row = world.registry.nodes().get(node);
      if (row.reserve != ReserveStanding::None) break;  // committed, it neither drains nor leaves
      if (row.status == NodeStatus::Active) {
        world.set_status(node, draw(rc::gen::element(NodeChange::Drain, NodeChange::Drain, NodeChange::Leave)));
      } else if (row.status == NodeStatus::Draining && !row.leaving) {
        world.set_status(node, NodeChange::Resume);
      }
      break;
    }
    case 2:
      world.reputation.record(any_node(world), static_cast<std::uint8_t>(draw(rc::gen::inRange(0, 4))),
                              draw(rc::gen::element(Outcome::Success, Outcome::Failure)),
                              1'000 * (1 + draw(rc::gen::inRange(0, 40))), world.context.time);
      break;
    case 3: world.wait_s(draw(rc::gen::element<std::uint64_t>(1, 3'600, 86'400 * 7, 86'400 * 90))); break;
    case 4:
      if (draw(rc::gen::inRange(0, 3)) == 0) world.stake(provider, kAgpu);
      world.shares.put({world.class_id("A100"), draw(rc::gen::element(provider, AccountId{}))},
                       {1, static_cast<std::uint8_t>(draw(rc::gen::inRange(0, 4)))});
      world.class_demand.put(world.class_id("H100"),
                             {1, 1, 1, static_cast<std::uint8_t>(draw(rc::gen::inRange(0, 241))),
                              static_cast<std::uint16_t>(draw(rc::gen::inRange(0, 1'025))),
                              draw(rc::gen::element<std::uint32_t>(0, 950'000, 950'001))});
      break;
    case 5:
      if (!running.empty()) {
        world.complete(*running.begin());
        running.erase(running.begin());
      }
      break;
    case 6:
      world.market.on_epoch(world.context);
      world.registry.set_verified(any_node(world), Aspect::Region, draw(rc::gen::arbitrary<bool>()), world.context);
      break;
    default:
      static_cast<void>(world.submit(draw_job()));
      for (const MatchMade& made : world.match()) running.insert(made.job);
      break;
  }
}

Demand::Terms draw_terms() {
  const auto price = draw(rc::gen::element<std::uint64_t>(0, 0, 0, 900, 1'000, 1'015, 1'050, 1'100, 1'900)) * 1'000'000;
  const auto cap = draw(rc::gen::element<std::uint64_t>(0, 0, 200'000'000, 600'000'000, 2 * kAgpu, 8 * kAgpu));
  Demand::Terms terms{draw(rc::gen::element(kEconomy, kStandard, kPremium)), {price}, {cap}, nullptr, {}};
  if (price != 0 && draw(rc::gen::inRange(0, 4)) == 0) terms.price_held_since = kStart;
  if (draw(rc::gen::inRange(0, 3)) != 0) terms.requester = draw(rc::gen::element(kAda, kAda, kBob));
  return terms;
}

// REQ: MAT-1, MAT-3. The node and the score of the index are those of a look at every node, ties included, whatever
// happened before.
RC_GTEST_PROP(NodeIndex, ChoosesAsTheScorerOverAllNodes, ()) {
  const MatchIndex::Layout layout{draw(rc::gen::element<std::size_t>(1, 3, 64)),
                                  draw(rc::gen::element<std::size_t>(1, 32)),
                                  draw(rc::gen::element(&plain_kernels(), &best_kernels()))};
  Watched watched({0, layout});
  const int count = draw(rc::gen::inRange(0, 12));
  const NodeOf same = draw_node();
  const bool equal = draw(rc::gen::inRange(0, 5)) == 0;
  for (int i = 0; i < count; ++i) {
    watched.world.add_node(equal ? same : draw_node(), draw(rc::gen::element(kFarm, kBarn, kCleo)));
  }
  std::set<JobId> running;
  int chosen = 0;
  for (int step = 0; step < 12; ++step) {
    if (watched.world.registry.total_nodes() > 0) happen(watched, running);
    for (int i = 0; i < 3; ++i) {
      const JobSpec spec = draw_job().spec();
      const std::vector<AccountId> avoided = {kBarn};
      Demand::Terms terms = draw_terms();
      if (draw(rc::gen::inRange(0, 6)) == 0) terms.avoided = &avoided;
      const std::uint32_t total = watched.world.registry.total_nodes();
      const std::uint32_t start = total > 0 ? draw(rc::gen::inRange<std::uint32_t>(0, total)) : 0;
      std::vector<NodeId> reserved;
      if (total > 0 && draw(rc::gen::inRange(0, 4)) == 0) reserved.push_back(any_node(watched.world));
      const auto [by_scan, by_index] = ask(watched, spec, terms, start, reserved);
      RC_ASSERT(by_index == by_scan);
      RC_ASSERT(by_scan.score <= kScoreMax + 30 * kReserveTerm);
      if (by_scan.node) ++chosen;
    }
  }
  RC_ASSERT(!::testing::Test::HasFailure());
  RC_TAG(chosen > 12 ? "many choices" : "few choices");
}

// An index that watched from the beginning and one that is told of the state at once choose alike.
RC_GTEST_PROP(NodeIndex, AnIndexOfTheStateIsTheIndexOfItsHistory, ()) {
  Watched watched;
  for (int i = 0; i < 8; ++i) watched.world.add_node(draw_node(), draw(rc::gen::element(kFarm, kBarn)));
  std::set<JobId> running;
  for (int step = 0; step < 15; ++step) happen(watched, running);
  NodeIndex late(watched.world.registry, {0, {2, 2, &plain_kernels()}});
  watched.world.registry.observe(late, late);
  watched.world.reputation.observe(late);
  watched.world.shares.add_observer(late);
  watched.world.staking.observe(late);
  const MarketView view = watched.view();
  RC_ASSERT(late.places() == watched.nodes.places());
  for (int i = 0; i < 10; ++i) {
    const JobSpec spec = draw_job().spec();
    const Demand demand(view, spec, draw_terms(), watched.world.context.time);
    const std::uint32_t start = draw(rc::gen::inRange<std::uint32_t>(0, watched.world.registry.total_nodes()));
    RC_ASSERT(watched.nodes.prepare(view, watched.world.context.time));
    RC_ASSERT(late.prepare(view, watched.world.context.time));
    const auto first = watched.nodes.choose(demand, start, {});
    const auto second = late.choose(demand, start, {});
    RC_ASSERT(first.has_value() == second.has_value());
    if (first) RC_ASSERT(first->node == second->node && first->score == second->score);
  }
}

// A rollback takes back what the index was told.
TEST(NodeIndexTest, ARollbackTakesItsNodesBack) {
  Watched watched;
  const NodeId kept = watched.world.add_node(NodeOf());
  watched.world.store.commit();
  const JobSpec spec = JobOf().spec();
  EXPECT_EQ(ask(watched, spec, {kStandard, {}, {}, nullptr, {}}, 0).second.node, kept);
  const auto mark = watched.world.store.checkpoint();
  const NodeId gone =
      watched.world.add_node(NodeOf().set([](NodeRegister& op) { op.offer.offer.last_mile_level = 0; }));
  watched.world.set_status(kept, NodeChange::Drain);
  EXPECT_EQ(ask(watched, spec, {kStandard, {}, {}, nullptr, {}}, 0).second.node, gone);
  watched.world.store.rollback(mark);
  EXPECT_EQ(ask(watched, spec, {kStandard, {}, {}, nullptr, {}}, 0).second.node, kept);
  EXPECT_EQ(watched.nodes.matches().size(), 1U);
}

// In the first epoch each submission may change the typical demand: rows are made anew only once it stands.
TEST(NodeIndexTest, ItWaitsUntilTheTypicalDemandStands) {
  Watched watched({3, {}});
  watched.world.add_node(NodeOf());
  const auto prepared = [&] { return watched.nodes.prepare(watched.view(), watched.world.context.time); };
  EXPECT_TRUE(prepared()) << "the first time there is nothing to wait for";
  watched.world.queue(JobOf().gpus(1).share(300));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(prepared());
  EXPECT_TRUE(prepared());
}

}  // namespace
}  // namespace starminer::protocol
