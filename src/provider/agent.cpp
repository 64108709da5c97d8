#include "provider/agent.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace starminer::provider {
namespace {

using nlohmann::json;

constexpr auto kPollEvery = std::chrono::milliseconds(1000);
constexpr std::uint64_t kRoundTripMaxMs = 600'000;  // as an operator takes it
constexpr std::uint64_t kBeatDefaultMs = 10'000;
constexpr std::uint64_t kProgressDefaultMs = 60'000;

std::uint64_t parameter(Chain& chain, std::string_view name, std::uint64_t fallback) {
  const auto answer = chain.get("/v1/params");
  if (!answer) return fallback;
  for (const json& row : answer->value("parameters", json::array())) {
    if (row.value("name", "") == name) return std::stoull(row.value("value", "0"));
  }
  return fallback;
}

/// Whether a contract, or a part of it, belongs to one of these nodes.
bool is_of(const std::vector<NodeRecord>& nodes, const json& contract) {
  const auto is_own = [&nodes](const std::string& id) {
    return std::any_of(nodes.begin(), nodes.end(), [&id](const NodeRecord& node) { return node.id.text() == id; });
  };
  const json hosts = contract.value("gang", json::array());
  return is_own(contract.value("node", "")) ||
         std::any_of(hosts.begin(), hosts.end(), [&](const json& host) { return is_own(host.value("node", "")); });
}

}  // namespace

Result<std::unique_ptr<Agent>, std::string> Agent::open(const AgentSettings& settings, Chain& chain,
                                                        std::vector<NodeRecord> nodes) {
  sandbox::SandboxOptions options;
  options.root_dir = settings.state_dir / "jobs";
  options.cgroup_parent = settings.cgroup_parent;
  auto sandbox = sandbox::Sandbox::open(std::move(options));
  if (!sandbox) return fail(sandbox.error().text);
  auto agent = std::unique_ptr<Agent>(new Agent(settings, chain, std::move(nodes), std::move(*sandbox)));
  if (const auto journal = agent->journal_.load(); !journal) return fail(journal.error());
  return agent;
}

Agent::Agent(AgentSettings settings, Chain& chain, std::vector<NodeRecord> nodes, sandbox::Sandbox sandbox)
    : settings_(std::move(settings)),
      chain_(chain),
      nodes_(std::move(nodes)),
      sandbox_(std::move(sandbox)),
      journal_(settings_.state_dir / "journal"),
      benchmark_(settings_, chain_, nodes_) {}

Agent::~Agent() {
  for (Running& job : jobs_) {
    if (job.thread.joinable()) job.thread.join();
  }
}

void Agent::stop() {
  stopping_ = true;
  const std::lock_guard lock(wake_mutex_);
  woken_ = true;
  wake_.notify_all();
}

void Agent::wait_for_wake(std::chrono::milliseconds at_most) {
  std::unique_lock lock(wake_mutex_);
  wake_.wait_for(lock, at_most, [this] { return woken_; });
  woken_ = false;
}

void Agent::run() {
  beat_every_ms_ = parameter(chain_, "BeatEveryMs", kBeatDefaultMs);
  progress_every_ms_ = parameter(chain_, "ProgressEveryMs", kProgressDefaultMs);
  resume_jobs();
  std::vector<std::thread> beats;
  for (const std::string& url : client::split_urls(chain_.url())) beats.emplace_back([this, url] { beat_loop(url); });
  std::thread watch([this] { watch_loop(); });
  auto next_progress = std::chrono::steady_clock::now() + std::chrono::milliseconds(progress_every_ms_);
  while (!stopping_) {
    take_assignments();
    reap();
    if (std::chrono::steady_clock::now() >= next_progress) {
      report_progress();
      next_progress = std::chrono::steady_clock::now() + std::chrono::milliseconds(progress_every_ms_);
    }
    wait_for_wake(std::min(kPollEvery, std::chrono::milliseconds(progress_every_ms_)));
  }
  for (Running& job : jobs_) job.runner->detach();
  for (Running& job : jobs_) job.thread.join();
  jobs_.clear();
  for (std::thread& thread : beats) thread.join();
  watch.join();
}

// Everything that an earlier agent had begun is looked at once: the chain says what of it still counts.
void Agent::resume_jobs() {
  if (const auto cleaned = sandbox_.cleanup_stale(); cleaned) {
    for (const std::string& job : cleaned->lost_jobs) spdlog::warn("{}  its supervisor had died; it was ended", job);
  } else {
    spdlog::error("{}", cleaned.error().text);
  }
  std::set<ContractId> known;
  if (const auto entries = journal_.load()) {
    for (const JournalEntry& entry : *entries) known.insert(entry.contract);
  }
  for (const std::string& job : sandbox_.list_jobs()) {
    if (const auto contract = ContractId::parse(job)) known.insert(*contract);
  }
  for (const ContractId& contract : known) launch(contract);
}

void Agent::beat_loop(const std::string& url) {
  json body = {{"nodes", json::array()}};
  for (const NodeRecord& node : nodes_) body["nodes"].push_back(node.id.text());
  // A connection of its own: a round trip that waited for another request would say nothing of the network.
  const auto api = client::Api::connect(url, chain_.key());
  if (!api) return;
  bool silent = false;
  while (!stopping_) {
    const auto sent = std::chrono::steady_clock::now();
    const auto answer = (*api)->post("/v1/beats", body);
    const auto trip = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - sent);
    if (answer) {
      body["round_trip_ms"] = std::min<std::uint64_t>(static_cast<std::uint64_t>(trip.count()), kRoundTripMaxMs);
    }
    if (answer.has_value() == silent) {
      silent = !answer.has_value();
      if (silent) {
        spdlog::warn("the node at {} does not hear us: {}", url, client::describe(answer.error()));
      } else {
        spdlog::info("heard by {}", url);
      }
    }
    for (std::uint64_t slept = 0; slept < beat_every_ms_ && !stopping_; slept += 50) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

void Agent::watch_loop() {
  const auto api = client::Api::connect(chain_.url(), chain_.key());
  if (!api) return;
  while (!stopping_) {
    (void)(*api)->events(
        "/v1/assignments/stream",
        [this](const api::http::SseEvent&) {
          const std::lock_guard lock(wake_mutex_);
          woken_ = true;
          wake_.notify_all();
          return !stopping_;
        },
        &stopping_);
    if (!stopping_) std::this_thread::sleep_for(kPollEvery);
  }
}

void Agent::take_assignments() {
  const auto answer = chain_.get("/v1/assignments");
  if (!answer) return;
  std::set<ContractId> live;
  std::set<ContractId> noticed;
  for (const json& contract : answer->value("contracts", json::array())) {
    const auto id = ContractId::parse(contract.value("id", ""));
    // Other hosts of the account have agents of their own.
    if (!id || !is_of(nodes_, contract)) continue;
    live.insert(*id);
    if (has_notice(contract)) noticed.insert(*id);
  }
  for (Running& job : jobs_) {
    if (noticed.contains(job.runner->contract())) job.runner->give_way();
    if (!live.contains(job.runner->contract()) && !job.runner->finished()) job.runner->cancel();
  }
  std::erase_if(done_with_, [&live](const ContractId& contract) { return !live.contains(contract); });
  for (const ContractId& contract : live) {
    const bool known =
        done_with_.contains(contract) ||
        std::any_of(jobs_.begin(), jobs_.end(), [&](const Running& job) { return job.runner->contract() == contract; });
    if (!known) launch(contract);
  }
  benchmark_.serve(answer->value("benchmarks", json::array()), !jobs_.empty());
}

void Agent::launch(const ContractId& contract) {
  auto runner = std::make_unique<JobRunner>(RunnerContext{settings_, chain_, sandbox_, journal_, nodes_}, contract);
  JobRunner* raw = runner.get();
  jobs_.push_back({std::move(runner), std::thread([this, raw] {
                     raw->run();
                     const std::lock_guard lock(wake_mutex_);
                     woken_ = true;
                     wake_.notify_all();
                   })});
}

void Agent::reap() {
  for (Running& job : jobs_) {
    if (!job.runner->finished()) continue;
    job.thread.join();
    done_with_.insert(job.runner->contract());
  }
  std::erase_if(jobs_, [](const Running& job) { return job.runner->finished() && !job.thread.joinable(); });
}

void Agent::report_progress() {
  std::vector<Chain::Progress> entries;
  for (const Running& job : jobs_) {
    if (const auto run_ms = job.runner->reportable_run_ms())
      entries.push_back({job.runner->contract(), *run_ms, job.runner->host()});
  }
  if (entries.empty()) return;
  if (const auto receipt = chain_.progress(std::move(entries)); !receipt) {
    spdlog::warn("progress report: {}", client::describe(receipt.error()));
  }
}

}  // namespace starminer::provider
