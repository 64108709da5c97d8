// The life of a job: start, logs, end, stop, adoption by another agent, and what is left afterwards. Real runs.
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>

#include "provider/sandbox/job_dir.h"
#include "provider/sandbox/outputs.h"
#include "provider/sandbox/self_check.h"
#include "sandbox/fixture.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Lifecycle : public SandboxFixture {};

TEST_F(Lifecycle, RunsAProgramAndReportsItsExitCode) {
  const ExitReport report = run(shell("hello", "echo out; echo err >&2; exit 7"));
  EXPECT_EQ(report.end, EndKind::Exited) << describe(report);
  EXPECT_EQ(report.exit_code, 7);
  EXPECT_EQ(report.limit, LimitHit::None);
  EXPECT_EQ(output_of("hello"), "out\n");
  EXPECT_EQ(errors_of("hello"), "err\n");
  EXPECT_GE(report.landlock_abi, 1);
  EXPECT_GT(report.memory_peak_bytes, 0U);
}

TEST_F(Lifecycle, ReportsTheSignalThatEndedTheProgram) {
  const ExitReport report = run(shell("signal", "kill -SEGV $$"));
  EXPECT_EQ(report.end, EndKind::Signalled) << describe(report);
  EXPECT_EQ(report.signal, SIGSEGV);
}

TEST_F(Lifecycle, ShowsInputsReadOnlyAndTakesOutputs) {
  const fs::path inputs = root() / "inputs";
  fs::create_directories(inputs / "deep");
  std::ofstream(inputs / "deep" / "a.txt") << "42";
  fs::permissions(inputs / "deep" / "a.txt", fs::perms::owner_read | fs::perms::owner_write);
  SandboxSpec spec =
      shell("files", "mkdir /job/out/d; cat /job/in/deep/a.txt > /job/out/d/b.txt; pwd; touch /job/in/x");
  spec.inputs = inputs;
  const ExitReport report = run(spec);
  EXPECT_EQ(report.exit_code, 1) << describe(report);
  EXPECT_THAT(errors_of("files"), HasSubstr("Read-only file system"));
  EXPECT_EQ(output_of("files"), "/job/scratch\n");
  EXPECT_EQ(report.output_files, 1U) << report.error;
  const auto files = collect_outputs(sandbox().job_directory("files") / kOutputsFolder, {1000, 10});
  ASSERT_TRUE(files) << files.error().text;
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ(files->front().path, "d/b.txt");
  EXPECT_EQ(files->front().size, 2U);
  EXPECT_EQ(files->front().sha256, "73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049");
}

TEST_F(Lifecycle, GivesACleanEnvironment) {
  ::setenv("STARMINER_TEST_SECRET", "do-not-tell", 1);
  SandboxSpec spec = shell("env", "env | sort");
  spec.env["GREETING"] = "two words";
  const ExitReport report = run(spec);
  EXPECT_EQ(report.exit_code, 0) << describe(report);
  EXPECT_EQ(output_of("env"),
            "GREETING=two words\nHOME=/job/scratch\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\nPWD=/job/scratch\n"
            "TMPDIR=/tmp\nTZ=UTC\n");
}

TEST_F(Lifecycle, RefusesToStartAJobTwice) {
  EXPECT_EQ(run(shell("once", "exit 0")).exit_code, 0);
  const auto again = sandbox().start(shell("once", "exit 0"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, SandboxErrc::AlreadyStarted);
}

// Whose fault an end is decides who pays: a command that does not exist is the job's, not the sandbox's.
TEST_F(Lifecycle, EndsACommandThatCannotBeRunAsAShellDoes) {
  const fs::path inputs = root() / "inputs";
  fs::create_directories(inputs);
  std::ofstream(inputs / "plain") << "#!/bin/sh\n";
  fs::permissions(inputs / "plain", fs::perms(0444));
  std::ofstream(inputs / "noise") << "no program";
  fs::permissions(inputs / "noise", fs::perms(0555));
  struct Case {
    const char* job_id;
    const char* program;
    int exit_code;
    const char* says;
  };
  for (const Case& wrong :
       {Case{"nothing", "/usr/bin/no-such-program", 127, "No such file or directory"},
        Case{"below-a-file", "/usr/bin/env/x", 127, "Not a directory"},
        Case{"folder", "/usr", 126, "Permission denied"}, Case{"plain", "/job/in/plain", 126, "Permission denied"},
        Case{"noise", "/job/in/noise", 126, "Exec format error"}}) {
    SandboxSpec spec = shell(wrong.job_id, "");
    spec.inputs = inputs;
    spec.argv = {wrong.program};
    const ExitReport report = run(spec);
    EXPECT_EQ(report.end, EndKind::Exited) << describe(report);
    EXPECT_EQ(report.exit_code, wrong.exit_code) << wrong.program;
    EXPECT_EQ(report.limit, LimitHit::None);
    EXPECT_EQ(errors_of(wrong.job_id), std::string("cannot start ") + wrong.program + ": " + wrong.says + "\n");
  }
}

TEST_F(Lifecycle, SaysWhichBindIsMissing) {
  SandboxSpec spec = shell("bind", "true");
  spec.binds.push_back({"/no/such/place", "/opt/x"});
  const auto job = sandbox().start(spec);
  ASSERT_FALSE(job);
  EXPECT_THAT(job.error().text, HasSubstr("/no/such/place"));
}

TEST_F(Lifecycle, ReadsLogsWhileTheJobRuns) {
  auto job = sandbox().start(shell("log", "echo first; sleep 60"));
  ASSERT_TRUE(job) << job.error().text;
  LogChunk chunk;
  EXPECT_TRUE(eventually([&] {
    const auto read = job->read_log(LogStream::StandardOutput, 0, 100);
    if (read) chunk = *read;
    return !chunk.bytes.empty();
  }));
  EXPECT_EQ(chunk.bytes, "first\n");
  EXPECT_EQ(chunk.next_offset, 6U);
  EXPECT_GE(job->read_usage().processes, 3U);
  const auto none = job->poll();
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  job->request_kill();
  const auto ended = job->wait(10'000);
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->end, EndKind::Stopped);
  EXPECT_TRUE((*ended)->killed);
}

TEST_F(Lifecycle, StopsWithGrace) {
  auto job =
      sandbox().start(shell("grace", "trap 'echo saved > /job/out/state; exit 3' TERM; echo ready; sleep 60 & wait"));
  ASSERT_TRUE(job) << job.error().text;
  EXPECT_TRUE(eventually([&] { return output_of("grace") == "ready\n"; }));
  job->request_stop();
  const auto ended = job->wait(20'000);
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->end, EndKind::Stopped);
  EXPECT_EQ((*ended)->exit_code, 3);
  EXPECT_FALSE((*ended)->killed);
  EXPECT_EQ((*ended)->output_files, 1U);
}

TEST_F(Lifecycle, AnotherAgentAdoptsARunningJob) {
  ASSERT_TRUE(sandbox().start(shell("adopt", "sleep 1; echo done > /job/out/done")));
  auto other = Sandbox::open(options());
  ASSERT_TRUE(other);
  auto found = other->adopt("adopt");
  ASSERT_TRUE(found) << found.error().text;
  ASSERT_TRUE(found->running);
  const auto again = other->start(shell("adopt", "true"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, SandboxErrc::AlreadyStarted);
  const auto ended = found->running->wait(30'000);
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->end, EndKind::Exited);
  EXPECT_EQ((*ended)->output_files, 1U);
}

TEST_F(Lifecycle, AJobSurvivesTheKillOfItsAgent) {
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto job = sandbox().start(shell("orphan", "sleep 1; echo survived > /job/out/note"));
    ::raise(job ? SIGKILL : SIGABRT);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(agent, &status, 0), agent);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  auto next = Sandbox::open(options());
  ASSERT_TRUE(next);
  const auto cleaned = next->cleanup_stale();
  ASSERT_TRUE(cleaned) << cleaned.error().text;
  EXPECT_THAT(cleaned->lost_jobs, IsEmpty());
  EXPECT_THAT(cleaned->stray_groups, IsEmpty());
  auto found = next->adopt("orphan");
  ASSERT_TRUE(found) << found.error().text;
  ASSERT_TRUE(found->running);
  const auto ended = found->running->wait(30'000);
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->end, EndKind::Exited);
  EXPECT_EQ((*ended)->output_files, 1U);
}

// The agent dies at any moment of the start: the job then runs, or is lost, or never began; never twice, never unknown.
TEST_F(Lifecycle, TheAgentIsKilledInTheMiddleOfAStart) {
  int ran = 0;
  for (int moment = 0; moment < 24; ++moment) {
    const std::string id = "moment" + std::to_string(moment);
    const pid_t agent = ::fork();
    if (agent == 0) {
      (void)sandbox().start(shell(id, "echo ran"));
      ::pause();
    }
    ::usleep(static_cast<useconds_t>(moment) * 1000);
    ::kill(agent, SIGKILL);
    ::waitpid(agent, nullptr, 0);
    auto found = sandbox().adopt(id);
    if (!found) {
      EXPECT_EQ(found.error().code, SandboxErrc::NotFound) << found.error().text;
      continue;
    }
    if (found->running) {
      const auto ended = found->running->wait(30'000);
      ASSERT_TRUE(ended && *ended);
      found->ended = **ended;
    }
    const EndKind end = found->ended->end;
    EXPECT_TRUE(end == EndKind::Exited || end == EndKind::Lost) << describe(*found->ended);
    if (end == EndKind::Exited) ++ran;
    const auto settled = sandbox().adopt(id);
    ASSERT_TRUE(settled && settled->ended);
    EXPECT_EQ(settled->ended->end, end) << "the verdict changed";
  }
  EXPECT_GT(ran, 0);
}

TEST_F(Lifecycle, AKilledSupervisorTakesItsJobAlong) {
  SandboxSpec spec = shell("dead", "(setsid sleep 98765 &) ; setsid sleep 98765");
  spec.limits.output_bytes = 100ULL << 20U;  // with a loop device
  auto job = sandbox().start(spec);
  ASSERT_TRUE(job) << job.error().text;
  EXPECT_TRUE(eventually([] { return find_processes("98765").size() >= 2; }));
  EXPECT_EQ(list_loop_devices(root()).size(), 1U);
  ::kill(job->identity().pid, SIGKILL);
  EXPECT_TRUE(eventually([] { return find_processes("98765").empty(); }));
  const auto found = sandbox().adopt("dead");
  ASSERT_TRUE(found) << found.error().text;
  ASSERT_TRUE(found->ended);
  EXPECT_EQ(found->ended->end, EndKind::Lost);
  const auto ended = job->poll();
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->end, EndKind::Lost);
  EXPECT_TRUE(eventually([this] { return list_loop_devices(root()).empty(); }));
}

TEST_F(Lifecycle, ARestartedAgentCleansWhatAKilledSupervisorLeft) {
  auto job = sandbox().start(shell("stale", "sleep 60"));
  ASSERT_TRUE(job) << job.error().text;
  const Fd supervisor = open_process(job->identity());
  ::kill(job->identity().pid, SIGKILL);
  ASSERT_TRUE(wait_process(supervisor, 10'000));
  const auto cleaned = sandbox().cleanup_stale();
  ASSERT_TRUE(cleaned) << cleaned.error().text;
  EXPECT_THAT(cleaned->lost_jobs, ::testing::ElementsAre("stale"));
  const auto none = sandbox().cleanup_stale();
  ASSERT_TRUE(none);
  EXPECT_THAT(none->stray_groups, IsEmpty());
}

TEST_F(Lifecycle, AStrayGroupWithoutADirectoryIsEnded) {
  auto job = sandbox().start(shell("stray", "sleep 60"));
  ASSERT_TRUE(job) << job.error().text;
  fs::rename(sandbox().job_directory("stray"), root() / "taken-away");
  const auto cleaned = sandbox().cleanup_stale();
  ASSERT_TRUE(cleaned);
  EXPECT_THAT(cleaned->stray_groups, ::testing::ElementsAre("stray"));
  EXPECT_TRUE(wait_process(open_process(job->identity()), 10'000));
}

TEST_F(Lifecycle, NothingIsLeftAfterManyStarts) {
  const std::size_t mounts = count_mounts();
  const auto loops = list_loop_devices(root());
  for (int round = 0; round < 120; ++round) {
    SandboxSpec spec = shell("many" + std::to_string(round), "echo $$ > /job/out/x; (setsid sleep 55443 &)");
    if (round % 4 == 0) spec.limits.scratch_bytes = 100ULL << 20U;
    const ExitReport report = run(spec);
    ASSERT_EQ(report.end, EndKind::Exited) << describe(report);
    ASSERT_TRUE(sandbox().remove_job(spec.job_id));
  }
  EXPECT_TRUE(eventually([] { return find_processes("55443").empty(); }));
  EXPECT_EQ(count_mounts(), mounts);
  EXPECT_TRUE(eventually([this, &loops] { return list_loop_devices(root()) == loops; }));
  EXPECT_TRUE(sandbox().list_jobs().empty());
}

// Without root an administrator hands over one folder per control group hierarchy; disks are then memory only.
TEST_F(Lifecycle, AnUnprivilegedAgentWithDelegatedGroupsRunsJobs) {
  constexpr uid_t kAgent = 54321;
  ASSERT_EQ(::geteuid(), 0U) << "delegating control groups needs root";
  const std::string parent_name = "starminer-delegated-" + std::to_string(::getpid());
  auto delegated = probe_cgroups(parent_name);
  ASSERT_TRUE(delegated) << delegated.error().text;
  for (const auto& [controller, parent] : delegated->parents) {
    for (const fs::path& file : {parent, parent / "cgroup.procs"}) ASSERT_EQ(::chown(file.c_str(), kAgent, kAgent), 0);
  }
  fs::permissions(root(), fs::perms::all);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto tell = [&ends](const std::string& text) { (void)write_all(ends[1], text); };
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kAgent, kAgent, kAgent) != 0 ||
        ::setresuid(kAgent, kAgent, kAgent) != 0) {
      ::_exit(1);
    }
    SandboxOptions own = options();
    own.root_dir = root() / "unprivileged";
    own.cgroup_parent = parent_name;
    auto opened = Sandbox::open(own);
    if (!opened) tell(opened.error().text);
    if (!opened) ::_exit(1);
    for (const auto& [id, command] :
         {std::pair{"plain", "id -u; echo x > /job/out/x"}, std::pair{"full", "head -c 9M /dev/zero > /job/out/x"},
          std::pair{"memory", "head -c 99M /dev/zero | tail -c 99M | wc -c"}}) {
      auto job = opened->start(shell(id, command));
      if (!job) tell(job.error().text);
      if (!job) ::_exit(1);
      const auto ended = job->wait(60'000);
      if (ended && *ended) tell(describe(**ended) + ", files " + std::to_string((*ended)->output_files) + "\n");
    }
    const auto results = self_test(*opened);
    for (const SelfTestResult& row : results) {
      if (!row.passed) tell(row.name + ": " + row.detail + "\n");
    }
    ::_exit(all_passed(results) ? 0 : 2);
  }
  ::close(ends[1]);
  std::string told;
  char buffer[512];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    told.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(agent, &status, 0), agent);
  EXPECT_EQ(status, 0) << told;
  EXPECT_THAT(told, HasSubstr("exited with code 0")) << told;
  EXPECT_THAT(told, HasSubstr("files 1"));
  EXPECT_THAT(told, HasSubstr("limit Output"));
  EXPECT_THAT(told, HasSubstr("limit Memory"));
  for (const auto& [controller, parent] : delegated->parents)
    EXPECT_TRUE(eventually([&parent] { return ::rmdir(parent.c_str()) == 0; }));
}

TEST_F(Lifecycle, AJobsNameIsNeverAPath) {
  fs::create_directory(root() / "precious");
  for (const std::string name : {"../precious", "..", "", ".", "a/b", "\n"}) {
    const auto adopted = sandbox().adopt(name);
    ASSERT_FALSE(adopted) << name;
    EXPECT_EQ(adopted.error().code, SandboxErrc::NotFound);
    const auto removed = sandbox().remove_job(name);
    ASSERT_FALSE(removed) << name;
    EXPECT_EQ(removed.error().code, SandboxErrc::NotFound);
  }
  EXPECT_TRUE(fs::exists(root() / "precious"));
  const auto unknown = sandbox().adopt("never-started");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, SandboxErrc::NotFound);
}

TEST_F(Lifecycle, RefusesToRemoveARunningJob) {
  auto job = sandbox().start(shell("busy", "sleep 60"));
  ASSERT_TRUE(job) << job.error().text;
  const auto removed = sandbox().remove_job("busy");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, SandboxErrc::AlreadyStarted);
  job->request_kill();
  const auto ended = job->wait(10'000);
  ASSERT_TRUE(ended && *ended);
  EXPECT_TRUE(sandbox().remove_job("busy"));
}

}  // namespace
}  // namespace starminer::provider::sandbox
