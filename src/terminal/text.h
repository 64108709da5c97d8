// Text that others wrote (logs, node names, file names) made safe to print, and text measured in terminal columns.
// Sanitising removes every escape sequence and control character, so a job's log cannot move the cursor, retitle the
// window, write to the clipboard or hide what it says; it is also valid UTF-8 afterwards. Sanitizer keeps state
// between chunks and is for one thread; the functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace starminer::terminal {

/// Cleans a stream that arrives in chunks: sequences and characters cut by a chunk border are handled as one.
/// Keeps line feeds and tabs. A lone carriage return becomes a line feed, so that redrawn progress lines stay readable.
class Sanitizer {
 public:
  [[nodiscard]] std::string feed(std::string_view chunk);
  /// What a cut-off character at the end of the stream becomes; ready for the next stream afterwards.
  [[nodiscard]] std::string finish();

 private:
  enum class State : std::uint8_t { Text, Escape, EscapeIntermediate, Csi, ControlString, ControlStringEscape };

  void take(unsigned char byte, std::string& out);
  void take_text(unsigned char byte, std::string& out);
  void take_code_point(char32_t code, std::string& out);
  void start_escape();

  State state_ = State::Text;
  std::size_t sequence_bytes_ = 0;
  char32_t code_ = 0;
  char32_t code_min_ = 0;
  int continuation_ = 0;
  bool after_carriage_return_ = false;
};

/// A whole text of several lines.
[[nodiscard]] std::string sanitize(std::string_view text);
/// A text that must stay on one line: line feeds and tabs become spaces.
[[nodiscard]] std::string sanitize_line(std::string_view text);

/// Columns that valid UTF-8 takes; escape sequences made by Terminal::paint count nothing.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// The text itself if it fits, else its start with an ellipsis, never wider than `columns`. Paint after cutting.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t columns, bool unicode);
/// Padded with spaces on the right (or left) to `columns`.
[[nodiscard]] std::string pad_right(std::string_view text, std::size_t columns);
[[nodiscard]] std::string pad_left(std::string_view text, std::size_t columns);
/// Words filled into lines of at most `columns`, each line after `indent` spaces; keeps line breaks that are there.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t columns, std::size_t indent);

}  // namespace starminer::terminal
