// JSON as vendors sign it, read strictly: no duplicate names, no numbers but non-negative integers, no text outside of
// ASCII but by escapes, bounded depth and size. Each value knows the exact text that it was read from, as signatures
// are over text. Total, throws nothing, and agrees with itself on every machine, which is why no general library stands
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starminer::attestation::json {

inline constexpr std::size_t kDepthMax = 16;
inline constexpr std::size_t kValuesMax = 20'000;
inline constexpr std::size_t kMembersMax = 64;

enum class Kind : std::uint8_t { Null, Boolean, Number, String, Array, Object };

struct Member;

struct Value {
  Kind kind = Kind::Null;
  bool boolean = false;
  std::uint64_t number = 0;
  /// Without its escapes.
  std::string string;
  std::vector<Value> items;
  std::vector<Member> members;
  /// What it was read from: a view into the text that was parsed.
  std::string_view raw;

  /// The member of an object, or null.
  [[nodiscard]] const Value* find(std::string_view name) const;
  /// The same where it has this kind.
  [[nodiscard]] const Value* find(std::string_view name, Kind wanted) const;
  /// The string of a member; empty optional where it is no string.
  [[nodiscard]] std::optional<std::string> text_of(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view name) const;
};

struct Member {
  std::string name;
  Value value;
};

/// One value with nothing around it but white space. `text` must outlive it.
[[nodiscard]] std::optional<Value> parse(std::string_view text);

}  // namespace starminer::attestation::json
