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

/// What lies between two lines, shaded.
struct Area {
  std::string name;
  struct Point {
    double x = 0;  // rising
    double low = 0;
    double high = 0;
  };
  std::vector<Point> points;
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Line> lines;
  std::vector<Area> areas{};  // each in the colour of the line at its place, behind all lines
};

/// Both axes begin at 0. The same plot gives the same text.
[[nodiscard]] std::string svg_of(const Plot& plot);

}  // namespace starminer::sim
