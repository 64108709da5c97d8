#include "attestation/json/json.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace starminer::attestation::json {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Value> document() {
    skip_space();
    Value value;
    if (!read(value, 0)) return std::nullopt;
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return value;
  }

 private:
  [[nodiscard]] bool ended() const { return at_ == text_.size(); }
  [[nodiscard]] char peek() const { return ended() ? '\0' : text_[at_]; }

  bool take(char wanted) {
    if (ended() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool take(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }

  void skip_space() {
    while (!ended() && (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t')) ++at_;
  }

  bool read(Value& value, std::size_t depth) {
    if (depth > kDepthMax || ++values_ > kValuesMax) return false;
    const std::size_t start = at_;
    if (!read_by_kind(value, depth)) return false;
    value.raw = text_.substr(start, at_ - start);
    return true;
  }

  bool read_by_kind(Value& value, std::size_t depth) {
    switch (peek()) {
      case '{': value.kind = Kind::Object; return read_object(value, depth);
      case '[': value.kind = Kind::Array; return read_array(value, depth);
      case '"': value.kind = Kind::String; return read_string(value.string);
      case 't':
        value.kind = Kind::Boolean;
        value.boolean = true;
        return take("true");
      case 'f': value.kind = Kind::Boolean; return take("false");
      case 'n': return take("null");
      default: value.kind = Kind::Number; return read_number(value.number);
    }
  }

  bool read_number(std::uint64_t& number) {
    const std::size_t start = at_;
    while (peek() >= '0' && peek() <= '9') {
      const auto digit = static_cast<std::uint64_t>(peek() - '0');
      if (number > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return false;
      number = number * 10 + digit;
      ++at_;
    }
    const std::size_t digits = at_ - start;
    return digits > 0 && (digits == 1 || text_[start] != '0');
  }

  bool read_array(Value& value, std::size_t depth) {
    ++at_;
    skip_space();
    if (take(']')) return true;
    do {
      skip_space();
      if (!read(value.items.emplace_back(), depth + 1)) return false;
      skip_space();
    } while (take(','));
    return take(']');
  }

  bool read_object(Value& value, std::size_t depth) {
    ++at_;
    skip_space();
    if (take('}')) return true;
    do {
      skip_space();
      Member member;
      if (value.members.size() == kMembersMax || !read_string(member.name) || value.find(member.name) != nullptr) {
        return false;
      }
      skip_space();
      if (!take(':')) return false;
      skip_space();
      if (!read(member.value, depth + 1)) return false;
      value.members.push_back(std::move(member));
      skip_space();
    } while (take(','));
    return take('}');
  }

  bool read_string(std::string& string) {
    if (!take('"')) return false;
    while (!ended()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c < ' ' || c > '~') return false;
      if (c != '\\') {
        string.push_back(c);
      } else if (!read_escape(string)) {
        return false;
      }
    }
    return false;
  }

  bool read_escape(std::string& string) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (ended()) return false;
    ++at_;
    if (c == 'u') return read_code_point(string);
    const std::size_t which = kNames.find(c);
    if (which == std::string_view::npos) return false;
    string.push_back(kMeanings[which]);
    return true;
  }

  /// Four hexadecimal digits, as UTF-8. Halves of pairs are refused: no vendor signs text that needs them.
  bool read_code_point(std::string& string) {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const bool digit = c >= '0' && c <= '9';
      const bool lower = c >= 'a' && c <= 'f';
      const bool upper = c >= 'A' && c <= 'F';
      if (!digit && !lower && !upper) return false;
      code = code * 16 + static_cast<std::uint32_t>(digit ? c - '0' : lower ? c - 'a' + 10 : c - 'A' + 10);
      ++at_;
    }
    if (code >= 0xd800 && code < 0xe000) return false;
    if (code < 0x80) {
      string.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      string.push_back(static_cast<char>(0xc0 | code >> 6));
      string.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {
      string.push_back(static_cast<char>(0xe0 | code >> 12));
      string.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
      string.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

const Value* Value::find(std::string_view name) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [name](const Member& member) { return member.name == name; });
  return found == members.end() ? nullptr : &found->value;
}

const Value* Value::find(std::string_view name, Kind wanted) const {
  const Value* value = find(name);
  return value != nullptr && value->kind == wanted ? value : nullptr;
}

std::optional<std::string> Value::text_of(std::string_view name) const {
  const Value* value = find(name, Kind::String);
  return value == nullptr ? std::nullopt : std::optional(value->string);
}

std::optional<std::uint64_t> Value::number_of(std::string_view name) const {
  const Value* value = find(name, Kind::Number);
  return value == nullptr ? std::nullopt : std::optional(value->number);
}

std::optional<Value> parse(std::string_view text) { return Parser(text).document(); }

}  // namespace starminer::attestation::json
