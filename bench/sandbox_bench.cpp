// A job's way through the sandbox, from start to report, against bubblewrap alone around the same program. Needs root
// or delegated control groups, as an agent does.
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "provider/sandbox/sandbox.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

namespace fs = std::filesystem;
using provider::sandbox::EndKind;
using provider::sandbox::Sandbox;
using provider::sandbox::SandboxOptions;
using provider::sandbox::SandboxSpec;
using Clock = std::chrono::steady_clock;

constexpr const char* kProgram = "/usr/bin/true";
constexpr std::int64_t kJobs = 20;
constexpr std::int64_t kPatienceMs = 60'000;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void run_job(benchmark::State& state, Sandbox& sandbox) {
  static int number = 0;
  for (auto unused : state) {
    SandboxSpec spec;
    spec.job_id = "bench-" + std::to_string(++number);
    spec.argv = {kProgram};
    const auto start = Clock::now();
    auto job = sandbox.start(spec);
    if (!job) {
      state.SkipWithError(job.error().text.c_str());
      return;
    }
    const auto ended = job->wait(kPatienceMs);
    state.SetIterationTime(seconds_since(start));
    if (!ended || !*ended || (*ended)->end != EndKind::Exited || (*ended)->exit_code != 0) {
      state.SkipWithError("the job did not end well");
    }
    if (!sandbox.remove_job(spec.job_id)) state.SkipWithError("the job's folder stays");
  }
}

void run_bubblewrap(benchmark::State& state) {
  std::vector<std::string> arguments = {
      "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr",
      "/usr",  "--symlink",     "usr/bin",           "/bin",          "--symlink", "usr/lib",
      "/lib",  "--symlink",     "usr/lib64",         "/lib64",        "--proc",    "/proc",
      "--dev", "/dev",          "--tmpfs",           "/tmp",          kProgram};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  for (auto unused : state) {
    const auto start = Clock::now();
    pid_t child = 0;
    int status = 0;
    const bool ran = ::posix_spawnp(&child, "bwrap", nullptr, nullptr, argv.data(), environ) == 0 &&
                     ::waitpid(child, &status, 0) == child;
    state.SetIterationTime(seconds_since(start));
    if (!ran || status != 0) state.SkipWithError("bwrap failed");
  }
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  using namespace starminer::bench;  // NOLINT(google-build-using-namespace): the program's own names
  std::string root = "/var/tmp/starminer-bench-XXXXXX";
  if (::mkdtemp(root.data()) == nullptr) {
    std::cerr << "no folder can be made below /var/tmp\n";
    return 1;
  }
  const fs::path bin{STARMINER_BIN_DIR};
  SandboxOptions options;
  options.root_dir = fs::path(root) / "jobs";
  options.supervisor_path = bin / "starminer-supervisor";
  options.init_path = bin / "starminer-sandbox-init";
  options.cgroup_parent = "starminer-bench-" + std::to_string(::getpid());
  int status = 1;
  if (auto sandbox = Sandbox::open(options)) {
    compare({"sandbox_job_over_bwrap",
             "bwrap with fresh namespaces and the same read-only /usr, alone",
             "/usr/bin/true from start to its end; the sandbox adds supervisor, control groups, disks, seccomp, "
             "Landlock, logs and report",
             {[&](benchmark::State& state) { run_job(state, *sandbox); }, 1, kJobs},
             {run_bubblewrap, 1, kJobs},
             true});
    status = run_comparisons(argc, argv);
    for (const auto& [controller, parent] : sandbox->cgroups().parents) ::rmdir(parent.c_str());
  } else {
    std::cerr << sandbox.error().text << '\n';
  }
  std::error_code ignored;
  fs::remove_all(root, ignored);
  return status;
}
