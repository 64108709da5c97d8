#include "sim/price_report.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "terminal/table.h"

namespace starminer::sim {
namespace {

using namespace protocol;
using nlohmann::ordered_json;

constexpr std::size_t kPlotPoints = 600;
constexpr double kTicksPerHour = 60;

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

ordered_json json_of(const PriceCourse& course) {
  ordered_json out;
  out["ticks"] = course.ticks.size();
  out["price_mean"] = rounded(course.mean());
  out["price_least"] = rounded(course.least());
  out["price_most"] = rounded(course.most());
  out["largest_step"] = rounded(course.largest_step());
  out["log_deviation"] = rounded(course.log_deviation());
  out["load_mean"] = rounded(course.mean_load());
  for (std::size_t i = 0; i < kBandCount; ++i) {
    out["bands"][fmt::format("{}", kBandTicks[i])] = {{"matured", course.matured[i]},
                                                      {"coverage", rounded(course.coverage(i))},
                                                      {"half_width_at_end", rounded(course.half_width[i])}};
  }
  out["envelopes"] = {{"due", course.envelopes}, {"broken", course.envelopes_broken}};
  return out;
}

}  // namespace

ordered_json json_of(const std::vector<PriceCourse>& courses) {
  ordered_json out = ordered_json::object();
  for (const PriceCourse& course : courses) out[course.name] = json_of(course);
  return out;
}

void print_prices(const config::Invocation& call, const std::vector<PriceCourse>& courses) {
  using terminal::Align;
  terminal::Table table({{"PRICE"},
                         {"TICKS", Align::Right},
                         {"MEAN", Align::Right, "AGPU/h"},
                         {"LEAST", Align::Right, "AGPU/h"},
                         {"MOST", Align::Right, "AGPU/h"},
                         {"LOAD", Align::Right, "%"},
                         {"COVERED 5", Align::Right, "%"},
                         {"15", Align::Right, "%"},
                         {"60", Align::Right, "%"},
                         {"BROKEN ENVELOPES", Align::Right}});
  for (const PriceCourse& course : courses) {
    const auto covered = [&course](std::size_t i) { return fmt::format("{:.1f}", 100 * course.coverage(i)); };
    table.add({course.name, fmt::format("{}", course.ticks.size()), fmt::format("{:.3f}", course.mean()),
               fmt::format("{:.3f}", course.least()), fmt::format("{:.3f}", course.most()),
               fmt::format("{:.1f}", 100 * course.mean_load()), covered(0), covered(1), covered(2),
               fmt::format("{}", course.envelopes_broken)});
  }
  call.out.stream() << table.render(call.out) << std::flush;
}

Plot price_plot(const std::vector<PriceCourse>& courses) {
  Plot plot{"Prices, and where they were expected an hour before", "hours", "AGPU per GPU-hour", {}, {}};
  for (const PriceCourse& course : courses) {
    Line line{course.name, {}};
    Area area{"expected", {}};
    const std::size_t ahead = kBandTicks.back();
    const std::size_t step = course.ticks.size() / kPlotPoints + 1;
    for (std::size_t i = 0; i < course.ticks.size(); i += step) {
      const double hour = static_cast<double>(course.ticks[i].tick) / kTicksPerHour;
      line.points.emplace_back(hour, course.ticks[i].price);
      if (i < ahead || course.ticks[i - ahead].tick + ahead != course.ticks[i].tick) continue;
      area.points.push_back({hour, course.ticks[i - ahead].low, course.ticks[i - ahead].high});
    }
    plot.lines.push_back(std::move(line));
    plot.areas.push_back(std::move(area));
  }
  return plot;
}

}  // namespace starminer::sim
