#include "provider/benchmark/report.h"

#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "provider/benchmark/report_json.h"

namespace starminer::provider::benchmark {
namespace {

std::string format_rate(double rate, std::string_view unit) {
  constexpr std::array<std::string_view, 5> kPrefixes{"", "k", "M", "G", "T"};
  std::size_t prefix = 0;
  while (rate >= 1000 && prefix + 1 < kPrefixes.size()) {
    rate /= 1000;
    ++prefix;
  }
  return fmt::format("{:.2f} {} {}/s", rate, kPrefixes.at(prefix), unit);
}

}  // namespace

std::string format_report(const NodeReport& report) {
  std::string text =
      fmt::format("Benchmark {} of {} x {} ({}){}\n", report.benchmark_id.hex().substr(0, 16), report.devices.size(),
                  report.hardware_class, report.model, report.quick ? ", quick look" : "");
  const auto out = std::back_inserter(text);
  for (const auto& device : report.devices) {
    fmt::format_to(out, "{} ({}), {}, driver {}\n", device.device_name, device.device_id, device.platform,
                   device.driver_version);
    for (const auto& result : device.results) {
      fmt::format_to(out, "  {:<11} {:>9.3f} CU  {:5.2f} s  digest {}\n", kind_name(result.kind),
                     static_cast<double>(result.rating_x1000) / 1000, result.seconds,
                     result.digest.hex().substr(0, 16));
      for (const auto& m : result.measurements) {
        fmt::format_to(out, "    {:<13} {}  (x{:.4f} of A100, weight {:.1f}, size {})\n", m.component,
                       format_rate(m.operations_per_second, m.unit), m.operations_per_second / m.reference_per_second,
                       m.weight, m.size);
      }
    }
    for (const auto& skipped : device.skipped)
      fmt::format_to(out, "  {:<11} not rated: {}\n", kind_name(skipped.kind), skipped.reason);
  }
  return text;
}

std::string report_json(const NodeReport& report) {
  return to_json_value(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace starminer::provider::benchmark
