// A 64-bit hash of a table's key, field by field. It only finds rows faster: no output may depend on it, so its value
// is free to differ between machines and versions.
#pragma once

#include <algorithm>
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
  std::uint64_t word = 0;
  for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
    std::memcpy(&word, at, sizeof(word));
    state = absorb(state, word);
  }
  if (size == 0) return state;
  word = 0;
  std::memcpy(&word, at, size);
  return absorb(state, word);
}

/// The same where the number is known to the compiler.
template <std::size_t kSize>
[[nodiscard]] inline std::uint64_t absorb_array(std::uint64_t state, const std::uint8_t* bytes) {
  constexpr std::size_t kPart = std::min(kSize, sizeof(std::uint64_t));
  if constexpr (kSize == 0) {
    return state;
  } else {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, kPart);
    return absorb_array<kSize - kPart>(absorb(state, word), bytes + kPart);
  }
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
    return absorb_array<std::tuple_size_v<T>>(state, value.data());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return absorb_bytes(absorb(state, value.size()), value.data(), value.size());
  } else {
    static_assert(std::is_aggregate_v<T>, "a key is a plain aggregate of integers, enums, byte arrays and texts");
    boost::pfr::for_each_field(value, [&state](const auto& field) { state = absorb_value(state, field); });
    return state;
  }
}

}  // namespace key_hash_detail

/// `a == b`, without a call for keys that are plain bytes.
template <class Key>
[[nodiscard]] bool same_key(const Key& a, const Key& b) {
  if constexpr (std::has_unique_object_representations_v<Key>) {
    const auto* left = reinterpret_cast<const unsigned char*>(&a);
    const auto* right = reinterpret_cast<const unsigned char*>(&b);
    std::uint64_t differences = 0;
    for (std::size_t at = 0; at < sizeof(Key) / sizeof(std::uint64_t); ++at) {
      std::uint64_t x = 0, y = 0;
      std::memcpy(&x, left + at * sizeof(x), sizeof(x));
      std::memcpy(&y, right + at * sizeof(y), sizeof(y));
      differences |= x ^ y;
    }
    for (std::size_t at = sizeof(Key) - sizeof(Key) % sizeof(std::uint64_t); at < sizeof(Key); ++at) {
      differences |= static_cast<std::uint64_t>(left[at] ^ right[at]);
    }
    return differences == 0;
  } else {
    return a == b;
  }
}

template <class Key>
[[nodiscard]] std::uint64_t hash_key(const Key& key) {
  return key_hash_detail::absorb_value(0x243f6a8885a308d3U, key);
}

}  // namespace starminer::protocol::state
