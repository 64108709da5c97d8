#include "sim/csv.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace starminer::sim {
namespace {

constexpr std::uint64_t kMsPerSecond = 1000;
constexpr std::size_t kShownMax = 32;

/// The text of a field as an error shows it: short, and without bytes that could move a terminal's cursor.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kShownMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > kShownMax ? out + "..." : out;
}

std::vector<Field> split(std::string_view line, std::size_t number) {
  std::vector<Field> fields;
  std::size_t start = 0;
  while (true) {
    const std::size_t comma = line.find(',', start);
    const std::size_t end = std::min(comma, line.size());
    fields.push_back({line.substr(start, end - start), number, start + 1});
    if (comma == std::string_view::npos) return fields;
    start = comma + 1;
  }
}

std::optional<InputError> heading_error(const std::vector<Field>& heading) {
  for (std::size_t i = 0; i < heading.size(); ++i) {
    if (heading[i].text.empty()) return heading[i].error("a name of the heading is empty");
    const auto same = [&](const Field& other) { return other.text == heading[i].text; };
    if (std::any_of(heading.begin(), heading.begin() + static_cast<std::ptrdiff_t>(i), same)) {
      return heading[i].error(fmt::format("the heading names {} twice", shown(heading[i].text)));
    }
  }
  return std::nullopt;
}

}  // namespace

std::string InputError::in(std::string_view file) const {
  return fmt::format("{}:{}:{}: {}", file, line, column, text);
}

Result<Csv, InputError> Csv::parse(std::string_view text) {
  Csv csv;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    if (const std::size_t quote = line.find('"'); quote != std::string_view::npos) {
      return fail(InputError{number, quote + 1, "quoted fields are not read: write the field without quotes"});
    }
    std::vector<Field> fields = split(line, number);
    if (csv.heading_.empty()) {
      if (auto error = heading_error(fields)) return fail(std::move(*error));
      csv.heading_ = std::move(fields);
      continue;
    }
    if (fields.size() != csv.heading_.size()) {
      return fail(InputError{number, fields.back().column,
                             fmt::format("{} fields, the heading has {}", fields.size(), csv.heading_.size())});
    }
    csv.rows_.push_back(std::move(fields));
  }
  if (csv.heading_.empty()) return fail(InputError{1, 1, "the file is empty: its first line names the columns"});
  return csv;
}

std::optional<std::size_t> Csv::find_column(std::string_view name) const {
  const auto found =
      std::find_if(heading_.begin(), heading_.end(), [name](const Field& field) { return field.text == name; });
  if (found == heading_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - heading_.begin());
}

Result<std::size_t, InputError> Csv::column(std::string_view name) const {
  if (const auto found = find_column(name)) return *found;
  return fail(heading_.front().error(fmt::format("the heading has no column {}", name)));
}

Result<std::uint64_t, InputError> parse_integer(const Field& field, std::string_view what, std::uint64_t low,
                                                std::uint64_t high) {
  std::uint64_t value = 0;
  const char* const end = field.text.data() + field.text.size();
  const auto [stop, status] = std::from_chars(field.text.data(), end, value);
  if (field.text.empty() || stop != end || status != std::errc{} || value < low || value > high) {
    return fail(
        field.error(fmt::format("{} is '{}', expected an integer of {}..{}", what, shown(field.text), low, high)));
  }
  return value;
}

Result<std::uint64_t, InputError> parse_seconds(const Field& field, std::string_view what, std::uint64_t high_s) {
  const auto wrong = [&] {
    return fail(field.error(
        fmt::format("{} is '{}', expected seconds of 0..{}, such as 90 or 90.5", what, shown(field.text), high_s)));
  };
  const std::size_t point = std::min(field.text.find('.'), field.text.size());
  const std::string_view decimals = field.text.substr(std::min(point + 1, field.text.size()));
  if (point != field.text.size() && decimals.empty()) return wrong();
  const auto whole = parse_integer({field.text.substr(0, point), field.line, field.column}, what, 0, high_s);
  if (!whole) return wrong();
  std::uint64_t ms = 0;
  std::uint64_t unit = kMsPerSecond;
  for (const char digit : decimals) {
    if (digit < '0' || digit > '9') return wrong();
    unit /= 10;
    ms += unit * static_cast<std::uint64_t>(digit - '0');
  }
  return *whole * kMsPerSecond + ms;
}

}  // namespace starminer::sim
