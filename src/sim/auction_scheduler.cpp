// A price-only auction as open markets for compute hold it: a job is posted, nodes that have room when the bids close
// ask their price, the lowest wins; where nobody had room the job is posted again. Nobody reserves, and what fits where
// plays no part. Asks are drawn once for each node, from 80 to 120 % of the class's price.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "protocol/market/demand.h"
#include "protocol/market/eligibility.h"
#include "sim/policy.h"
#include "sim/scheduler.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kAskLowest = 80;  // % of the class's price
constexpr std::uint64_t kAskSpread = 41;

class AuctionScheduler final : public Scheduler {
 public:
  AuctionScheduler(const std::vector<TraceRun>& runs, std::unique_ptr<Cluster> cluster, const ReplayOptions& options)
      : runs_(runs), cluster_(std::move(cluster)), now_(cluster_->now()) {
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
    const JobSpec spec = spec_of(runs_[run].job);
    const Demand demand = demand_of(spec);
    const bool runnable = std::any_of(by_ask_.begin(), by_ask_.end(),
                                      [&demand](const Bidder& bidder) { return could_ever_run(demand, *bidder.node); });
    if (!runnable) return "NeverRunnable";
    post(run);
    return std::nullopt;
  }

  std::vector<Started> start() override {
    std::vector<Started> started;
    std::set<Bytes> unfit;  // resources that nobody has now
    while (!posted_.empty() && posted_.front().closes <= now_) {
      const std::size_t run = posted_.front().run;
      posted_.pop_front();
      const JobSpec spec = spec_of(runs_[run].job);
      Bytes asks = encode(spec.resources);
      const Bidder* winner = unfit.contains(asks) ? nullptr : lowest_ask(demand_of(spec));
      if (winner == nullptr) {
        unfit.insert(std::move(asks));
        post(run);
        continue;
      }
      placed_[run] = {winner->node->id, cluster_->place(winner->node->id, spec.resources)};
      const Price anchor = demand_of(spec).base_price(winner->node->node->hardware_class);
      started.push_back({run, {anchor.nagpu_per_gpu_hour * winner->percent / 100}});
    }
    return started;
  }

  void finish(std::size_t run) override {
    const auto placed = placed_.find(run);
    cluster_->release(placed->second.node, placed->second.allocation);
    placed_.erase(placed);
  }

  const std::vector<NodeView>& nodes() const override { return cluster_->in_order(); }

 private:
  struct Bidder {
    std::uint64_t percent = 0;
    const NodeView* node = nullptr;
  };
  struct Posted {
    std::size_t run = 0;
    TimeMs closes;
  };
  struct Placed {
    NodeId node;
    Allocation allocation;
  };

  void post(std::size_t run) { posted_.push_back({run, now_ + kBidDelay}); }

  [[nodiscard]] Demand demand_of(const JobSpec& spec) const {
    return {cluster_->market(), spec, {kStandard, {}, {}, nullptr, {}}, cluster_->now()};
  }

  [[nodiscard]] const Bidder* lowest_ask(const Demand& demand) const {
    const auto found = std::find_if(by_ask_.begin(), by_ask_.end(), [&demand](const Bidder& bidder) {
      return fits_free(*bidder.node->capacity, demand.spec().resources) && !first_failure(demand, *bidder.node);
    });
    return found == by_ask_.end() ? nullptr : &*found;
  }

  const std::vector<TraceRun>& runs_;
  std::unique_ptr<Cluster> cluster_;
  TimeMs now_;
  std::vector<Bidder> by_ask_;
  std::deque<Posted> posted_;  // in the order in which their bids close
  std::map<std::size_t, Placed> placed_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>, std::string> make_auction_scheduler(const std::vector<TraceNode>& nodes,
                                                                       const std::vector<TraceRun>& runs,
                                                                       const ReplayOptions& options) {
  std::vector<TraceJob> jobs;
  for (const TraceRun& run : runs) jobs.push_back(run.job);
  auto cluster = Cluster::make(nodes, jobs, kFitAlone);
  if (!cluster) return fail(cluster.error());
  return std::make_unique<AuctionScheduler>(runs, std::move(*cluster), options);
}

}  // namespace starminer::sim
