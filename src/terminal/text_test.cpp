#include "terminal/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::terminal {
namespace {

struct Row {
  std::string_view what;
  std::string_view given;
  std::string_view expected;
};

TEST(Sanitize, RemovesWhatATerminalWouldAct) {
  using namespace std::string_view_literals;
  const Row rows[] = {
      {"plain", "loss 1.83\n", "loss 1.83\n"},
      {"colour", "\x1b[31mred\x1b[0m", "red"},
      {"cursor and clear", "\x1b[2J\x1b[1;1Hgone", "gone"},
      {"window title ended by BEL", "a\x1b]0;evil\x07z", "az"},
      {"window title ended by ST", "a\x1b]0;evil\x1b\\z", "az"},
      {"clipboard", "\x1b]52;c;ZXZpbA==\x07ok", "ok"},
      {"device control string", "\x1bP+q544e\x1b\\ok", "ok"},
      {"character set", "\x1b(0ok", "ok"},
      {"eight-bit CSI in UTF-8",
       "\xc2\x9b"
       "31mred",
       "red"},
      {"eight-bit OSC in UTF-8",
       "\xc2\x9d"
       "0;t\x07x",
       "x"},
      {"bell, backspace, delete",
       "a\x07\x08\x7f"
       "b",
       "ab"},
      {"zero byte", "a\0b"sv, "ab"},
      {"progress by carriage return", "10%\r20%\r\n", "10%\n20%\n"},
      {"bidirectional override",
       "gpj.\xe2\x80\xae"
       "exe",
       "gpj.exe"},
      {"zero width",
       "pay\xe2\x80\x8b"
       "pal",
       "paypal"},
      {"broken UTF-8",
       "a\xff"
       "b\xc3",
       "a\xef\xbf\xbd"
       "b\xef\xbf\xbd"},
      {"overlong slash", "\xe0\x80\xaf", "\xef\xbf\xbd"},
      {"surrogate", "\xed\xa0\x80", "\xef\xbf\xbd"},
      {"letters and emoji stay", "Größe 漢字 🚀", "Größe 漢字 🚀"},
      {"open control string ends at the line", "a\x1b]0;never ends\nb", "a\nb"},
  };
  for (const Row& row : rows) EXPECT_EQ(sanitize(row.given), row.expected) << row.what;
  EXPECT_EQ(sanitize_line("two\nlines\tand"), "two lines and");
}

TEST(Sanitize, EndlessSequenceDoesNotSwallowTheLog) {
  const std::string text = "\x1b]" + std::string(5000, 'x') + "end";
  EXPECT_TRUE(sanitize(text).ends_with("end"));
}

RC_GTEST_PROP(SanitizeProperty, AnyBytesGivePrintableTextHoweverCut, (const std::string& bytes)) {
  const std::string whole = sanitize(bytes);
  for (const char c : whole) {
    const auto byte = static_cast<unsigned char>(c);
    RC_ASSERT(byte >= 0x20 || byte == '\n' || byte == '\t');
    RC_ASSERT(byte != 0x7f);
  }
  RC_ASSERT(sanitize(whole) == whole);
  const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
  Sanitizer parts;
  std::string joined = parts.feed(std::string_view(bytes).substr(0, cut));
  joined += parts.feed(std::string_view(bytes).substr(cut));
  joined += parts.finish();
  RC_ASSERT(joined == whole);
}

RC_GTEST_PROP(SanitizeProperty, EscapeRichBytesLeaveNoEscape, ()) {
  const auto bytes = *rc::gen::container<std::string>(
      rc::gen::element('\x1b', '[', ']', 'P', '\\', '\x07', 'm', ';', '3', '\n', '\r', 'a', '\xc2', '\x9b', '\x90'));
  const std::string clean = sanitize(bytes);
  RC_ASSERT(clean.find('\x1b') == std::string::npos);
  RC_ASSERT(clean.find("\xc2\x9b") == std::string::npos);
  RC_ASSERT(sanitize(clean) == clean);
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Größe"), 5U);
  EXPECT_EQ(display_width("漢字"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);
  EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3U);
}

TEST(CutToWidth, NeverWiderThanAsked) {
  EXPECT_EQ(cut_to_width("char-transformer", 20, true), "char-transformer");
  EXPECT_EQ(cut_to_width("char-transformer", 8, true), "char-tr…");
  EXPECT_EQ(cut_to_width("char-transformer", 8, false), "char-...");
  EXPECT_EQ(cut_to_width("漢字漢字", 6, true), "漢字…");
  EXPECT_EQ(cut_to_width("abc", 1, true), ".");
  EXPECT_EQ(cut_to_width("abc", 0, true), "");
}

TEST(Pad, FillsToColumns) {
  EXPECT_EQ(pad_right("ä", 3), "ä  ");
  EXPECT_EQ(pad_left("12", 4), "  12");
  EXPECT_EQ(pad_left("12345", 4), "12345");
}

TEST(Wrap, FillsLinesAndKeepsBreaks) {
  EXPECT_EQ(wrap("one two three four", 12, 2), "  one two\n  three four");
  EXPECT_EQ(wrap("a\n\nb", 20, 1), " a\n\n b");
  EXPECT_EQ(wrap("longwordthatdoesnotfit x", 10, 0), "longwordthatdoesnotfit\nx");
}

}  // namespace
}  // namespace starminer::terminal
