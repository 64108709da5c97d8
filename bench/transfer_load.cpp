// Load generator of signed transfers, for bench/run. Prints one JSON object on standard output.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "load_plan.h"
#include "load_run.h"

namespace starminer::bench {
namespace {

using nlohmann::json;

constexpr std::string_view kBatchTarget = "/v1/transactions/batch";
constexpr std::string_view kSingleTarget = "/v1/transactions";

double quantile(const std::vector<double>& sorted, double q) {
  const auto at = static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted.at(at);
}

int refuse(const std::string& text) {
  std::cerr << "transfer_load: " << text << '\n';
  return 1;
}

int print(const json& object) {
  std::cout << object.dump() << '\n';
  return 0;
}

int print_accounts(std::size_t first, std::size_t count) {
  json addresses = json::array();
  for (std::size_t i = 0; i < count; ++i) addresses.push_back(bench_key(first + i).account().text());
  return print({{"addresses", addresses}});
}

/// Transactions of an answer that were applied now. An answer of the echo server is one "verified".
std::uint64_t applied_in(const std::string& answer) {
  const json object = json::parse(answer, nullptr, false);
  if (object.is_discarded()) return 0;
  const auto is_applied = [](const json& result) {
    const std::string status = result.value("status", json()).is_string() ? result["status"].get<std::string>() : "";
    return (status == "applied" && !result.value("duplicate", false)) || status == "verified";
  };
  if (!object.contains("results")) return is_applied(object) ? 1 : 0;
  const json& results = object["results"];
  return static_cast<std::uint64_t>(std::count_if(results.begin(), results.end(), is_applied));
}

int send(const std::string& url, const PlanOptions& plan, bool framed) {
  const auto lanes = make_plan(plan, framed);
  const auto result = send_plan(url, framed ? kBatchTarget : kSingleTarget, lanes);
  if (!result) return refuse(result.error());
  std::uint64_t applied = 0;
  for (const std::string& answer : result->answers) applied += applied_in(answer);
  const std::uint64_t sent = plan.lanes * plan.requests * plan.batch;
  if (applied != sent) {
    return refuse(std::to_string(sent - applied) + " of " + std::to_string(sent) +
                  " transactions were not applied; an answer: " + result->answers.back().substr(0, 500));
  }
  return print({{"transactions", applied},
                {"wall_s", result->wall_s},
                {"cpu_s", result->cpu_s},
                {"p50_ms", quantile(result->latencies_ms, 0.5)},
                {"p99_ms", quantile(result->latencies_ms, 0.99)}});
}

int latency(const std::string& url, const PlanOptions& plan, const std::string& folder) {
  const auto lanes = make_plan(plan, false);
  const auto result = measure_latency(url, kSingleTarget, lanes.front(), folder);
  if (!result) return refuse(result.error());
  return print({{"transaction_p50_ms", quantile(result->transaction_ms, 0.5)},
                {"transaction_p99_ms", quantile(result->transaction_ms, 0.99)},
                {"fdatasync_p50_ms", quantile(result->sync_ms, 0.5)},
                {"fdatasync_p99_ms", quantile(result->sync_ms, 0.99)}});
}

int run(int argc, char** argv) {
  CLI::App app{"Sends signed transfers to a StarMiner node and measures; see bench/README.md"};
  app.require_subcommand(1);
  std::string url;
  std::string folder;
  PlanOptions plan;
  double seconds = 1;
  std::size_t count = 1;

  const auto with_target = [&](CLI::App* command) {
    command->add_option("--url", url, "The node's API, http://host:port")->required();
    command->add_option("--chain-id", plan.chain_id, "Chain that the transactions are for")->required();
    command->add_option("--first-account", plan.first_account, "Number of the first account; none is used twice");
    command->add_option("--requests", plan.requests, "Requests per connection")->check(CLI::PositiveNumber);
    return command;
  };
  CLI::App* accounts = app.add_subcommand("accounts", "Addresses of the accounts, to be funded at genesis");
  accounts->add_option("--first-account", plan.first_account);
  accounts->add_option("--count", count)->required()->check(CLI::PositiveNumber);
  CLI::App* verify = app.add_subcommand("verify", "Signatures that libsodium verifies per second and core");
  verify->add_option("--seconds", seconds)->check(CLI::PositiveNumber);
  CLI::App* batch = with_target(app.add_subcommand("batch", "Batches over several connections"));
  batch->add_option("--connections", plan.lanes)->check(CLI::PositiveNumber);
  batch->add_option("--batch", plan.batch, "Transactions of a request")->check(CLI::Range(1, 1024));
  CLI::App* single = with_target(app.add_subcommand("single", "One transaction a request over several connections"));
  single->add_option("--connections", plan.lanes)->check(CLI::PositiveNumber);
  CLI::App* one = with_target(app.add_subcommand("latency", "One transaction after the other, and fdatasync"));
  one->add_option("--sync-folder", folder, "Folder on the node's disk")->required();
  CLI11_PARSE(app, argc, argv);

  if (accounts->parsed()) return print_accounts(plan.first_account, count);
  if (verify->parsed()) return print({{"verify_per_s_per_core", verify_rate_per_core(seconds)}});
  if (batch->parsed()) return send(url, plan, true);
  if (single->parsed()) return send(url, plan, false);
  return latency(url, plan, folder);
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  if (sodium_init() < 0) return starminer::bench::refuse("libsodium does not start");
  return starminer::bench::run(argc, argv);
}
