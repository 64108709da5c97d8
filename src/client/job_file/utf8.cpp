#include "client/job_file/utf8.h"

#include <cstdint>

namespace starminer::client::job_file {
namespace {

/// Bytes of the well-formed character at the front, 0 if there is none; its code point in `code`.
std::size_t character_length(std::string_view text, char32_t& code) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  code = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0U) != 0x80) return 0;
    code = (code << 6) | (at(i) & 0x3fU);
  }
  const char32_t shortest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (code < shortest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  return length;
}

template <class IsAllowedControl>
std::optional<std::size_t> find_fault(std::string_view text, IsAllowedControl is_allowed_control) {
  for (std::size_t at = 0; at < text.size();) {
    char32_t code = 0;
    const std::size_t length = character_length(text.substr(at), code);
    if (length == 0) return at;
    const bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    if (control && !is_allowed_control(code)) return at;
    at += length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> find_bad_text(std::string_view text) {
  return find_fault(text, [](char32_t code) { return code == '\n' || code == '\r' || code == '\t'; });
}

std::optional<std::size_t> find_bad_name(std::string_view text) {
  return find_fault(text, [](char32_t) { return false; });
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 40;
  if (text.size() <= kShownMax) return std::string(text);
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace starminer::client::job_file
