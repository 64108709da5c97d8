// The market as a scheduler: submissions, queue, EASY backfill, dispatch, ticks and epochs of the protocol's own
// market. Contracts are not opened: nodes acknowledge and start at once, and a job ends when its run time of the trace
// is over.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "protocol/operation/limits.h"
#include "sim/chain.h"
#include "sim/scheduler.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kRequesterBalance = 900'000'000 * kBasePerToken;
constexpr std::uint64_t kMsPerSecond = 1000;

AccountId requester_of(std::uint64_t number) {
  AccountId account;
  const Hash32 hash = tagged_hash("starminer-sim/requester", encode(number));
  std::copy_n(hash.bytes.begin(), account.bytes.size(), account.bytes.begin());
  return account;
}

class MarketScheduler final : public Scheduler {
 public:
  MarketScheduler(const std::vector<TraceRun>& runs, const ReplayOptions& options)
      : runs_(runs), options_(options), jobs_(runs.size()) {
    context_.height = 1;
    context_.time = kStart;
    context_.seed = tagged_hash("starminer-sim/replay", encode(options.seed));
  }

  Result<void, std::string> set_up(const std::vector<TraceNode>& nodes) {
    std::vector<TraceJob> jobs;
    for (const TraceRun& run : runs_) jobs.push_back(run.job);
    std::vector<StoredRow> rows = trace_genesis(models_of(nodes, jobs), {}, std::nullopt);
    for (StoredRow& row : rows) {
      const bool cap = row.table == state::TableId::Parameters &&
                       row.key == encode(static_cast<std::uint16_t>(Parameter::MaxSecondsCap));
      if (cap) row.row = encode(ParameterRow{kLongestStandardS});
    }
    load_rows(chain_.store, rows);
    auto added = register_nodes(chain_.registry, chain_.ledger, chain_.params, context_, nodes);
    if (!added) return added;
    live_max_ = chain_.params.get(Parameter::LiveJobsMax);
    const std::uint64_t requesters = runs_.size() / live_max_ + 1;
    for (std::uint64_t i = 0; i < requesters; ++i) {
      STARMINER_CHECK(chain_.ledger.mint_at_genesis(requester_of(i), Asset::Agpu, kRequesterBalance / requesters));
    }
    chain_.store.commit();
    for (const auto& [id, row] : chain_.registry.nodes()) {
      nodes_.push_back({id, &row, &chain_.registry.capacity().get(id), false, std::nullopt});
    }
    next_tick_ = context_.time + chain_.params.duration(Parameter::TickMs);
    next_epoch_ = context_.time + chain_.params.duration(Parameter::EpochMs);
    return {};
  }

  void advance(TimeMs now) override {
    while (std::min(next_tick_, next_epoch_) <= now) {
      context_.time = std::min(next_tick_, next_epoch_);
      if (next_epoch_ == context_.time) {
        chain_.market.on_epoch(context_);
        ++context_.epoch;
        next_epoch_ = next_epoch_ + chain_.params.duration(Parameter::EpochMs);
      }
      if (next_tick_ == context_.time) {
        chain_.market.on_tick(context_);
        next_tick_ = next_tick_ + chain_.params.duration(Parameter::TickMs);
      }
      serve_timers();
    }
    context_.time = now;
    serve_timers();
    context_.seed = sha256(context_.seed.view());
    ++context_.height;
  }

  std::optional<std::string> submit(std::size_t run) override {
    const AccountId requester = requester_of(run / live_max_);
    const auto valid = JobSubmit::validate({"", spec_of_run(runs_[run])});
    if (!valid) return std::string(valid.error().info().name);
    const Sender sender = next_sender(chain_.ledger, requester);
    const auto checked = chain_.market.check(*valid, sender, context_);
    if (!checked) return std::string(checked.error().info().name);
    jobs_[run] = chain_.market.apply(*checked, sender, context_);
    run_of_[jobs_[run]] = run;
    return std::nullopt;
  }

  std::vector<Started> start() override {
    std::vector<Started> started;
    while (const auto made = chain_.market.next_match(context_)) {
      const std::uint32_t attempt = chain_.market.jobs().get(made->job).attempts;
      chain_.market.set_contract(made->job, contract_id_of(made->job, attempt));
      chain_.market.on_started(made->job, context_.time);
      started.push_back({run_of_.at(made->job), made->winner.unit});
    }
    chain_.store.commit();
    return started;
  }

  void finish(std::size_t run) override {
    chain_.market.release(jobs_[run], context_);
    chain_.market.end(jobs_[run], JobState::Settled, EndReason::Completed, {}, context_);
    run_of_.erase(jobs_[run]);
  }

  const std::vector<NodeView>& nodes() const override { return nodes_; }

 private:
  JobSpec spec_of_run(const TraceRun& run) const {
    JobSpec spec = spec_of(run.job);
    const std::uint64_t run_s = (run.run_ms + kMsPerSecond - 1) / kMsPerSecond;
    const std::uint64_t least = std::max(run_s, chain_.params.get(Parameter::MaxSecondsMin));
    const std::uint64_t most = run_s > kLongestStandardS ? kJobSecondsMax : kLongestStandardS;
    const std::uint64_t stated_s = options_.stated_percent == 0 ? most : run_s * options_.stated_percent / 100;
    spec.max_s = std::max(least, std::min(stated_s, most));
    spec.expected_s = spec.max_s;
    const TierId tier = tier_of(run);
    spec.tier = tier == kEconomy ? TierChoice::Economy : tier == kPremium ? TierChoice::Premium : TierChoice::Standard;
    spec.wait = true;
    return spec;
  }

  void serve_timers() {
    while (const auto timer = chain_.timers.pop_due(context_.time)) {
      if (timer->kind != TimerKind::JobArchive) continue;
      JobId id;
      id.bytes = timer->subject;
      chain_.market.archive(id);
    }
    // History and storage would take these.
    static_cast<void>(chain_.market.take_ended());
    chain_.store.commit();
    static_cast<void>(chain_.store.take_changes());
  }

  const std::vector<TraceRun>& runs_;
  ReplayOptions options_;
  Chain chain_;
  BlockContext context_;
  std::vector<NodeView> nodes_;
  std::vector<JobId> jobs_;              // by run
  std::map<JobId, std::size_t> run_of_;  // of those that have not ended
  std::uint64_t live_max_ = 1;
  TimeMs next_tick_;
  TimeMs next_epoch_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>, std::string> make_market_scheduler(const std::vector<TraceNode>& nodes,
                                                                      const std::vector<TraceRun>& runs,
                                                                      const ReplayOptions& options) {
  auto scheduler = std::make_unique<MarketScheduler>(runs, options);
  if (auto ready = scheduler->set_up(nodes); !ready) return fail(ready.error());
  return scheduler;
}

}  // namespace starminer::sim
