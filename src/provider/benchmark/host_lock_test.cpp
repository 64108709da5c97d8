#include "provider/benchmark/host_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starminer::provider::benchmark {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HostLockFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "starminer-lock-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/benchmark.lock";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string path_;
};

// Benchmarks of one host take turns.
// REQ: REG-8
TEST_F(HostLockFile, HoldersTakeTurns) {
  std::atomic<int> inside{0};
  std::atomic<int> turns{0};
  std::atomic<bool> overlapped{false};
  std::vector<std::thread> agents;
  for (int agent = 0; agent < 4; ++agent) {
    agents.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        const auto lock = HostLock::acquire(path_, 60s);
        if (!lock) return;
        if (inside.fetch_add(1) != 0) overlapped = true;
        std::this_thread::sleep_for(2ms);
        inside.fetch_sub(1);
        turns.fetch_add(1);
      }
    });
  }
  for (auto& agent : agents) agent.join();
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(turns, 12);
}

TEST_F(HostLockFile, WaitingHasAnEndThatNamesTheFile) {
  auto held = HostLock::acquire(path_, 0ms);
  ASSERT_TRUE(held);
  const auto refused = HostLock::acquire(path_, 50ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, FailureCode::Busy);
  EXPECT_THAT(refused.error().message, HasSubstr(path_));
  { const HostLock released = std::move(*held); }
  EXPECT_TRUE(HostLock::acquire(path_, 0ms));
}

TEST_F(HostLockFile, DeadHolderDoesNotBlock) {
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = HostLock::acquire(path_, 0ms);
    _exit(lock ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(HostLock::acquire(path_, 0ms));
}

TEST_F(HostLockFile, LinksAndMissingFoldersAreRefused) {
  std::ofstream(folder_ + "/target") << "x";
  std::filesystem::create_symlink(folder_ + "/target", path_);
  const auto link = HostLock::acquire(path_, 0ms);
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, FailureCode::BadRequest);
  const auto missing = HostLock::acquire(folder_ + "/none/lock", 0ms);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("No such file"));
}

TEST(DefaultLockPath, IsInASharedFolder) {
  const auto path = default_lock_path();
  EXPECT_TRUE(path.rfind("/run/lock/", 0) == 0 || path.rfind("/tmp/", 0) == 0) << path;
}

}  // namespace
}  // namespace starminer::provider::benchmark
