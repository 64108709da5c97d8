#include "provider/state_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include <gmock/gmock.h>

namespace starminer::provider {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StateLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "starminer-lock-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(StateLockTest, OnlyOneHoldsAFolderAtATime) {
  std::optional<StateLock> first;
  if (auto taken = StateLock::take(folder_)) first.emplace(std::move(*taken));
  ASSERT_TRUE(first);
  const auto second = StateLock::take(folder_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr("another agent serves from " + folder_.string()));
  EXPECT_THAT(second.error(), HasSubstr("--state-dir"));
  first.reset();
  EXPECT_TRUE(StateLock::take(folder_));
}

TEST_F(StateLockTest, AKilledProcessLeavesTheFolderFree) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = StateLock::take(folder_);
    (void)!::write(ready[1], held ? "1" : "0", 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, '1');
  EXPECT_FALSE(StateLock::take(folder_));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(StateLock::take(folder_));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(StateLockTest, AFolderThatIsNotThereIsNamed) {
  const auto lock = StateLock::take(folder_ / "none");
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error(), HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace starminer::provider
