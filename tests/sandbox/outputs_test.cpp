// Traps in what a job leaves behind, made by real jobs and laid by hand: the agent reads none of them.
#include "provider/sandbox/outputs.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>

#include "provider/sandbox/job_dir.h"
#include "sandbox/fixture.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OutputTraps : public SandboxFixture {
 protected:
  [[nodiscard]] SandboxResult<std::vector<OutputFile>> outputs(const std::string& job_id) {
    return collect_outputs(sandbox().job_directory(job_id) / kOutputsFolder, {8U << 20U, 100});
  }
};

struct JobTrap {
  const char* name;
  const char* command;
  const char* reason;
};

// One good file beside each trap: it must arrive, the trap must be named and left behind.
TEST_F(OutputTraps, MadeByAJobAreNamedAndLeftBehind) {
  const JobTrap traps[] = {
      {"link", "ln -s /etc/shadow trap", "symbolic link"},
      {"relative-link", "ln -s ../../../../etc/shadow trap", "symbolic link"},
      {"folder-link", "ln -s / trap", "symbolic link"},
      {"loop", "ln -s trap trap", "symbolic link"},
      {"fifo", "mkfifo trap", "FIFO"},
      {"hard-link", "echo x > trap; ln trap trap2", "hard links"},
      {"newline", "touch \"$(printf 'a\\nb')\"", "control characters"},
      {"escape", "touch \"$(printf 'a\\033[31mb')\"", "control characters"},
      {"bell", "touch \"$(printf 'a\\007b')\"", "control characters"},
      {"c1", "touch \"$(printf 'a\\302\\233b')\"", "control characters"},
      {"not-utf8", "touch \"$(printf 'a\\377b')\"", "not UTF-8"},
      {"overlong", "touch \"$(printf 'a\\300\\256b')\"", "not UTF-8"},
      {"turned", "touch \"$(printf 'a\\342\\200\\256b')\"", "direction"},
  };
  for (const JobTrap& trap : traps) {
    SCOPED_TRACE(trap.name);
    const ExitReport report = run(shell(trap.name, std::string("cd /job/out; echo good > good; ") + trap.command));
    EXPECT_EQ(report.end, EndKind::Exited) << describe(report);
    EXPECT_EQ(report.output_files, 1U) << report.error;
    ASSERT_FALSE(report.outputs_refused.empty());
    EXPECT_THAT(report.outputs_refused.front().reason, HasSubstr(trap.reason));
    EXPECT_THAT(report.outputs_refused.front().path, ::testing::Not(HasSubstr("\n")));
    const auto files = outputs(trap.name);
    ASSERT_TRUE(files) << files.error().text;
    ASSERT_EQ(files->size(), 1U);
    EXPECT_EQ(files->front().path, "good");
  }
}

TEST_F(OutputTraps, ASetuidProgramArrivesAsPlainBytes) {
  EXPECT_EQ(run(shell("mode", "cp /bin/true /job/out/x; chmod 6777 /job/out/x")).output_files, 1U);
  struct stat info {};
  ASSERT_EQ(::stat((sandbox().job_directory("mode") / kOutputsFolder / "x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_EQ(info.st_uid, ::geteuid());
}

TEST_F(OutputTraps, UnreadableFilesStillArrive) {
  EXPECT_EQ(
      run(shell("modes", "mkdir /job/out/d; echo x > /job/out/d/f; chmod 0 /job/out/d/f /job/out/d")).output_files, 1U);
}

struct TooMuch {
  const char* name;
  const char* command;
};

TEST_F(OutputTraps, TooMuchIsALimitAndLeavesNothing) {
  const TooMuch cases[] = {
      {"sparse", "truncate -s 10G /job/out/x"},
      {"sparse-many", "for i in 1 2 3 4 5 6 7 8 9; do truncate -s 1M /job/out/$i; done"},
      {"files", "for i in $(seq 101); do : > /job/out/$i; done"},
      {"folders", "for i in $(seq 230); do mkdir /job/out/$i; done"},
      {"deep", "cd /job/out; for i in $(seq 60); do mkdir d; cd d; done; : > f"},
  };
  for (const TooMuch& item : cases) {
    SCOPED_TRACE(item.name);
    const ExitReport report = run(shell(item.name, item.command));
    EXPECT_EQ(report.exit_code, 0) << describe(report) << errors_of(item.name);
    EXPECT_EQ(report.limit, LimitHit::Output) << describe(report);
    EXPECT_THAT(report.limits_met, Contains(LimitHit::Output));
    EXPECT_THAT(report.error, HasSubstr("no outputs"));
    EXPECT_FALSE(fs::exists(sandbox().job_directory(item.name) / kOutputsFolder));
    EXPECT_FALSE(fs::exists(sandbox().job_directory(item.name) / "out.partial"));
  }
}

TEST_F(OutputTraps, ExactlyTheLimitArrives) {
  SandboxSpec spec = shell("exact", "for i in $(seq 100); do echo $i > /job/out/$i; done");
  const ExitReport report = run(spec);
  EXPECT_EQ(report.output_files, 100U) << report.error;
  EXPECT_EQ(report.limit, LimitHit::None) << describe(report);
}

// Strict reading of a folder that something else may have filled.
class Collect : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/var/tmp/starminer-outputs-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }

  fs::path folder_;
};

TEST_F(Collect, RefusesEveryKindOfTrap) {
  ASSERT_EQ(::geteuid(), 0U) << "device nodes can only be made by root";
  const std::pair<const char*, std::function<void()>> traps[] = {
      {"a symbolic link", [this] { fs::create_symlink("/etc/shadow", path("x")); }},
      {"a symbolic link", [this] { fs::create_directory_symlink("/etc", path("x")); }},
      {"a symbolic link", [this] { fs::create_symlink("/proc/self/fd/0", path("x")); }},
      {"a FIFO", [this] { ::mkfifo(path("x").c_str(), 0600); }},
      {"a device", [this] { ::mknod(path("x").c_str(), S_IFCHR | 0600, makedev(1, 5)); }},
      {"a device", [this] { ::mknod(path("x").c_str(), S_IFBLK | 0600, makedev(254, 0)); }},
      {"a socket", [this] { ::mknod(path("x").c_str(), S_IFSOCK | 0600, 0); }},
      {"hard links",
       [this] {
         std::ofstream(path("x")) << "x";
         fs::create_hard_link(path("x"), path("y"));
       }},
      {"control characters", [this] { std::ofstream(path("a\x1b[2Jb")) << "x"; }},
      {"control characters", [this] { std::ofstream(path("a\x7f")) << "x"; }},
      {"not UTF-8", [this] { std::ofstream(path("a\xfe")) << "x"; }},
      {"longer than",
       [this] {
         fs::path deep = folder_;
         for (int level = 0; level < 6; ++level) deep /= std::string(200, 'd');
         fs::create_directories(deep);
       }},
  };
  for (const auto& [reason, lay] : traps) {
    SCOPED_TRACE(reason);
    lay();
    const auto files = collect_outputs(folder_, {1000, 100});
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, SandboxErrc::OutputRefused) << files.error().text;
    EXPECT_THAT(files.error().text, HasSubstr(reason));
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove_all(entry);
  }
}

TEST_F(Collect, RefusesAMountedFolderBelow) {
  fs::create_directory(folder_ / "sub");
  const auto plain = collect_outputs(folder_, {1000, 100});
  ASSERT_TRUE(plain);
  EXPECT_THAT(*plain, IsEmpty());
  const auto proc = collect_outputs("/sys/fs", {1'000'000'000, 100'000});
  ASSERT_FALSE(proc);
  EXPECT_EQ(proc.error().code, SandboxErrc::OutputRefused) << proc.error().text;
}

TEST_F(Collect, SortsAndHashes) {
  fs::create_directories(folder_ / "b");
  std::ofstream(folder_ / "b" / "1") << "abc";
  std::ofstream(folder_ / "a") << "";
  const auto files = collect_outputs(folder_, {3, 2});
  ASSERT_TRUE(files) << files.error().text;
  EXPECT_THAT(*files, ::testing::ElementsAre(
                          OutputFile{"a", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                          OutputFile{"b/1", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}));
}

TEST_F(Collect, OneByteOrOneFileTooMuchIsTooLarge) {
  std::ofstream(folder_ / "a") << "abcd";
  std::ofstream(folder_ / "b") << "";
  for (const OutputLimits limits : {OutputLimits{3, 2}, OutputLimits{4, 1}}) {
    const auto files = collect_outputs(folder_, limits);
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, SandboxErrc::OutputTooLarge) << files.error().text;
  }
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("plain text.txt"), "plain text.txt");
  EXPECT_EQ(printable("\x1b[2J\n\\"), "\\x1b[2J\\x0a\\x5c");
  EXPECT_EQ(printable("\xc3\xa9"), "\\xc3\\xa9");
  EXPECT_EQ(printable(std::string(1000, 'a')).size(), 259U);
}

}  // namespace
}  // namespace starminer::provider::sandbox
