#include "api/http/range.h"

#include <algorithm>
#include <charconv>

namespace starminer::api::http {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::string_view kRangeUnit = "bytes=";
constexpr std::string_view kContentRangeUnit = "bytes ";

}  // namespace

RangeChoice choose_range(std::string_view header, std::uint64_t size) {
  RangeChoice choice;
  choice.range = {0, size};
  if (header.substr(0, kRangeUnit.size()) != kRangeUnit) return choice;
  header.remove_prefix(kRangeUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return choice;
  const std::string_view first_text = header.substr(0, dash);
  const std::string_view last_text = header.substr(dash + 1);
  if (first_text.empty()) {
    const auto suffix = parse_number(last_text);
    if (!suffix) return choice;
    if (*suffix == 0 || size == 0) {
      choice.kind = RangeKind::Unsatisfiable;
      return choice;
    }
    const std::uint64_t length = std::min(*suffix, size);
    return {RangeKind::Part, {size - length, length}};
  }
  const auto first = parse_number(first_text);
  if (!first) return choice;
  std::uint64_t last = size == 0 ? 0 : size - 1;
  if (!last_text.empty()) {
    const auto stated = parse_number(last_text);
    if (!stated || *stated < *first) return choice;
    last = std::min(last, *stated);
  }
  if (*first >= size) {
    choice.kind = RangeKind::Unsatisfiable;
    return choice;
  }
  return {RangeKind::Part, {*first, last - *first + 1}};
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (text.substr(0, kContentRangeUnit.size()) != kContentRangeUnit) return std::nullopt;
  text.remove_prefix(kContentRangeUnit.size());
  if (text.substr(0, 2) == "*/") {
    const auto total = parse_number(text.substr(2));
    return total ? std::optional(ContentRange{{*total, 0}, *total}) : std::nullopt;
  }
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1, slash - dash - 1));
  const auto total = parse_number(text.substr(slash + 1));
  if (!first || !last || !total || *last < *first || *last >= *total) return std::nullopt;
  return ContentRange{{*first, *last - *first + 1}, *total};
}

}  // namespace starminer::api::http
