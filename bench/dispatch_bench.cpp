// What a block pays beside the choice of a node: a job that cannot start and reserves, Premium that looks for work to
// give way, submissions that are refused, a tick; each by the index against a look at every node, in the same market in
// the same run, and both must find the same. Markets: drawn, and those in which bounds help least.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "openb_sizes.h"
#include "protocol/market/admission.h"
#include "protocol/market/node_index.h"
#include "protocol/market/test_world.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

using namespace protocol;
using market_test::JobOf;
using market_test::kAda;
using market_test::kAgpu;
using market_test::kFarm;
using market_test::kGiB;
using market_test::NodeOf;
using market_test::World;

/// What is unusual about the nodes of a market.
enum class Supply { Drawn, AllEqual, OneGpu };

constexpr std::size_t kNodesOfProvider = 4'000;
constexpr std::size_t kNodesOfSite = 64;
constexpr std::size_t kFreePercent = 3;

AccountId provider_of(std::size_t number) {
  AccountId provider = kFarm;
  provider.bytes[18] = static_cast<std::uint8_t>(number >> 8);
  provider.bytes[19] = static_cast<std::uint8_t>(number);
  return provider;
}

/// A market of at least so many GPUs. Every A100 node is held whole by one job that may be given notice, until a time
/// of its own; a few H100 nodes are free.
class Crowd {
 public:
  Crowd(std::uint64_t gpus, Supply supply) : supply_(supply) {
    STARMINER_CHECK(world_.params.set(Parameter::LiveJobsMax, 1'000'000));
    set_typical_demand();
    std::uint64_t made = 0;
    while (made < gpus) {
      const std::uint32_t devices = draw_devices();
      const bool is_free = made * 100 >= gpus * (100 - kFreePercent);
      add(devices, is_free ? "H100" : "A100", is_free);
      made += devices;
    }
    world_.store.commit();
  }

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] MarketView known() const { return world_.market.view(); }
  [[nodiscard]] MarketView scanned() const {
    MarketView view = world_.market.view();
    view.known = nullptr;
    return view;
  }

 private:
  std::uint32_t draw_devices() {
    if (supply_ == Supply::AllEqual) return 8;
    if (supply_ == Supply::OneGpu) return 1;
    std::uint64_t all = 0;
    for (const NodeSize& size : kNodeSizes) all += size.gpus > 0 ? size.count : 0;
    std::uint64_t at = random_() % all;
    for (const NodeSize& size : kNodeSizes) {
      if (size.gpus == 0) continue;
      if (at < size.count) return size.gpus;
      at -= size.count;
    }
    return 8;
  }
  /// So that the rows of the fit term are made once, while the market is small.
  void set_typical_demand() {
    const NodeId first = world_.add_node(NodeOf().devices(8));
    for (const std::uint32_t gpus : {1U, 2U, 4U, 8U}) world_.complete(run(JobOf().gpus(gpus)));
    world_.market.on_epoch(world_.context);
    for (int i = 0; i < 32; ++i) world_.complete(run(JobOf()));
    world_.set_status(first, NodeChange::Leave);
  }
  JobId run(const JobOf& job) {
    const JobId id = world_.queue(job);
    STARMINER_CHECK(world_.match_one(id).has_value());
    return id;
  }
  void add(std::uint32_t devices, const std::string& hardware_class, bool is_free) {
    const bool alike = supply_ == Supply::AllEqual;
    const auto upto = [this](std::uint32_t most) { return static_cast<std::uint32_t>(random_() % (most + 1ULL)); };
    if (nodes_ % kNodesOfProvider == 0) {
      provider_ = provider_of(nodes_ / kNodesOfProvider);
      if (nodes_ > 0) STARMINER_CHECK(world_.ledger.mint_at_genesis(provider_, Asset::Agpu, 100'000 * kAgpu));
    }
    ++nodes_;
    NodeOf node(hardware_class);
    node.devices(devices).region(alike || upto(1) == 0 ? "eu-central" : "eu-north");
    if (!alike) node.rating((hardware_class == "H100" ? 1'840 : 1'000) - upto(100));
    const std::string site = "hall-" + std::to_string(nodes_ / kNodesOfSite);
    const NodeId id = world_.add_node(node.set([devices, &site](NodeRegister& op) {
      op.offer.offer.site = site;
      op.hardware.cpu_threads = 16 * devices;
      op.hardware.ram_bytes = 64 * kGiB * devices;
    }),
                                      provider_);
    if (!is_free) occupy(id, devices, alike ? 3'600 : 600 + upto(40'000));
  }
  void occupy(const NodeId& node, std::uint32_t devices, std::uint64_t max_s) {
    if (supply_ != Supply::AllEqual) world_.wait_ms(1);
    const JobId job = world_.queue(JobOf().preemptible().gpus(devices).max_s(max_s).budget(900 * kAgpu));
    STARMINER_CHECK(world_.match_one(job) == node);
    if (world_.balance(kAda) < 20'000 * kAgpu) {
      STARMINER_CHECK(world_.ledger.mint_at_genesis(kAda, Asset::Agpu, 100'000 * kAgpu));
    }
  }

  Supply supply_;
  World world_;
  std::mt19937_64 random_{1};
  std::size_t nodes_ = 0;
  AccountId provider_;
};

/// Markets are dear to make, so each is made once.
Crowd& crowd_of(std::uint64_t gpus, Supply supply) {
  static std::map<std::pair<std::uint64_t, Supply>, std::unique_ptr<Crowd>> crowds;
  auto& crowd = crowds[{gpus, supply}];
  if (crowd == nullptr) crowd = std::make_unique<Crowd>(gpus, supply);
  return *crowd;
}

JobId number(std::uint64_t n) {
  JobId job;
  std::memcpy(job.bytes.data(), &n, sizeof(n));
  return job;
}

/// A question to a pass, answered in words that both ways must agree on.
using Ask = std::string (*)(DispatchPass&, const MarketView&, TimeMs);

std::string where_it_fits(DispatchPass& pass, const Demand& demand) {
  const auto fit = pass.earliest_fit(demand, demand.classes());
  return fit ? fit->node.text() + " at " + std::to_string(fit->start.ms) : std::string("nowhere");
}

/// The job of eight GPUs at the head of the queue: whether a node takes it, and which one it reserves.
std::string ask_head(DispatchPass& pass, const MarketView& view, TimeMs now) {
  const JobSpec spec = JobOf().gpus(8).spec();
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, now);
  return pass.is_taken(demand, 0) ? "taken" : where_it_fits(pass, demand);
}
std::string ask_one_gpu(DispatchPass& pass, const MarketView& view, TimeMs now) {
  const JobSpec spec = JobOf().spec();
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, now);
  return pass.is_taken(demand, 0) ? "taken" : where_it_fits(pass, demand);
}
/// What no chunk of nodes says: nobody's reputation is that high.
std::string ask_hidden(DispatchPass& pass, const MarketView& view, TimeMs now) {
  const JobSpec spec = JobOf().set([](JobSpec& s) { s.where.reputation_min = 230; }).spec();
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, now);
  return pass.is_taken(demand, 0) ? "taken" : where_it_fits(pass, demand);
}
/// Whom a Premium job would give notice to.
std::string ask_room(DispatchPass& pass, const MarketView& view, TimeMs now) {
  const JobSpec spec = JobOf().premium().spec();
  const Demand demand(view, spec, {kPremium, {}, {}, nullptr, {}}, now);
  const auto found = pass.preemption(demand, number(1), demand.classes());
  return found ? found->node.text() : std::string("nobody");
}

/// 16 GPUs on hosts of one site: which take it now, or are held for it.
std::string ask_gang(DispatchPass& pass, const MarketView& view, TimeMs now, const std::string& hardware_class) {
  const JobSpec spec =
      JobOf().classes({hardware_class}).gpus(16).set([](JobSpec& s) { s.placement = Placement::OneSite; }).spec();
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, now);
  std::string hosts;
  const auto gang = pass.choose_gang(demand, number(1));
  STARMINER_CHECK(gang.has_value());
  for (const Candidate& host : *gang) hosts += host.node.text() + " ";
  return hosts.empty() ? where_it_fits(pass, demand) : hosts;
}
std::string ask_gang_now(DispatchPass& pass, const MarketView& view, TimeMs now) {
  return ask_gang(pass, view, now, "H100");
}
std::string ask_gang_later(DispatchPass& pass, const MarketView& view, TimeMs now) {
  return ask_gang(pass, view, now, "A100");
}

void answer(benchmark::State& state, std::uint64_t gpus, Supply supply, Ask ask, bool by_index) {
  Crowd& crowd = crowd_of(gpus, supply);
  const MarketView view = by_index ? crowd.known() : crowd.scanned();
  {
    const MarketView other = by_index ? crowd.scanned() : crowd.known();
    DispatchPass one(view, crowd.world().context);
    DispatchPass two(other, crowd.world().context);
    STARMINER_CHECK(ask(one, view, crowd.world().context.time) == ask(two, other, crowd.world().context.time));
  }
  for (auto unused : state) {
    DispatchPass pass(view, crowd.world().context);
    benchmark::DoNotOptimize(ask(pass, view, crowd.world().context.time));
  }
}

/// The phase `check` of a submission that is refused in the end; a deadline is so many seconds from now.
void submit(benchmark::State& state, std::uint64_t gpus, JobOf job, std::uint64_t deadline_s, RefusalCode code) {
  World& world = crowd_of(gpus, Supply::Drawn).world();
  if (deadline_s > 0) job.deadline(world.context.time + seconds(deadline_s));
  const auto valid = JobSubmit::validate({"", job.spec()});
  STARMINER_CHECK(valid.has_value());
  for (auto unused : state) {
    const auto checked = world.market.check(*valid, {kAda, 1'000'000'000}, world.context);
    if (checked) {
      state.SkipWithError("it was admitted");
    } else if (checked.error().code != code) {
      state.SkipWithError(checked.error().detail.c_str());
    }
  }
}

void list_nodes(benchmark::State& state, std::uint64_t gpus) {
  const MarketView view = crowd_of(gpus, Supply::Drawn).scanned();
  for (auto unused : state) {
    const double start = thread_seconds();
    benchmark::DoNotOptimize(NodeList(view).all().size());
    state.SetIterationTime(thread_seconds() - start);
  }
}

void tick(benchmark::State& state, std::uint64_t gpus) {
  World& world = crowd_of(gpus, Supply::Drawn).world();
  for (auto unused : state) {
    benchmark::DoNotOptimize(world.market.weigh_load(world.context));
    world.market.on_tick(world.context);
  }
}

/// Matches of one block behind a head of queue that stays, each with its node given back after the block.
void block(benchmark::State& state, std::uint64_t gpus) {
  constexpr int kJobs = 100;
  Crowd& crowd = crowd_of(gpus, Supply::Drawn);
  World& world = crowd.world();
  const JobId head = world.queue(JobOf().gpus(8).budget(900 * kAgpu));
  static_cast<void>(world.match());
  for (auto unused : state) {
    for (int i = 0; i < kJobs; ++i) {
      world.queue(JobOf().any_class().cpu(1 + static_cast<std::uint32_t>(i) % 8).max_s(600).budget(100 * kAgpu));
    }
    const double start = thread_seconds();
    const auto made = world.match();
    state.SetIterationTime(thread_seconds() - start);
    if (made.size() != kJobs || made.front().job == head) state.SkipWithError("not all were matched");
    for (const MatchMade& one : made) world.complete(one.job);
  }
  STARMINER_CHECK(world.cancel(head) == RefusalCode::None);
}

std::string corpus_of(std::uint64_t gpus, const std::string& what) {
  return std::to_string(gpus) + " GPUs" + what + "; all A100 busy, 3 % of the GPUs free H100";
}

void add_question(const std::string& name, std::uint64_t gpus, Supply supply, const std::string& what, Ask ask) {
  compare({"block_" + name + "_over_scan_" + std::to_string(gpus),
           "the same by a look at every node",
           corpus_of(gpus, what),
           {[=](benchmark::State& state) { answer(state, gpus, supply, ask, true); }},
           {[=](benchmark::State& state) { answer(state, gpus, supply, ask, false); }, 1, 3}});
}

void add_all() {
  const auto listed = [](std::uint64_t gpus) { return Side{[=](benchmark::State& s) { list_nodes(s, gpus); }, 1, 3}; };
  for (const std::uint64_t gpus : {10'000ULL, 40'000ULL, 100'000ULL, 1'000'000ULL}) {
    const std::string size = std::to_string(gpus);
    add_question("reserve", gpus, Supply::Drawn, "", ask_head);
    add_question("preempt", gpus, Supply::Drawn, "", ask_room);
    add_question("gang", gpus, Supply::Drawn, "; 16 on hosts of one site, sites of 64 nodes", ask_gang_now);
    add_question("gang_reserve", gpus, Supply::Drawn, "; 16 on hosts of one site, none free", ask_gang_later);
    const std::string list = "making the list of all nodes once, which each of these did before it looked at them";
    // Its deadline leaves no time for a notice.
    const JobOf now = JobOf().premium().max_s(3'600).set([](JobSpec& s) { s.wait = false; });
    const JobOf never = JobOf().gpus(8).cpu(500);
    compare({"block_premium_refused_over_list_" + size,
             list,
             corpus_of(gpus, ""),
             {[=](benchmark::State& state) { submit(state, gpus, now, 3'610, RefusalCode::PremiumCannotStart); }},
             listed(gpus)});
    compare({"block_never_runnable_over_list_" + size,
             list,
             corpus_of(gpus, ""),
             {[=](benchmark::State& state) { submit(state, gpus, never, 0, RefusalCode::NeverRunnable); }},
             listed(gpus)});
    compare({"block_tick_over_list_" + size,
             list,
             corpus_of(gpus, ""),
             {[=](benchmark::State& state) { tick(state, gpus); }},
             listed(gpus)});
    compare({"block_match_behind_head_over_list_" + size,
             list,
             corpus_of(gpus, "; 100 matches in one block, one"),
             {[=](benchmark::State& state) { block(state, gpus); }, 100, 10},
             listed(gpus),
             true});
  }
  for (const std::uint64_t gpus : {40'000ULL, 1'000'000ULL}) {
    add_question("reserve_hidden", gpus, Supply::Drawn, "; a minimum of reputation that nobody has", ask_hidden);
    add_question("reserve_all_equal", gpus, Supply::AllEqual, " on equal nodes that end at once", ask_one_gpu);
    add_question("preempt_all_equal", gpus, Supply::AllEqual, " on equal nodes, all matched at once", ask_room);
    add_question("reserve_one_gpu", gpus, Supply::OneGpu, " on nodes of one GPU", ask_one_gpu);
    add_question("preempt_one_gpu", gpus, Supply::OneGpu, " on nodes of one GPU", ask_room);
  }
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  starminer::bench::add_all();
  return starminer::bench::run_comparisons(argc, argv);
}
