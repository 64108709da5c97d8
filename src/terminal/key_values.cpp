#include "terminal/key_values.h"

#include <algorithm>

#include "terminal/text.h"

namespace starminer::terminal {
namespace {

constexpr std::size_t kLabelWidthMin = 10;

}  // namespace

void KeyValues::add(std::string_view label, std::string_view value) {
  std::size_t end = value.find('\n');
  lines_.push_back({std::string(label), std::string(value.substr(0, end))});
  while (end != std::string_view::npos) {
    value.remove_prefix(end + 1);
    end = value.find('\n');
    more(value.substr(0, end));
  }
}

void KeyValues::more(std::string_view value) { lines_.push_back({"", std::string(value)}); }

std::string KeyValues::render(const Terminal& terminal) const {
  std::size_t width = kLabelWidthMin;
  for (const Line& line : lines_) width = std::max(width, display_width(line.label));
  std::string out;
  for (const Line& line : lines_) {
    std::string text = " " + pad_right(terminal.paint(Style::Strong, line.label), width) + " " + line.value;
    text.erase(text.find_last_not_of(' ') + 1);
    out.append(text).append("\n");
  }
  return out;
}

}  // namespace starminer::terminal
