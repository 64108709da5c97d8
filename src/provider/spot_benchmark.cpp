#include "provider/spot_benchmark.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "protocol/job/spec.h"
#include "provider/benchmark/benchmark.h"
#include "provider/devices/discover.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::provider {
namespace {

using nlohmann::json;

constexpr auto kRetryAfter = std::chrono::seconds(30);

}  // namespace

SpotBenchmark::SpotBenchmark(const AgentSettings& settings, Chain& chain, const std::vector<NodeRecord>& nodes)
    : settings_(settings), chain_(chain), nodes_(nodes) {}

SpotBenchmark::~SpotBenchmark() {
  if (thread_.joinable()) thread_.join();
}

void SpotBenchmark::serve(const json& owed, bool jobs_run) {
  if (measuring_) {
    if (jobs_run) disturbed_ = true;
    return;
  }
  if (thread_.joinable()) {
    thread_.join();
    if (!sent_) not_before_ = std::chrono::steady_clock::now() + kRetryAfter;
  }
  if (jobs_run || !owed.is_array() || std::chrono::steady_clock::now() < not_before_) return;
  for (const json& one : owed) {
    const auto id = NodeId::parse(one.value("node", ""));
    const auto seed = Hash32::from_hex(one.value("seed", ""));
    if (!id || !seed) continue;
    const auto node =
        std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeRecord& record) { return record.id == *id; });
    if (node == nodes_.end()) continue;
    spdlog::info("node {}: the network asks for a benchmark ({})", id->text(), one.value("reason", ""));
    measuring_ = true;
    disturbed_ = false;
    sent_ = false;
    thread_ = std::thread([this, &record = *node, seed = *seed] {
      measure(record, seed);
      measuring_ = false;
    });
    return;
  }
}

void SpotBenchmark::measure(const NodeRecord& node, const Hash32& seed) {
  devices::DiscoverOptions discover;
  discover.disk_path = settings_.state_dir.string();
  discover.with_runtimes = false;
  const devices::Inventory inventory = devices::discover(discover);
  const auto candidate =
      std::find_if(inventory.nodes.begin(), inventory.nodes.end(), [&node](const devices::NodeCandidate& found) {
        return found.hardware_class == node.hardware_class && found.model == node.model;
      });
  if (candidate == inventory.nodes.end()) {
    spdlog::error(
        "node {}: its devices ({} {}) are not on this machine any more; leave with it: starminer-provider leave",
        node.id.text(), node.hardware_class, node.model);
    return;
  }
  benchmark::BenchmarkOptions options;
  options.seed = seed;
  options.quick = node.quick || settings_.quick_benchmark;
  const auto report = benchmark::benchmark_node(inventory, *candidate, options);
  if (!report) {
    spdlog::error("node {}: the benchmark failed: {}", node.id.text(), report.error().message);
    return;
  }
  if (disturbed_) {
    spdlog::info("node {}: a job came across the benchmark; it will be repeated", node.id.text());
    return;
  }
  v1::TransactionBody body;
  auto* message = body.mutable_node_benchmark();
  message->set_node(to_text(node.id.view()));
  message->set_seed(to_text(seed.view()));
  std::string measured;
  for (const benchmark::NodeRating& rating : report->ratings) {
    auto* result = message->add_ratings();
    result->set_kind(static_cast<std::uint32_t>(rating.kind));
    result->set_cu_per_device_x1000(static_cast<std::uint32_t>(rating.rating_x1000));
    result->set_benchmark_digest(to_text(rating.digest.view()));
    measured += fmt::format("{}{} {}.{:03} CU", measured.empty() ? "" : ", ", kind_name(rating.kind),
                            rating.rating_x1000 / 1000, rating.rating_x1000 % 1000);
  }
  if (const auto receipt = chain_.send(body); !receipt) {
    spdlog::warn("node {}: the result of the benchmark was not taken: {}", node.id.text(),
                 client::describe(receipt.error()));
    return;
  }
  sent_ = true;
  spdlog::info("node {}: benchmark sent: {}", node.id.text(), measured);
}

}  // namespace starminer::provider
