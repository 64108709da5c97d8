#include "terminal/progress.h"

#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "terminal/text.h"

namespace starminer::terminal {
namespace {

using std::chrono::milliseconds;

class ProgressTest : public ::testing::Test {
 protected:
  Terminal pipe() { return {out_, Capabilities{}}; }
  Terminal screen() { return {out_, Capabilities{.interactive = true, .color = false, .unicode = true, .width = 60}}; }
  ProgressClock clock() {
    return [this] { return now_; };
  }
  std::string taken() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  std::chrono::steady_clock::time_point now_{};
};

TEST_F(ProgressTest, BarRedrawsOneLineOnATerminal) {
  ProgressBar bar(screen(), "inputs", 10'000'000, ProgressUnit::Bytes, clock());
  bar.update(5'000'000);
  EXPECT_EQ(taken(), "\r\x1b[K inputs ██████████           5 MB/10 MB  00:00");
  bar.update(5'100'000);
  EXPECT_EQ(taken(), "") << "redrawn too soon";
  now_ += milliseconds(2'500);
  bar.update(7'500'000, "\x1b[2Jnode n1");
  EXPECT_EQ(taken(), "\r\x1b[K inputs ███████████████      7.5 MB/10 MB  node n1  00:02");
  bar.finish();
  EXPECT_EQ(taken(), "\r\x1b[K inputs 7.5 MB in 2.5 s\n");
}

TEST_F(ProgressTest, BarPrintsRarePlainLinesInAPipe) {
  ProgressBar bar(pipe(), "step", 200, ProgressUnit::Steps, clock());
  bar.update(1);
  EXPECT_EQ(taken(), "");
  now_ += milliseconds(10'000);
  bar.update(50, "loss 1.83");
  EXPECT_EQ(taken(), "step 50 of 200 (25 %), loss 1.83\n");
  now_ += milliseconds(9'999);
  bar.update(60);
  EXPECT_EQ(taken(), "");
  bar.finish("done");
  EXPECT_EQ(taken(), "done\n");
}

TEST_F(ProgressTest, StrangeFiguresStayInsideTheBar) {
  ProgressBar bar(screen(), "x", 0, ProgressUnit::Steps, clock());
  bar.update(7);
  EXPECT_EQ(taken(), "\r\x1b[K x 7  00:00");
  constexpr auto kHuge = std::numeric_limits<std::uint64_t>::max();
  bar.set_total(kHuge - 1);
  now_ += milliseconds(100);
  bar.update(kHuge);
  EXPECT_LE(display_width(taken().substr(4)), 59U);
}

TEST_F(ProgressTest, LineIsClearedForOtherOutputAndAtTheEnd) {
  {
    ProgressBar bar(screen(), "x", 4, ProgressUnit::Steps, clock());
    bar.update(1);
    taken();
    bar.clear();
    EXPECT_EQ(taken(), "\r\x1b[K");
    bar.update(2);
    EXPECT_FALSE(taken().empty()) << "drawn again at once after a clear";
  }
  EXPECT_EQ(taken(), "\r\x1b[K");
}

TEST_F(ProgressTest, SpinnerTurnsOnATerminalAndReportsInAPipe) {
  {
    Spinner spinner(screen(), "waiting for a node", clock());
    spinner.tick("queue 3");
    EXPECT_EQ(taken(), "\r\x1b[K ⠋ waiting for a node  queue 3  00:00");
    spinner.finish("matched");
    EXPECT_EQ(taken(), "\r\x1b[Kmatched\n");
  }
  Spinner spinner(pipe(), "waiting for a node", clock());
  spinner.tick();
  now_ += milliseconds(15'000);
  spinner.tick();
  EXPECT_EQ(taken(), "waiting for a node (15 s)\n");
}

}  // namespace
}  // namespace starminer::terminal
