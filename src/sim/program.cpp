#include "sim/program.h"

#include <fmt/format.h>

#include "config/program.h"
#include "sim/commands.h"
#include "sim/policy.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using config::Invocation;

std::string policy_help() {
  std::string text = "Policies, as often as needed; all of them if none is given:";
  std::string_view separator = " ";
  for (const PolicyRow& row : policies()) {
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
  command.option("--policy", request.policies, policy_help()).placeholder("NAME");
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

}  // namespace

int run_program(int argc, const char* const* argv) {
  config::Program program({"starminer-sim", "Try the market's decisions on published traces", STARMINER_VERSION});
  PlacementRequest placement_request;
  add_placement(program, placement_request);
  return program.run(argc, argv);
}

}  // namespace starminer::sim
