// Shape checks of single fields, for every operation that carries many of them. The first fault is kept; its text names
// the field and what it may be. Texts of users are never repeated, since they may hold control characters.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/operation/refusal.h"

namespace starminer::protocol {

class FieldCheck {
 public:
  /// InvalidField unless low <= value <= high.
  FieldCheck& range(std::string_view field, std::uint64_t value, std::uint64_t low, std::uint64_t high);
  /// InvalidField unless it has low..high printable ASCII characters without spaces.
  FieldCheck& name(std::string_view field, std::string_view text, std::size_t low, std::size_t high);
  /// InvalidField unless it has low..high bytes of UTF-8 without control characters and without spaces at the ends.
  FieldCheck& text(std::string_view field, std::string_view text, std::size_t low, std::size_t high);
  /// InvalidField unless it is empty (where allowed) or two capital letters.
  FieldCheck& country(std::string_view field, std::string_view code, bool may_be_empty);
  /// TooManyItems unless count <= limit.
  FieldCheck& count(std::string_view field, std::size_t count, std::size_t limit);
  /// AmountTooLarge above the largest amount; AmountZero for 0 where that is not allowed.
  FieldCheck& amount(std::string_view field, std::uint64_t base, bool may_be_zero);
  /// InvalidField with this sentence unless the condition holds.
  FieldCheck& require(std::string_view field, bool condition, std::string_view what_it_must_be);
  /// InvalidField unless the items rise strictly, which makes one list have one form.
  template <class T>
  FieldCheck& sorted(std::string_view field, const std::vector<T>& items) {
    const auto fault = std::adjacent_find(items.begin(), items.end(), [](const T& a, const T& b) { return !(a < b); });
    return require(field, fault == items.end(), "must be sorted and name each item once");
  }
  /// InvalidField where an item stands twice; the order is free.
  template <class T>
  FieldCheck& unique(std::string_view field, std::vector<T> items) {
    std::sort(items.begin(), items.end());
    return require(field, std::adjacent_find(items.begin(), items.end()) == items.end(), "must name each item once");
  }

  [[nodiscard]] bool ok() const { return !fault_.has_value(); }
  [[nodiscard]] Result<void, Refusal> result() const;

 private:
  FieldCheck& refuse(RefusalCode code, std::string detail);

  std::optional<Refusal> fault_;
};

}  // namespace starminer::protocol
