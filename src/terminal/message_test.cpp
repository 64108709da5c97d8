#include "terminal/message.h"

#include <sstream>

#include <gtest/gtest.h>

#include "terminal/prompt.h"

namespace starminer::terminal {
namespace {

class MessageTest : public ::testing::Test {
 protected:
  Terminal pipe() { return {out_, Capabilities{}}; }
  Terminal screen() { return {out_, Capabilities{.interactive = true, .color = false, .unicode = true, .width = 80}}; }
  std::ostringstream out_;
};

TEST_F(MessageTest, FailureSaysWhatWhyAndWhatToDo) {
  const Failure failure{"balance too small", "E2104", "cap 12.5000 AGPU, you have 3.0000", {"starminer buy 9.5"}};
  EXPECT_EQ(failure_text(screen(), failure),
            "✖ balance too small [E2104]  cap 12.5000 AGPU, you have 3.0000\n  starminer buy 9.5\n");
  EXPECT_EQ(failure_text(pipe(), {"no such job", "", "", {}}), "error: no such job\n");
  EXPECT_EQ(failure_text(pipe(), {"bad file", "", "a:1:2: x\na:3:1: y", {}}),
            "error: bad file\n  a:1:2: x\n  a:3:1: y\n");
}

TEST_F(MessageTest, FailureAsJson) {
  EXPECT_EQ(failure_json({"say \"no\"", "E1", "line\nline", {"a", "b\\c"}}, 3),
            R"({"error":{"what":"say \"no\"","code":"E1","why":"line\nline","advice":["a","b\\c"],"exit_code":3}})");
}

TEST_F(MessageTest, ForeignTextIsHarmless) {
  EXPECT_EQ(failure_text(pipe(), {"\x1b[2Jx\ny", "", "", {}}), "error: x y\n");
  EXPECT_EQ(json_quote("\xff\x1b]0;t\x07"), "\"\xef\xbf\xbd\"");
}

TEST_F(MessageTest, PromptAsksOnATerminal) {
  const auto answer = [&](const char* typed, bool default_yes = false) {
    std::istringstream input(typed);
    return ask(screen(), input, true, {.text = "Run it?", .default_yes = default_yes});
  };
  EXPECT_EQ(answer("y\n"), Answer::Yes);
  EXPECT_EQ(answer(" yes \r\n"), Answer::Yes);
  EXPECT_EQ(answer("\n"), Answer::No);
  EXPECT_EQ(answer("\n", true), Answer::Yes);
  EXPECT_EQ(answer("what\nn\n"), Answer::No);
  EXPECT_EQ(answer("what\ny\n"), Answer::Yes);
  EXPECT_EQ(answer(""), Answer::No);
  EXPECT_EQ(answer("a\nb\nc\ny\n"), Answer::No);
}

TEST_F(MessageTest, PromptRefusesWithoutATerminal) {
  std::istringstream input("y\n");
  EXPECT_EQ(ask(pipe(), input, true, {.text = "Run it?"}), Answer::CannotAsk);
  EXPECT_NE(out_.str().find("--yes"), std::string::npos);
  EXPECT_EQ(ask(screen(), input, false, {.text = "Run it?"}), Answer::CannotAsk);
  EXPECT_EQ(ask(pipe(), input, false, {.text = "Run it?", .assume_yes = true}), Answer::Yes);
}

}  // namespace
}  // namespace starminer::terminal
