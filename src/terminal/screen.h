// A block of lines that is shown again and again in its place: live views. On a terminal each showing replaces the one
// before, cut to the height of the terminal; elsewhere nothing can be replaced, and the caller prints what is new.
// For one thread; the last showing stays when the object goes.
#pragma once

#include <cstddef>
#include <string_view>

#include "terminal/terminal.h"

namespace starminer::terminal {

class Screen {
 public:
  /// `height`: rows of the terminal; 0: as the system says now.
  explicit Screen(const Terminal& terminal, std::size_t height = 0) : terminal_(terminal), height_(height) {}

  /// Lines ended by line feeds, safe to print. Lines beyond the height are left out, with a note of how many.
  void show(std::string_view text);

 private:
  [[nodiscard]] std::size_t rows_of(std::string_view line) const;
  [[nodiscard]] std::size_t height() const;

  Terminal terminal_;
  std::size_t height_;
  std::size_t shown_rows_ = 0;
};

}  // namespace starminer::terminal
