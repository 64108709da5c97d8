#include "cli/follow.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cli/interrupt.h"
#include "cli/job_feed.h"
#include "cli/json_view.h"
#include "cli/log_tail.h"
#include "cli/results.h"
#include "cli/run_end.h"
#include "cli/run_view.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRedraw{100};
constexpr milliseconds kLogPause{500};
constexpr std::string_view kWrongContractState = "E5104";

bool is_over(const json& job) {
  const std::string state = text_of(job, "state");
  return state == "settled" || state == "refunded";
}

bool is_delivered(const JobNews& news) { return text_of(news.contract, "state") == "delivered"; }

/// The job until it is delivered or over.
class Follower {
 public:
  enum class Reached { Delivered, Over, Interrupted, TimedOut };

  Follower(client::Api& api, const Settings& settings, const std::string& job, const terminal::Terminal& screen,
           const FollowOptions& options)
      : api_(api),
        options_(options),
        feed_(api, settings, job),
        view_(screen, settings.api_url),
        started_(steady_clock::now()) {}

  Outcome<Reached> run() {
    for (;;) {
      if (InterruptScope::asked()) return ended(Reached::Interrupted);
      if (options_.timeout.count() > 0 && steady_clock::now() - started_ >= options_.timeout) {
        return ended(Reached::TimedOut);
      }
      const auto news = feed_.next(kRedraw);
      if (!news) {
        view_.clear();
        return fail(news.error());
      }
      if (*news) take(**news);
      show_logs(false);
      if (is_over(news_.job)) return ended(Reached::Over);
      if (is_delivered(news_)) return ended(Reached::Delivered);
      view_.tick(feed_.silence());
    }
  }

  [[nodiscard]] const JobNews& news() const { return news_; }

 private:
  Reached ended(Reached reached) {
    show_logs(true);
    view_.clear();
    return reached;
  }

  void take(const JobNews& news) {
    news_ = news;
    const std::string contract = text_of(news_.job, "contract");
    if (!contract_.empty() && contract != contract_ && !is_over(news_.job)) {
      if (const auto lost = api_.get("/v1/contracts/" + contract_)) view_.show_lost_attempt(*lost);
      contract_.clear();
      tails_.clear();
    }
    if (!news_.contract.is_null() && contract != contract_) {
      contract_ = contract;
      node_ = node_name(text_of(news_.contract, "node"));
      if (options_.logs) {
        tails_.emplace_back(api_, contract, "stdout");
        tails_.emplace_back(api_, contract, "stderr");
      }
    }
    view_.show(news_, node_);
  }

  std::string node_name(const std::string& id) {
    if (!NodeId::parse(id)) return {};
    const auto node = api_.get("/v1/nodes/" + id);
    return node ? fmt::format("{} ({}, {})", shown(*node, "name"), shown(*node, "class"), shown(*node, "region")) : "";
  }

  void show_logs(bool all) {
    if (tails_.empty() || (!all && steady_clock::now() - logs_at_ < kLogPause)) return;
    logs_at_ = steady_clock::now();
    for (LogTail& tail : tails_) {
      for (;;) {
        const auto more = tail.more();
        if (!more || more->empty()) break;
        view_.print(*more);
      }
    }
  }

  client::Api& api_;
  const FollowOptions& options_;
  JobFeed feed_;
  RunView view_;
  steady_clock::time_point started_;
  steady_clock::time_point logs_at_{};
  JobNews news_;
  std::string contract_;
  std::string node_;
  std::vector<LogTail> tails_;
};

ExitCode detached(const Invocation& call, const std::string& job, Follower::Reached reached) {
  const bool timed_out = reached == Follower::Reached::TimedOut;
  const ExitCode code = timed_out ? ExitCode::Timeout : InterruptScope::code();
  if (call.json)
    return call.fail(code, {timed_out ? "the job is not over yet" : "detached",
                            "",
                            "job " + job,
                            {fmt::format("attach again: starminer attach {}", job)}});
  call.out.line(fmt::format("{} {}: the job goes on. Attach again: starminer attach {}", call.out.bullet(),
                            timed_out ? "not over yet" : "detached", job));
  return code;
}

}  // namespace

void FollowOptions::attach(config::Command& command) {
  const char* const heading = "Following";
  command.option("--logs", logs, "Show what the job prints.").in(heading);
  command.option("--no-accept", no_accept, "Leave the acceptance window open; later: starminer accept JOB.")
      .in(heading);
  command.option("--out", out, "Where results go; ./NAME without this.")
      .in(heading)
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.option("--timeout", timeout, "Stop following after this time; the job goes on.")
      .in(heading)
      .placeholder("DURATION");
}

Outcome<void> accept_contract(client::Api& api, const std::string& contract) {
  const auto id = ContractId::parse(contract);
  if (!id) return fail(local_trouble("the contract cannot be accepted", "its id is malformed"));
  v1::TransactionBody body;
  body.mutable_contract_accept()->set_contract(id->bytes.data(), id->bytes.size());
  const auto receipt = api.send(std::move(body));
  if (receipt) return {};
  if (receipt.error().code == kWrongContractState) {
    // Its window may have closed meanwhile, or an earlier acceptance have come through.
    const auto now = api.get("/v1/contracts/" + contract);
    if (now && text_of(*now, "state") == "settled") return {};
  }
  return fail(trouble_of(receipt.error()));
}

ExitCode follow_job(const Invocation& call, const Settings& settings, client::Api& api, const std::string& job,
                    std::unique_ptr<OpenRun> run, const FollowOptions& options) {
  const InterruptScope interrupts;
  const terminal::Terminal& screen = call.json ? call.err : call.out;
  auto follower = std::make_unique<Follower>(api, settings, job, screen, options);
  const auto reached = follower->run();
  if (!reached) return report(call, reached.error());
  RunEnd end{follower->news(), run != nullptr ? run->record.quote : json(), {}, {}, false};
  follower.reset();
  if (*reached == Follower::Reached::Interrupted || *reached == Follower::Reached::TimedOut) {
    return detached(call, job, *reached);
  }
  const bool has_results = has(end.news.contract, "result_hash");
  const std::string name = run != nullptr ? run->record.name : name_of_job(api, end.news.job);
  std::string out = options.out;
  if (out.empty() && run != nullptr) out = run->record.out;
  if (has_results) {
    auto results = fetch_results(call, api, {end.news.contract, name, out});
    if (!results) return report(call, results.error());
    end.results = std::move(*results);
  }
  if (*reached == Follower::Reached::Delivered) {
    if (options.no_accept) return report_open_window(call, end);
    if (auto accepted = accept_contract(api, text_of(end.news.contract, "id")); !accepted) {
      return report(call, accepted.error());
    }
    if (auto again = refresh(api, end); !again) return report(call, again.error());
  }
  if (auto kept = keep_settlement(api, end, name); !kept) return report(call, kept.error());
  if (run != nullptr) run->close();
  return report_end(call, api, end);
}

}  // namespace starminer::cli
