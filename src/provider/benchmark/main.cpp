// starminer-devices: shows what discovery finds on this machine and benchmarks it, without a market. For owners before
// they register, and for bringing up new hardware.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "provider/benchmark/benchmark.h"
#include "provider/benchmark/report.h"
#include "provider/devices/discover.h"
#include "provider/devices/report.h"

namespace {

using namespace starminer;
using namespace starminer::provider;

struct Arguments {
  bool benchmark = false;
  bool quick = false;
  bool json = false;
  std::string seed_hex;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  starminer-devices                     devices, nodes and runtimes of this machine\n"
    "  starminer-devices --benchmark         and the rating of every node, per kind of work\n"
    "  starminer-devices --benchmark --quick --json\n"
    "Exit codes: 0 done, 1 a benchmark failed or there is no usable device, 2 wrong arguments.";

/// Benchmarks every node; reports go to `reports`, errors to stderr. False if one failed.
bool benchmark_all(const devices::Inventory& inventory, const benchmark::BenchmarkOptions& options,
                   std::vector<benchmark::NodeReport>& reports) {
  bool good = true;
  for (const auto& node : inventory.nodes) {
    auto report = benchmark::benchmark_node(inventory, node, options);
    if (report) {
      reports.push_back(std::move(*report));
    } else {
      fmt::print(stderr, "error: {}: {}\n", node.model, report.error().message);
      good = false;
    }
  }
  return good;
}

void print(const Arguments& arguments, const devices::Inventory& inventory,
           const std::vector<benchmark::NodeReport>& reports) {
  if (!arguments.json) {
    fmt::print("{}", devices::format_inventory(inventory));
    for (const auto& report : reports) fmt::print("\n{}", benchmark::format_report(report));
    return;
  }
  auto out = nlohmann::json::object();
  out["inventory"] = nlohmann::json::parse(devices::inventory_json(inventory));
  out["benchmarks"] = nlohmann::json::array();
  for (const auto& report : reports) out["benchmarks"].push_back(nlohmann::json::parse(benchmark::report_json(report)));
  fmt::print("{}\n", out.dump(2));
}

int run(const Arguments& arguments) {
  benchmark::BenchmarkOptions options;
  options.quick = arguments.quick;
  if (!arguments.seed_hex.empty()) {
    const auto seed = Hash32::from_hex(arguments.seed_hex);
    if (!seed) {
      fmt::print(stderr, "error: --seed must be 64 lower-case hexadecimal characters, not '{}'\n", arguments.seed_hex);
      return 2;
    }
    options.seed = *seed;
  }
  const auto inventory = devices::discover({});
  std::vector<benchmark::NodeReport> reports;
  const bool good = !arguments.benchmark || benchmark_all(inventory, options, reports);
  print(arguments, inventory, reports);
  return good && !inventory.nodes.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Shows the devices of this machine and benchmarks them.", "starminer-devices");
  app.footer(kExamples);
  app.add_flag("--benchmark", arguments.benchmark, "Measure every node, seconds per kind of work");
  app.add_flag("--quick", arguments.quick, "With --benchmark: a short look, not precise")->needs("--benchmark");
  app.add_flag("--json", arguments.json, "Print one JSON object");
  app.add_option("--seed", arguments.seed_hex, "Challenge of 32 bytes in hexadecimal (default: zero)")
      ->needs("--benchmark");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(arguments);
}
