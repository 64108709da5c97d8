#include "terminal/terminal.h"

#include <unistd.h>

#include <sstream>

#include <gtest/gtest.h>

namespace starminer::terminal {
namespace {

Surroundings xterm() {
  Surroundings s;
  s.is_terminal = true;
  s.columns = 120;
  s.term = "xterm-256color";
  s.locale = "de_DE.UTF-8";
  return s;
}

TEST(TerminalDetect, TerminalHasColourWidthAndUnicode) {
  const Capabilities c = detect(xterm(), ColorMode::Auto);
  EXPECT_TRUE(c.interactive);
  EXPECT_TRUE(c.color);
  EXPECT_TRUE(c.unicode);
  EXPECT_EQ(c.width, 120U);
}

TEST(TerminalDetect, PipeHasNeither) {
  Surroundings s = xterm();
  s.is_terminal = false;
  s.columns = 0;
  const Capabilities c = detect(s, ColorMode::Auto);
  EXPECT_FALSE(c.interactive);
  EXPECT_FALSE(c.color);
  EXPECT_EQ(c.width, 80U);
}

TEST(TerminalDetect, NoColorIsRespectedAndAlwaysWins) {
  Surroundings s = xterm();
  s.no_color = "1";
  EXPECT_FALSE(detect(s, ColorMode::Auto).color);
  EXPECT_TRUE(detect(s, ColorMode::Auto).interactive);
  EXPECT_TRUE(detect(s, ColorMode::Always).color);
  s.no_color = "";  // no-color.org: only a non-empty value counts
  EXPECT_TRUE(detect(s, ColorMode::Auto).color);
  EXPECT_FALSE(detect(s, ColorMode::Never).color);
}

TEST(TerminalDetect, DumbTerminalDoesNotRedraw) {
  Surroundings s = xterm();
  s.term = "dumb";
  EXPECT_FALSE(detect(s, ColorMode::Auto).interactive);
  EXPECT_FALSE(detect(s, ColorMode::Auto).color);
  s.term.reset();
  EXPECT_FALSE(detect(s, ColorMode::Auto).interactive);
}

TEST(TerminalDetect, WidthFallsBackToColumnsAndIsBounded) {
  Surroundings s = xterm();
  s.columns = 0;
  s.columns_variable = "132";
  EXPECT_EQ(detect(s, ColorMode::Auto).width, 132U);
  s.columns_variable = "12x";
  EXPECT_EQ(detect(s, ColorMode::Auto).width, 80U);
  s.columns_variable = "3";
  EXPECT_EQ(detect(s, ColorMode::Auto).width, 40U);
}

TEST(TerminalDetect, PipeOfThisProcessIsNotATerminal) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(probe(ends[1]).is_terminal);
  close(ends[0]);
  close(ends[1]);
}

TEST(Terminal, PaintsOnlyWithColour) {
  std::ostringstream out;
  Capabilities c;
  EXPECT_EQ(Terminal(out, c).paint(Style::Bad, "no"), "no");
  c.color = true;
  EXPECT_EQ(Terminal(out, c).paint(Style::Bad, "no"), "\x1b[31mno\x1b[0m");
  EXPECT_EQ(Terminal(out, c).paint(Style::Plain, "no"), "no");
}

TEST(Terminal, SymbolsFollowTheLocale) {
  std::ostringstream out;
  Capabilities c;
  EXPECT_EQ(Terminal(out, c).tick(), "ok");
  c.unicode = true;
  EXPECT_EQ(Terminal(out, c).tick(), "✔");
  Terminal(out, c).line("x");
  EXPECT_EQ(out.str(), "x\n");
}

}  // namespace
}  // namespace starminer::terminal
