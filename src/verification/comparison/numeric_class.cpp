#include "verification/comparison/numeric_class.h"

#include <algorithm>

#include "base/codec.h"

namespace starminer::verification {
namespace {

constexpr std::string_view kNone = "-";

bool is_part(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+' || c == '=' || c == '-';
  };
  return !text.empty() && text.size() <= kClassPartMax && text != kNone &&
         std::all_of(text.begin(), text.end(), allowed);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Hash32 NumericClass::id() const { return tagged_hash("starminer/numeric_class/1", encode(*this)); }

std::string class_text(const NumericClass& numeric_class) {
  std::string text = numeric_class.architecture + "/" + numeric_class.toolkit + "/";
  text += numeric_class.image.is_zero() ? std::string(kNone) : numeric_class.image.hex();
  text += "/";
  if (numeric_class.flags.empty()) return text + std::string(kNone);
  for (std::size_t i = 0; i < numeric_class.flags.size(); ++i) text += (i == 0 ? "" : ",") + numeric_class.flags[i];
  return text;
}

std::optional<NumericClass> parse_class(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() != 4 || !is_part(parts[0]) || !is_part(parts[1])) return std::nullopt;
  NumericClass result{std::string(parts[0]), std::string(parts[1]), {}, {}};
  if (parts[2] != kNone) {
    const auto image = Hash32::from_hex(parts[2]);
    if (!image || image->is_zero()) return std::nullopt;
    result.image = *image;
  }
  if (parts[3] != kNone) {
    for (const std::string_view flag : split(parts[3], ',')) {
      const bool in_order = result.flags.empty() || result.flags.back() < flag;
      if (!is_part(flag) || !in_order || result.flags.size() == kClassFlagsMax) return std::nullopt;
      result.flags.emplace_back(flag);
    }
  }
  return result;
}

}  // namespace starminer::verification
