#include "protocol/job/field_check.h"

#include <fmt/format.h>

#include "base/amount.h"

namespace starminer::protocol {
namespace {

constexpr unsigned char kSpace = 0x20;
constexpr unsigned char kDelete = 0x7f;

bool is_graphic(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > kSpace && byte < kDelete;
}

/// Length of the UTF-8 sequence that begins here, 0 if it is none of a printable character (RFC 3629: shortest form,
/// no surrogates, at most U+10FFFF; C0, DEL and C1 are control characters).
std::size_t printable_length(std::string_view text) {
  const auto at = [&text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = at(0);
  if (lead < 0x80) return lead >= kSpace && lead != kDelete ? 1 : 0;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  std::uint32_t point = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0U) != 0x80) return 0;
    point = (point << 6) | (at(i) & 0x3fU);
  }
  const std::uint32_t shortest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0xa0;
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point >= shortest && point <= 0x10ffff && !surrogate ? length : 0;
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = printable_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

FieldCheck& FieldCheck::refuse(RefusalCode code, std::string detail) {
  if (!fault_) fault_ = Refusal{code, std::move(detail)};
  return *this;
}

FieldCheck& FieldCheck::range(std::string_view field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return *this;
  return refuse(RefusalCode::InvalidField, fmt::format("{} is {}; allowed {} to {}", field, value, low, high));
}

FieldCheck& FieldCheck::name(std::string_view field, std::string_view text, std::size_t low, std::size_t high) {
  if (text.size() < low || text.size() > high) {
    return refuse(RefusalCode::InvalidField,
                  fmt::format("{} has {} bytes; allowed {} to {}", field, text.size(), low, high));
  }
  if (std::all_of(text.begin(), text.end(), is_graphic)) return *this;
  return refuse(RefusalCode::InvalidField,
                fmt::format("{} has a character outside printable ASCII without spaces", field));
}

FieldCheck& FieldCheck::text(std::string_view field, std::string_view text, std::size_t low, std::size_t high) {
  if (text.size() < low || text.size() > high) {
    return refuse(RefusalCode::InvalidField,
                  fmt::format("{} has {} bytes; allowed {} to {}", field, text.size(), low, high));
  }
  if (!is_printable(text)) {
    return refuse(RefusalCode::InvalidField, fmt::format("{} must be UTF-8 without control characters", field));
  }
  if (!text.empty() && (text.front() == ' ' || text.back() == ' ')) {
    return refuse(RefusalCode::InvalidField, fmt::format("{} must not begin or end with a space", field));
  }
  return *this;
}

FieldCheck& FieldCheck::country(std::string_view field, std::string_view code, bool may_be_empty) {
  if (code.empty() && may_be_empty) return *this;
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (code.size() == 2 && capital(code[0]) && capital(code[1])) return *this;
  return refuse(RefusalCode::InvalidField, fmt::format("{} must be two capital letters, an ISO 3166-1 country code{}",
                                                       field, may_be_empty ? ", or empty" : ""));
}

FieldCheck& FieldCheck::count(std::string_view field, std::size_t count, std::size_t limit) {
  if (count <= limit) return *this;
  return refuse(RefusalCode::TooManyItems, fmt::format("{} has {} items; allowed {}", field, count, limit));
}

FieldCheck& FieldCheck::amount(std::string_view field, std::uint64_t base, bool may_be_zero) {
  if (base == 0 && !may_be_zero) {
    return refuse(RefusalCode::AmountZero, fmt::format("{} is 0; allowed 1 to {} base units", field, kAmountMax));
  }
  if (base <= kAmountMax) return *this;
  return refuse(RefusalCode::AmountTooLarge,
                fmt::format("{} is {}; allowed {} to {} base units", field, base, may_be_zero ? 0 : 1, kAmountMax));
}

FieldCheck& FieldCheck::require(std::string_view field, bool condition, std::string_view what_it_must_be) {
  if (condition) return *this;
  return refuse(RefusalCode::InvalidField, fmt::format("{} {}", field, what_it_must_be));
}

Result<void, Refusal> FieldCheck::result() const {
  if (fault_) return fail(*fault_);
  return {};
}

}  // namespace starminer::protocol
