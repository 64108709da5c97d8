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
#include <type_traits>
#include <vector>

#include <boost/pfr/core.hpp>

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

template <std::unsigned_integral T>
void put_integer(T value, Bytes& out) {
  for (std::size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

template <class T>
void put(const T& value, Bytes& out);

template <class T>
void put_sequence(const T& items, Bytes& out) {
  for (const auto& item : items) put(item, out);
}

template <class T>
void put(const T& value, Bytes& out) {
  if constexpr (std::is_same_v<T, bool>) {
    out.push_back(value ? 1 : 0);
  } else if constexpr (std::is_enum_v<T>) {
    static_assert(CountedEnum<T>, "declare enum_count beside the enum");
    put_integer(static_cast<std::make_unsigned_t<std::underlying_type_t<T>>>(value), out);
  } else if constexpr (std::unsigned_integral<T>) {
    put_integer(value, out);
  } else if constexpr (std::signed_integral<T>) {
    // Offset binary keeps the order of signed values in the bytes.
    using U = std::make_unsigned_t<T>;
    put_integer(static_cast<U>(static_cast<U>(value) ^ (U{1} << (sizeof(U) * 8 - 1))), out);
  } else if constexpr (std::is_same_v<T, std::string>) {
    put_integer(static_cast<std::uint32_t>(value.size()), out);
    out.insert(out.end(), value.begin(), value.end());
  } else if constexpr (kIsArray<T>) {
    put_sequence(value, out);
  } else if constexpr (kIsVector<T>) {
    put_integer(static_cast<std::uint32_t>(value.size()), out);
    if constexpr (std::is_same_v<T, Bytes>) {
      out.insert(out.end(), value.begin(), value.end());
    } else {
      put_sequence(value, out);
    }
  } else if constexpr (kIsOptional<T>) {
    out.push_back(value ? 1 : 0);
    if (value) put(*value, out);
  } else {
    static_assert(std::is_aggregate_v<T>, "only plain aggregates are encoded");
    boost::pfr::for_each_field(value, [&out](const auto& field) { put(field, out); });
  }
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
