#include "config/nearest.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <vector>

namespace starminer::config {
namespace {

// Longer words are no typing errors; the bound also keeps the table of the distance small for hostile input.
constexpr std::size_t kWordMax = 64;

std::string folded(std::string_view word) {
  std::string out;
  out.reserve(word.size());
  for (const char c : word) {
    const bool separator = c == '_' || c == '.';
    out.push_back(separator ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

/// Optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t columns = b.size() + 1;
  std::vector<std::size_t> cells((a.size() + 1) * columns);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return cells[i * columns + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0 : 1);
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
  }
  return at(a.size(), b.size());
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view given, std::span<const std::string> known) {
  if (given.empty() || given.size() > kWordMax) return std::nullopt;
  const std::string word = folded(given);
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  for (const std::string& name : known) {
    if (name.empty() || name.size() > kWordMax) continue;
    const std::size_t errors = distance(word, folded(name));
    const std::size_t allowed = std::max<std::size_t>(1, std::min(word.size(), name.size()) / 3);
    if (errors <= allowed && (best == nullptr || errors < best_distance)) {
      best = &name;
      best_distance = errors;
    }
  }
  return best == nullptr ? std::nullopt : std::optional<std::string>(*best);
}

std::string did_you_mean(std::string_view given, std::span<const std::string> known) {
  const auto name = nearest_name(given, known);
  return name ? "; did you mean \"" + *name + "\"?" : std::string();
}

}  // namespace starminer::config
