#include "client/job_file/paths.h"

#include <vector>

#include "client/job_file/limits.h"
#include "client/job_file/utf8.h"

namespace starminer::client::job_file {
namespace {

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

struct ClassMatch {
  bool matches = false;
  std::size_t length = 0;
};

/// A bracket expression at the front of `glob`; length 0 if it is not closed and so stands for itself.
ClassMatch match_class(std::string_view glob, char c) {
  std::size_t at = 1;
  const bool negated = at < glob.size() && (glob[at] == '!' || glob[at] == '^');
  if (negated) ++at;
  bool inside = false;
  for (const std::size_t first = at; at < glob.size(); ++at) {
    if (glob[at] == ']' && at > first) return {inside != negated, at + 1};
    const bool range = at + 2 < glob.size() && glob[at + 1] == '-' && glob[at + 2] != ']';
    if (range) {
      inside = inside || (glob[at] <= c && c <= glob[at + 2]);
      at += 2;
    } else {
      inside = inside || glob[at] == c;
    }
  }
  return {};
}

/// One part of a path against one part of a glob, by the usual backtracking to the last star only.
bool part_matches(std::string_view glob, std::string_view name) {
  std::size_t g = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
      continue;
    }
    std::size_t taken = 0;
    if (g < glob.size()) {
      const ClassMatch in_class = glob[g] == '[' ? match_class(glob.substr(g), name[n]) : ClassMatch{};
      if (in_class.length > 0) {
        taken = in_class.matches ? in_class.length : 0;
      } else if (glob[g] == '?' || glob[g] == name[n]) {
        taken = 1;
      }
    }
    if (taken > 0) {
      g += taken;
      ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace

std::optional<std::string> path_fault(std::string_view path) {
  if (path.empty()) return "the path is empty";
  if (path.size() > kPathMax) return "the path is longer than 255 bytes";
  if (find_bad_name(path)) return "the path has a control character or is not UTF-8";
  if (path.front() == '/') return "the path must be relative";
  for (const std::string_view part : parts_of(path)) {
    if (part.empty()) return "the path has an empty part";
    if (part == "." || part == "..") return "the path must not have \".\" or \"..\" in it";
  }
  return std::nullopt;
}

bool has_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

bool glob_matches(std::string_view glob, std::string_view path) {
  const auto patterns = parts_of(glob);
  const auto names = parts_of(path);
  // reached[n]: the patterns so far can match exactly the first n parts.
  std::vector<bool> reached(names.size() + 1, false);
  reached[0] = true;
  for (const std::string_view pattern : patterns) {
    std::vector<bool> next(names.size() + 1, false);
    bool before = false;
    for (std::size_t n = 0; n <= names.size(); ++n) {
      if (pattern == "**") {
        before = before || reached[n];
        next[n] = before;
      } else if (n > 0) {
        next[n] = reached[n - 1] && part_matches(pattern, names[n - 1]);
      }
    }
    reached = std::move(next);
  }
  return reached[names.size()];
}

}  // namespace starminer::client::job_file
