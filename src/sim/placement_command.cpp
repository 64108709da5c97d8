// starminer-sim placement: files in, table and JSON out.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/commands.h"
#include "sim/input_file.h"
#include "sim/placement.h"
#include "terminal/table.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using nlohmann::ordered_json;

constexpr std::uint64_t kSeedsMax = 10'000;

struct Seeds {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Seeds> parse_seeds(std::string_view text) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  const auto first = number_of(text.substr(0, dash));
  const auto last = dash == text.size() ? first : number_of(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last - *first >= kSeedsMax) return std::nullopt;
  return Seeds{*first, *last};
}

struct PolicyResults {
  Policy policy{};
  std::vector<PlacementResult> runs;
  Spread at_100;
  Spread at_130;
};

PolicyResults summarise(Policy policy, std::vector<PlacementResult> runs) {
  std::vector<double> at_100;
  std::vector<double> at_130;
  for (const PlacementResult& run : runs) {
    at_100.push_back(run.allocation_at_100);
    at_130.push_back(run.allocation_at_130);
  }
  return {policy, std::move(runs), spread_of(at_100), spread_of(at_130)};
}

/// Enough digits to tell any two results of a cluster apart, few enough to be the same everywhere.
double rounded(double percent) { return static_cast<double>(static_cast<std::int64_t>(percent * 1e6 + 0.5)) / 1e6; }

ordered_json json_of(const Spread& spread) {
  return spread.sd ? ordered_json(rounded(*spread.sd)) : ordered_json(nullptr);
}

ordered_json json_of(const PolicyResults& results) {
  ordered_json runs = ordered_json::array();
  for (const PlacementResult& run : results.runs) {
    runs.push_back({{"seed", run.seed},
                    {"allocation_at_100", rounded(run.allocation_at_100)},
                    {"allocation_at_130", rounded(run.allocation_at_130)},
                    {"arrived", run.arrived},
                    {"placed", run.placed}});
  }
  return {{"allocation_at_100_mean", rounded(results.at_100.mean)},
          {"allocation_at_100_sd", json_of(results.at_100)},
          {"allocation_at_130_mean", rounded(results.at_130.mean)},
          {"allocation_at_130_sd", json_of(results.at_130)},
          {"seeds", std::move(runs)}};
}

std::string with_deviation(const Spread& spread) {
  return spread.sd ? fmt::format("{:.2f} ± {:.2f}", spread.mean, *spread.sd) : fmt::format("{:.2f}", spread.mean);
}

struct Input {
  std::vector<TraceNode> nodes;
  std::vector<TraceJob> jobs;  // sorted by name
  std::uint64_t gpus = 0;
};

Result<Input, FileError> read(const PlacementRequest& request) {
  auto nodes = read_nodes(request.nodes);
  if (!nodes) return fail(nodes.error());
  auto jobs = read_jobs(request.jobs);
  if (!jobs) return fail(jobs.error());
  if (std::all_of(jobs->begin(), jobs->end(), [](const TraceJob& job) { return job.gpus == 0; })) {
    return fail(
        FileError{false, fmt::format("{}: no job asks for a GPU, so demand never grows", request.jobs.string())});
  }
  Input input{std::move(*nodes), std::move(*jobs), 0};
  std::stable_sort(input.jobs.begin(), input.jobs.end(),
                   [](const TraceJob& a, const TraceJob& b) { return a.name < b.name; });
  for (const TraceNode& node : input.nodes) input.gpus += node.gpus;
  return input;
}

std::optional<std::vector<Policy>> policies_of(const std::vector<std::string>& names) {
  std::vector<Policy> found;
  for (const PolicyRow& row : policies()) {
    if (names.empty()) found.push_back(row.policy);
  }
  for (const std::string& name : names) {
    const auto policy = find_policy(name);
    if (!policy) return std::nullopt;
    if (std::find(found.begin(), found.end(), *policy) == found.end()) found.push_back(*policy);
  }
  return found;
}

ordered_json report(const PlacementRequest& request, const Input& input, const std::vector<PolicyResults>& results) {
  ordered_json out;
  out["nodes"] = {{"file", request.nodes.filename().string()}, {"nodes", input.nodes.size()}, {"gpus", input.gpus}};
  out["jobs"] = {{"file", request.jobs.filename().string()}, {"jobs", input.jobs.size()}};
  out["policies"] = ordered_json::object();
  for (const PolicyResults& of_policy : results) out["policies"][policy_name(of_policy.policy)] = json_of(of_policy);
  return out;
}

void print(const config::Invocation& call, const std::vector<PolicyResults>& results) {
  using terminal::Align;
  terminal::Table table({{"POLICY"}, {"AT 100 %", Align::Right, "%"}, {"AT 130 %", Align::Right, "%"}});
  for (const PolicyResults& of_policy : results) {
    table.add({std::string(policy_name(of_policy.policy)), with_deviation(of_policy.at_100),
               with_deviation(of_policy.at_130)});
  }
  call.out.stream() << table.render(call.out) << std::flush;
}

}  // namespace

ExitCode placement(const config::Invocation& call, const PlacementRequest& request) {
  const auto seeds = parse_seeds(request.seeds);
  if (!seeds) {
    return call.fail(ExitCode::Usage, {"--seeds is not understood",
                                       "",
                                       "'" + request.seeds + "'",
                                       {"give one number or a rising range of at most 10000: --seeds 42-51"}});
  }
  const auto chosen = policies_of(request.policies);
  if (!chosen)
    return call.fail(ExitCode::Usage, {"unknown policy", "", "", {"starminer-sim placement --help lists them"}});
  const auto input = read(request);
  if (!input) {
    return call.fail(
        input.error().is_missing ? ExitCode::NotFound : ExitCode::Failure,
        {input.error().is_missing ? "a file cannot be read" : "a file is not as expected", "", input.error().text, {}});
  }
  std::map<Weights, std::unique_ptr<Cluster>> clusters;
  std::vector<PolicyResults> results;
  for (const Policy policy : *chosen) {
    std::unique_ptr<Cluster>& cluster = clusters[weights_of(policy)];
    if (!cluster) {
      auto made = Cluster::make(input->nodes, input->jobs, weights_of(policy));
      if (!made) return call.fail(ExitCode::Refused, {"the cluster cannot be built", "", made.error(), {}});
      cluster = std::move(*made);
    }
    std::vector<PlacementResult> runs;
    for (std::uint64_t seed = seeds->first; seed <= seeds->last; ++seed) {
      if (call.err.interactive()) call.err.line(fmt::format("{}, seed {}", policy_name(policy), seed));
      runs.push_back(run_placement(*cluster, input->jobs, policy, seed));
    }
    results.push_back(summarise(policy, std::move(runs)));
  }
  print(call, results);
  if (request.json.empty()) return ExitCode::Ok;
  std::ofstream out(request.json, std::ios::binary | std::ios::trunc);
  out << report(request, *input, results).dump(1) << '\n' << std::flush;
  if (!out) return call.fail(ExitCode::Failure, {"the results cannot be written", "", request.json.string(), {}});
  return ExitCode::Ok;
}

}  // namespace starminer::sim
