#include "provider/sandbox/self_check.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>

#include "provider/sandbox/outputs.h"
#include "provider/sandbox/process.h"

namespace starminer::provider::sandbox {
namespace {

constexpr const char* kAttemptsInside = "/opt/starminer-attempts";
constexpr std::int64_t kWaitMs = 120'000;
constexpr std::size_t kLogBytesMax = 256U << 10U;
// Fewer rows would mean that the program of attempts is not the one that belongs to this agent.
constexpr std::size_t kAttemptsMin = 90;

struct LimitRow {
  const char* name;
  std::vector<std::string> arguments;
  LimitHit expected;
};

SandboxSpec make_spec(const Sandbox& sandbox, const std::string& name, const std::vector<std::string>& arguments) {
  SandboxSpec spec;
  spec.job_id = fmt::format("self-test-{}-{}-{}", name, ::getpid(), wall_clock_ms());
  spec.binds.push_back({sandbox.options().attempts_path, kAttemptsInside});
  spec.argv = {kAttemptsInside};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.limits.memory_bytes = 64ULL << 20U;
  spec.limits.processes = 24;
  spec.limits.output_bytes = spec.limits.scratch_bytes = 4ULL << 20U;
  spec.limits.wall_ms = 60'000;
  spec.limits.term_grace_ms = 100;
  return spec;
}

struct Finished {
  ExitReport report;
  std::string output;
};

SandboxResult<Finished> run_to_end(Sandbox& sandbox, const SandboxSpec& spec) {
  auto job = sandbox.start(spec);
  if (!job) {
    (void)sandbox.remove_job(spec.job_id);
    return fail(job.error());
  }
  const auto ended = job->wait(kWaitMs);
  if (!ended) return fail(ended.error());
  if (!*ended) {
    job->request_kill();
    return fail(SandboxError{SandboxErrc::SetupFailed, "the test job does not end"});
  }
  const auto log = job->read_log(LogStream::StandardOutput, 0, kLogBytesMax);
  if (auto removed = sandbox.remove_job(spec.job_id); !removed) return fail(removed.error());
  return Finished{**ended, log ? log->bytes : std::string{}};
}

void run_attempts(Sandbox& sandbox, std::vector<SelfTestResult>& results) {
  const auto finished = run_to_end(sandbox, make_spec(sandbox, "attempts", {"--all"}));
  if (!finished) {
    results.push_back({"sandbox", false, finished.error().text});
    return;
  }
  std::istringstream lines(finished->output);
  std::size_t rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    std::istringstream words(line);
    std::string name;
    std::string verdict;
    std::string detail;
    words >> name >> verdict;
    std::getline(words >> std::ws, detail);
    results.push_back({printable(name), verdict == "refused" || verdict == "unsupported",
                       printable(fmt::format("{}: {}", verdict, detail))});
  }
  const bool whole = rows >= kAttemptsMin && finished->report.end == EndKind::Exited && finished->report.exit_code == 0;
  results.push_back({"sandbox", whole, fmt::format("{} attempts, {}", rows, describe(finished->report))});
}

void run_limit(Sandbox& sandbox, const LimitRow& row, std::vector<SelfTestResult>& results) {
  SandboxSpec spec = make_spec(sandbox, row.name, row.arguments);
  if (row.expected == LimitHit::WallTime) spec.limits.wall_ms = 200;
  const auto finished = run_to_end(sandbox, spec);
  const std::string name = fmt::format("limit-{}", row.name);
  if (!finished) {
    results.push_back({name, false, finished.error().text});
    return;
  }
  const ExitReport& report = finished->report;
  const bool took_all = report.end == EndKind::Exited && report.exit_code == 0;
  results.push_back({name, !took_all && report.limit == row.expected, describe(report)});
}

}  // namespace

std::vector<SelfTestResult> self_test(Sandbox& sandbox) {
  std::vector<SelfTestResult> results;
  if (::access(sandbox.options().attempts_path.c_str(), X_OK) != 0) {
    results.push_back(
        {"sandbox", false,
         "starminer-attempts is missing; it belongs beside the agent's program or in /usr/libexec/starminer"});
    return results;
  }
  run_attempts(sandbox, results);
  const std::array<LimitRow, 5> limits{{{"memory", {"heap", "96"}, LimitHit::Memory},
                                        {"processes", {"fork-bomb", "30"}, LimitHit::Processes},
                                        {"output", {"fill-disk", "/job/out", "6"}, LimitHit::Output},
                                        {"scratch", {"fill-disk", "/tmp", "6"}, LimitHit::Scratch},
                                        {"time", {"ignore-signals", "60"}, LimitHit::WallTime}}};
  for (const LimitRow& row : limits) run_limit(sandbox, row, results);
  return results;
}

bool all_passed(const std::vector<SelfTestResult>& results) {
  return !results.empty() && std::all_of(results.begin(), results.end(), [](const auto& row) { return row.passed; });
}

}  // namespace starminer::provider::sandbox
