#include "terminal/table.h"

#include <algorithm>
#include <numeric>

#include "terminal/text.h"

namespace starminer::terminal {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kCutWidthMin = 8;

std::string heading(const Column& column) {
  return column.unit.empty() ? column.title : column.title + " (" + column.unit + ")";
}

std::size_t line_width(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + kGap * (widths.size() - 1);
}

/// Takes columns away from the widest column that may be cut until the line fits or nothing more can be cut.
void shrink_to(std::size_t width, const std::vector<Column>& columns, std::vector<std::size_t>& widths) {
  while (line_width(widths) > width) {
    std::size_t widest = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].whole || columns[i].align == Align::Right || widths[i] <= kCutWidthMin) continue;
      if (widest == columns.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns.size()) return;
    const std::size_t excess = line_width(widths) - width;
    widths[widest] -= std::min(excess, widths[widest] - kCutWidthMin);
  }
}

void trim_right(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<Cell> cells) {
  cells.resize(columns_.size(), Cell(""));
  for (Cell& cell : cells) cell.text = sanitize_line(cell.text);
  rows_.push_back(std::move(cells));
}

std::string Table::render(const Terminal& terminal) const {
  if (columns_.empty()) return {};
  std::vector<std::size_t> widths;
  widths.reserve(columns_.size());
  for (const Column& column : columns_) widths.push_back(display_width(heading(column)));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i].text));
  }
  if (terminal.interactive()) shrink_to(terminal.width(), columns_, widths);

  std::string out;
  const auto append_line = [&](const auto& text_of, const auto& style_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line.append(kGap, ' ');
      const std::string text = cut_to_width(text_of(i), widths[i], terminal.unicode());
      const bool right = columns_[i].align == Align::Right;
      const std::string painted = terminal.paint(style_of(i), text);
      line += right ? pad_left(painted, widths[i]) : pad_right(painted, widths[i]);
    }
    trim_right(line);
    out.append(line).append("\n");
  };
  append_line([&](std::size_t i) { return heading(columns_[i]); }, [](std::size_t) { return Style::Strong; });
  for (const auto& row : rows_) {
    append_line([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return row[i].style; });
  }
  return out;
}

}  // namespace starminer::terminal
