// The order of a list: "price, -free" is by price, the dearest last, then by what is free, most first. Rows become keys
// that compare as bytes, so that a page can begin behind a key: rows that do not change between two pages are on
// exactly one of them, whatever happens to others. Immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/search/field.h"
#include "api/search/filter.h"

namespace starminer::api::search {

inline constexpr std::size_t kOrderFieldsMax = 4;
inline constexpr std::size_t kOrderBytesMax = 200;
/// Bytes of a text that count for the order.
inline constexpr std::size_t kOrderTextMax = 64;

class Order {
 public:
  /// As the list stands.
  Order() = default;
  /// Fields separated by commas, each with a '-' before it where the largest comes first.
  [[nodiscard]] static Result<Order, SearchError> parse(const Schema& schema, std::string_view text);

  [[nodiscard]] bool is_default() const { return fields_.empty(); }
  /// Compares as bytes like the row; `id` decides between equals and must be of the same length in all rows.
  [[nodiscard]] std::string key(const Filter::Read& read, std::string_view id) const;

  /// Where a page ended, as text for the next request: letters and digits.
  [[nodiscard]] std::string format_cursor(std::string_view key) const;
  /// The key again; empty where the text is no cursor of this order.
  [[nodiscard]] std::optional<std::string> parse_cursor(std::string_view text) const;

 private:
  struct Part {
    std::size_t field = 0;
    bool descending = false;
  };
  [[nodiscard]] std::string fingerprint() const;

  std::vector<Part> fields_;
  std::string name_;  // the same for the same order
};

}  // namespace starminer::api::search
