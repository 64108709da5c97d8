#include "provider/devices/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starminer::provider::devices {
namespace {

using testing::HasSubstr;

const ChildLimits kLimits{std::chrono::milliseconds(30'000), 1U << 20U};

TEST(RunInChild, GivesBackWhatTheWorkReturns) {
  const std::string large(700'000, 'x');
  EXPECT_EQ(run_in_child([&] { return large; }, kLimits), large);
  EXPECT_EQ(run_in_child([] { return std::string(); }, kLimits), "");
}

TEST(RunInChild, ExceptionIsAFailureWithItsText) {
  const auto result = run_in_child([]() -> std::string { throw std::runtime_error("no such thing"); }, kLimits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().end, ChildEnd::Failed);
  EXPECT_THAT(result.error().message, HasSubstr("no such thing"));
}

TEST(RunInChild, CrashNamesTheSignal) {
  const auto result = run_in_child(
      []() -> std::string {
        signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
        return "unreachable";
      },
      kLimits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().end, ChildEnd::Crashed);
  EXPECT_EQ(result.error().detail, SIGABRT);
}

TEST(RunInChild, DeadlineEndsAChildThatIgnoresSignalsAndItsChildren) {
  std::array<int, 2> alive{};
  ASSERT_EQ(pipe(alive.data()), 0);
  // The grandchild would hold the pipe open if it survived. Descriptors do not reach children, so it reopens by path.
  const std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(alive[1]);
  const auto result = run_in_child(
      [&path]() -> std::string {
        signal(SIGTERM, SIG_IGN);
        [[maybe_unused]] const int held = open(path.c_str(), O_WRONLY);
        if (fork() == 0) std::fputs("grandchild", stderr);
        for (;;) pause();
      },
      ChildLimits{std::chrono::milliseconds(300), 100});
  close(alive[1]);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().end, ChildEnd::TimedOut);
  char byte = 0;
  EXPECT_EQ(read(alive[0], &byte, 1), 0) << "a process of the group is still alive";
  close(alive[0]);
}

TEST(RunInChild, EndlessOutputIsCutOff) {
  const auto result = run_in_child([] { return std::string(1U << 20U, 'x'); }, ChildLimits{kLimits.deadline, 1000});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().end, ChildEnd::OutputTooLong);
}

TEST(RunInChild, ChildSeesNoDescriptorOfTheParent) {
  const int secret = open("/dev/null", O_RDONLY);
  ASSERT_GE(secret, 0);
  const auto result = run_in_child(
      [secret] { return std::string(fcntl(secret, F_GETFD) == -1 || secret <= 3 ? "closed" : "open"); }, kLimits);
  close(secret);
  EXPECT_EQ(result, "closed");
}

TEST(RunProgram, GivesStdoutAndRefusesWhatIsNoProgram) {
  EXPECT_EQ(run_program({"/bin/echo", "two words"}, kLimits), "two words\n");
  const auto missing = run_program({"/nonexistent/program"}, kLimits);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().detail, 127);
  const auto refused = run_program({"/bin/sh", "-c", "echo reason >&2; exit 3"}, kLimits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, 3);
  EXPECT_THAT(refused.error().message, HasSubstr("reason"));
}

}  // namespace
}  // namespace starminer::provider::devices
