// Canonical encoding of plain aggregates: one value, one byte string (docs/formats/encoding.md). Unsigned integers are
// fixed width and big-endian, so that encoded keys sort like their values; bool and optional take one byte; enums
// their underlying integer; byte arrays stand raw; strings and vectors carry a 32-bit length; structs are their fields
// in order. Decoding is strict: left-over bytes, unknown enumerators and oversized lengths are refused.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>

#include "base/bytes.h"

namespace starminer {

/// Number of enumerators of an enum whose values run from 0. Every encoded enum declares it beside itself:
/// `constexpr std::uint8_t enum_count(JobState) { return 9; }`, found by argument-dependent lookup.
template <class E>
concept CountedEnum = std::is_enum_v<E> && requires(E e) {
  { enum_count(e) } -> std::convertible_to<std::uint64_t>;
};

namespace codec {

inline constexpr std::uint32_t kLengthMax = 1U << 20;

template <class T>
inline constexpr bool kIsArray = false;
template <class T, std::size_t kSize>
inline constexpr bool kIsArray<std::array<T, kSize>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// Bytes of every encoding of a type, where they are always as many; else 0.
template <class T>
[[nodiscard]] constexpr std::size_t fixed_size() {
  if constexpr (std::is_same_v<T, bool>) {
    return 1;
  } else if constexpr (std::is_enum_v<T> || std::integral<T>) {
    return sizeof(T);
  } else if constexpr (kIsArray<T>) {
    return fixed_size<typename T::value_type>() * std::tuple_size_v<T>;
  } else if constexpr (std::is_same_v<T, std::string> || kIsVector<T> || kIsOptional<T>) {
    return 0;
  } else {
    static_assert(std::is_aggregate_v<T>, "only plain aggregates are encoded");
    return []<std::size_t... kFields>(std::index_sequence<kFields...>) {
      constexpr bool kAllFixed = ((fixed_size<boost::pfr::tuple_element_t<kFields, T>>() != 0) && ...);
      return kAllFixed ? (fixed_size<boost::pfr::tuple_element_t<kFields, T>>() + ... + 0) : 0;
    }
    (std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
  }
}

inline constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

/// Bytes of the encoding of a value.
template <class T>
[[nodiscard]] std::size_t size_of(const T& value) {
  std::size_t size = 0;
  if constexpr (fixed_size<T>() != 0) {
    size = fixed_size<T>();
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, Bytes>) {
    size = kLengthBytes + value.size();
  } else if constexpr (kIsArray<T> || kIsVector<T>) {
    if constexpr (kIsVector<T>) size = kLengthBytes;
    for (const auto& item : value) size += size_of(item);
  } else if constexpr (kIsOptional<T>) {
    size = 1 + (value ? size_of(*value) : 0);
  } else {
    boost::pfr::for_each_field(value, [&size](const auto& field) { size += size_of(field); });
  }
  return size;
}

template <std::unsigned_integral T>
[[nodiscard]] std::uint8_t* write_integer(T value, std::uint8_t* at) {
  for (std::size_t i = sizeof(T); i-- > 0;) *at++ = static_cast<std::uint8_t>(value >> (8 * i));
  return at;
}

/// Writes the encoding and returns its end. Requires: room for size_of(value) bytes at `at`.
template <class T>
[[nodiscard]] std::uint8_t* write(const T& value, std::uint8_t* at) {
  if constexpr (std::is_same_v<T, bool>) {
    *at++ = value ? 1 : 0;
  } else if constexpr (std::is_enum_v<T>) {
    static_assert(CountedEnum<T>, "declare enum_count beside the enum");
    at = write_integer(static_cast<std::make_unsigned_t<std::underlying_type_t<T>>>(value), at);
  } else if constexpr (std::unsigned_integral<T>) {
    at = write_integer(value, at);
  } else if constexpr (std::signed_integral<T>) {
    // Offset binary keeps the order of signed values in the bytes.
    using U = std::make_unsigned_t<T>;
    at = write_integer(static_cast<U>(static_cast<U>(value) ^ (U{1} << (sizeof(U) * 8 - 1))), at);
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, Bytes>) {
    at = write_integer(static_cast<std::uint32_t>(value.size()), at);
    at = std::copy(value.begin(), value.end(), at);
  } else if constexpr (kIsArray<T> || kIsVector<T>) {
    if constexpr (kIsVector<T>) at = write_integer(static_cast<std::uint32_t>(value.size()), at);
    for (const auto& item : value) at = write(item, at);
  } else if constexpr (kIsOptional<T>) {
    *at++ = value ? 1 : 0;
    if (value) at = write(*value, at);
  } else {
    boost::pfr::for_each_field(value, [&at](const auto& field) { at = write(field, at); });
  }
  return at;
}

/// Appends the encoding.
template <class T>
void put(const T& value, Bytes& out) {
  const std::size_t start = out.size();
  out.resize(start + size_of(value));
  static_cast<void>(write(value, out.data() + start));
}

/// Reads from the front of a byte view; `ok` turns false at the first fault and stays so.
struct Source {
  ByteView left;
  bool ok = true;

  [[nodiscard]] ByteView take(std::size_t size) {
    if (!ok || left.size() < size) {
      ok = false;
      return {};
    }
    const ByteView front = left.first(size);
    left = left.subspan(size);
    return front;
  }
};

template <std::unsigned_integral T>
T get_integer(Source& in) {
  T value = 0;
  for (const std::uint8_t byte : in.take(sizeof(T))) {
    if constexpr (sizeof(T) == 1) {
      value = byte;
    } else {
      value = static_cast<T>((value << 8) | byte);
    }
  }
  return value;
}

template <class T>
void get(T& value, Source& in) {
  if constexpr (std::is_same_v<T, bool>) {
    const auto byte = get_integer<std::uint8_t>(in);
    in.ok = in.ok && byte <= 1;
    value = byte == 1;
  } else if constexpr (std::is_enum_v<T>) {
    const auto number = get_integer<std::make_unsigned_t<std::underlying_type_t<T>>>(in);
    in.ok = in.ok && number < enum_count(T{});
    if (in.ok) value = static_cast<T>(number);
  } else if constexpr (std::unsigned_integral<T>) {
    value = get_integer<T>(in);
  } else if constexpr (std::signed_integral<T>) {
    using U = std::make_unsigned_t<T>;
    value = static_cast<T>(static_cast<U>(get_integer<U>(in) ^ (U{1} << (sizeof(U) * 8 - 1))));
  } else if constexpr (std::is_same_v<T, std::string>) {
    const auto size = get_integer<std::uint32_t>(in);
    in.ok = in.ok && size <= kLengthMax;
    if (in.ok) value = to_text(in.take(size));
  } else if constexpr (kIsArray<T>) {
    for (auto& item : value) get(item, in);
  } else if constexpr (kIsVector<T>) {
    const auto size = get_integer<std::uint32_t>(in);
    in.ok = in.ok && size <= kLengthMax && size <= in.left.size();
    value.clear();
    if constexpr (std::is_same_v<T, Bytes>) {
      if (in.ok) {
        const ByteView view = in.take(size);
        value.assign(view.begin(), view.end());
      }
    } else {
      for (std::uint32_t i = 0; in.ok && i < size; ++i) get(value.emplace_back(), in);
    }
  } else if constexpr (kIsOptional<T>) {
    bool present = false;
    get(present, in);
    value.reset();
    if (in.ok && present) get(value.emplace(), in);
  } else {
    boost::pfr::for_each_field(value, [&in](auto& field) { get(field, in); });
  }
}

}  // namespace codec

template <class T>
[[nodiscard]] Bytes encode(const T& value) {
  Bytes out;
  codec::put(value, out);
  return out;
}

/// The value whose encoding is exactly `bytes`, or nothing.
template <class T>
[[nodiscard]] std::optional<T> decode(ByteView bytes) {
  codec::Source in{bytes};
  T value{};
  codec::get(value, in);
  if (!in.ok || !in.left.empty()) return std::nullopt;
  return value;
}

}  // namespace starminer
