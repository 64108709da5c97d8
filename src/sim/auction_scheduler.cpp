// A price-only auction as open markets for compute hold it: a job is posted, nodes that have room when the bids close
// ask their price, the lowest wins; where nobody had room the job is posted again. Nobody reserves, and what fits where
// plays no part. Asks are drawn once for each node, from 80 to 120 % of the class's price.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "protocol/market/eligibility.h"
#include "sim/hosts.h"
#include "sim/policy.h"
#include "sim/scheduler.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kAskLowest = 80;  // % of the class's price
constexpr std::uint64_t kAskSpread = 41;

class AuctionScheduler final : public Scheduler {
 public:
  AuctionScheduler(std::vector<JobSpec> asks, std::unique_ptr<Cluster> cluster, const ReplayOptions& options)
      : asks_(std::move(asks)), cluster_(std::move(cluster)), now_(cluster_->now()) {
    Random random(options.seed);
    for (const NodeView& node : cluster_->in_order()) by_ask_.push_back({kAskLowest + random.below(kAskSpread), &node});
    std::stable_sort(by_ask_.begin(), by_ask_.end(),
                     [](const Bidder& a, const Bidder& b) { return a.percent < b.percent; });
  }

  void advance(TimeMs now) override { now_ = now; }

  std::optional<TimeMs> next_event() const override {
    return posted_.empty() ? std::nullopt : std::optional(posted_.front().closes);
  }

  std::optional<std::string> submit(std::size_t run) override {
    if (!could_ever_run(cluster_->demand_of(asks_[run]), cluster_->in_order())) return "NeverRunnable";
    post(run);
    return std::nullopt;
  }

  std::vector<Started> start() override {
    std::vector<Started> started;
    std::set<Bytes> unfit;  // resources that nobody has now
    while (!posted_.empty() && posted_.front().closes <= now_) {
      const std::size_t run = posted_.front().run;
      posted_.pop_front();
      const JobSpec& spec = asks_[run];
      Bytes asks = encode(spec.resources);
      const auto winners = unfit.contains(asks) ? std::vector<NodeId>{} : lowest_asks(cluster_->demand_of(spec));
      if (winners.empty()) {
        unfit.insert(std::move(asks));
        post(run);
        continue;
      }
      placed_[run] = cluster_->place_on(winners, spec.resources);
      started.push_back({run, mean_ask(winners, spec)});
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
  struct Bidder {
    std::uint64_t percent = 0;
    const NodeView* node = nullptr;
  };
  struct Posted {
    std::size_t run = 0;
    TimeMs closes;
  };

  void post(std::size_t run) { posted_.push_back({run, now_ + kBidDelay}); }

  [[nodiscard]] std::vector<NodeId> lowest_asks(const Demand& demand) const {
    return choose_hosts(demand, [this](const Demand& wanted) {
      std::vector<const NodeView*> able;
      for (const Bidder& bidder : by_ask_) {
        const bool is_able =
            fits_free(*bidder.node->capacity, wanted.spec().resources) && !first_failure(wanted, *bidder.node);
        if (is_able) able.push_back(bidder.node);
      }
      return able;
    });
  }

  /// Each host of a gang is paid what it asks for its part.
  [[nodiscard]] Price mean_ask(const std::vector<NodeId>& hosts, const JobSpec& spec) const {
    std::uint64_t percents = 0;
    ClassId hardware_class = 0;
    for (const Bidder& bidder : by_ask_) {
      if (std::find(hosts.begin(), hosts.end(), bidder.node->id) == hosts.end()) continue;
      percents += bidder.percent;
      hardware_class = bidder.node->node->hardware_class;
    }
    const Price anchor = cluster_->demand_of(spec).base_price(hardware_class);
    return {anchor.nagpu_per_gpu_hour * percents / (100 * hosts.size())};
  }

  std::vector<JobSpec> asks_;  // by run
  std::unique_ptr<Cluster> cluster_;
  TimeMs now_;
  std::vector<Bidder> by_ask_;
  std::deque<Posted> posted_;  // in the order in which their bids close
  std::map<std::size_t, std::vector<HostShare>> placed_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>, std::string> make_auction_scheduler(const std::vector<TraceNode>& nodes,
                                                                       const std::vector<TraceRun>& runs,
                                                                       const ReplayOptions& options) {
  std::vector<TraceJob> jobs;
  for (const TraceRun& run : runs) jobs.push_back(run.job);
  auto cluster = Cluster::make(nodes, jobs, kFitAlone);
  if (!cluster) return fail(cluster.error());
  return std::make_unique<AuctionScheduler>(asks_of(nodes, runs), std::move(*cluster), options);
}

}  // namespace starminer::sim
