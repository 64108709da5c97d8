// starminer-sim replay: files in; table, JSON and plots out.
#include <algorithm>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/commands.h"
#include "sim/input_file.h"
#include "sim/plot.h"
#include "sim/price_report.h"
#include "sim/replay.h"
#include "terminal/table.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using nlohmann::ordered_json;

constexpr std::uint32_t kStatedMin = 100;
constexpr std::uint32_t kStatedMax = 10'000;

struct NamedResult {
  std::string name;
  ReplayResult result;
};

double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 1e4 + 0.5)) / 1e4; }

ordered_json json_of(const Distribution& found) {
  return {{"count", found.count},
          {"mean_s", rounded(found.mean)},
          {"p50_s", rounded(found.p50)},
          {"p90_s", rounded(found.p90)},
          {"p99_s", rounded(found.p99)}};
}

ordered_json json_of(const std::map<std::string, Distribution>& groups) {
  ordered_json out = ordered_json::object();
  for (const auto& [name, found] : groups) out[name] = json_of(found);
  return out;
}

ordered_json json_of(const ReplayResult& result) {
  ordered_json out;
  out["jobs"] = result.jobs;
  out["finished"] = result.finished;
  out["refused"] = result.refused;
  out["window_hours"] = rounded(result.window_hours);
  out["makespan_hours"] = rounded(result.makespan_hours);
  out["allocation_mean"] = rounded(result.allocation);
  out["fragmentation_mean"] = rounded(result.fragmentation);
  out["idle_while_waiting_gpu_hours"] = rounded(result.idle_while_waiting_gpu_hours);
  out["wait"] = json_of(result.wait);
  out["wait_by_tier"] = json_of(result.wait_by_tier);
  out["wait_by_size"] = json_of(result.wait_by_size);
  out["completion"] = json_of(result.completion);
  out["fairness"] = rounded(result.fairness);
  if (!result.prices.empty()) out["prices"] = json_of(result.prices);
  if (result.revenue_agpu > 0) {
    out["revenue_agpu"] = rounded(result.revenue_agpu);
    out["revenue_agpu_per_gpu_hour"] = rounded(result.revenue_agpu_per_gpu_hour);
  }
  return out;
}

void print(const config::Invocation& call, const std::vector<NamedResult>& results) {
  using terminal::Align;
  terminal::Table table({{"POLICY"},
                         {"DONE", Align::Right},
                         {"FULL", Align::Right, "%"},
                         {"FRAGMENTED", Align::Right, "%"},
                         {"IDLE WHILE WAITED FOR", Align::Right, "GPU h"},
                         {"WAIT P50", Align::Right, "s"},
                         {"P90", Align::Right, "s"},
                         {"P99", Align::Right, "s"},
                         {"MEAN COMPLETION", Align::Right, "s"},
                         {"FAIRNESS", Align::Right}});
  for (const auto& [name, result] : results) {
    table.add({name, fmt::format("{}", result.finished), fmt::format("{:.2f}", result.allocation),
               fmt::format("{:.2f}", result.fragmentation), fmt::format("{:.0f}", result.idle_while_waiting_gpu_hours),
               fmt::format("{:.0f}", result.wait.p50), fmt::format("{:.0f}", result.wait.p90),
               fmt::format("{:.0f}", result.wait.p99), fmt::format("{:.0f}", result.completion.mean),
               fmt::format("{:.3f}", result.fairness)});
  }
  call.out.stream() << table.render(call.out) << std::flush;
  for (const auto& [name, result] : results) {
    if (!result.prices.empty()) print_prices(call, result.prices);
  }
}

bool write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  return out.good();
}

/// A plot for every class: the prices of its tiers, and Standard's band.
bool write_price_plots(const std::filesystem::path& folder, const std::vector<NamedResult>& results) {
  for (const auto& [name, result] : results) {
    std::map<protocol::ClassId, std::vector<PriceCourse>> by_class;
    for (const PriceCourse& course : result.prices) by_class[course.key.hardware_class].push_back(course);
    for (const auto& [id, courses] : by_class) {
      const std::string file = by_class.size() == 1 ? "prices.svg" : fmt::format("prices-{}.svg", id);
      if (!write_file(folder / file, svg_of(price_plot(courses)))) return false;
    }
  }
  return true;
}

bool write_plots(const std::filesystem::path& folder, const std::vector<NamedResult>& results) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  Plot allocated{"GPUs allocated", "hours since the first arrival", "%", {}};
  Plot fragmented{"GPUs free and of no use to a typical job", "hours since the first arrival", "%", {}};
  Plot waiting{"Jobs that wait", "hours since the first arrival", "jobs", {}};
  for (const auto& [name, result] : results) {
    Line full{name, {}};
    Line useless{name, {}};
    Line queue{name, {}};
    for (const ReplaySample& sample : result.samples) {
      full.points.emplace_back(sample.hour, sample.allocated);
      useless.points.emplace_back(sample.hour, sample.fragmented);
      queue.points.emplace_back(sample.hour, static_cast<double>(sample.waiting));
    }
    allocated.lines.push_back(std::move(full));
    fragmented.lines.push_back(std::move(useless));
    waiting.lines.push_back(std::move(queue));
  }
  return write_file(folder / "allocated.svg", svg_of(allocated)) &&
         write_file(folder / "fragmented.svg", svg_of(fragmented)) &&
         write_file(folder / "waiting.svg", svg_of(waiting)) && write_price_plots(folder, results);
}

std::optional<std::vector<Rule>> rules_of(const std::vector<std::string>& names) {
  std::vector<Rule> found;
  for (const RuleRow& row : rules()) {
    if (names.empty()) found.push_back(row.rule);
  }
  for (const std::string& name : names) {
    const auto rule = find_rule(name);
    if (!rule) return std::nullopt;
    if (std::find(found.begin(), found.end(), *rule) == found.end()) found.push_back(*rule);
  }
  return found;
}

ordered_json report(const ReplayRequest& request, const TraceRuns& runs, const std::vector<NamedResult>& results) {
  ordered_json out;
  out["nodes"] = request.nodes.filename().string();
  out["jobs"] = {{"file", request.jobs.filename().string()}, {"jobs", runs.runs.size()}, {"left_out", runs.left_out}};
  out["stated_percent"] = request.stated_percent;
  out["seed"] = request.seed;
  out["policies"] = ordered_json::object();
  for (const auto& [name, result] : results) out["policies"][name] = json_of(result);
  return out;
}

ExitCode fail_with(const config::Invocation& call, const FileError& error) {
  return call.fail(error.is_missing ? ExitCode::NotFound : ExitCode::Failure,
                   {error.is_missing ? "a file cannot be read" : "a file is not as expected", "", error.text, {}});
}

}  // namespace

ExitCode replay_trace(const config::Invocation& call, const ReplayRequest& request) {
  if (request.stated_percent != 0 && (request.stated_percent < kStatedMin || request.stated_percent > kStatedMax)) {
    return call.fail(ExitCode::Usage, {"--stated is out of range",
                                       "",
                                       fmt::format("{}", request.stated_percent),
                                       {"give 100 to 10000 percent, or 0 where nobody knows"}});
  }
  const auto chosen = rules_of(request.policies);
  if (!chosen)
    return call.fail(ExitCode::Usage, {"unknown policy", "", "", {"starminer-sim replay --help lists them"}});
  const auto nodes = read_nodes(request.nodes);
  if (!nodes) return fail_with(call, nodes.error());
  const auto runs = read_runs(request.jobs, request.run_time_s);
  if (!runs) return fail_with(call, runs.error());
  std::vector<NamedResult> results;
  for (const Rule rule : *chosen) {
    const std::string name(rules()[static_cast<std::size_t>(rule)].name);
    if (call.err.interactive()) call.err.line(name);
    auto scheduler = make_scheduler(rule, *nodes, runs->runs, {request.stated_percent, request.seed});
    if (!scheduler) return call.fail(ExitCode::Refused, {"the cluster cannot be built", "", scheduler.error(), {}});
    results.push_back({name, replay(**scheduler, runs->runs)});
  }
  print(call, results);
  if (!request.json.empty() && !write_file(request.json, report(request, *runs, results).dump(1) + "\n")) {
    return call.fail(ExitCode::Failure, {"the results cannot be written", "", request.json.string(), {}});
  }
  if (!request.plots.empty() && !write_plots(request.plots, results)) {
    return call.fail(ExitCode::Failure, {"the plots cannot be written", "", request.plots.string(), {}});
  }
  return ExitCode::Ok;
}

}  // namespace starminer::sim
