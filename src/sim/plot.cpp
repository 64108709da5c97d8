#include "sim/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace starminer::sim {
namespace {

constexpr double kWidth = 900;
constexpr double kHeight = 420;
constexpr double kLeft = 70;
constexpr double kRight = 150;
constexpr double kTop = 40;
constexpr double kBottom = 50;
constexpr int kTicks = 5;
// Colours that the colour-blind tell apart (Okabe and Ito).
constexpr std::array<std::string_view, 6> kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

/// The least 1, 2 or 5 times a power of ten with which kTicks steps reach the value.
double step_for(double most) {
  if (!(most > 0)) return 1.0 / kTicks;
  const double rough = most / kTicks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

struct Axis {
  double step = 1;
  double from = 0;  // pixels
  double to = 0;

  [[nodiscard]] double at(double value) const { return from + (to - from) * value / (step * kTicks); }
};

std::string axes(const Plot& plot, const Axis& x, const Axis& y) {
  std::string out;
  for (int i = 0; i <= kTicks; ++i) {
    out += fmt::format("<line x1='{0:.1f}' y1='{2:.1f}' x2='{1:.1f}' y2='{2:.1f}' stroke='#ddd'/>\n", x.from, x.to,
                       y.at(y.step * i));
    out += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='end'>{:g}</text>\n", x.from - 8, y.at(y.step * i) + 4,
                       y.step * i);
    out += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:g}</text>\n", x.at(x.step * i), y.from + 18,
                       x.step * i);
  }
  out += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{}</text>\n", (x.from + x.to) / 2, kHeight - 10,
                     escaped(plot.x_label));
  out += fmt::format("<text x='{:.1f}' y='{:.1f}'>{}</text>\n", 10.0, kTop - 12, escaped(plot.y_label));
  out += fmt::format("<text x='{:.1f}' y='18' text-anchor='middle' font-weight='bold'>{}</text>\n", (x.from + x.to) / 2,
                     escaped(plot.title));
  return out;
}

std::string_view color_of(std::size_t number) { return kColors[number % kColors.size()]; }

std::string drawn(const Line& line, std::string_view color, const Axis& x, const Axis& y) {
  std::string points;
  for (const auto& [at_x, at_y] : line.points) points += fmt::format("{:.1f},{:.1f} ", x.at(at_x), y.at(at_y));
  return fmt::format("<polyline fill='none' stroke='{}' stroke-width='1.5' points='{}'/>\n", color, points);
}

std::string drawn(const Area& area, std::string_view color, const Axis& x, const Axis& y) {
  std::string points;
  for (const Area::Point& point : area.points) points += fmt::format("{:.1f},{:.1f} ", x.at(point.x), y.at(point.high));
  for (auto point = area.points.rbegin(); point != area.points.rend(); ++point) {
    points += fmt::format("{:.1f},{:.1f} ", x.at(point->x), y.at(point->low));
  }
  return fmt::format("<polygon fill='{}' fill-opacity='0.2' points='{}'/>\n", color, points);
}

}  // namespace

std::string svg_of(const Plot& plot) {
  double most_x = 0;
  double most_y = 0;
  const auto reach = [&](double x, double y) {
    most_x = std::max(most_x, x);
    most_y = std::max(most_y, y);
  };
  for (const Line& line : plot.lines) {
    for (const auto& [x, y] : line.points) reach(x, y);
  }
  for (const Area& area : plot.areas) {
    for (const Area::Point& point : area.points) reach(point.x, point.high);
  }
  const Axis x{step_for(most_x), kLeft, kWidth - kRight};
  const Axis y{step_for(most_y), kHeight - kBottom, kTop};
  std::string out = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0:g} {1:g}' font-family='sans-serif' font-size='12'>\n"
      "<rect width='{0:g}' height='{1:g}' fill='white'/>\n",
      kWidth, kHeight);
  out += axes(plot, x, y);
  for (std::size_t i = 0; i < plot.areas.size(); ++i) out += drawn(plot.areas[i], color_of(i), x, y);
  for (std::size_t i = 0; i < plot.lines.size(); ++i) out += drawn(plot.lines[i], color_of(i), x, y);
  double legend = kTop;
  const auto name = [&](const std::string& text, std::string_view color, double height, double opacity) {
    out += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='14' height='{:g}' fill='{}' fill-opacity='{:g}'/>\n",
                       x.to + 16, legend, height, color, opacity);
    out += fmt::format("<text x='{:.1f}' y='{:.1f}'>{}</text>\n", x.to + 36, legend + 6, escaped(text));
    legend += 18;
  };
  for (std::size_t i = 0; i < plot.lines.size(); ++i) name(plot.lines[i].name, color_of(i), 4, 1);
  for (std::size_t i = 0; i < plot.areas.size(); ++i) name(plot.areas[i].name, color_of(i), 8, 0.2);
  return out + "</svg>\n";
}

}  // namespace starminer::sim
