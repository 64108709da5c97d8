#include "api/search/order.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::api::search {
namespace {

constexpr std::string_view kCursorMark = "s";
constexpr std::size_t kFingerprintBytes = 4;

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
}

/// A zero byte becomes 00 ff and the end 00 01, so that the beginning of a text stands before the text.
void append_text(std::string& out, std::string_view text) {
  for (const char c : lower(text.substr(0, kOrderTextMax))) {
    out += c;
    if (c == '\0') out += '\xff';
  }
  out += std::string_view("\0\1", 2);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

Result<Order, SearchError> Order::parse(const Schema& schema, std::string_view text) {
  Order order;
  if (text.size() > kOrderBytesMax) {
    return fail(SearchError{kOrderBytesMax + 1, fmt::format("longer than {} bytes", kOrderBytesMax), ""});
  }
  if (trimmed(text).empty()) return order;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    std::string_view item = trimmed(text.substr(start, comma - start));
    const std::size_t column = item.empty() ? start + 1 : static_cast<std::size_t>(item.data() - text.data()) + 1;
    start = comma + 1;
    const bool descending = item.starts_with('-');
    if (descending) item.remove_prefix(1);
    if (item.empty()) return fail(SearchError{column, "the name of a field is missing", "for example: price,-free"});
    const auto field = find_field(schema, item);
    if (!field) return fail(no_such_field(schema, item, column + (descending ? 1 : 0)));
    if (!schema[*field].orders) {
      return fail(SearchError{column, fmt::format("a list cannot be sorted by '{}'", schema[*field].name), ""});
    }
    if (order.fields_.size() == kOrderFieldsMax) {
      return fail(SearchError{column, fmt::format("more than {} fields", kOrderFieldsMax), ""});
    }
    order.fields_.push_back({*field, descending});
    order.name_ += fmt::format("{}{},", descending ? "-" : "", schema[*field].name);
  }
  return order;
}

std::string Order::key(const Filter::Read& read, std::string_view id) const {
  std::string key;
  for (const Part& part : fields_) {
    const Value value = read(part.field);
    const std::size_t start = key.size();
    if (const auto* number = std::get_if<std::uint64_t>(&value)) append_number(key, *number);
    if (const bool* flag = std::get_if<bool>(&value)) key += *flag ? '\1' : '\0';
    if (const auto* word = std::get_if<std::string_view>(&value)) append_text(key, *word);
    if (!part.descending) continue;
    for (std::size_t i = start; i < key.size(); ++i) key[i] = static_cast<char>(~key[i]);
  }
  key += id;
  return key;
}

std::string Order::fingerprint() const { return sha256(name_).hex().substr(0, 2 * kFingerprintBytes); }

std::string Order::format_cursor(std::string_view key) const {
  return fmt::format("{}{}{}", kCursorMark, fingerprint(), to_hex(as_bytes(key)));
}

std::optional<std::string> Order::parse_cursor(std::string_view text) const {
  const std::string start = std::string(kCursorMark) + fingerprint();
  if (!text.starts_with(start)) return std::nullopt;
  const auto bytes = from_hex(text.substr(start.size()));
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

}  // namespace starminer::api::search
