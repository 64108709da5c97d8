#include "terminal/screen.h"

#include <sstream>

#include <gtest/gtest.h>

namespace starminer::terminal {
namespace {

class ScreenTest : public ::testing::Test {
 protected:
  std::string show(Screen& screen, const std::string& text) {
    out_.str("");
    screen.show(text);
    return out_.str();
  }
  std::ostringstream out_;
  Terminal terminal_{out_, {true, false, true, 10}};
};

TEST_F(ScreenTest, ReplacesExactlyTheRowsThatItShowed) {
  Screen screen(terminal_, 10);
  EXPECT_EQ(show(screen, "one\ntwo\n"), "one\ntwo\n");
  EXPECT_EQ(show(screen, "three\n"), "\x1b[2F\x1b[Jthree\n");
  EXPECT_EQ(show(screen, ""), "\x1b[1F\x1b[J");
  EXPECT_EQ(show(screen, "four\n"), "four\n");
}

TEST_F(ScreenTest, CountsTheRowsThatALongLineTakes) {
  Screen screen(terminal_, 10);
  show(screen, "twenty-one characters\nx\n");
  EXPECT_EQ(show(screen, "y\n"), "\x1b[4F\x1b[Jy\n") << "three rows and one";
}

TEST_F(ScreenTest, LeavesOutWhatTheTerminalHasNoRoomFor) {
  Screen screen(terminal_, 5);
  EXPECT_EQ(show(screen, "1\n2\n3\n4\n5\n"), "1\n2\n3\n2 lines more; a higher window shows them\n");
  EXPECT_EQ(show(screen, "z\n"), "\x1b[4F\x1b[Jz\n");
  EXPECT_EQ(show(screen, "1\n2\n3\n"), "\x1b[1F\x1b[J1\n2\n3\n");
}

}  // namespace
}  // namespace starminer::terminal
