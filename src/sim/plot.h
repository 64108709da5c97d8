// Line plots as SVG, readable without a script: axes with round figures, one colour a line, a legend. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace starminer::sim {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x rising
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Line> lines;
};

/// Both axes begin at 0. The same plot gives the same text.
[[nodiscard]] std::string svg_of(const Plot& plot);

}  // namespace starminer::sim
