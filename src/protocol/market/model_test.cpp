// The market against random use with every invariant after every step, and its choices against slow references that
// share no code with it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

/// Whether a node may take a job of a row now, spelled out from the protocol's text with nothing of the matcher.
bool may_take(const World& world, const JobRow& job, const NodeId& id, const NodeRow& node) {
  const JobSpec& s = job.spec;
  const Resources& r = s.resources;
  const CapacityRow& free = world.registry.capacity().get(id);
  const ClassRow& hardware_class = world.registry.classes().get(node.hardware_class);
  const auto named = [](const std::vector<std::string>& list, const std::string& name) {
    return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
  };
  if (node.status != NodeStatus::Active || !named(r.classes, hardware_class.name)) return false;
  if (!named(s.where.allow, world.registry.regions().get(node.offer.region).name)) return false;
  if (node.ratings[static_cast<std::size_t>(s.kind)].cu_x1000 == 0) return false;
  if (std::find(job.avoided.begin(), job.avoided.end(), node.provider) != job.avoided.end()) return false;
  const auto& out = s.where.excluded_providers;
  if (std::find(out.begin(), out.end(), node.provider) != out.end()) return false;
  if (r.cpu_milli > free.cpu_free_milli || r.ram_bytes > free.ram_free_bytes) return false;
  std::uint32_t fitting = 0;
  for (const std::uint16_t milli : free.device_free_milli) fitting += milli >= (r.share_milli ? r.share_milli : 1000U);
  if (fitting < r.gpus) return false;
  FactorInput input;
  input.tier = job.tier;
  input.now = world.context.time;
  input.class_memory_bytes = hardware_class.device_memory_bytes;
  input.region_factor = world.registry.regions().get(node.offer.region).price_factor;
  const Price base = r.gpus == 0 ? world.pricing.side_price(r) : world.pricing.price(job.tier, node.hardware_class);
  const Price of_class = Pricing::unit_price(base, world.pricing.factors(s, input));
  input.reliability = world.pricing.reliability(id, node, world.reputation, world.context.time);
  Price unit = Pricing::unit_price(base, world.pricing.factors(s, input));
  if (job.attempts > 0) {
    input.reliability = {0};
    input.now = job.submitted;
    unit = Pricing::unit_price(base, world.pricing.factors(s, input));
  }
  if (unit > job.max_price) return false;
  const Price published = world.pricing.price(job.tier, node.hardware_class);
  // One unit of rounding in the published price is the owner's to bear.
  if ((published.nagpu_per_gpu_hour + 1) * 32 < node.offer.floor_32nds * hardware_class.anchor.nagpu_per_gpu_hour) {
    return false;
  }
  std::uint64_t best = 0;
  for (const auto& [other, row] : world.registry.classes()) {
    if (named(r.classes, row.name)) best = std::max<std::uint64_t>(best, row.rating[static_cast<std::size_t>(s.kind)]);
  }
  const std::uint64_t rating = hardware_class.rating[static_cast<std::size_t>(s.kind)];
  const std::uint64_t slow_ms = (s.expected_s * 1000 * best + rating - 1) / rating;
  const std::uint64_t ms = std::max<std::uint64_t>(std::min({slow_ms, s.expected_s * 1500, s.max_s * 1000}), 60'000);
  const Price charged = std::min(of_class, job.max_price);
  return Pricing::cost(charged, billing_milli(r), ms, Rounding::Ceil) <= job.cap;
}

JobOf draw_job() {
  JobOf job = JobOf()
                  .max_s(draw(rc::gen::element<std::uint64_t>(60, 600, 3'600)))
                  .tier(draw(rc::gen::element(TierChoice::Economy, TierChoice::Standard)))
                  .budget(draw(rc::gen::element<std::uint64_t>(2 * kAgpu, 300 * kAgpu)));
  switch (draw(rc::gen::inRange(0, 6))) {
    case 0: job.any_class(); break;
    case 1: job.classes({"A100", "H100"}); break;
    case 2: job.classes({"H100"}); break;
    default: break;
  }
  switch (draw(rc::gen::inRange(0, 6))) {
    case 0: job.gpus(2); break;
    case 1: job.share(draw(rc::gen::element<std::uint32_t>(100, 250, 500))); break;
    case 2: job.gpus(0).cpu(draw(rc::gen::element<std::uint32_t>(4, 32))); break;
    default: break;
  }
  if (draw(rc::gen::inRange(0, 3)) == 0)
    job.max_price(draw(rc::gen::element<std::uint64_t>(900'000'000, 1'300'000'000)));
  const bool regional = draw(rc::gen::inRange(0, 4)) == 0;
  const bool excluding = draw(rc::gen::inRange(0, 6)) == 0;
  const auto urgency = draw(rc::gen::element(Urgency::None, Urgency::None, Urgency::Soon, Urgency::Now));
  return job.set([=](JobSpec& s) {
    if (regional) s.where.allow = {"eu-central", "eu-north"};
    if (excluding) s.where.excluded_providers = {kFarm};
    s.urgency = urgency;
  });
}

void add_nodes(World& world) {
  const int count = draw(rc::gen::inRange(1, 6));
  for (int i = 0; i < count; ++i) {
    world.add_node(NodeOf(draw(rc::gen::element<std::string>("A100", "A100", "H100")))
                       .devices(draw(rc::gen::element<std::uint32_t>(1, 2, 4)))
                       .region(draw(rc::gen::element<std::string>("eu-central", "eu-north", "sa-east")))
                       .floor(draw(rc::gen::element<std::uint8_t>(0, 0, 0, 32, 40))),
                   draw(rc::gen::element(kFarm, kBarn, kCleo)));
  }
}

// REQ: REG-4, MAT-3. A job starts only on a node that the reference admits, and no job waits for a node that the
// reference admits unless the node is held for an earlier job or the job's turn is another's.
RC_GTEST_PROP(Model, RandomUseKeepsEveryInvariant, ()) {
  World world;
  add_nodes(world);
  std::size_t started = 0;
  std::size_t refused = 0;
  std::set<JobId> live;
  for (int step = 0; step < 30; ++step) {
    const int action = draw(rc::gen::inRange(0, 12));
    const auto pick = [&]() -> std::optional<JobId> {
      if (live.empty()) return std::nullopt;
      return *std::next(live.begin(),
                        draw(rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(live.size()))));
    };
    if (action < 6) {
      if (world.submit(draw_job(), draw(rc::gen::element(kAda, kBob))) == RefusalCode::None) {
        live.insert(world.last_job);
      } else {
        ++refused;
      }
    } else if (action == 6) {
      const auto job = pick();
      if (job && world.job(*job).state == JobState::Queued) {
        RC_ASSERT(world.cancel(*job, world.job(*job).requester) == RefusalCode::None);
        live.erase(*job);
      }
    } else if (action < 9) {
      const auto job = pick();
      if (job && world.job(*job).state == JobState::Active) {
        world.complete(*job);
        live.erase(*job);
      }
    } else if (action == 9) {
      const auto job = pick();
      if (job && world.job(*job).state == JobState::Active && !world.fail_provider(*job)) live.erase(*job);
    } else if (action == 10) {
      const auto& nodes = world.registry.nodes();
      const auto at = std::next(nodes.begin(),
                                draw(rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(nodes.size()))));
      const NodeId id = at->first;
      if (at->second.status == NodeStatus::Active) {
        world.set_status(id, NodeChange::Drain);
      } else if (at->second.status == NodeStatus::Draining && !at->second.leaving) {
        world.set_status(id, NodeChange::Resume);
      }
    } else {
      world.wait_s(draw(rc::gen::inRange<std::uint64_t>(1, 90)));
      world.market.on_tick(world.context);
      if (draw(rc::gen::inRange(0, 4)) == 0) world.market.on_epoch(world.context);
    }
    world.next_seed();
    while (true) {
      // The rows before the match: what the reference judges.
      const std::map<JobId, JobRow> rows(world.market.jobs().begin(), world.market.jobs().end());
      std::map<std::pair<JobId, NodeId>, bool> judged;
      for (const auto& [job, row] : rows) {
        if (row.state != JobState::Queued) continue;
        for (const auto& [node, node_row] : world.registry.nodes())
          judged[{job, node}] = may_take(world, row, node, node_row);
      }
      const auto made = world.market.next_match(world.context);
      if (!made) break;
      RC_ASSERT((judged[{made->job, made->winner.node}]));
      RC_ASSERT(made->winner.unit <= rows.at(made->job).max_price);
      world.market.set_contract(made->job, contract_id_of(made->job, world.job(made->job).attempts));
      ++started;
      RC_ASSERT(world.sound());
    }
    // The first waiting job of the order is held up by nothing but the nodes themselves.
    const JobRow* first = nullptr;
    JobId first_id;
    for (const auto& [job, row] : world.market.jobs()) {
      if (row.state != JobState::Queued || row.parked) continue;
      if (first == nullptr || std::pair(row.key_ms, job) < std::pair(first->key_ms, first_id)) {
        first = &row;
        first_id = job;
      }
    }
    if (first != nullptr) {
      for (const auto& [node, row] : world.registry.nodes()) RC_ASSERT(!may_take(world, *first, node, row));
    }
    RC_ASSERT(world.sound());
    RC_ASSERT(world.ledger.recount(Asset::Agpu).conserved());
  }
  RC_TAG(started > 8 ? "many starts" : "few starts", refused > 5 ? "many refusals" : "few refusals");
}

// The winner is the arg-max by a second look at every node, ties by distance from the start.
RC_GTEST_PROP(Model, TheWinnerIsTheBestOfAll, ()) {
  World world;
  add_nodes(world);
  for (int i = draw(rc::gen::inRange(0, 4)); i > 0; --i) {
    static_cast<void>(world.submit(draw_job()));
    world.match();
  }
  if (world.submit(draw_job()) != RefusalCode::None) return;
  const JobId id = world.last_job;
  const JobRow row = world.job(id);
  for (const auto& [hardware_class, of_class] : world.registry.classes()) {
    world.class_demand.put(hardware_class,
                           {0, 0, 0, 240, static_cast<std::uint16_t>(draw(rc::gen::inRange(0, 1'025)))});
  }
  const MarketView view = world.view();
  const NodeList nodes(view);
  const auto total = world.registry.total_nodes();
  const std::uint32_t start = tie_start(world.context.seed, id, total);
  const Fragmentation fragmentation({}, 0);
  const Demand demand(view, row, world.context.time);
  const Scorer scorer(demand, fragmentation, start);
  std::vector<std::tuple<std::uint32_t, std::uint32_t, NodeId>> ranked;  // complement of score, distance
  for (const NodeView& node : nodes.all()) {
    if (!may_take(world, row, node.id, *node.node)) continue;
    const Candidate candidate = scorer.candidate(node);
    RC_ASSERT(candidate.score <= kScoreMax);
    RC_ASSERT(candidate.parts[0] >= 1);
    for (const auto part : candidate.parts) RC_ASSERT(part <= kFitMax);
    ranked.emplace_back(kScoreMax - candidate.score, (node.node->dense_id + total - start) % total, node.id);
  }
  std::sort(ranked.begin(), ranked.end());
  const auto match = scorer.choose(nodes);
  RC_ASSERT(match.has_value() == !ranked.empty());
  if (!match) return;
  RC_ASSERT(match->winner.node == std::get<2>(ranked[0]));
  RC_ASSERT(match->eligible == ranked.size());
  RC_ASSERT(match->runner_up.has_value() == (ranked.size() > 1));
  if (match->runner_up) RC_ASSERT(match->runner_up->node == std::get<2>(ranked[1]));
}

}  // namespace
}  // namespace starminer::protocol
