// Version 2 is tested on a made-up tree, because the machines this is developed on have version 1 limits only; version
// 1 for real.
#include "provider/sandbox/cgroup.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>

#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr CgroupLimits kLimits{64ULL << 20U, 32, 250};

class MadeUpTree : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/starminer-cgroup-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }
  [[nodiscard]] std::string text(const fs::path& file) const {
    return read_file(root_ / file, 1000).value_or("(none)");
  }

  fs::path root_;
};

TEST_F(MadeUpTree, Version2WritesItsLimitsAndJoins) {
  const CgroupLayout layout{2, {{"unified", root_}}};
  const auto group = Cgroup::create(layout, "agent/job", kLimits);
  ASSERT_TRUE(group) << group.error().text;
  EXPECT_EQ(text("agent/job/memory.max"), "67108864");
  EXPECT_EQ(text("agent/job/pids.max"), "32");
  ASSERT_TRUE(group->join());
  EXPECT_EQ(text("agent/job/cgroup.procs"), "0");
}

// The kernel makes the optional files; here they are laid before, and must then be used.
TEST_F(MadeUpTree, Version2UsesOptionalFilesWherePresent) {
  fs::create_directories(root_ / "agent");
  std::ofstream(root_ / "agent" / "cgroup.subtree_control") << "";
  const auto group = Cgroup::create({2, {{"unified", root_}}}, "agent/job", kLimits);
  ASSERT_TRUE(group);
  EXPECT_EQ(text("agent/cgroup.subtree_control"), "+memory +pids +cpu");
  EXPECT_EQ(text("agent/job/cpu.max"), "(none)");
}

TEST_F(MadeUpTree, Version2ReadsUsage) {
  const fs::path directory = root_ / "job";
  fs::create_directories(directory);
  std::ofstream(directory / "cpu.stat") << "usage_usec 2500000\nuser_usec 1\n";
  std::ofstream(directory / "memory.current") << "1000\n";
  std::ofstream(directory / "memory.peak") << "5000\n";
  std::ofstream(directory / "memory.events") << "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n";
  std::ofstream(directory / "pids.current") << "7\n";
  std::ofstream(directory / "pids.events") << "max 4\n";
  const CgroupUsage usage = Cgroup::adopt({2, {{"unified", directory}}}).read_usage();
  EXPECT_EQ(usage.cpu_ms, 2500U);
  EXPECT_EQ(usage.memory_bytes, 1000U);
  EXPECT_EQ(usage.memory_peak_bytes, 5000U);
  EXPECT_EQ(usage.memory_kills, 2U);
  EXPECT_EQ(usage.processes, 7U);
  EXPECT_EQ(usage.processes_refused, 4U);
}

TEST_F(MadeUpTree, Version2KillsThroughItsOwnFile) {
  const fs::path directory = root_ / "job";
  fs::create_directories(directory);
  std::ofstream(directory / "cgroup.kill") << "";
  std::ofstream(directory / "cgroup.procs") << "";
  EXPECT_TRUE(Cgroup::adopt({2, {{"unified", directory}}}).kill_all(1000));
  EXPECT_EQ(text("job/cgroup.kill"), "1");
}

TEST_F(MadeUpTree, Version1WritesItsLimits) {
  const CgroupLayout layout{1, {{"memory", root_ / "m"}, {"pids", root_ / "p"}, {"cpu", root_ / "c"}}};
  for (const auto& [controller, parent] : layout.parents) fs::create_directories(parent);
  const auto group = Cgroup::create(layout, "agent/job", kLimits);
  ASSERT_TRUE(group) << group.error().text;
  EXPECT_EQ(text("m/agent/job/memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(text("p/agent/job/pids.max"), "32");
  EXPECT_EQ(text("c/agent/job/cpu.cfs_period_us"), "100000");
  EXPECT_EQ(text("c/agent/job/cpu.cfs_quota_us"), "25000");
}

TEST_F(MadeUpTree, AGroupIsNeverShared) {
  const CgroupLayout layout{2, {{"unified", root_}}};
  ASSERT_TRUE(Cgroup::create(layout, "agent/job", kLimits));
  const auto again = Cgroup::create(layout, "agent/job", kLimits);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, SandboxErrc::SetupFailed);
}

TEST_F(MadeUpTree, GroupsAreListedOverAllHierarchies) {
  fs::create_directories(root_ / "m" / "agent" / "one");
  fs::create_directories(root_ / "p" / "agent" / "one");
  fs::create_directories(root_ / "p" / "agent" / "two");
  const auto groups = list_groups({1, {{"memory", root_ / "m"}, {"pids", root_ / "p"}}}, "agent");
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups.at("one").directories.size(), 2U);
  EXPECT_EQ(groups.at("two").directories.count("pids"), 1U);
}

TEST(RealGroup, HoldsCountsAndKillsAProcess) {
  const auto layout = probe_cgroups("starminer-unit-test");
  ASSERT_TRUE(layout) << layout.error().text;
  const auto group = Cgroup::create(*layout, "agent" + std::to_string(::getpid()) + "/job", kLimits);
  ASSERT_TRUE(group) << group.error().text;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool joined = group->join().has_value();
    (void)!::write(ready[1], joined ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_THAT(group->list_processes(), ::testing::ElementsAre(child));
  EXPECT_EQ(group->read_usage().processes, 1U);
  EXPECT_TRUE(group->kill_all(5000));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_TRUE(group->remove());
  for (const auto& [controller, parent] : layout->parents) fs::remove(parent);
}

}  // namespace
}  // namespace starminer::provider::sandbox
