#include "sim/attacks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "base/check.h"
#include "sim/attack_cases.h"
#include "sim/attack_world.h"

namespace starminer::sim {
namespace {

using namespace protocol;

double fees(World& world, double operations) {
  return operations * static_cast<double>(world.market().chain().params.get(Parameter::TxFee)) /
         static_cast<double>(kBasePerToken);
}

// A requester wants 300 GPUs for an hour while the market is short of them and prices cannot answer: the share limit
// alone decides. From one account, or from one for each job; without stake, or with as much of it in all.
AttackRun split_requests(const Case& run, bool staked) {
  WorldOptions options;
  options.seed = run.seed;
  options.prices_move = false;
  options.demand_times = 1.5;
  World world(options, 0);
  world.pass_hours(6);
  constexpr std::uint32_t kJobs = 300;
  for (std::uint32_t i = 0; i < kJobs; ++i) {
    const bool is_new = run.attacks || i == 0;
    const AccountId account = world.account(run.attacks ? i : 0);
    const std::uint64_t least = world.market().chain().params.get(Parameter::StakeMinimum);
    if (staked && is_new) world.market().stake(account, run.attacks ? least : kJobs * least);
    static_cast<void>(world.crowd().add(account, world.crowd().spec_for(kStandard, 1, kHourMs, 2), kHourMs));
  }
  world.crowd().start();
  world.pass_hours(2);
  world.crowd().close();
  // An account more is a transfer more.
  return {world.received().gpu_minutes, 0, run.attacks ? fees(world, kJobs) : 0};
}

AttackRun split_requester(const Case& run) { return split_requests(run, false); }
AttackRun split_requester_staked(const Case& run) { return split_requests(run, true); }

// A provider of half of the nodes, with room to spare everywhere, so that `spread` decides who gets the work.
AttackRun split_provider(const Case& run) {
  WorldOptions options;
  options.seed = run.seed;
  options.prices_move = false;
  options.demand_times = 0.5;
  constexpr std::uint32_t kNodes = 20;
  World world(options, kNodes, [&run](std::uint32_t node, AccountId& provider, NodeRegister&) {
    if (run.attacks) provider = account_of(fmt::format("attacking provider {}", node));
  });
  world.pass_hours(12);
  world.crowd().close();
  return {world.provided().gpu_minutes, 0, run.attacks ? fees(world, 2 * kNodes) : 0};
}

// A quarter of the nodes says that it stands where prices are highest.
AttackRun false_region(const Case& run) {
  WorldOptions options;
  options.seed = run.seed;
  World world(options, kQuarter, [&run](std::uint32_t, AccountId&, NodeRegister& node) {
    if (run.attacks) node.offer.region = "sa-east";
  });
  world.pass_hours(12);
  world.crowd().close();
  return {world.provided().agpu, 0, 0};
}

/// GPU-minutes of a quarter of the nodes that claim so many percent of their speed.
AttackRun rated(const Case& run, std::uint32_t percent, bool first) {
  WorldOptions options;
  options.seed = run.seed;
  options.prices_move = false;
  options.demand_times = 0.5;
  options.attacker_first = first;
  World world(options, kQuarter, [&run, percent](std::uint32_t, AccountId&, NodeRegister& node) {
    std::uint32_t& claim = node.ratings.front().rating.cu_x1000;
    if (run.attacks) claim = claim * percent / 100;
  });
  world.pass_hours(12);
  world.crowd().close();
  return {world.provided().gpu_minutes, 0, 0};
}

AttackRun false_rating(const Case& run) { return rated(run, 500, false); }
AttackRun false_rating_within(const Case& run) { return rated(run, 149, false); }
AttackRun false_rating_first(const Case& run) { return rated(run, 500, true); }

// Six in ten nodes ask for half as much again as the anchor.
AttackRun floors_together(const Case& run) {
  WorldOptions options;
  options.seed = run.seed;
  World world(options, 24, [&run](std::uint32_t, AccountId&, NodeRegister& node) {
    if (run.attacks) node.offer.offer.floor_32nds = 48;
  });
  world.pass_hours(24);
  world.crowd().close();
  return {world.provided().agpu, world.standard_price(), 0};
}

/// What the attacker's accounts do around every tick.
struct Press {
  std::function<void(World&)> before;  // a second before it
  std::function<void(World&)> after;   // right after it
};

/// What a provider of a quarter of the nodes earns in a day while its accounts press, less what that costs.
AttackRun pump(const Case& run, const Press& press, std::map<Parameter, std::uint64_t> parameters,
               const World::Change& change = {}, double elasticity = 1) {
  constexpr std::uint32_t kTicks = 24 * 60;
  constexpr std::uint64_t kBeforeMs = 1'000;
  WorldOptions options;
  options.seed = run.seed;
  options.parameters = std::move(parameters);
  options.elasticity = elasticity;
  World world(options, kQuarter, change);
  world.pass_hours(12);
  const double before = world.provided().agpu;
  double prices = 0;
  for (std::uint32_t tick = 0; tick < kTicks; ++tick) {
    world.crowd().pass_until({world.market().next_tick().ms - kBeforeMs});
    if (run.attacks && press.before) press.before(world);
    world.crowd().start();
    world.pass_ticks(1);
    if (run.attacks && press.after) press.after(world);
    prices += world.standard_price() / kTicks;
  }
  const double lost = world.lost_agpu();
  world.crowd().close();
  // What its own jobs cost is lost, what they brought its nodes is earned.
  const double cost = world.received().agpu + lost;
  return {world.provided().agpu - before - cost, prices, cost};
}

constexpr std::uint32_t kPumpAccounts = 4;

// Jobs of a whole node come a second before the tick at which the load is measured, and those that did not start are
// cancelled right after it: within less than a tick of their submission, so that nothing is burned.
AttackRun pump_cancelled(const Case& run) {
  std::vector<JobId> posted;
  Press press;
  press.before = [&posted](World& world) {
    for (std::uint32_t i = 0; i < kPumpAccounts; ++i) {
      const AccountId account = world.account(i);
      for (int jobs = 0; jobs < 3; ++jobs) {
        const auto job = world.crowd().add(account, world.crowd().spec_for(kStandard, 8, kMinuteMs, 1.2), kMinuteMs);
        if (job) posted.push_back(*job);
      }
    }
  };
  press.after = [&posted](World& world) {
    for (const JobId& job : posted) world.crowd().cancel(job);
    posted.clear();
  };
  std::map<Parameter, std::uint64_t> parameters;
  if (run.undefended)
    parameters = {{Parameter::QueuedLoadMaxPpm, 1'000'000}, {Parameter::RequesterSharePpm, 1'000'000}};
  return pump(run, press, parameters);
}

// Jobs of a whole node come at every tick with a deadline that lets them wait for five minutes: they leave by it.
AttackRun pump_expiring(const Case& run) {
  Press press;
  press.before = [](World& world) {
    for (std::uint32_t i = 0; i < kPumpAccounts; ++i) {
      JobSpec spec = world.crowd().spec_for(kStandard, 8, kMinuteMs, 1.2);
      spec.deadline = world.market().now() + seconds(spec.max_s) + DurationMs{5 * kMinuteMs};
      static_cast<void>(world.crowd().add(world.account(i), spec, kMinuteMs));
    }
  };
  return pump(run, press, {});
}

// Jobs wait for a runtime that one node of the attacker alone has, and on which a job of its own runs all the time.
AttackRun wait_for_own_node(const Case& run, double elasticity) {
  bool begun = false;
  Press press;
  press.before = [&begun](World& world) {
    if (begun) return;
    begun = true;
    for (std::uint32_t i = 0; i < kPumpAccounts; ++i) {
      for (int jobs = 0; jobs < 5; ++jobs) {
        JobSpec spec = world.crowd().spec_for(kStandard, 8, 48 * kHourMs, 30);
        spec.runtime = "rare";
        static_cast<void>(world.crowd().add(world.account(i), spec, 48 * kHourMs));
        world.crowd().start();
      }
    }
  };
  std::map<Parameter, std::uint64_t> parameters;
  if (run.undefended)
    parameters = {{Parameter::QueuedLoadMaxPpm, 1'000'000},
                  {Parameter::RequesterSharePpm, 1'000'000},
                  {Parameter::QueuedLoadServedPpm, 0}};
  const auto rare = [](std::uint32_t node, AccountId&, NodeRegister& registration) {
    if (node == WorldOptions{}.nodes - 1) registration.offer.runtimes = {"rare"};
  };
  return pump(run, press, parameters, rare, elasticity);
}

AttackRun pump_unfillable(const Case& run) { return wait_for_own_node(run, 1); }
AttackRun pump_unfillable_inelastic(const Case& run) { return wait_for_own_node(run, 0.3); }

// Jobs of more GPUs than any node has.
AttackRun pump_impossible(const Case& run) {
  Press press;
  press.before = [](World& world) {
    for (std::uint32_t i = 0; i < kPumpAccounts; ++i) {
      const JobSpec spec = world.crowd().spec_for(kStandard, 16, kHourMs, 10);
      STARMINER_CHECK(!world.crowd().add(world.account(i), spec, kHourMs));
    }
  };
  return pump(run, press, {});
}

// Four accounts fill the queue each hour and take most of it back: what the crowd gets less, beyond what was paid for.
AttackRun flood_queue(const Case& run) {
  WorldOptions options;
  options.seed = run.seed;
  World world(options, 0);
  world.pass_hours(12);
  const double before = world.crowd().crowd().gpu_minutes;
  std::vector<JobId> posted;
  for (std::uint32_t hour = 0; hour < 12; ++hour) {
    for (std::uint32_t i = 0; run.attacks && i < 200; ++i) {
      const auto job = world.crowd().add(world.account(i % kPumpAccounts),
                                         world.crowd().spec_for(kPremium, 8, kMinuteMs, 2), kMinuteMs);
      if (job) posted.push_back(*job);
      if (i == kPumpAccounts - 1) world.crowd().start();
    }
    world.pass_ticks(2);
    for (const JobId& job : posted) world.crowd().cancel(job);
    posted.clear();
    world.pass_ticks(58);
  }
  const double lost = world.lost_agpu();
  world.crowd().close();
  const double crowd = world.crowd().crowd().gpu_minutes - before;
  const double paid_minutes = run.attacks ? world.received().gpu_minutes : 0;
  return {-crowd - paid_minutes, 0, run.attacks ? lost : 0};
}

/// Four accounts ask for a whole node in Premium each, and cancel as soon as others have their notice.
void give_notices(World& world) {
  std::vector<JobId> posted;
  for (std::uint32_t i = 0; i < kPumpAccounts; ++i) {
    const auto job = world.crowd().add(world.account(i), world.crowd().spec_for(kPremium, 8, kMinuteMs, 40), kMinuteMs);
    if (job) posted.push_back(*job);
  }
  world.crowd().start();
  for (const JobId& job : posted) world.crowd().cancel(job);
}

/// Every ten minutes of six hours, in a market that is short of GPUs and whose Economy may be pre-empted.
AttackRun with_notices(const Case& run, bool own_work) {
  WorldOptions options;
  options.seed = run.seed;
  options.demand_times = 1.5;
  options.preemptible = true;
  World world(options, 0);
  world.pass_hours(12);
  const double before = world.crowd().lost_minutes();
  constexpr std::uint32_t kTimes = 36;
  for (std::uint32_t time = 0; time < kTimes; ++time) {
    for (std::uint32_t i = 0; own_work && i < kPumpAccounts; ++i) {
      static_cast<void>(
          world.crowd().add(world.account(i), world.crowd().spec_for(kStandard, 8, 10 * kMinuteMs, 2), 10 * kMinuteMs));
    }
    world.crowd().start();
    if (run.attacks) give_notices(world);
    world.pass_ticks(10);
  }
  const double lost = run.attacks || own_work ? world.lost_agpu() : 0;
  world.crowd().close();
  const double gained = own_work ? world.received().gpu_minutes : world.crowd().lost_minutes() - before;
  return {gained, 0, lost};
}

// Work in Standard waits, and notices that are not meant make room for it.
AttackRun abuse_notices(const Case& run) { return with_notices(run, true); }
// What the crowd's jobs lose, as they begin anew.
AttackRun harm_by_notices(const Case& run) { return with_notices(run, false); }

struct Kind {
  AttackRow row;
  AttackRun (*run)(const Case&);
  bool in_agpu = false;
};

constexpr const char* kMinutes = "GPU-minutes";
constexpr const char* kAgpu = "AGPU";

const std::array<Kind, 28>& kinds() {
  static const std::array<Kind, 28> list = {{
      {{"split-requester", "300 jobs from 300 accounts while GPUs are short and prices stand",
        "the same jobs from one account", kMinutes, "accounts without stake count as one, and go before nobody"},
       split_requester,
       false},
      {{"split-requester-staked", "the same from 300 accounts with the lowest stake each",
        "from one account with all of that stake", kMinutes, "300 AMAX locked for three weeks or more"},
       split_requester_staked,
       false},
      {{"split-provider", "half of the nodes under 20 providers while nodes are free",
        "the same nodes under one provider", kMinutes, "providers without stake count as one in spread"},
       split_provider,
       false},
      {{"false-region", "a quarter of the nodes names the dearest region", "they name their own", kAgpu,
        "without attestors no region makes a node dearer"},
       false_region,
       true},
      {{"false-rating", "a quarter of the nodes claims five times its speed", "they claim their speed", kMinutes,
        "rating check: nodes out of line with their class get no work"},
       false_rating,
       false},
      {{"false-rating-within", "a quarter of the nodes claims 1.49 times its speed, inside the check's band",
        "they claim their speed", kMinutes, "a claim above the median counts as the median"},
       false_rating_within,
       false},
      {{"false-rating-first", "the same five times, by nodes that are registered before all others",
        "they claim their speed", kMinutes, "the class's reference, until there are five nodes"},
       false_rating_first,
       false},
      {{"floors-together", "six in ten nodes ask for 1.5 times the anchor", "they ask for nothing", kAgpu,
        "requesters who stay away"},
       floors_together,
       true},
      {{"pump-cancelled",
        "whole-node jobs come a second before each tick and are cancelled after it; the attacker has a quarter of the "
        "nodes",
        "nothing", kAgpu, "who waits counts after a whole tick, up to a quarter; the surge burn", true},
       pump_cancelled,
       true},
      {{"pump-expiring", "whole-node jobs come at each tick and leave by a deadline five minutes later; the same nodes",
        "nothing", kAgpu, "leaving by a deadline burns what a cancellation does"},
       pump_expiring,
       true},
      {{"pump-unfillable", "whole-node jobs wait for a runtime that one busy node of the attacker has", "nothing",
        kAgpu, "a job that few nodes could serve is no load", true},
       pump_unfillable,
       true},
      {{"pump-unfillable-inelastic", "the same where demand hardly falls with the price: elasticity 0.3", "nothing",
        kAgpu, "the same", true},
       pump_unfillable_inelastic,
       true},
      {{"pump-impossible", "jobs of more GPUs than any node has", "nothing", kAgpu,
        "refused at admission, never counted"},
       pump_impossible,
       true},
      {{"flood-queue", "800 whole-node Premium jobs an hour, cancelled after two minutes", "nothing", kMinutes,
        "escrow, the burn of a cancelled job"},
       flood_queue,
       false},
      {{"notice-abuse",
        "work in Standard waits while 24 times an hour a whole node in Premium is asked for and cancelled as soon as "
        "others have notice",
        "the same work alone", kMinutes, "compensation that is not returned; who is first in the order gets the room"},
       abuse_notices,
       false},
      {{"notice-harm", "the same notices without work of its own: what the crowd's jobs lose", "nothing", kMinutes,
        "compensation that is not returned; the newest go first, and not again within ten minutes"},
       harm_by_notices,
       false},
      {{"pool-decline", "a quarter of the nodes stands by and declines what Economy pays while GPUs are short",
        "the same nodes serve what they get", kAgpu, "declining costs stake, reputation, and the job's whole pay"},
       decline_in_pool,
       true},
      {{"pool-slow",
        "the same nodes acknowledge and begin at the last moment, and sell that time elsewhere at the market's price",
        "they begin at once", kAgpu, "nothing is billed before the run; Premium's late start"},
       dawdle_in_pool,
       true},
      {{"pool-collect",
        "the same nodes never answer, and jobs of a linked requester with the level collect what declining costs",
        "they serve, and the requester stays away", kAgpu, "standing by earns nothing; half of a charge burns"},
       collect_from_pool,
       true},
      {{"pool-drain",
        "four requesters with the level ask for whole nodes of the pool in a surge, and withdraw when they have them",
        "nothing", kMinutes, "nothing: until it runs, a matched job is withdrawn for free"},
       drain_pool,
       false},
      {{"pool-drain-inputs", "the same with inputs that take an hour to fetch, withdrawn before they are there",
        "nothing", kMinutes, "the same"},
       drain_pool_by_inputs,
       false},
      {{"promise-narrow",
        "work that can wait asks for a runtime that one busy node of a stranger has, so that it starts late",
        "the same work without that", kAgpu, "the least promise; only the fees return"},
       narrow_for_late_start,
       true},
      {{"promise-ring",
        "Premium jobs on the requester's own nodes: one provider acknowledges and never begins, so that another is "
        "late",
        "nothing", kAgpu, "the fees of each such job; insurance credits 1 % of what was paid for Premium at most"},
       ring_of_late_starts,
       true},
      {{"promise-linked", "Premium work anywhere; where the requester's own nodes get it first, they never begin",
        "its own nodes serve it", kAgpu, "insurance credits 1 % of what the requester paid for Premium at most"},
       lapse_for_credit,
       true},
      {{"promise-rival",
        "a quarter of the nodes acknowledges Premium jobs and never begins: what those who serve them then, late, and "
        "the insurance "
        "fund pay back",
        "they serve", kAgpu, "a node answers for its own time alone; the fund gives 1 % of itself at most"},
       make_rivals_late,
       true},
      {{"gang-block",
        "four requesters ask for a whole site of 80 GPUs each, and withdraw when they have it, again and again",
        "nothing", kMinutes, "nothing: until it runs, a matched job is withdrawn for free"},
       block_sites,
       false},
      {{"gang-fail", "a quarter of the nodes, one site, fails each gang of 16 GPUs shortly before its end", "it serves",
        kAgpu, "a failure pays nothing and counts for every host"},
       fail_gangs,
       true},
      {{"gang-fail-harm", "the same: what the jobs of others lose", "it serves", kMinutes,
        "a failure pays nothing and counts for every host"},
       harm_by_failed_gangs,
       false},
  }};
  return list;
}

AttackResult measure(const Kind& kind, const AttackOptions& options) {
  AttackResult result;
  result.name = kind.row.name;
  std::vector<double> gains;
  double price = 0;
  double honest_price = 0;
  const double seeds = options.seeds;
  for (std::uint32_t i = 0; i < options.seeds; ++i) {
    const std::uint64_t seed = options.seed + i;
    const AttackRun honest = kind.run({seed, false, options.undefended});
    const AttackRun attack = kind.run({seed, true, options.undefended});
    result.control += honest.gained / seeds;
    result.attack += attack.gained / seeds;
    result.spent += (attack.spent - honest.spent) / seeds;
    price += attack.price;
    honest_price += honest.price;
    gains.push_back(attack.gained - honest.gained);
  }
  result.gain = result.attack - result.control;
  if (honest_price > 0) result.price_change = price / honest_price - 1;
  double squares = 0;
  for (const double gain : gains) squares += (gain - result.gain) * (gain - result.gain);
  result.gain_error = options.seeds > 1 ? std::sqrt(squares / (seeds - 1) / seeds) : 0;
  // A GPU-minute, or what one costs at the first price of an AGPU an hour, for each AGPU spent.
  result.bound = std::max(0.0, result.spent) / (kind.in_agpu ? kMinutesPerHour : 1);
  const double noise = 2 * result.gain_error;
  result.verdict = result.gain > result.bound + noise + 1e-6 ? AttackVerdict::Broken : AttackVerdict::Holds;
  return result;
}

}  // namespace

std::span<const AttackRow> attacks() {
  static const std::vector<AttackRow> rows = [] {
    std::vector<AttackRow> found;
    for (const Kind& kind : kinds()) found.push_back(kind.row);
    return found;
  }();
  return rows;
}

AttackResult run_attack(std::string_view name, const AttackOptions& options) {
  const auto kind =
      std::find_if(kinds().begin(), kinds().end(), [name](const Kind& each) { return each.row.name == name; });
  STARMINER_CHECK(kind != kinds().end() && options.seeds > 0);
  return measure(*kind, options);
}

}  // namespace starminer::sim
