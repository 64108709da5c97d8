// logs: what a job printed, while it runs or afterwards.
#include <chrono>
#include <ostream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/json_view.h"
#include "cli/log_tail.h"
#include "cli/session.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

constexpr auto kPause = std::chrono::milliseconds(300);

struct LogsRequest {
  std::string job;
  bool follow = false;
  bool errors = false;
};

/// Prints all that is there. False after a refusal, which was reported to `code`.
Outcome<void> print_news(const Invocation& call, LogTail& tail) {
  for (;;) {
    const std::uint64_t offset = tail.offset();
    const auto more = tail.more();
    if (!more) return fail(more.error());
    if (tail.offset() == offset) return {};
    if (call.json) {
      call.out.line(compact({{"stream", tail.stream()}, {"offset", offset}, {"text", *more}}));
    } else {
      call.out.stream() << *more << std::flush;
    }
  }
}

/// True while the job may still print something.
Outcome<bool> may_print(client::Api& api, const std::string& contract) {
  const auto answer = api.get("/v1/contracts/" + contract);
  if (!answer) return answer.error().is_transient() ? Outcome<bool>(true) : fail(trouble_of(answer.error()));
  const std::string state = text_of(*answer, "state");
  return state == "assigned" || state == "preparing" || state == "running";
}

ExitCode logs(const Invocation& call, const Settings& settings, const LogsRequest& request) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto id = resolve_job(**api, request.job);
  if (!id) return report(call, id.error());
  const InterruptScope interrupts;
  std::string contract;
  while (!InterruptScope::asked()) {
    const auto job = (*api)->get("/v1/jobs/" + *id);
    if (!job) return report(call, job.error());
    contract = text_of(*job, "contract");
    if (!contract.empty()) break;
    const std::string state = shown(*job, "state");
    if (!request.follow || state != "queued") {
      return call.fail(ExitCode::NotFound, {fmt::format("job {} has printed nothing", *id),
                                            "",
                                            fmt::format("it is {}", state),
                                            {"wait for it: starminer logs JOB --follow"}});
    }
    std::this_thread::sleep_for(kPause);
  }
  LogTail tail(**api, contract, request.errors ? "stderr" : "stdout");
  for (;;) {
    // Asked before the logs are read: what the job printed last is then among them.
    const auto live = may_print(**api, contract);
    if (!live) return report(call, live.error());
    if (const auto printed = print_news(call, tail); !printed) return report(call, printed.error());
    if (InterruptScope::asked()) return InterruptScope::code();
    if (!request.follow || !*live) return ExitCode::Ok;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

void add_logs_command(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<LogsRequest>();
  config::Command& command = root.add("logs", "Show what a job printed");
  command.positional("job", request->job, "The job, or the start of its id.").required().placeholder("JOB");
  command.option("--follow", request->follow, "Go on until the job stops.");
  command.option("--stderr", request->errors, "Standard error instead of standard output.");
  command.prints()
      .example("starminer logs j1... --follow", "Watch it")
      .example("starminer logs j1... --stderr", "Why it failed")
      .returns(ExitCode::NotFound, "there is no such job, or it printed nothing yet")
      .returns(ExitCode::Refused, "the job is not yours")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Interrupted)
      .run([&settings, request](const Invocation& call) { return logs(call, settings, *request); });
}

}  // namespace starminer::cli
