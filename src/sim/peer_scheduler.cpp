// Simple rules as schedulers: one queue in order of arrival, strict or with greedy backfill. A job that no node could
// hold goes to hosts of one site, all or nothing, as the market would split it.
#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <set>

#include "protocol/market/gang.h"
#include "sim/hosts.h"
#include "sim/live_market.h"
#include "sim/policy.h"
#include "sim/scheduler.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr auto kRules = std::to_array<RuleRow>({
    {Rule::Market, "market", "the market's queue, backfill and dispatch at fixed prices"},
    {Rule::FirstFit, "first-fit", "in order of arrival, first node"},
    {Rule::BestFit, "best-fit", "in order of arrival, least CPU and GPU left"},
    {Rule::Random, "random", "in order of arrival, any node"},
    {Rule::Backfill, "backfill", "whoever fits starts, in order of arrival, first node"},
    {Rule::Auction, "auction", "bids for 30 s, lowest ask, posted again"},
    {Rule::Moving, "moving", "the market with prices that follow the load"},
});

class PeerScheduler final : public Scheduler {
 public:
  PeerScheduler(Rule rule, std::vector<JobSpec> asks, std::unique_ptr<Cluster> cluster, const ReplayOptions& options)
      : rule_(rule), asks_(std::move(asks)), cluster_(std::move(cluster)), random_(options.seed) {}

  void advance(TimeMs /*now*/) override {}

  std::optional<std::string> submit(std::size_t run) override {
    if (!could_ever_run(cluster_->demand_of(asks_[run]), cluster_->in_order())) return "NeverRunnable";
    waiting_.push_back(run);
    return std::nullopt;
  }

  std::vector<Started> start() override {
    std::vector<Started> started;
    std::set<Bytes> unfit;  // resources that fit nowhere now
    for (auto run = waiting_.begin(); run != waiting_.end();) {
      const JobSpec& spec = asks_[*run];
      Bytes asks = encode(spec.resources);
      const auto hosts =
          unfit.contains(asks) ? std::vector<NodeId>{} : choose_hosts(policy(), *cluster_, {JobId{}, spec}, random_);
      if (!hosts.empty()) {
        placed_[*run] = cluster_->place_on(hosts, spec.resources);
        started.push_back({*run, {}});
        run = waiting_.erase(run);
        continue;
      }
      if (rule_ != Rule::Backfill) break;
      unfit.insert(std::move(asks));
      ++run;
    }
    return started;
  }

  void finish(std::size_t run) override {
    cluster_->release(placed_.at(run));
    placed_.erase(run);
  }

  const std::vector<NodeView>& nodes() const override { return cluster_->in_order(); }
  const std::vector<JobSpec>& asks() const override { return asks_; }

 private:
  [[nodiscard]] Policy policy() const {
    if (rule_ == Rule::BestFit) return Policy::BestFit;
    return rule_ == Rule::Random ? Policy::Random : Policy::FirstFit;
  }

  Rule rule_;
  std::vector<JobSpec> asks_;  // by run
  std::unique_ptr<Cluster> cluster_;
  Random random_;
  std::list<std::size_t> waiting_;
  std::map<std::size_t, std::vector<HostShare>> placed_;
};

}  // namespace

std::span<const RuleRow> rules() { return kRules; }

std::optional<Rule> find_rule(std::string_view name) {
  const auto found =
      std::find_if(kRules.begin(), kRules.end(), [name](const RuleRow& row) { return row.name == name; });
  return found != kRules.end() ? std::optional(found->rule) : std::nullopt;
}

TierId tier_of(const TraceRun& run) {
  if (run.run_ms > kLongestStandardS * 1000) return kPremium;
  if (run.qos == "BE") return kEconomy;
  return run.qos == "LS" || run.qos == "Guaranteed" ? kPremium : kStandard;
}

std::vector<JobSpec> asks_of(const std::vector<TraceNode>& nodes, const std::vector<TraceRun>& runs) {
  std::map<std::string, std::uint32_t> most;  // GPUs of a node, by model
  for (const TraceNode& node : nodes) most[node.model] = std::max(most[node.model], node.gpus);
  std::vector<JobSpec> asks;
  for (const TraceRun& run : runs) {
    const auto& models = run.job.models;
    JobSpec ask = spec_of(run.job);
    const bool fits = std::any_of(most.begin(), most.end(), [&](const auto& entry) {
      return entry.second >= run.job.gpus &&
             (models.empty() || std::binary_search(models.begin(), models.end(), entry.first));
    });
    if (!fits && run.job.gpus > 1) ask.placement = Placement::OneSite;
    asks.push_back(std::move(ask));
  }
  return asks;
}

Result<std::unique_ptr<Scheduler>, std::string> make_peer_scheduler(Rule rule, const std::vector<TraceNode>& nodes,
                                                                    const std::vector<TraceRun>& runs,
                                                                    const ReplayOptions& options) {
  std::vector<TraceJob> jobs;
  for (const TraceRun& run : runs) jobs.push_back(run.job);
  auto cluster = Cluster::make(nodes, jobs, kFitAlone);
  if (!cluster) return fail(cluster.error());
  return std::make_unique<PeerScheduler>(rule, asks_of(nodes, runs), std::move(*cluster), options);
}

Result<std::unique_ptr<Scheduler>, std::string> make_scheduler(Rule rule, const std::vector<TraceNode>& nodes,
                                                               const std::vector<TraceRun>& runs,
                                                               const ReplayOptions& options) {
  if (rule == Rule::Market || rule == Rule::Moving) return make_market_scheduler(rule, nodes, runs, options);
  if (rule == Rule::Auction) return make_auction_scheduler(nodes, runs, options);
  return make_peer_scheduler(rule, nodes, runs, options);
}

}  // namespace starminer::sim
