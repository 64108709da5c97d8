// init, plan, run, submit, attach: from a job file to results.
#include <unistd.h>

#include <fstream>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/job_source.h"
#include "cli/json_view.h"
#include "cli/plan_view.h"
#include "cli/quote.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "cli/submit.h"
#include "client/job_file/templates.h"
#include "terminal/format.h"
#include "terminal/prompt.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
namespace fs = std::filesystem;

struct RunRequest {
  JobSource source;
  FollowOptions follow;
  bool detach = false;
  bool fresh = false;
  bool explain = false;
  std::string client_id;
};

// ---- init

struct InitRequest {
  protocol::JobKind kind = protocol::JobKind::Training;
  std::string file;
};

ExitCode init(const Invocation& call, const InitRequest& request) {
  const std::string_view text = client::job_file::job_template(request.kind);
  if (request.file.empty()) {
    call.out.stream() << text << std::flush;
    return ExitCode::Ok;
  }
  std::error_code error;
  if (fs::exists(request.file, error)) {
    return call.fail(
        ExitCode::Usage,
        {fmt::format("{} exists already", request.file), "", "nothing is overwritten", {"name another file"}});
  }
  std::ofstream stream(request.file, std::ios::binary);
  stream << text << std::flush;
  if (!stream) return report(call, local_trouble(fmt::format("{} cannot be written", request.file)));
  call.out.line(
      fmt::format("{} wrote {}; see what it costs: starminer plan {}", call.out.tick(), request.file, request.file));
  return ExitCode::Ok;
}

// ---- plan

/// A quote and what the plan says about it besides.
struct Plan {
  PreparedJob prepared;
  QuotedJob quoted;
  std::string runtimes;
};

Outcome<Plan> make_plan(client::Api& api, PreparedJob prepared) {
  auto quoted = request_quote(api, prepared);
  if (!quoted) return fail(quoted.error());
  Plan plan{std::move(prepared), std::move(*quoted), {}};
  if (flag_of(plan.quoted.quote, "missing_runtime")) {
    auto runtimes = describe_runtimes(api, plan.prepared.job.runtime);
    if (!runtimes) return fail(runtimes.error());
    plan.runtimes = std::move(*runtimes);
  }
  return plan;
}

PlanFacts facts_of(const Plan& plan, const client::Api& api, bool explain) {
  return {plan.prepared.job, plan.quoted.quote,     plan.prepared.input_bytes(), plan.quoted.tick_ms,
          plan.runtimes,     plan.quoted.signed_by, api.key().has_value(),       explain};
}

/// The quote itself, and what the plan adds to it.
json plan_json(const Plan& plan) {
  json object = plan.quoted.quote;
  object["job"] = {{"name", plan.prepared.job.name},
                   {"kind", protocol::kind_name(plan.prepared.job.kind)},
                   {"runtime", plan.prepared.job.runtime},
                   {"manifest_hash", plan.prepared.manifest_hash.hex()},
                   {"input_bytes", plan.prepared.input_bytes()}};
  object["runtimes"] = plan.runtimes.empty() ? json() : json(plan.runtimes);
  object["signed_by"] = plan.quoted.signed_by.empty() ? json() : json(plan.quoted.signed_by);
  return object;
}

ExitCode run_job(const Invocation& call, const Settings& settings, RunRequest& request);

ExitCode plan_job(const Invocation& call, const Settings& settings, RunRequest& request) {
  auto prepared = prepare_job(call, request.source);
  if (!prepared) return report(call, prepared.error());
  auto api = open_session(settings, KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  const auto plan = make_plan(**api, std::move(*prepared));
  if (!plan) return report(call, plan.error());
  if (call.json) {
    call.out.line(compact(plan_json(*plan)));
  } else {
    call.out.stream() << plan_text(call.out, facts_of(*plan, **api, request.explain)) << std::flush;
  }
  if (const auto refusal = refusal_of(plan->quoted.quote)) return report(call, *refusal);
  if (call.json) return ExitCode::Ok;
  const bool can_ask =
      call.out.interactive() && ::isatty(STDIN_FILENO) == 1 && request.source.file != "-" && (*api)->key();
  if (can_ask) {
    if (terminal::ask(call.out, {"Run it?", false, false}) != terminal::Answer::Yes) return ExitCode::Ok;
    return run_job(call, settings, request);
  }
  if (!request.source.file.empty()) call.out.line(fmt::format("Run it: starminer run {}", request.source.file));
  return ExitCode::Ok;
}

// ---- run and submit

/// An interrupted run of this job, as far as the command may go on with it.
std::unique_ptr<OpenRun> find_interrupted(const RunStore& store, const RunRequest& request, const RunRecord& like,
                                          bool may_follow) {
  if (!request.client_id.empty()) return store.find_by_client_id(request.client_id);
  if (request.fresh) return nullptr;
  auto run = store.find_unfinished(like);
  // A job that is there already is none of submit's business: who submits twice wants two.
  if (run != nullptr && !may_follow && run->record.phase == RunPhase::Following) return nullptr;
  return run;
}

void say_resumed(const Invocation& call, const RunRecord& record) {
  const auto& screen = call.json ? call.err : call.out;
  const std::string when = terminal::human_distance(static_cast<std::int64_t>(record.started_ms),
                                                    static_cast<std::int64_t>(wall_clock().ms));
  const std::string what = record.job.empty() ? "its submission is taken up again" : "going on with " + record.job;
  screen.line(fmt::format("{} this job was begun {} and not finished: {}; --new submits another one", screen.bullet(),
                          when, what));
}

void say_submitted(const Invocation& call, const RunRecord& record) {
  const auto& screen = call.json ? call.err : call.out;
  screen.line(
      fmt::format("{} submitted {}   at most {} held", screen.tick(), record.job, agpu_of(record.quote, "cap")));
}

/// Quotes the job, asks where it has no budget, sends the inputs and makes the record.
Outcome<std::unique_ptr<OpenRun>> begin_run(const Invocation& call, client::Api& api, const RunStore& store,
                                            PreparedJob prepared, const RunRequest& request) {
  const auto plan = make_plan(api, std::move(prepared));
  if (!plan) return fail(plan.error());
  if (auto refusal = refusal_of(plan->quoted.quote)) {
    if (!plan->runtimes.empty()) refusal->failure.advice.insert(refusal->failure.advice.begin(), plan->runtimes);
    return fail(std::move(*refusal));
  }
  if (!plan->prepared.job.budget) {
    const std::string question =
        fmt::format("The job names no budget; it costs {} expected and at most {}. Run it?",
                    agpu_of(plan->quoted.quote, "expected"), agpu_of(plan->quoted.quote, "cap"));
    if (terminal::ask(call.err, {question, false, call.yes}) != terminal::Answer::Yes) {
      return fail(Trouble{ExitCode::NotConfirmed,
                          {"not confirmed", "", "nothing was submitted", {"name a budget: --budget \"1 AGPU\""}}});
    }
  }
  if (auto sent = upload_job(call, api, plan->prepared); !sent) return fail(sent.error());
  RunRecord record = make_record(api, plan->prepared, plan->quoted);
  record.client_id = request.client_id;
  // Absolute, as the run may be taken up from another folder.
  record.out = request.follow.out.empty() ? "" : fs::absolute(request.follow.out).string();
  return store.create(std::move(record));
}

/// A submitted run: the interrupted one, or a new one.
Outcome<std::unique_ptr<OpenRun>> ensure_submitted(const Invocation& call, const Settings& settings, client::Api& api,
                                                   const RunRequest& request, bool may_follow) {
  auto prepared = prepare_job(call, request.source);
  if (!prepared) return fail(prepared.error());
  const auto status = api.get("/v1/status");
  if (!status) return fail(trouble_of(status.error()));
  RunRecord like;
  like.chain_id = text_of(*status, "chain_id");
  like.account = api.address();
  like.fingerprint = prepared->fingerprint();
  const RunStore store(settings.state_dir);
  auto run = find_interrupted(store, request, like, may_follow);
  if (run != nullptr) {
    if (run->record.fingerprint != like.fingerprint || run->record.account != like.account) {
      return fail(Trouble{ExitCode::Usage,
                          {fmt::format("the client id {} belongs to another job", request.client_id),
                           "",
                           "an id names one job for good",
                           {"use another --client-id"}}});
    }
    say_resumed(call, run->record);
    if (!run->record.job.empty()) return run;
    if (auto sent = upload_job(call, api, *prepared); !sent) return fail(sent.error());
  } else {
    auto begun = begin_run(call, api, store, std::move(*prepared), request);
    if (!begun) return fail(begun.error());
    run = std::move(*begun);
  }
  if (auto sent = submit_run(api, *run); !sent) return fail(sent.error());
  say_submitted(call, run->record);
  return run;
}

json submitted_json(const RunRecord& record) {
  return {{"job", record.job}, {"client_id", record.client_id}, {"name", record.name}, {"quote", record.quote}};
}

/// `bare`: the id alone goes to standard output, so that a script can take it.
ExitCode submit_only(const Invocation& call, const Settings& settings, const RunRequest& request, bool bare) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  Invocation work = call;
  if (bare) work.out = call.err;
  auto run = ensure_submitted(work, settings, **api, request, false);
  if (!run) return report(call, run.error());
  const RunRecord record = (*run)->record;
  (*run)->close();
  if (call.json) {
    call.out.line(compact(submitted_json(record)));
  } else if (bare) {
    call.out.line(record.job);
  } else {
    call.out.line(fmt::format("  watch it: starminer attach {}", record.job));
  }
  return ExitCode::Ok;
}

ExitCode run_job(const Invocation& call, const Settings& settings, RunRequest& request) {
  if (request.detach) return submit_only(call, settings, request, false);
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  auto run = ensure_submitted(call, settings, **api, request, true);
  if (!run) return report(call, run.error());
  const std::string job = (*run)->record.job;
  return follow_job(call, settings, **api, job, std::move(*run), request.follow);
}

// ---- attach

ExitCode attach(const Invocation& call, const Settings& settings, const std::string& text,
                const FollowOptions& options) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto job = resolve_job(**api, text);
  if (!job) return report(call, job.error());
  return follow_job(call, settings, **api, *job, RunStore(settings.state_dir).find_by_job(*job), options);
}

void add_init(config::Command& root) {
  const auto request = std::make_shared<InitRequest>();
  config::Command& command = root.add("init", "Print a commented job file to start from");
  config::Argument kind{"kind",
                        config::bind_choice(request->kind, {{"training", protocol::JobKind::Training},
                                                            {"inference", protocol::JobKind::Inference},
                                                            {"rendering", protocol::JobKind::Rendering},
                                                            {"simulation", protocol::JobKind::Simulation}}),
                        "training, inference, rendering or simulation."};
  kind.positional = true;
  command.add_argument(std::move(kind)).required().placeholder("KIND");
  command.positional("file", request->file, "Where to write it; printed without this.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.without_configuration()
      .example("starminer init training > job.yaml", "Begin a training job")
      .example("starminer init rendering job.yaml", "Begin a rendering; an existing file is never overwritten")
      .run([request](const Invocation& call) { return init(call, *request); });
}

void add_plan(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<RunRequest>();
  config::Command& command = root.add("plan", "Show what a job would cost, where it would run and why");
  command.describe(
      "Asks the node for a quote: the tier and why, the price with every factor, the bounds that no price leaves, the "
      "expected cost and the most that it can cost, who gets what, when it starts, and why nodes are out. Nothing is "
      "sent, held or paid.");
  request->source.attach(command);
  command.option("--explain", request->explain, "Every factor with what it depends on, all classes, the score.");
  command.prints()
      .example("starminer plan job.yaml", "Before the first run")
      .example("starminer plan job.yaml --tier premium --explain", "What another tier would cost, and why")
      .returns(ExitCode::Refused, "the job would be refused; the message says what to change")
      .returns(ExitCode::NotFound, "the job file does not exist")
      .returns(ExitCode::Unreachable)
      .run([&settings, request](const Invocation& call) { return plan_job(call, settings, *request); });
}

void add_submission_options(config::Command& command, RunRequest& request) {
  command
      .option("--client-id", request.client_id,
              "Your own name for this job: the same id is the same job, however often it is sent.")
      .placeholder("TEXT");
  command.option("--new", request.fresh, "Submit another job, even if an unfinished one of the same file is there.");
}

void add_run(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<RunRequest>();
  config::Command& command = root.add("run", "Run a job and bring back its results");
  command.describe(
      "Sends the inputs, submits the job, shows it live, fetches the results and checks every file against the hashes "
      "in the contract, accepts them, and compares the bill with the quote. The proof of the settlement is saved "
      "beside "
      "the results.\n\nCtrl-C detaches; the job goes on. A run that was killed is taken up by the same command: no job "
      "is ever submitted twice.");
  request->source.attach(command);
  request->follow.attach(command);
  command.option("--detach", request->detach, "Submit, and do not wait for the end.");
  add_submission_options(command, *request);
  command.prints()
      .asks()
      .example("starminer run job.yaml", "Run it and wait")
      .example("starminer run job.yaml --detach --json", "In a script: the job id as JSON")
      .example(
          "starminer run --name hello --kind simulation --runtime debian/base --class CPU --max-time 1min --budget "
          "\"1 AGPU\" -- /usr/bin/env",
          "Without a file")
      .returns(ExitCode::Refused, "the job was refused")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::JobFailed)
      .returns(ExitCode::Timeout, "--timeout passed; the job goes on")
      .returns(ExitCode::Mismatch, "results or proof do not fit the contract")
      .returns(ExitCode::NotConfirmed, "the job names no budget and its cost was not confirmed")
      .returns(ExitCode::Interrupted)
      .run([&settings, request](const Invocation& call) { return run_job(call, settings, *request); });
}

void add_submit(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<RunRequest>();
  config::Command& command = root.add("submit", "Submit a job and print its id");
  request->source.attach(command);
  add_submission_options(command, *request);
  command.prints()
      .asks()
      .example("job=$(starminer submit job.yaml)", "Submit in a script")
      .example("starminer attach $job", "Watch it later")
      .returns(ExitCode::Refused, "the job was refused")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotConfirmed, "the job names no budget and its cost was not confirmed")
      .run([&settings, request](const Invocation& call) { return submit_only(call, settings, *request, true); });
}

void add_attach(config::Command& root, const Settings& settings) {
  struct AttachRequest {
    std::string job;
    FollowOptions follow;
  };
  const auto request = std::make_shared<AttachRequest>();
  config::Command& command = root.add("attach", "Watch a job that was submitted before, to its results");
  command.positional("job", request->job, "The job, or the start of its id.").required().placeholder("JOB");
  request->follow.attach(command);
  command.prints()
      .example("starminer attach j1...", "Go on where Ctrl-C left off")
      .returns(ExitCode::NotFound, "there is no such job")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::JobFailed)
      .returns(ExitCode::Timeout, "--timeout passed; the job goes on")
      .returns(ExitCode::Mismatch, "results or proof do not fit the contract")
      .returns(ExitCode::Interrupted)
      .run([&settings, request](const Invocation& call) {
        return attach(call, settings, request->job, request->follow);
      });
}

}  // namespace

void add_run_commands(config::Command& root, const Settings& settings) {
  add_init(root);
  add_plan(root, settings);
  add_run(root, settings);
  add_submit(root, settings);
  add_attach(root, settings);
}

}  // namespace starminer::cli
