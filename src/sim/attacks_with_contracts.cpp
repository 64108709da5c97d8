// Attacks in worlds where contracts are opened: what providers do with them is part of the attack.
#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "sim/attack_cases.h"
#include "sim/attack_world.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint32_t kAccounts = 4;
constexpr std::uint32_t kWarmUpHours = 12;
constexpr std::uint32_t kHours = 12;
constexpr std::uint32_t kMinutes = 60;
constexpr std::uint32_t kDevices = 8;

Conduct serve(const ContractRow& /*contract*/) { return {}; }

Conduct ignore() { return {Conduct::Answer::Ignores, {}, {}, {}}; }

/// Acknowledged at the last moment and never begun: the job is lost to another a minute and a half after the match.
Conduct stall() { return {Conduct::Answer::Serves, {29'000}, {kHourMs}, {}}; }

bool is_own(const AccountId& account) { return account == attacking_provider(); }

/// A market that is short of GPUs at fixed prices, so that reserves are drawn.
WorldOptions surge(const Case& run) {
  WorldOptions options;
  options.seed = run.seed;
  options.prices_move = false;
  options.demand_times = 1.5;
  options.reserve_level = true;
  options.conduct = serve;
  return options;
}

/// What the attacker's nodes earned, less what they were charged for declining.
double earned(World& world) { return world.provided().agpu - world.charged_agpu(); }

/// What a quarter of the nodes earns in the reserve, behaving so while it attacks.
AttackRun in_pool(const Case& run, const ConductOf& conduct) {
  WorldOptions options = surge(run);
  if (run.attacks) options.conduct = conduct;
  World world(options, kQuarter);
  world.join_reserve();
  world.pass_hours(kWarmUpHours + kHours);
  world.crowd().close();
  return {earned(world), 0, world.charged_agpu()};
}

/// Jobs of whole nodes or sites that are withdrawn before they run, and posted again.
class Withdrawn {
 public:
  Withdrawn(World& world, JobSpec spec) : world_(world), spec_(std::move(spec)) {}

  /// As many of them wait as are wanted.
  void post(std::uint32_t wanted, const std::function<AccountId(std::uint32_t)>& account) {
    while (jobs_.size() < wanted) {
      const auto job = world_.crowd().add(account(next_++ % kAccounts), spec_, kHourMs);
      if (!job) return;
      jobs_.insert(*job);
    }
    world_.crowd().start();
  }

  /// Those that were matched so long ago go.
  void withdraw(DurationMs after) {
    const Chain& chain = world_.market().chain();
    std::erase_if(jobs_, [&](const JobId& job) {
      const JobRow& row = chain.market.jobs().get(job);
      if (row.state == JobState::Queued) return false;
      if (row.state != JobState::Active) return true;
      if (world_.market().now() < chain.contracts.table().get(row.contract).matched + after) return false;
      return world_.crowd().cancel(job);
    });
  }

 private:
  World& world_;
  JobSpec spec_;
  std::set<JobId> jobs_;
  std::uint32_t next_ = 0;
};

/// What a crowd gets less than without the attack, beyond what the attacker's jobs got and paid for.
AttackRun harm_to_crowd(World& world, const Case& run, double crowd_before) {
  const double lost = run.attacks ? world.lost_agpu() : 0;
  world.crowd().close();
  const double crowd = world.crowd().crowd().gpu_minutes - crowd_before;
  const double paid_minutes = run.attacks ? world.received().gpu_minutes : 0;
  return {-crowd - paid_minutes, 0, lost};
}

/// Whole nodes of an honest pool are asked for in a surge, and withdrawn before they run.
AttackRun drain(const Case& run, std::uint64_t fetch_s) {
  World world(surge(run), kQuarter);
  world.join_reserve();
  world.pass_hours(kWarmUpHours);
  const double before = world.crowd().crowd().gpu_minutes;
  JobSpec spec = world.crowd().spec_for(kStandard, kDevices, kHourMs, 2);
  spec.input_bytes = fetch_s * world.market().chain().params.get(Parameter::InputBytesPerSecond);
  if (fetch_s != 0) spec.inputs = {spec.manifest_hash};
  Withdrawn jobs(world, spec);
  const auto account = [&world](std::uint32_t number) { return world.drawing_account(number); };
  constexpr DurationMs kNearlyAnHour{59 * kMinuteMs};
  for (std::uint32_t tick = 0; tick < kHours * kMinutes; ++tick) {
    if (run.attacks) jobs.post(kQuarter, account);
    if (fetch_s != 0 || !run.attacks) {
      world.pass_ticks(1);
      jobs.withdraw(kNearlyAnHour);
    } else {
      world.pass_tick_watching([&jobs] { jobs.withdraw({}); });
    }
  }
  return harm_to_crowd(world, run, before);
}

/// Work of one kind, every half an hour.
struct Work {
  JobSpec spec;
  std::uint64_t run_ms = 0;
  bool is_wanted = true;  // without the attack, too
};

/// AGPU that late starts were worth, of those that are asked for.
template <class Wanted>
double made_good(World& world, const Wanted& wanted) {
  double sum = 0;
  for (const MadeGood& late : world.market().service().made_good()) sum += static_cast<double>(wanted(late).base);
  return sum / static_cast<double>(kBasePerToken);
}

/// What a day of it gains, with what the attacker's nodes earn. Work that is wanted is worth its bill before anything
/// was returned of it; of the rest, all that is paid is lost.
AttackRun work_for_a_day(World& world, const Work& work) {
  const double before = world.provided().agpu;
  const AccountId requester = world.account(0);
  for (std::uint32_t half_hour = 0; half_hour < 48; ++half_hour) {
    static_cast<void>(world.crowd().add(requester, work.spec, work.run_ms));
    world.crowd().start();
    world.pass_ticks(kMinutes / 2);
  }
  world.pass_hours(2);
  const double lost = world.lost_agpu();
  world.crowd().close();
  const double earned_agpu = world.provided().agpu - before;
  if (!work.is_wanted) {
    const double cost = world.received().agpu + lost;
    return {earned_agpu - cost, 0, cost};
  }
  const double returned = made_good(
      world, [&requester](const MadeGood& late) { return late.requester == requester ? late.returned : Agpu{}; });
  return {earned_agpu + returned - lost, 0, std::max(0.0, lost)};
}

/// A market with room to spare at fixed prices.
WorldOptions quiet(const Case& run) {
  WorldOptions options;
  options.seed = run.seed;
  options.prices_move = false;
  options.demand_times = 0.9;
  options.conduct = serve;
  return options;
}

/// Four sites of ten nodes, one of them the attacker's, and a stranger who asks for gangs of 16 GPUs.
struct GangsServed {
  double profit = 0;        // AGPU of the attacker's site
  double lost_minutes = 0;  // of jobs that had to begin anew
};
GangsServed serve_gangs(const Case& run) {
  constexpr std::uint32_t kGpus = 16;
  WorldOptions options = quiet(run);
  options.nodes_per_provider = kQuarter;
  options.conduct = [&run](const ContractRow& contract) {
    Conduct conduct;
    if (run.attacks && is_own(contract.provider) && !contract.gang.empty()) {
      conduct.fails_after = DurationMs{54 * kMinuteMs};
    }
    return conduct;
  };
  World world(options, kQuarter);
  const AccountId stranger = account_of("requester of gangs");
  world.market().fund(stranger, {1'000'000 * kBasePerToken});
  world.pass_hours(kWarmUpHours);
  const double before = world.provided().agpu;
  const double lost_before = world.crowd().lost_minutes();
  for (std::uint32_t half_hour = 0; half_hour < 2 * kHours; ++half_hour) {
    JobSpec spec = world.crowd().spec_for(kStandard, kGpus, kHourMs, 2);
    spec.placement = Placement::OneSite;
    static_cast<void>(world.crowd().add(stranger, spec, kHourMs));
    world.crowd().start();
    world.pass_ticks(kMinutes / 2);
  }
  world.crowd().close();
  return {world.provided().agpu - before, world.crowd().lost_minutes() - lost_before};
}

}  // namespace

AttackRun decline_in_pool(const Case& run) {
  return in_pool(run, [](const ContractRow& contract) {
    Conduct conduct;
    if (is_own(contract.provider) && contract.price.tier == kEconomy) conduct.answer = Conduct::Answer::Declines;
    return conduct;
  });
}

AttackRun dawdle_in_pool(const Case& run) {
  static constexpr DurationMs kLastAck{29'000};
  static constexpr DurationMs kLastStart{kLastAck.ms + 59'000};
  double sold_agpu = 0;
  AttackRun found = in_pool(run, [&sold_agpu](const ContractRow& contract) {
    if (!is_own(contract.provider)) return Conduct{};
    const double gpu_hours = static_cast<double>(contract.billing_milli) / 1000 * static_cast<double>(kLastStart.ms) /
                             static_cast<double>(kHourMs);
    sold_agpu +=
        gpu_hours * static_cast<double>(contract.price.unit.nagpu_per_gpu_hour) / static_cast<double>(kBasePerToken);
    return Conduct{Conduct::Answer::Serves, kLastAck, kLastStart, {}};
  });
  found.gained += sold_agpu;
  return found;
}

AttackRun collect_from_pool(const Case& run) {
  WorldOptions options = surge(run);
  if (run.attacks) {
    options.conduct = [](const ContractRow& contract) { return is_own(contract.provider) ? ignore() : Conduct{}; };
  }
  World world(options, kQuarter);
  world.join_reserve();
  world.pass_hours(kWarmUpHours);
  constexpr std::uint64_t kRunMs = 10 * kMinuteMs;
  for (std::uint32_t turn = 0; turn < kHours * 6; ++turn) {
    for (std::uint32_t i = 0; run.attacks && i < kAccounts; ++i) {
      const JobSpec spec = world.crowd().spec_for(kStandard, 1, kRunMs, 2);
      static_cast<void>(world.crowd().add(world.drawing_account(i), spec, kRunMs));
    }
    world.crowd().start();
    world.pass_ticks(10);
  }
  const double lost = run.attacks ? world.lost_agpu() : 0;
  world.crowd().close();
  return {earned(world) - lost, 0, world.charged_agpu() + std::max(0.0, lost)};
}

AttackRun drain_pool(const Case& run) { return drain(run, 0); }

AttackRun drain_pool_by_inputs(const Case& run) { return drain(run, kHourMs / 1000); }

// Whole nodes for half an hour: a busy node comes free for them rarely.
AttackRun narrow_for_late_start(const Case& run) {
  WorldOptions options = quiet(run);
  options.rare_node = true;
  World world(options, 0);
  world.pass_hours(kWarmUpHours);
  Work work{world.crowd().spec_for(kStandard, kDevices, 30 * kMinuteMs, 2), 30 * kMinuteMs};
  if (run.attacks) work.spec.runtime = "rare";
  return work_for_a_day(world, work);
}

AttackRun ring_of_late_starts(const Case& run) {
  const AccountId partner = account_of("partner of the attacking provider");
  std::optional<AccountId> requester;
  WorldOptions options = quiet(run);
  options.conduct = [&requester](const ContractRow& contract) {
    if (!requester || contract.requester != *requester) return Conduct{};
    return contract.attempt == 0 ? stall() : Conduct{};
  };
  World world(options, kQuarter, [&partner](std::uint32_t node, AccountId& provider, NodeRegister& registration) {
    if (node % 2 == 1) provider = partner;
    registration.offer.runtimes = {"ring"};
  });
  world.pass_hours(kWarmUpHours);
  if (run.attacks) {
    requester = world.account(0);
    Work work{world.crowd().spec_for(kPremium, kDevices, 10 * kMinuteMs, 2), 10 * kMinuteMs, false};
    work.spec.runtime = "ring";
    return work_for_a_day(world, work);
  }
  const double before = world.provided().agpu;
  world.pass_hours(26);
  world.crowd().close();
  return {world.provided().agpu - before, 0, 0};
}

AttackRun lapse_for_credit(const Case& run) {
  WorldOptions options = quiet(run);
  std::optional<AccountId> requester;
  options.conduct = [&](const ContractRow& contract) {
    return run.attacks && requester && contract.requester == *requester && is_own(contract.provider) ? stall()
                                                                                                     : Conduct{};
  };
  World world(options, kQuarter);
  world.pass_hours(kWarmUpHours);
  requester = world.account(0);
  return work_for_a_day(world, {world.crowd().spec_for(kPremium, kDevices, 20 * kMinuteMs, 2), 20 * kMinuteMs});
}

AttackRun make_rivals_late(const Case& run) {
  WorldOptions options = quiet(run);
  options.conduct = [&run](const ContractRow& contract) {
    return run.attacks && is_own(contract.provider) && contract.price.tier == kPremium ? stall() : Conduct{};
  };
  World world(options, kQuarter);
  world.pass_hours(kWarmUpHours + kHours);
  world.crowd().close();
  const double credited = made_good(world, [](const MadeGood& late) {
    return is_own(late.provider) ? Agpu{} : Agpu{late.returned.base + late.insured.base};
  });
  return {credited, 0, -world.provided().agpu};
}

AttackRun block_sites(const Case& run) {
  WorldOptions options = surge(run);
  options.nodes_per_provider = kQuarter;
  World world(options, 0);
  world.pass_hours(kWarmUpHours);
  const double before = world.crowd().crowd().gpu_minutes;
  JobSpec spec = world.crowd().spec_for(kStandard, kQuarter * kDevices, kHourMs, 2);
  spec.placement = Placement::OneSite;
  Withdrawn gangs(world, spec);
  for (std::uint32_t tick = 0; tick < kHours * kMinutes; ++tick) {
    if (run.attacks) gangs.post(kAccounts, [&world](std::uint32_t number) { return world.account(number); });
    world.pass_tick_watching([&gangs] { gangs.withdraw({}); });
  }
  return harm_to_crowd(world, run, before);
}

AttackRun fail_gangs(const Case& run) { return {serve_gangs(run).profit, 0, 0}; }

AttackRun harm_by_failed_gangs(const Case& run) {
  const GangsServed served = serve_gangs(run);
  return {served.lost_minutes, 0, -served.profit};
}

}  // namespace starminer::sim
