#include "sim/program.h"

#include <span>

#include <fmt/format.h>

#include "config/program.h"
#include "sim/attacks.h"
#include "sim/commands.h"
#include "sim/policy.h"
#include "sim/scheduler.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using config::Invocation;

template <class Row>
std::string policy_help(std::span<const Row> rows) {
  std::string text = "Policies, as often as needed; all of them if none is given:";
  std::string_view separator = " ";
  for (const Row& row : rows) {
    text += fmt::format("{}{} ({})", separator, row.name, row.what);
    separator = ", ";
  }
  return text + ".";
}

void add_placement(config::Program& program, PlacementRequest& request) {
  config::Command& command =
      program.root().add("placement", "How full a cluster gets when jobs arrive until all GPUs are asked for");
  command.describe(
      "Jobs of the list arrive one by one in random order, stay for good, and are dropped where they fit nowhere; jobs "
      "drawn from the list follow until 130 % of the GPUs have been asked for. Shown is the share of GPUs that is "
      "allocated when 100 % and 130 % have been asked for: mean and deviation over the seeds. This is the experiment "
      "of the FGD paper (USENIX ATC'23); the market's choice runs through the code that the node runs.\n\n"
      "Files are CSV in the columns of Alibaba's openb traces: nodes sn, cpu_milli, memory_mib, gpu, model; jobs name, "
      "cpu_milli, memory_mib, num_gpu, gpu_milli and gpu_spec.");
  command.option("--nodes", request.nodes, "List of nodes.").required().completes(config::Completion::File);
  command.option("--jobs", request.jobs, "List of jobs.").required().completes(config::Completion::File);
  command.option("--seeds", request.seeds, "Seeds, one run each: 42-51, or one number.").placeholder("A-B");
  command.option("--policy", request.policies, policy_help(policies())).placeholder("NAME");
  command.option("--json", request.json, "File for the results; the same seeds give the same bytes.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command
      .example("starminer-sim placement --nodes nodes.csv --jobs pods.csv --json placement.json",
               "Ten seeds of every policy")
      .example("starminer-sim placement --nodes nodes.csv --jobs pods.csv --seeds 42 --policy fit --policy best-fit",
               "Two policies, one seed")
      .returns(ExitCode::NotFound, "a file cannot be read")
      .run([&request](const Invocation& call) { return placement(call, request); });
}

void add_replay(config::Program& program, ReplayRequest& request) {
  config::Command& command = program.root().add("replay", "Who would have waited how long: a trace replayed in time");
  command.describe(
      "Jobs arrive when they did in the trace and run as long as they did; who starts when and where is decided anew: "
      "by "
      "the market (submission, queue, EASY backfill, dispatch, ticks and epochs as a node runs them) and by simple "
      "rules. Shown are how full the GPUs were from the first to the last arrival, what lay idle while a job waited "
      "that "
      "it would have taken, and how long jobs waited and took.\n\n"
      "Contracts are not opened: nodes start what they get at once. A job of more GPUs than any node has goes to hosts "
      "of one model in equal parts, all or nothing, since all nodes of a trace lie at one site; a job that could never "
      "run is refused. Prices stand at their anchors, but with the policy moving they follow the load as on "
      "a chain: each job then has a limit, at least the first price and for half of the jobs twice of it, and waits "
      "while the price is above; prices, their bands and how often these held are shown, too.\n\n"
      "Lists of jobs: Alibaba's openb (with creation_time, scheduled_time, deletion_time, qos), Muri's Philly lists "
      "(job_id, num_gpu, submit_s, duration_s), Sia's (name, time, num_replicas; with --run-time). Tiers follow the "
      "qos "
      "of openb: BE is Economy, LS and Guaranteed are Premium; other jobs are Standard.");
  command.option("--nodes", request.nodes, "List of nodes: sn, cpu_milli, memory_mib, gpu, model.")
      .required()
      .completes(config::Completion::File);
  command.option("--jobs", request.jobs, "List of jobs.").required().completes(config::Completion::File);
  command.option("--policy", request.policies, policy_help(rules())).placeholder("NAME");
  command
      .option(
          "--stated", request.stated_percent,
          "Maximum run time that jobs state, in percent of what they run, 100 to 10000; 0: nobody knows, all state the "
          "longest there is. The market's backfill counts with it.")
      .placeholder("PERCENT");
  command.option("--run-time", request.run_time_s, "Run time of the jobs of a list that states none, in seconds.")
      .placeholder("SECONDS");
  command.option("--seed", request.seed, "Seed of ties and of the policy random.");
  command.option("--json", request.json, "File for the results; the same seed gives the same bytes.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.option("--plots", request.plots, "Folder for plots over time (SVG).")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command
      .example("starminer-sim replay --nodes nodes.csv --jobs pods.csv --json replay.json", "Every policy on a trace")
      .example(
          "starminer-sim replay --nodes nodes.csv --jobs philly.csv --policy market --policy backfill --plots plots",
          "Two policies, with plots")
      .returns(ExitCode::NotFound, "a file cannot be read")
      .run([&request](const Invocation& call) { return replay_trace(call, request); });
}

void add_prices(config::Program& program, PricesRequest& request) {
  config::Command& command = program.root().add("prices", "How prices answer when demand or supply changes at once");
  command.describe(
      "A whole market: requesters of all tiers come by the price, their jobs of 1 to 8 GPUs run for log-normal times, "
      "wait where nothing is free, are parked where the price is above their limit, and leave when they waited four "
      "hours on average; queue, matching, prices and payments are the protocol's own. After 24 hours demand or supply "
      "changes. Shown are the overshoot of the mean path as a share of the move that restores the target load, and how "
      "long 85 % of that move took.");
  command.option("--nodes", request.nodes, "Number of nodes, up to 4000.");
  command.option("--devices", request.devices, "GPUs of a node, 1 to 64.");
  command.option("--demand", request.demand_percent, "Demand after the change, in percent, 1 to 1000.")
      .placeholder("PERCENT");
  command.option("--supply", request.supply_percent, "Nodes after the change, in percent, 1 to 100.")
      .placeholder("PERCENT");
  command
      .option("--elasticity", request.elasticity_percent,
              "Percent by which demand falls when the price rises by one percent, times 100: 10 to 500.")
      .placeholder("PERCENT");
  command.option("--run-time", request.run_minutes, "Mean run time in minutes, 5 to 1440.").placeholder("MINUTES");
  command.option("--hours", request.hours_after, "Hours after the change, 12 to 1000.").placeholder("HOURS");
  command.option("--paths", request.paths, "Paths over which the mean is taken, 1 to 1000.");
  command.option("--seed", request.seed, "Seed of demand and ties.");
  command.option("--json", request.json, "File for the results; the same seed gives the same bytes.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.option("--plots", request.plots, "Folder for plots over time (SVG).")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.example("starminer-sim prices --demand 200 --plots plots", "Demand doubles")
      .example("starminer-sim prices --supply 50 --json supply.json", "Half of the nodes fall silent")
      .example("starminer-sim prices --nodes 1 --paths 1 --hours 480", "A class too small for a load of each tier")
      .run([&request](const Invocation& call) { return prices(call, request); });
}

void add_attacks(config::Program& program, AttacksRequest& request) {
  std::string list = "Attacks, as often as needed; all of them if none is given:";
  std::string_view separator = " ";
  for (const AttackRow& row : attacks()) {
    list += fmt::format("{}{} ({})", separator, row.name, row.attack);
    separator = ", ";
  }
  config::Command& command = program.root().add("attacks", "What cheating the market is worth");
  command.describe(
      "Every attack runs on the protocol's own modules among an honest crowd, and beside it the same world with an "
      "attacker who behaves. The gain is the difference of the two, averaged over seeds, with its standard error. An "
      "attack holds to its bound where it gains at most a GPU-minute, or what one costs at the first price, for each "
      "AGPU spent on it, two standard errors allowed for.");
  command.option("--only", request.only, list + ".").placeholder("NAME");
  command.option("--seed", request.seed, "First seed.");
  command.option("--seeds", request.seeds, "Number of worlds, 1 to 1000.");
  command.option("--undefended", request.undefended,
                 "Switches the defence off where a parameter can: what is it worth?");
  command.option("--json", request.json, "File for the results; the same seeds give the same bytes.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.example("starminer-sim attacks --json attacks.json", "All attacks")
      .example("starminer-sim attacks --only pump-unfillable --seeds 16", "One, more exactly")
      .run([&request](const Invocation& call) { return run_attacks(call, request); });
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  config::Program program({"starminer-sim", "Try the market's decisions on published traces", STARMINER_VERSION});
  PlacementRequest placement_request;
  add_placement(program, placement_request);
  ReplayRequest replay_request;
  add_replay(program, replay_request);
  PricesRequest prices_request;
  add_prices(program, prices_request);
  AttacksRequest attacks_request;
  add_attacks(program, attacks_request);
  return program.run(argc, argv);
}

}  // namespace starminer::sim
