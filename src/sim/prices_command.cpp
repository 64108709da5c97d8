// starminer-sim prices: options in; table, JSON and plot out.
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/commands.h"
#include "sim/price_report.h"
#include "sim/response.h"
#include "terminal/table.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using nlohmann::ordered_json;

double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 1e4 + 0.5)) / 1e4; }

struct Bound {
  const char* option;
  std::uint32_t value;
  std::uint32_t least;
  std::uint32_t most;
};

/// The first option that is out of its range.
std::string out_of_range(const PricesRequest& request) {
  for (const Bound& bound :
       {Bound{"--nodes", request.nodes, 1, 4'000}, Bound{"--devices", request.devices, 1, 64},
        Bound{"--demand", request.demand_percent, 1, 1'000}, Bound{"--supply", request.supply_percent, 1, 100},
        Bound{"--elasticity", request.elasticity_percent, 10, 500}, Bound{"--run-time", request.run_minutes, 5, 1'440},
        Bound{"--hours", request.hours_after, 12, 1'000}, Bound{"--paths", request.paths, 1, 1'000}}) {
    if (bound.value < bound.least || bound.value > bound.most) {
      return fmt::format("{} is {}, expected {} to {}", bound.option, bound.value, bound.least, bound.most);
    }
  }
  return {};
}

ResponseOptions options_of(const PricesRequest& request) {
  ResponseOptions options;
  options.nodes = request.nodes;
  options.devices_per_node = request.devices;
  options.demand_times = request.demand_percent / 100.0;
  options.supply_times = request.supply_percent / 100.0;
  options.elasticity = request.elasticity_percent / 100.0;
  options.mean_run_s = request.run_minutes * 60.0;
  options.hours_after = request.hours_after;
  options.paths = request.paths;
  options.seed = request.seed;
  return options;
}

void print(const config::Invocation& call, const PricesRequest& request, const ResponseResult& result) {
  const bool moves = request.demand_percent != request.supply_percent;
  using terminal::Align;
  terminal::Table table({{"TIER"},
                         {"OVERSHOOT", Align::Right, "%"},
                         {"85 % AFTER", Align::Right, "h"},
                         {"LARGEST STEP", Align::Right, "%"},
                         {"DEVIATION OF LOG PRICE", Align::Right},
                         {"LOAD AT END", Align::Right, "%"}});
  for (const TierResponse& tier : result.tiers) {
    table.add({tier.tier, fmt::format("{:.1f}", 100 * tier.overshoot),
               !moves                 ? "no move"
               : tier.hours_to_85 < 0 ? "never"
                                      : fmt::format("{:.1f}", tier.hours_to_85),
               fmt::format("{:.2f}", 100 * tier.largest_step), fmt::format("{:.3f}", tier.log_deviation),
               fmt::format("{:.1f}", 100 * tier.load_at_end)});
  }
  call.out.stream() << table.render(call.out) << std::flush;
  call.out.line(fmt::format(
      "GPUs used {:.1f} % before, {:.1f} % at the end; revenue {:.3f} AGPU per GPU-hour, {:.1f} % of it burned; {} of "
      "{} "
      "jobs gave up waiting, {} were refused; {} envelopes broken",
      100 * result.used_before, 100 * result.used_after, result.revenue_agpu_per_gpu_hour, 100 * result.burned_share,
      result.gave_up, result.submitted, result.refused, result.envelopes_broken));
}

ordered_json report(const PricesRequest& request, const ResponseResult& result) {
  ordered_json out;
  out["options"] = {{"nodes", request.nodes},
                    {"devices", request.devices},
                    {"demand_percent", request.demand_percent},
                    {"supply_percent", request.supply_percent},
                    {"elasticity_percent", request.elasticity_percent},
                    {"run_minutes", request.run_minutes},
                    {"hours_after", request.hours_after},
                    {"paths", request.paths},
                    {"seed", request.seed}};
  out["tiers"] = ordered_json::object();
  for (const TierResponse& tier : result.tiers) {
    out["tiers"][tier.tier] = {
        {"overshoot", rounded(tier.overshoot)},
        {"hours_to_85", tier.hours_to_85 < 0 ? ordered_json() : ordered_json(rounded(tier.hours_to_85))},
        {"largest_step", rounded(tier.largest_step)},
        {"log_deviation", rounded(tier.log_deviation)},
        {"load_at_end", rounded(tier.load_at_end)}};
  }
  out["used_before"] = rounded(result.used_before);
  out["used_after"] = rounded(result.used_after);
  out["waiting_jobs_12h"] = rounded(result.waiting_jobs_12h);
  out["submitted"] = result.submitted;
  out["refused"] = result.refused;
  out["gave_up"] = result.gave_up;
  out["revenue_agpu_per_gpu_hour"] = rounded(result.revenue_agpu_per_gpu_hour);
  out["burned_share"] = rounded(result.burned_share);
  out["envelopes_broken"] = result.envelopes_broken;
  out["first_path"] = json_of(result.paths.front());
  return out;
}

bool write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  return out.good();
}

/// The first path with its bands, the mean of all as further lines.
std::string plot_of(const ResponseResult& result) {
  Plot plot = price_plot(result.paths.front());
  plot.title = "A path, where it was expected an hour before, and the mean";
  if (result.paths.size() == 1) return svg_of(plot);
  for (const PriceCourse& course : result.mean_paths) {
    Line line = price_plot({course}).lines.front();
    line.name = "mean " + course.name.substr(0, course.name.find(' '));
    plot.lines.push_back(std::move(line));
  }
  return svg_of(plot);
}

}  // namespace

ExitCode prices(const config::Invocation& call, const PricesRequest& request) {
  if (const std::string wrong = out_of_range(request); !wrong.empty()) {
    return call.fail(ExitCode::Usage, {"an option is out of range", "", wrong, {"starminer-sim prices --help"}});
  }
  const auto result = respond(options_of(request));
  if (!result) return call.fail(ExitCode::Refused, {"the cluster cannot be built", "", result.error(), {}});
  print(call, request, *result);
  if (!request.json.empty() && !write_file(request.json, report(request, *result).dump(1) + "\n")) {
    return call.fail(ExitCode::Failure, {"the results cannot be written", "", request.json.string(), {}});
  }
  if (request.plots.empty()) return ExitCode::Ok;
  std::error_code error;
  std::filesystem::create_directories(request.plots, error);
  if (!write_file(request.plots / "prices.svg", plot_of(*result))) {
    return call.fail(ExitCode::Failure, {"the plot cannot be written", "", request.plots.string(), {}});
  }
  return ExitCode::Ok;
}

}  // namespace starminer::sim
