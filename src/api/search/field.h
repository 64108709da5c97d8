// What a list can be searched by: named fields of a kind, with units and, where they are known, the values that exist.
// Filter and order (filter.h, order.h) read rows only through these, so one small language serves any list.
// Plain values; safe to share between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/arithmetic.h"
#include "base/result.h"

namespace starminer::api::search {

enum class FieldKind : std::uint8_t {
  Number,
  Flag,
  Word,   // compared without regard to case
  Place,  // a word that also names what lies in it: "eu" stands for "eu-central" too
  Words,  // a set of words
};

/// What a number counts: which units its literals may have, and what a bare one means.
enum class Quantity : std::uint8_t {
  Count,
  Thousandths,  // "1.5" is 1500
  Memory,       // bytes; bare numbers are GiB
  Tokens,       // base units; bare numbers are tokens
  Percent,      // parts per million; bare numbers are percent
  Ratio,        // parts per million; "1.2" is 1,200,000
  Duration,     // milliseconds; always with a unit
};

struct Field {
  std::string name;
  FieldKind kind{};
  Quantity quantity{};  // of a Number
  std::string says{};
  std::string alias{};
  /// The values that exist; empty: any word may be asked for.
  std::vector<std::string> known{};
  bool orders = true;
};

using Schema = std::vector<Field>;

/// The value of a field in a row. Views hold while the row does.
using Value = std::variant<std::uint64_t, bool, std::string_view, const std::vector<std::string>*>;

/// What is wrong with a text, and where: the column counts bytes from 1.
struct SearchError {
  std::size_t column = 1;
  std::string what;
  std::string advice;
};

/// A literal of a number, in 10^-9 of the unit that the field counts in, so that none is rounded.
inline constexpr std::uint64_t kLiteralParts = 1'000'000'000;

/// "4", "1.5", "24GiB", "30 d". The error says which units there are.
[[nodiscard]] Result<u128, std::string> parse_number(Quantity quantity, std::string_view text);
/// "4, 1.5", "24 GiB": what a literal of the quantity looks like, for people.
[[nodiscard]] std::string_view example_of(Quantity quantity);

/// Position of the field of this name or alias.
[[nodiscard]] std::optional<std::size_t> find_field(const Schema& schema, std::string_view name);
/// That there is no such field: names the nearest and lists all.
[[nodiscard]] SearchError no_such_field(const Schema& schema, std::string_view name, std::size_t column);
/// The candidate that a typing error most likely meant; empty where none is near.
[[nodiscard]] std::string nearest(std::string_view text, const std::vector<std::string>& candidates);

/// A and a are one letter here; other bytes are themselves.
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] bool same_word(std::string_view a, std::string_view b);
/// Whether `name` is the place or lies in it: "eu" holds "eu-central" and "eu".
[[nodiscard]] bool lies_in(std::string_view name, std::string_view place);

}  // namespace starminer::api::search
