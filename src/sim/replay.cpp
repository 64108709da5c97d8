#include "sim/replay.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <queue>
#include <set>

#include "base/check.h"
#include "protocol/market/fragmentation.h"
#include "protocol/market/gang.h"
#include "protocol/market/queue_index.h"
#include "sim/hosts.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kMsPerHour = 3'600'000;
constexpr double kMsPerSecond = 1000;
constexpr std::uint64_t kShortestMs = 10'000;  // of a run in a job's speed, so that moments do not count as ages
constexpr std::uint64_t kNever = ~std::uint64_t{0};
constexpr std::size_t kSamples = 1000;
constexpr std::uint64_t kWeightUnit = 1024;

double hours(std::uint64_t ms) { return static_cast<double>(ms) / static_cast<double>(kMsPerHour); }

/// Fragmentation against the shapes of the whole trace, so that all schedulers are measured alike: what a job asks of a
/// node, which is its part where it goes to several.
Fragmentation fragmentation_of(const std::vector<JobSpec>& asks) {
  std::map<ShapeKey, std::uint64_t> counts;
  std::uint64_t total = 0;
  for (const JobSpec& ask : asks) {
    if (ask.resources.gpus == 0) continue;
    const std::vector<Split> splits = splits_of(ask);
    ++counts[shape_of(splits.empty() ? ask.resources : splits.front().part.resources)];
    ++total;
  }
  std::vector<std::pair<ShapeKey, std::uint64_t>> demand(counts.begin(), counts.end());
  std::stable_sort(demand.begin(), demand.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return {demand, total};
}

std::uint64_t free_milli(const NodeView& node) {
  const auto& devices = node.capacity->device_free_milli;
  return std::accumulate(devices.begin(), devices.end(), std::uint64_t{0});
}

class Replay {
 public:
  Replay(Scheduler& scheduler, const std::vector<TraceRun>& runs)
      : scheduler_(scheduler), runs_(runs), fragmentation_(fragmentation_of(scheduler.asks())), units_(runs.size()) {
    result_.jobs = runs.size();
    begin_ms_ = runs.front().submit_ms;
    since_ms_ = begin_ms_;
    window_ms_ = std::max<std::uint64_t>(runs.back().submit_ms - begin_ms_, 1);
    for (const NodeView& node : scheduler.nodes()) total_milli_ += node.node->hardware.devices * std::uint64_t{1000};
    ids_of_asks();
  }

  ReplayResult run() {
    std::size_t next = 0;
    while (next < runs_.size() || !ends_.empty() || scheduler_.next_event()) {
      const std::uint64_t arrival = next < runs_.size() ? runs_[next].submit_ms : kNever;
      const std::uint64_t end = ends_.empty() ? kNever : ends_.top().first;
      const auto own = scheduler_.next_event();
      const std::uint64_t now = std::min({arrival, end, own ? begin_ms_ + elapsed(*own, kStart).ms : kNever});
      pass_time(now);
      scheduler_.advance(kStart + DurationMs{now - begin_ms_});
      // Who ends makes room for who arrives at the same moment.
      while (!ends_.empty() && ends_.top().first == now) finish(now);
      for (; next < runs_.size() && runs_[next].submit_ms == now; ++next) submit(next);
      for (const Started& started : scheduler_.start()) begin(started, now);
      idle_milli_ = idle_while_waiting();
    }
    return summarise();
  }

 private:
  using End = std::pair<std::uint64_t, std::size_t>;

  /// What jobs ask for, numbered, so that waiting jobs are counted by what they ask.
  void ids_of_asks() {
    std::map<std::pair<Bytes, Placement>, std::size_t> ids;
    for (const JobSpec& spec : scheduler_.asks()) {
      const auto [found, is_new] = ids.try_emplace({encode(spec.resources), spec.placement}, asks_.size());
      if (is_new) asks_.push_back({spec.resources, splits_of(spec), 0});
      ask_of_.push_back(found->second);
    }
  }

  void submit(std::size_t run) {
    if (const auto refused = scheduler_.submit(run)) {
      ++result_.refused[*refused];
      return;
    }
    ++waiting_;
    ++asks_[ask_of_[run]].waiting;
  }

  void begin(const Started& started, std::uint64_t now) {
    const TraceRun& run = runs_[started.run];
    --waiting_;
    --asks_[ask_of_[started.run]].waiting;
    allocated_milli_ += gpu_milli(run.job);
    units_[started.run] = started.unit;
    ends_.push({now + run.run_ms, started.run});
    const double wait_s = static_cast<double>(now - run.submit_ms) / kMsPerSecond;
    waits_.push_back(wait_s);
    static constexpr std::array<const char*, 3> kTiers = {"Economy", "Standard", "Premium"};
    by_tier_[kTiers.at(tier_of(run))].push_back(wait_s);
    by_size_[size_of(run.job)].push_back(wait_s);
  }

  void finish(std::uint64_t now) {
    const std::size_t run = ends_.top().second;
    ends_.pop();
    scheduler_.finish(run);
    allocated_milli_ -= gpu_milli(runs_[run].job);
    completions_.push_back(static_cast<double>(now - runs_[run].submit_ms) / kMsPerSecond);
    const std::uint64_t wait_ms = now - runs_[run].submit_ms - runs_[run].run_ms;
    const std::uint64_t run_ms = std::max(runs_[run].run_ms, kShortestMs);
    speeds_.push_back(static_cast<double>(run_ms) / static_cast<double>(run_ms + wait_ms));
    last_end_ms_ = now;
    const Agpu paid =
        Pricing::cost(units_[run], billing_milli(scheduler_.asks()[run].resources), runs_[run].run_ms, Rounding::Ceil);
    result_.revenue_agpu += static_cast<double>(paid.base) / static_cast<double>(kBasePerToken);
  }

  /// Integrates what stood since the last event, and takes the samples that fall between.
  void pass_time(std::uint64_t now) {
    const std::uint64_t window_end = begin_ms_ + window_ms_;
    if (now > since_ms_) {
      const std::uint64_t from = std::min(since_ms_, window_end);
      const double span = hours(std::min(now, window_end) - from);
      allocated_hours_ += static_cast<double>(allocated_milli_) / 1000 * span;
      result_.idle_while_waiting_gpu_hours += static_cast<double>(idle_milli_) / 1000 * span;
    }
    while (result_.samples.size() < kSamples && sample_ms(result_.samples.size()) <= now) take_sample();
    since_ms_ = now;
  }

  [[nodiscard]] std::uint64_t sample_ms(std::size_t number) const {
    return begin_ms_ + window_ms_ * (number + 1) / kSamples;
  }

  void take_sample() {
    std::uint64_t unusable = 0;
    for (const NodeView& node : scheduler_.nodes()) {
      unusable += fragmentation_.unusable(fragmentation_.round(*node.capacity)) / kWeightUnit;
    }
    result_.samples.push_back(
        {hours(sample_ms(result_.samples.size()) - begin_ms_), percent(allocated_milli_), percent(unusable), waiting_});
  }

  [[nodiscard]] double percent(std::uint64_t milli) const {
    return 100.0 * static_cast<double>(milli) / static_cast<double>(total_milli_);
  }

  [[nodiscard]] std::uint64_t idle_while_waiting() const {
    if (waiting_ == 0) return 0;
    const std::set<SiteOf> sites = sites_for_gangs();
    std::uint64_t idle = 0;
    for (const NodeView& node : scheduler_.nodes()) {
      const std::uint64_t free = free_milli(node);
      const bool wanted = free > 0 && std::any_of(asks_.begin(), asks_.end(), [&](const Ask& ask) {
                            return ask.waiting > 0 && ask.resources.gpus > 0 && takes(ask.resources, node);
                          });
      if (wanted || (free > 0 && takes_part(sites, node))) idle += free;
    }
    return idle;
  }

  /// A way to split a waiting job, and a site that has the hosts for it now.
  using SiteOf = std::pair<const Split*, SiteKey>;

  [[nodiscard]] std::set<SiteOf> sites_for_gangs() const {
    std::set<SiteOf> found;
    for (const Ask& ask : asks_) {
      if (ask.waiting == 0) continue;
      for (const Split& split : ask.splits) {
        std::map<SiteKey, std::uint32_t> hosts;
        for (const NodeView& node : scheduler_.nodes()) {
          if (takes(split.part.resources, node)) ++hosts[site_of(node)];
        }
        for (const auto& [site, count] : hosts) {
          if (count >= split.hosts) found.emplace(&split, site);
        }
      }
    }
    return found;
  }

  [[nodiscard]] static bool takes_part(const std::set<SiteOf>& sites, const NodeView& node) {
    return std::any_of(sites.begin(), sites.end(), [&node](const SiteOf& at) {
      return at.second == site_of(node) && takes(at.first->part.resources, node);
    });
  }

  static bool takes(const Resources& resources, const NodeView& node) {
    const auto& classes = resources.classes;
    return fits_free(*node.capacity, resources) &&
           (classes.empty() || std::binary_search(classes.begin(), classes.end(), node.node->hardware.model));
  }

  ReplayResult summarise() {
    result_.finished = completions_.size();
    result_.window_hours = hours(window_ms_);
    result_.makespan_hours = hours(last_end_ms_ > begin_ms_ ? last_end_ms_ - begin_ms_ : 0);
    const double gpus = static_cast<double>(total_milli_) / 1000;
    result_.allocation = 100 * allocated_hours_ / (gpus * result_.window_hours);
    for (const ReplaySample& sample : result_.samples) {
      result_.fragmentation += sample.fragmented / static_cast<double>(result_.samples.size());
    }
    if (result_.makespan_hours > 0) {
      result_.revenue_agpu_per_gpu_hour = result_.revenue_agpu / (gpus * result_.makespan_hours);
    }
    result_.wait = distribution_of(waits_);
    result_.completion = distribution_of(completions_);
    result_.fairness = jain_index(speeds_);
    result_.prices = scheduler_.prices();
    for (auto& [tier, waits] : by_tier_) result_.wait_by_tier[tier] = distribution_of(waits);
    for (auto& [size, waits] : by_size_) result_.wait_by_size[size] = distribution_of(waits);
    return std::move(result_);
  }

  struct Ask {
    Resources resources;
    std::vector<Split> splits;  // none: it lies on one node
    std::size_t waiting = 0;
  };

  Scheduler& scheduler_;
  const std::vector<TraceRun>& runs_;
  Fragmentation fragmentation_;
  std::vector<Price> units_;  // by run
  std::vector<Ask> asks_;
  std::vector<std::size_t> ask_of_;  // by run
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  ReplayResult result_;
  std::vector<double> waits_;
  std::vector<double> completions_;
  std::vector<double> speeds_;
  std::map<std::string, std::vector<double>> by_tier_;
  std::map<std::string, std::vector<double>> by_size_;
  std::size_t waiting_ = 0;
  std::uint64_t begin_ms_ = 0;
  std::uint64_t window_ms_ = 1;
  std::uint64_t since_ms_ = 0;  // of the last event
  std::uint64_t last_end_ms_ = 0;
  std::uint64_t total_milli_ = 0;
  std::uint64_t allocated_milli_ = 0;
  std::uint64_t idle_milli_ = 0;
  double allocated_hours_ = 0;
};

}  // namespace

double jain_index(const std::vector<double>& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const double squares = std::inner_product(shares.begin(), shares.end(), shares.begin(), 0.0);
  return squares == 0 ? 0 : sum * sum / (static_cast<double>(shares.size()) * squares);
}

Distribution distribution_of(std::vector<double> seconds) {
  Distribution found;
  found.count = seconds.size();
  if (seconds.empty()) return found;
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&seconds](std::size_t percent) {
    return seconds[std::min(seconds.size() - 1, seconds.size() * percent / 100)];
  };
  found.mean = std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  found.p50 = at(50);
  found.p90 = at(90);
  found.p99 = at(99);
  return found;
}

std::string size_of(const TraceJob& job) {
  if (job.gpus == 0) return "no GPU";
  if (job.share_milli != 0) return "share";
  if (job.gpus == 1) return "1 GPU";
  return job.gpus < 8 ? "2-7 GPUs" : "8 and more GPUs";
}

ReplayResult replay(Scheduler& scheduler, const std::vector<TraceRun>& runs) {
  STARMINER_CHECK(!runs.empty());
  return Replay(scheduler, runs).run();
}

}  // namespace starminer::sim
