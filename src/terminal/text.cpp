#include "terminal/text.h"

#include <algorithm>
#include <array>

namespace starminer::terminal {
namespace {

constexpr unsigned char kEscape = 0x1b;
constexpr unsigned char kBell = 0x07;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";
// A control string or sequence that never ends must not swallow the rest of a log.
constexpr std::size_t kSequenceBytesMax = 4096;

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that change the direction of text or show nothing: with them a line can read other than it is.
constexpr std::array<Range, 6> kDeceptive = {Range{0x200b, 0x200f}, Range{0x2028, 0x202e}, Range{0x2060, 0x206f},
                                             Range{0xfeff, 0xfeff}, Range{0xfff9, 0xfffb}, Range{0xe0000, 0xe007f}};
// Unicode 14, East Asian Width W and F, joined to the blocks that matter for a column count.
constexpr std::array<Range, 10> kWide = {Range{0x1100, 0x115f},  Range{0x2e80, 0x303e}, Range{0x3041, 0xa4cf},
                                         Range{0xa960, 0xa97c},  Range{0xac00, 0xd7a3}, Range{0xf900, 0xfaff},
                                         Range{0xfe30, 0xfe6f},  Range{0xff00, 0xff60}, Range{0x1f300, 0x1faff},
                                         Range{0x20000, 0x3fffd}};
constexpr std::array<Range, 6> kCombining = {Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd},
                                             Range{0x1ab0, 0x1aff}, Range{0x20d0, 0x20ff}, Range{0xfe00, 0xfe0f}};

template <std::size_t kCount>
bool lies_in(char32_t code, const std::array<Range, kCount>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [code](const Range& r) { return r.first <= code && code <= r.last; });
}

void append_utf8(char32_t code, std::string& out) {
  const auto byte = [&out](char32_t value) { out.push_back(static_cast<char>(static_cast<unsigned char>(value))); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | (code >> 6));
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3f));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

/// Bytes of the character that starts at `at`; 1 for anything that is not a whole UTF-8 character.
std::size_t character_bytes(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return at + length <= text.size() ? length : 1;
}

char32_t decode(std::string_view bytes) {
  const auto at = [bytes](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(bytes[i])); };
  if (bytes.size() == 2) return ((at(0) & 0x1f) << 6) | (at(1) & 0x3f);
  if (bytes.size() == 3) return ((at(0) & 0x0f) << 12) | ((at(1) & 0x3f) << 6) | (at(2) & 0x3f);
  if (bytes.size() == 4) {
    return ((at(0) & 0x07) << 18) | ((at(1) & 0x3f) << 12) | ((at(2) & 0x3f) << 6) | (at(3) & 0x3f);
  }
  return at(0);
}

std::size_t columns_of(std::string_view character) {
  const char32_t code = decode(character);
  if (lies_in(code, kCombining)) return 0;
  return lies_in(code, kWide) ? 2 : 1;
}

/// Length of an SGR sequence (as paint makes them) that starts at `at`, or 0.
std::size_t sgr_bytes(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\x1b[") return 0;
  const std::size_t end = text.find('m', at);
  return end == std::string_view::npos ? 0 : end - at + 1;
}

}  // namespace

std::string Sanitizer::feed(std::string_view chunk) {
  std::string out;
  out.reserve(chunk.size());
  for (const char c : chunk) take(static_cast<unsigned char>(c), out);
  return out;
}

std::string Sanitizer::finish() {
  std::string out;
  if (continuation_ > 0) out = kReplacement;
  *this = Sanitizer();
  return out;
}

void Sanitizer::start_escape() {
  state_ = State::Escape;
  sequence_bytes_ = 0;
}

// The states follow ECMA-48: ESC, then either a CSI sequence, a control string ended by BEL or ST, or a short sequence.
void Sanitizer::take(unsigned char byte, std::string& out) {
  if (state_ == State::Text) {
    take_text(byte, out);
    return;
  }
  if (++sequence_bytes_ > kSequenceBytesMax) {
    state_ = State::Text;
    take_text(byte, out);
    return;
  }
  switch (state_) {
    case State::Text: break;
    case State::Escape:
      if (byte == '[') {
        state_ = State::Csi;
      } else if (byte == ']' || byte == 'P' || byte == '_' || byte == '^' || byte == 'X') {
        state_ = State::ControlString;
      } else if (byte >= 0x20 && byte <= 0x2f) {
        state_ = State::EscapeIntermediate;
      } else if (byte >= 0x30 && byte <= 0x7e) {
        state_ = State::Text;
      } else {
        state_ = State::Text;
        take_text(byte, out);
      }
      break;
    case State::EscapeIntermediate:
      if (byte >= 0x20 && byte <= 0x2f) break;
      state_ = State::Text;
      if (byte < 0x30 || byte > 0x7e) take_text(byte, out);
      break;
    case State::Csi:
      if (byte >= 0x20 && byte <= 0x3f) break;
      state_ = State::Text;
      if (byte < 0x40 || byte > 0x7e) take_text(byte, out);
      break;
    case State::ControlString:
      if (byte == kBell) state_ = State::Text;
      if (byte == kEscape) state_ = State::ControlStringEscape;
      // A line feed never belongs to a control string of a well-behaved program; ending there shows the rest.
      if (byte == '\n') {
        state_ = State::Text;
        take_text(byte, out);
      }
      break;
    case State::ControlStringEscape:
      if (byte == '\\') {
        state_ = State::Text;
      } else {
        start_escape();
        take(byte, out);
      }
      break;
  }
}

void Sanitizer::take_text(unsigned char byte, std::string& out) {
  if (continuation_ > 0) {
    if ((byte & 0xc0) == 0x80) {
      code_ = (code_ << 6) | (byte & 0x3fU);
      if (--continuation_ == 0) take_code_point(code_ < code_min_ ? char32_t{0x110000} : code_, out);
      return;
    }
    continuation_ = 0;
    out += kReplacement;
  }
  if (byte < 0x80) {
    take_code_point(byte, out);
  } else if (byte >= 0xc2 && byte <= 0xdf) {
    code_ = byte & 0x1fU, code_min_ = 0x80, continuation_ = 1;
  } else if (byte >= 0xe0 && byte <= 0xef) {
    code_ = byte & 0x0fU, code_min_ = 0x800, continuation_ = 2;
  } else if (byte >= 0xf0 && byte <= 0xf4) {
    code_ = byte & 0x07U, code_min_ = 0x10000, continuation_ = 3;
  } else {
    out += kReplacement;
  }
}

void Sanitizer::take_code_point(char32_t code, std::string& out) {
  const bool line_feed_of_pair = code == '\n' && after_carriage_return_;
  after_carriage_return_ = code == '\r';
  if (line_feed_of_pair) return;
  if (code == kEscape) {
    start_escape();
  } else if (code == '\r') {
    out.push_back('\n');
  } else if (code == 0x9b) {
    state_ = State::Csi;
    sequence_bytes_ = 0;
  } else if (code == 0x90 || code == 0x98 || (code >= 0x9d && code <= 0x9f)) {
    state_ = State::ControlString;
    sequence_bytes_ = 0;
  } else if (code == '\n' || code == '\t' || (code >= 0x20 && code < 0x7f)) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0xa0 || lies_in(code, kDeceptive)) {
    return;
  } else if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    out += kReplacement;
  } else {
    append_utf8(code, out);
  }
}

std::string sanitize(std::string_view text) {
  Sanitizer sanitizer;
  std::string out = sanitizer.feed(text);
  out += sanitizer.finish();
  return out;
}

std::string sanitize_line(std::string_view text) {
  std::string out = sanitize(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t skipped = sgr_bytes(text, at); skipped > 0) {
      at += skipped;
      continue;
    }
    const std::size_t length = character_bytes(text, at);
    columns += columns_of(text.substr(at, length));
    at += length;
  }
  return columns;
}

std::string cut_to_width(std::string_view text, std::size_t columns, bool unicode) {
  if (display_width(text) <= columns) return std::string(text);
  const std::string_view mark = unicode ? "\u2026" : "...";
  const std::size_t mark_columns = unicode ? 1 : 3;
  if (columns <= mark_columns) return std::string(columns, '.');
  std::size_t used = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = character_bytes(text, at);
    const std::size_t wide = columns_of(text.substr(at, length));
    if (used + wide > columns - mark_columns) break;
    used += wide;
    at += length;
  }
  return std::string(text.substr(0, at)).append(mark);
}

std::string pad_right(std::string_view text, std::size_t columns) {
  const std::size_t used = display_width(text);
  return std::string(text).append(columns > used ? columns - used : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t columns) {
  const std::size_t used = display_width(text);
  return std::string(columns > used ? columns - used : 0, ' ').append(text);
}

std::string wrap(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string out;
  const std::string margin(indent, ' ');
  while (true) {
    const std::size_t end = text.find('\n');
    std::string_view rest = text.substr(0, end);
    std::string line;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      const std::string_view word = rest.substr(0, space);
      rest.remove_prefix(std::min(space + 1, rest.size()));
      if (word.empty()) continue;
      if (!line.empty() && indent + display_width(line) + 1 + display_width(word) > columns) {
        out.append(margin).append(line).append("\n");
        line.clear();
      }
      if (!line.empty()) line.push_back(' ');
      line.append(word);
    }
    if (!line.empty()) out.append(margin).append(line);
    if (end == std::string_view::npos) return out;
    out.push_back('\n');
    text.remove_prefix(end + 1);
  }
}

}  // namespace starminer::terminal
