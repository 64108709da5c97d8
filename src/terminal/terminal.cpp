#include "terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace starminer::terminal {
namespace {

constexpr std::size_t kDefaultWidth = 80;
constexpr std::size_t kWidthMin = 40;
constexpr std::size_t kWidthMax = 500;

// Indexed by Style: SGR parameters that every terminal since the VT100 line with eight colours knows.
constexpr std::array<std::string_view, 7> kSgr = {"", "1", "2", "32", "33", "31", "36"};

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<std::size_t> parse_columns(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), columns);
  if (error != std::errc() || end != text->data() + text->size() || columns == 0) return std::nullopt;
  return columns;
}

bool names_utf8(const std::optional<std::string>& locale) {
  if (!locale) return false;
  std::string lower = *locale;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
}

}  // namespace

Surroundings probe(int descriptor) {
  Surroundings found;
  found.is_terminal = isatty(descriptor) == 1;
  winsize size{};
  if (found.is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0) found.columns = size.ws_col;
  found.no_color = variable("NO_COLOR");
  found.term = variable("TERM");
  found.columns_variable = variable("COLUMNS");
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    auto value = variable(name);
    if (value && !value->empty()) {
      found.locale = std::move(value);
      break;
    }
  }
  return found;
}

Capabilities detect(const Surroundings& surroundings, ColorMode mode) {
  const bool dumb = !surroundings.term || surroundings.term->empty() || *surroundings.term == "dumb";
  const bool refused = surroundings.no_color && !surroundings.no_color->empty();
  Capabilities result;
  result.interactive = surroundings.is_terminal && !dumb;
  result.color = mode == ColorMode::Always || (mode == ColorMode::Auto && result.interactive && !refused);
  result.unicode = names_utf8(surroundings.locale);
  std::size_t width = surroundings.columns;
  if (width == 0) width = parse_columns(surroundings.columns_variable).value_or(kDefaultWidth);
  result.width = std::clamp(width, kWidthMin, kWidthMax);
  return result;
}

Terminal Terminal::standard_output(ColorMode mode) { return {std::cout, detect(probe(STDOUT_FILENO), mode)}; }
Terminal Terminal::standard_error(ColorMode mode) { return {std::cerr, detect(probe(STDERR_FILENO), mode)}; }

std::string Terminal::paint(Style style, std::string_view text) const {
  const std::string_view sgr = kSgr[static_cast<std::size_t>(style)];
  if (!color() || sgr.empty() || text.empty()) return std::string(text);
  std::string painted = "\x1b[";
  painted.append(sgr).append("m").append(text).append("\x1b[0m");
  return painted;
}

std::string Terminal::tick() const { return paint(Style::Good, unicode() ? "\u2714" : "ok"); }
std::string Terminal::cross() const { return paint(Style::Bad, unicode() ? "\u2716" : "error:"); }
std::string Terminal::bullet() const { return unicode() ? "\u00b7" : "-"; }

void Terminal::line(std::string_view text) const { *stream_ << text << '\n' << std::flush; }

}  // namespace starminer::terminal
