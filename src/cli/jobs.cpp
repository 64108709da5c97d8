// status, list, raise, cancel, accept, results: one's jobs after they were submitted.
#include <algorithm>
#include <array>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/job_source.h"
#include "cli/json_view.h"
#include "cli/plan_view.h"
#include "cli/results.h"
#include "cli/run_view.h"
#include "cli/session.h"
#include "config/units.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/prompt.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Align;
using terminal::Table;

constexpr std::size_t kListed = 20;

terminal::Zone zone_of(const Invocation& call) { return call.utc ? terminal::Zone::Utc : terminal::Zone::Local; }

std::string time_text(const Invocation& call, const json& object, const char* name) {
  return terminal::human_time(static_cast<std::int64_t>(number_of(object, name)), zone_of(call));
}

/// A job and its contract, which is null before the match.
struct Found {
  std::string id;
  json job;
  json contract;
};

Outcome<Found> find_job(client::Api& api, const std::string& text) {
  auto id = resolve_job(api, text);
  if (!id) return fail(id.error());
  auto job = api.get("/v1/jobs/" + *id);
  if (!job) return fail(trouble_of(job.error()));
  Found found{std::move(*id), std::move(*job), {}};
  if (const std::string contract = text_of(found.job, "contract"); !contract.empty()) {
    auto answer = api.get("/v1/contracts/" + contract);
    if (!answer) return fail(trouble_of(answer.error()));
    found.contract = std::move(*answer);
  }
  return found;
}

// ---- status

std::string state_text(const Found& found) {
  std::string text = shown(found.job, "state");
  if (flag_of(found.job, "parked")) text += ", waiting for the price to come down";
  if (const auto position = find_number(found.job, "queue_position")) {
    text += fmt::format(", {} before it in the queue", *position);
  }
  if (text_of(found.job, "state") == "active") text += fmt::format(": {}", shown(found.contract, "state"));
  if (has(found.job, "end_reason")) {
    text += fmt::format(": {} (responsible: {})", shown(found.job, "end_reason_text"), shown(found.job, "party"));
  }
  return text;
}

/// What the job waits for since others were given notice, or what it was given itself.
void add_preemption(terminal::KeyValues& lines, const Invocation& call, const Found& found) {
  const json& job = found.job;
  if (const json& notice = member(job, "notice"); notice.is_object()) {
    lines.add("Notice", fmt::format("given to work on node {}; starts there at the latest {}", shown(notice, "node"),
                                    time_text(call, notice, "due_ms")));
  }
  if (text_of(job, "compensation") != "0" && has(job, "compensation")) {
    lines.add("Compensation",
              fmt::format("{} out of its cap, to those that it pre-empted", agpu_of(job, "compensation")));
  }
  if (const json& promise = member(job, "start_promise"); promise.is_object()) {
    lines.add("Promise", fmt::format("starts by {}: {}", time_text(call, promise, "due_ms"), shown(promise, "state")));
  }
  if (has(found.contract, "returned") && text_of(found.contract, "returned") != "0") {
    lines.more(fmt::format("{} of its bill was not charged for that", agpu_of(found.contract, "returned")));
  }
  if (has(found.contract, "insured") && text_of(found.contract, "insured") != "0") {
    lines.more(fmt::format("the insurance fund paid {} for that", agpu_of(found.contract, "insured")));
  }
  if (const json& notice = member(found.contract, "notice"); notice.is_object() && flag_of(notice, "open")) {
    lines.add("Pre-empted", fmt::format("must give way to job {} until {}; costs nothing, and it is queued again",
                                        shown(notice, "by"), time_text(call, notice, "due_ms")));
  } else if (const std::uint64_t times = number_of(job, "preemptions"); times > 0) {
    lines.add("Pre-empted", fmt::format("{} times so far", times));
  }
}

/// What the node paid that took the job and did not begin it.
void add_decline(terminal::KeyValues& lines, const Found& found) {
  const json& charge = member(found.contract, "decline");
  if (!charge.is_object()) return;
  lines.add("Declined", fmt::format("the node paid for it: {} to the requester, {} burned",
                                    agpu_of(charge, "compensated"), agpu_of(charge, "burned")));
}

void show_status(const Invocation& call, client::Api& api, const Found& found) {
  const json& job = found.job;
  terminal::KeyValues lines;
  lines.add("Job", fmt::format("{}  {}, {}", found.id, shown(job, "kind"), shown(job, "runtime")));
  lines.add("State", state_text(found));
  lines.add("Tier", fmt::format("{} ({})", shown(job, "tier"), shown(job, "tier_reason")));
  lines.add("Submitted", time_text(call, job, "submitted_ms"));
  if (const json& lock = member(job, "price_lock"); lock.is_object()) {
    lines.add("Price lock", fmt::format("{}, {}", agpu_of(lock, "fee"),
                                        flag_of(lock, "held") ? "the match was made at the locked price"
                                                              : "no match was made at the locked price so far"));
  }
  add_preemption(lines, call, found);
  add_decline(lines, found);
  if (const std::uint64_t credits = number_of(job, "credits"); credits > 0) {
    lines.add("Credits",
              fmt::format("{} spent, {} ahead in the queue; {} burned with them", credits,
                          terminal::human_duration(number_of(job, "boost_ms")), agpu_of(job, "credits_burned")));
  }
  if (found.contract.is_object()) {
    const json& contract = found.contract;
    lines.add("Contract", fmt::format("{} on node {}, {} per GPU-hour", shown(contract, "id"), shown(contract, "node"),
                                      agpu_of(contract, "unit_price")));
    const json& gang = list_of(contract, "gang");
    if (!gang.empty()) {
      const auto count_with = [&gang](const char* member) {
        return std::count_if(gang.begin(), gang.end(), [member](const json& host) { return has(host, member); });
      };
      lines.add("Hosts", fmt::format("{} of one site share the job: {} ready, {} of the others done", gang.size(),
                                     count_with("ready_ms"), count_with("done_ms")));
    }
    if (has(contract, "started_ms")) lines.add("Started", time_text(call, contract, "started_ms"));
    if (text_of(contract, "state") == "running") {
      if (const auto progress = api.get("/v1/contracts/" + text_of(contract, "id") + "/progress")) {
        const std::uint64_t ran = number_of(*progress, "run_ms");
        lines.add("Progress",
                  fmt::format("{} of {} {}  {}", number_of(*progress, "done"), number_of(*progress, "total"),
                              shown(*progress, "unit"), shown(*progress, "note")));
        lines.add("Cost", fmt::format("{} after {}", agpu(cost_so_far(contract, ran)), terminal::human_duration(ran)));
      }
    }
    if (text_of(contract, "state") == "delivered") {
      lines.add("Window",
                fmt::format("open until {}: starminer accept {}", time_text(call, contract, "timer_due_ms"), found.id));
    }
  }
  if (has(job, "ended_ms")) {
    lines.add("Ended", time_text(call, job, "ended_ms"));
    if (const json& place = member(job, "archived"); place.is_object()) {
      lines.add("Archived", fmt::format("left the state; block {} ended it, leaf {} of the history proves it",
                                        number_of(place, "height"), number_of(place, "leaf_index")));
    }
    lines.add("Paid", fmt::format("{}, {} returned", agpu_of(job, "paid"), agpu_of(job, "refunded")));
    if (number_of(member(found.contract, "bill"), "pay") > 0)
      lines.more("= " + split_text(member(found.contract, "bill")));
  } else {
    lines.add("Held", agpu_of(job, "cap"));
  }
  call.out.stream() << lines.render(call.out) << std::flush;
}

ExitCode status(const Invocation& call, const Settings& settings, const std::string& text) {
  auto api = open_session(settings, KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  const auto found = find_job(**api, text);
  if (!found) return report(call, found.error());
  if (call.json) {
    call.out.line(compact({{"job", found->job}, {"contract", found->contract}}));
  } else {
    show_status(call, **api, *found);
  }
  return ExitCode::Ok;
}

// ---- list

struct ListRequest {
  bool running = false;
  bool all = false;
};

Outcome<json> own_jobs(client::Api& api, const ListRequest& request) {
  json jobs = json::array();
  // Without a state the node looks through everything that ever was.
  const auto states =
      request.running ? std::vector<std::string>{"&state=active", "&state=queued"} : std::vector<std::string>{""};
  const std::size_t most = request.all || request.running ? SIZE_MAX : kListed;
  const std::string limit = std::to_string(std::min<std::size_t>(most, 500));
  for (const std::string& state : states) {
    std::string after;
    do {
      const auto page = api.get("/v1/jobs?limit=" + limit + "&requester=" + api.address() + state +
                                (after.empty() ? "" : "&after=" + after));
      if (!page) return fail(trouble_of(page.error()));
      for (const json& job : list_of(*page, "jobs")) {
        jobs.push_back(job);
        if (jobs.size() == most) return jobs;
      }
      after = text_of(*page, "next");
    } while (!after.empty());
  }
  return jobs;
}

ExitCode list(const Invocation& call, const Settings& settings, const ListRequest& request) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto jobs = own_jobs(**api, request);
  if (!jobs) return report(call, jobs.error());
  if (call.json) {
    call.out.line(compact({{"jobs", *jobs}}));
    return ExitCode::Ok;
  }
  if (jobs->empty()) {
    call.out.line(request.running ? "none of your jobs is waiting or running"
                                  : "you have no jobs yet; begin: starminer init training > job.yaml");
    return ExitCode::Ok;
  }
  Table table({{"JOB", Align::Left, "", true},
               {"KIND"},
               {"STATE"},
               {"END"},
               {"TIER"},
               {"SUBMITTED"},
               {"PAID", Align::Right, "AGPU"},
               {"HELD", Align::Right, "AGPU"}});
  for (const json& job : *jobs) {
    const bool live = !has(job, "ended_ms");
    table.add({text_of(job, "id"), text_of(job, "kind"), text_of(job, "state"), text_of(job, "end_reason"),
               text_of(job, "tier"), time_text(call, job, "submitted_ms"), live ? "" : tokens_of(job, "paid"),
               live ? tokens_of(job, "cap") : ""});
  }
  call.out.stream() << table.render(call.out) << std::flush;
  if (!request.all && !request.running && jobs->size() == kListed) {
    call.out.line(fmt::format("the newest {}; all of them: starminer list --all", kListed));
  }
  return ExitCode::Ok;
}

// ---- cancel, accept

ExitCode cancel(const Invocation& call, const Settings& settings, const std::string& text) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto found = find_job(**api, text);
  if (!found) return report(call, found.error());
  const bool runs = text_of(found->contract, "state") == "running";
  const std::string question =
      fmt::format("Cancel job {} ({})?{}", found->id, state_text(*found), runs ? " What it ran so far is paid." : "");
  if (terminal::ask(call.err, {question, false, call.yes}) != terminal::Answer::Yes) return ExitCode::NotConfirmed;
  const auto id = JobId::parse(found->id);
  v1::TransactionBody body;
  body.mutable_job_cancel()->set_job(id->bytes.data(), id->bytes.size());
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  const auto after = find_job(**api, found->id);
  if (!after) return report(call, after.error());
  if (call.json) {
    call.out.line(compact({{"job", after->job}, {"contract", after->contract}, {"transaction", receipt->transaction}}));
  } else {
    call.out.line(fmt::format("{} cancelled: {} paid, {} returned", call.out.tick(), agpu_of(after->job, "paid"),
                              agpu_of(after->job, "refunded")));
  }
  return ExitCode::Ok;
}

struct RaiseRequest {
  std::string job;
  std::string budget;
  std::string max_price;
};

ExitCode raise(const Invocation& call, const Settings& settings, const RaiseRequest& request) {
  std::array<std::uint64_t, 2> amounts{};
  const std::array<std::pair<std::string_view, const std::string&>, 2> given = {
      {{"--budget", request.budget}, {"--max-price", request.max_price}}};
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].second.empty()) continue;
    const auto amount = config::parse_token_amount(given[i].second, "AGPU");
    if (!amount) {
      return call.fail(ExitCode::Usage, {fmt::format("{}: {}", given[i].first, amount.error().text), "", "", {}});
    }
    amounts[i] = *amount;
  }
  const auto [budget, max_price] = amounts;
  if (budget == 0 && max_price == 0) {
    return call.fail(ExitCode::Usage,
                     {"no amount to raise to", "", "name --budget or --max-price, such as \"1.5 AGPU\"", {}});
  }
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto found = find_job(**api, request.job);
  if (!found) return report(call, found.error());
  const auto id = JobId::parse(found->id);
  v1::TransactionBody body;
  body.mutable_job_raise()->set_job(id->bytes.data(), id->bytes.size());
  body.mutable_job_raise()->set_budget(budget);
  body.mutable_job_raise()->set_max_price(max_price);
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  const auto after = find_job(**api, found->id);
  if (!after) return report(call, after.error());
  if (call.json) {
    call.out.line(compact({{"job", after->job}, {"transaction", receipt->transaction}}));
  } else {
    call.out.line(fmt::format("{} raised: at most {} for the job, {} per GPU-hour", call.out.tick(),
                              agpu_of(after->job, "cap"), agpu_of(after->job, "max_price")));
  }
  return ExitCode::Ok;
}

ExitCode accept(const Invocation& call, const Settings& settings, const std::string& text) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto found = find_job(**api, text);
  if (!found) return report(call, found.error());
  const std::string contract = text_of(found->contract, "id");
  if (contract.empty()) {
    return call.fail(ExitCode::Refused,
                     {fmt::format("job {} has nothing to accept", found->id), "", state_text(*found), {}});
  }
  if (const auto accepted = accept_contract(**api, contract); !accepted) return report(call, accepted.error());
  const auto after = find_job(**api, found->id);
  if (!after) return report(call, after.error());
  if (call.json) {
    call.out.line(compact({{"job", after->job}, {"contract", after->contract}}));
  } else {
    call.out.line(fmt::format("{} accepted: {} paid, {} returned", call.out.tick(), agpu_of(after->job, "paid"),
                              agpu_of(after->job, "refunded")));
  }
  return ExitCode::Ok;
}

// ---- results

struct ResultsRequest {
  std::string job;
  std::string out;
};

ExitCode results(const Invocation& call, const Settings& settings, const ResultsRequest& request) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto found = find_job(**api, request.job);
  if (!found) return report(call, found.error());
  const std::string name = request.out.empty() ? name_of_job(**api, found->job) : std::string();
  const auto fetched = fetch_results(call, **api, {found->contract, name, request.out});
  if (!fetched) return report(call, fetched.error());
  if (call.json) {
    call.out.line(compact({{"job", found->id},
                           {"contract", member(found->contract, "id")},
                           {"out", fetched->folder.string()},
                           {"files", files_json(fetched->outputs)},
                           {"logs", files_json(fetched->logs)},
                           {"result_hash", member(found->contract, "result_hash")}}));
    return ExitCode::Ok;
  }
  Table table({{"FILE", Align::Left, "", true}, {"SIZE", Align::Right}, {"SHA-256", Align::Left, "", true}});
  for (const auto* files : {&fetched->outputs, &fetched->logs}) {
    for (const ResultFile& file : *files) {
      table.add({(fetched->folder / file.path).string(), terminal::human_bytes(file.size), file.sha256.hex()});
    }
  }
  call.out.stream() << table.render(call.out);
  call.out.line(fmt::format("{} all hashes match the contract", call.out.tick()));
  return ExitCode::Ok;
}

/// A command with one argument, the job.
template <class Run>
config::Command& add_on_job(config::Command& root, const char* name, const char* summary, const Run& run) {
  const auto job = std::make_shared<std::string>();
  config::Command& command = root.add(name, summary);
  command.positional("job", *job, "The job, or the start of its id.").required().placeholder("JOB");
  command.prints()
      .returns(ExitCode::NotFound, "there is no such job")
      .returns(ExitCode::Unreachable)
      .run([job, run](const Invocation& call) { return run(call, *job); });
  return command;
}

void add_list(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<ListRequest>();
  config::Command& command = root.add("list", "List your jobs, the newest first");
  command.option("--running", request->running, "Only those that wait or run.");
  command.option("--all", request->all, "All of them, not just the newest 20.");
  command.prints()
      .example("starminer list --running", "What holds your balance now")
      .example("starminer list --all --json", "Everything, for scripts")
      .returns(ExitCode::Unreachable)
      .run([&settings, request](const Invocation& call) { return list(call, settings, *request); });
}

void add_raise(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<RaiseRequest>();
  config::Command& command = root.add("raise", "Raise the budget or the price limit of a job that waits");
  command.positional("job", request->job, "The job, or the start of its id.").required().placeholder("JOB");
  command.option("--budget", request->budget, "Most that the whole job may cost, such as \"1 AGPU\".")
      .placeholder("AGPU");
  command.option("--max-price", request->max_price, "Highest price per GPU-hour, such as \"0.5 AGPU\".")
      .placeholder("AGPU");
  command.prints()
      .example("starminer raise j1... --max-price \"1.4 AGPU\"", "Where explain says that the price is above the limit")
      .returns(ExitCode::Usage, "no amount, or one that is none")
      .returns(ExitCode::Refused, "the job had a match, or the amounts are not above the present ones")
      .returns(ExitCode::NotFound, "there is no such job")
      .returns(ExitCode::Unreachable)
      .run([&settings, request](const Invocation& call) { return raise(call, settings, *request); });
}

void add_results(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<ResultsRequest>();
  config::Command& command = root.add("results", "Fetch the results of a job and check every hash");
  command.positional("job", request->job, "The job, or the start of its id.").required().placeholder("JOB");
  command.option("--out", request->out, "Where they go; ./NAME without this.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.prints()
      .example("starminer results j1... --out results", "Into the folder results")
      .returns(ExitCode::NotFound, "there is no such job, or it has no results")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "a file does not fit the contract")
      .run([&settings, request](const Invocation& call) { return results(call, settings, *request); });
}

}  // namespace

void add_job_commands(config::Command& root, const Settings& settings) {
  const auto bound = [&settings](ExitCode (*action)(const Invocation&, const Settings&, const std::string&)) {
    return [&settings, action](const Invocation& call, const std::string& job) { return action(call, settings, job); };
  };
  add_on_job(root, "status", "Show how a job stands", bound(status))
      .example("starminer status j1...", "State, contract, cost so far");
  add_list(root, settings);
  add_on_job(root, "cancel", "Cancel a job", bound(cancel))
      .asks()
      .example("starminer cancel j1... --yes", "In a script")
      .returns(ExitCode::Refused, "the job is over or not yours")
      .returns(ExitCode::NotConfirmed);
  add_raise(root, settings);
  add_on_job(root, "accept", "Accept the result of a job, which pays it", bound(accept))
      .example("starminer accept j1...", "Pay at once instead of when the window closes")
      .returns(ExitCode::Refused, "there is nothing to accept");
  add_results(root, settings);
}

}  // namespace starminer::cli
