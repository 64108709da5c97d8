#include "terminal/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "terminal/text.h"

namespace starminer::terminal {
namespace {

constexpr std::size_t kDefaultHeight = 24;
constexpr std::size_t kHeightMin = 4;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

std::size_t Screen::height() const {
  if (height_ > 0) return height_;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return std::max<std::size_t>(known ? size.ws_row : kDefaultHeight, kHeightMin);
}

std::size_t Screen::rows_of(std::string_view line) const {
  const std::size_t width = std::max<std::size_t>(terminal_.width(), 1);
  return std::max<std::size_t>(1, (display_width(line) + width - 1) / width);
}

void Screen::show(std::string_view text) {
  // One row for the note, one for the cursor behind the last line.
  const std::size_t room = height() - 2;
  std::string out;
  if (shown_rows_ > 0) out += fmt::format("\x1b[{}F\x1b[J", shown_rows_);
  shown_rows_ = 0;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (shown_rows_ + rows_of(lines[i]) > room) {
      const std::string note = fmt::format("{} lines more; a higher window shows them", lines.size() - i);
      out += terminal_.paint(Style::Dim, note) + "\n";
      ++shown_rows_;
      break;
    }
    shown_rows_ += rows_of(lines[i]);
    out.append(lines[i]).append("\n");
  }
  terminal_.stream() << out << std::flush;
}

}  // namespace starminer::terminal
