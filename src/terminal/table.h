// A table with aligned columns. Numbers lie to the right under a heading that carries their unit; text lies to the
// left and is cut only where the output is a terminal, so that scripts always see whole values. Cells are sanitised
// here, as they often hold what others wrote. A value type; render is const.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "terminal/terminal.h"

namespace starminer::terminal {

enum class Align : std::uint8_t { Left, Right };

struct Column {
  std::string title;
  Align align = Align::Left;
  /// Shown behind the title: "PRICE (AGPU/h)". Empty for none.
  std::string unit{};
  /// Ids and hashes must never be cut.
  bool whole = false;
};

struct Cell {
  Cell(std::string cell_text, Style cell_style = Style::Plain) : text(std::move(cell_text)), style(cell_style) {}
  Cell(const char* cell_text, Style cell_style = Style::Plain) : text(cell_text), style(cell_style) {}

  std::string text;
  Style style;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);

  /// Requires as many cells as columns.
  void add(std::vector<Cell> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  /// Heading and rows, each ended by a line feed, no trailing spaces.
  [[nodiscard]] std::string render(const Terminal& terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace starminer::terminal
