// A block of labelled lines, as `plan` and `describe` print it: labels in one column, values behind it, further lines
// of a value under its first. Values are printed as given (they may be painted); sanitise foreign text before.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "terminal/terminal.h"

namespace starminer::terminal {

class KeyValues {
 public:
  /// A value of several lines (split at line feeds) continues below its first line.
  void add(std::string_view label, std::string_view value);
  /// A further line under the last value.
  void more(std::string_view value);

  /// Lines start with one space and are ended by line feeds.
  [[nodiscard]] std::string render(const Terminal& terminal) const;

 private:
  struct Line {
    std::string label;
    std::string value;
  };
  std::vector<Line> lines_;
};

}  // namespace starminer::terminal
