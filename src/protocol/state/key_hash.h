// A 64-bit hash of a table's key, field by field. It only finds rows faster: no output may depend on it, so its value
// is free to differ between machines and versions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include <boost/pfr/core.hpp>

#include "base/arithmetic.h"

namespace starminer::protocol::state {

namespace key_hash_detail {

/// Both halves of a product: every bit of either factor reaches every bit of the result.
[[nodiscard]] inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const u128 product = u128{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

[[nodiscard]] inline std::uint64_t absorb(std::uint64_t state, std::uint64_t word) {
  return fold(state ^ word, 0x9e3779b97f4a7c15U);
}

[[nodiscard]] inline std::uint64_t absorb_bytes(std::uint64_t state, const void* bytes, std::size_t size) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (; size > 0;) {
    std::uint64_t word = 0;
    const std::size_t part = size < sizeof(word) ? size : sizeof(word);
    std::memcpy(&word, at, part);
    state = absorb(state, word);
    at += part;
    size -= part;
  }
  return state;
}

template <class T>
struct IsByteArray : std::false_type {};
template <std::size_t kSize>
struct IsByteArray<std::array<std::uint8_t, kSize>> : std::true_type {};

template <class T>
[[nodiscard]] std::uint64_t absorb_value(std::uint64_t state, const T& value) {
  if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return absorb(state, static_cast<std::uint64_t>(value));
  } else if constexpr (IsByteArray<T>::value) {
    return absorb_bytes(state, value.data(), value.size());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return absorb_bytes(absorb(state, value.size()), value.data(), value.size());
  } else {
    static_assert(std::is_aggregate_v<T>, "a key is a plain aggregate of integers, enums, byte arrays and texts");
    boost::pfr::for_each_field(value, [&state](const auto& field) { state = absorb_value(state, field); });
    return state;
  }
}

}  // namespace key_hash_detail

template <class Key>
[[nodiscard]] std::uint64_t hash_key(const Key& key) {
  return key_hash_detail::absorb_value(0x243f6a8885a308d3U, key);
}

}  // namespace starminer::protocol::state
