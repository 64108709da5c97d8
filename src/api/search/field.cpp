#include "api/search/field.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace starminer::api::search {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};

constexpr std::uint64_t kKibi = 1024;
constexpr std::array kCounts = {Unit{"", 1}};
constexpr std::array kThousandths = {Unit{"", 1'000}};
constexpr std::array kMemory = {Unit{"", kKibi* kKibi* kKibi},
                                Unit{"GiB", kKibi* kKibi* kKibi},
                                Unit{"GB", 1'000'000'000},
                                Unit{"MiB", kKibi* kKibi},
                                Unit{"MB", 1'000'000},
                                Unit{"TiB", kKibi* kKibi* kKibi* kKibi},
                                Unit{"TB", 1'000'000'000'000},
                                Unit{"KiB", kKibi},
                                Unit{"KB", 1'000},
                                Unit{"B", 1}};
constexpr std::array kTokens = {Unit{"", 1'000'000'000}, Unit{"AGPU", 1'000'000'000}};
constexpr std::array kPercent = {Unit{"", 10'000}, Unit{"%", 10'000}};
constexpr std::array kRatio = {Unit{"", 1'000'000}};
constexpr std::array kDuration = {Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"min", 60'000}, Unit{"h", 3'600'000},
                                  Unit{"d", 86'400'000}};

constexpr std::size_t kWholeDigitsMax = 15;
constexpr std::size_t kFractionDigitsMax = 9;

std::span<const Unit> units_of(Quantity quantity) {
  switch (quantity) {
    case Quantity::Count: return kCounts;
    case Quantity::Thousandths: return kThousandths;
    case Quantity::Memory: return kMemory;
    case Quantity::Tokens: return kTokens;
    case Quantity::Percent: return kPercent;
    case Quantity::Ratio: return kRatio;
    case Quantity::Duration: return kDuration;
  }
  return kCounts;
}

char lower_of(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_at(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

std::uint64_t value_of(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char digit : digits) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  return value;
}

/// Insertions, removals, exchanges and swaps of neighbours that make one word the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t exchange = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, exchange});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

Result<u128, std::string> parse_number(Quantity quantity, std::string_view text) {
  const auto units = units_of(quantity);
  const std::string no_number =
      fmt::format("'{}' is no number of this field; write it as in {}", text, example_of(quantity));
  const std::size_t whole = digits_at(text);
  if (whole == 0) return fail(no_number);
  if (whole > kWholeDigitsMax) return fail(fmt::format("at most {} digits", kWholeDigitsMax));
  u128 nano = u128{value_of(text.substr(0, whole))} * kLiteralParts;
  text.remove_prefix(whole);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t digits = digits_at(text);
    if (digits == 0) return fail(no_number);
    if (digits > kFractionDigitsMax) return fail(fmt::format("at most {} digits after the point", kFractionDigitsMax));
    std::uint64_t fraction = value_of(text.substr(0, digits));
    for (std::size_t i = digits; i < kFractionDigitsMax; ++i) fraction *= 10;
    nano += fraction;
    text.remove_prefix(digits);
  }
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& candidate) { return same_word(candidate.name, text); });
  if (unit != units.end()) return nano * unit->worth;
  if (text.empty()) return fail(fmt::format("a unit is missing; write it as in {}", example_of(quantity)));
  return fail(no_number);
}

std::string_view example_of(Quantity quantity) {
  switch (quantity) {
    case Quantity::Count: return "4";
    case Quantity::Thousandths: return "4 or 0.25";
    case Quantity::Memory: return "24 GiB, 80 GB or 24 (GiB)";
    case Quantity::Tokens: return "0.4 (AGPU per GPU-hour)";
    case Quantity::Percent: return "50 or 50 %";
    case Quantity::Ratio: return "1.2";
    case Quantity::Duration: return "30 d, 6 h, 10 min or 5 s";
  }
  return "";
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower_of);
  return out;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower_of(x) == lower_of(y); });
}

bool lies_in(std::string_view name, std::string_view place) {
  if (!same_word(name.substr(0, place.size()), place)) return false;
  return name.size() == place.size() || name[place.size()] == '-';
}

std::optional<std::size_t> find_field(const Schema& schema, std::string_view name) {
  const auto found = std::find_if(schema.begin(), schema.end(), [name](const Field& field) {
    return same_word(field.name, name) || (!field.alias.empty() && same_word(field.alias, name));
  });
  if (found == schema.end()) return std::nullopt;
  return static_cast<std::size_t>(found - schema.begin());
}

std::string nearest(std::string_view text, const std::vector<std::string>& candidates) {
  constexpr std::size_t kTextMax = 64;
  if (text.empty() || text.size() > kTextMax) return {};
  const std::string asked = lower(text);
  std::string best;
  std::size_t best_distance = 1 + std::max<std::size_t>(1, text.size() / 3);
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kTextMax) continue;
    const std::string name = lower(candidate);
    // A beginning or an end of a name is near, whatever is left out.
    const bool part = asked.size() >= 3 && (name.starts_with(asked) || name.ends_with(asked));
    const std::size_t apart = part ? 1 : distance(asked, name);
    if (apart >= best_distance) continue;
    best_distance = apart;
    best = candidate;
  }
  return best;
}

SearchError no_such_field(const Schema& schema, std::string_view name, std::size_t column) {
  std::vector<std::string> names;
  std::string all;
  for (const Field& field : schema) {
    names.push_back(field.name);
    if (!field.alias.empty()) names.push_back(field.alias);
    all += (all.empty() ? "" : ", ") + field.name;
  }
  const std::string near = nearest(name, names);
  return {column, fmt::format("there is no field '{}'", name),
          near.empty() ? fmt::format("fields: {}", all) : fmt::format("did you mean '{}'? fields: {}", near, all)};
}

}  // namespace starminer::api::search
