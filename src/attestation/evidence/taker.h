// Fields of binary evidence, taken from the front of a stranger's bytes, integers little-endian as Intel, AMD and SPDM
// write them. Plain value over bytes that must outlive it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace starminer::attestation {

/// Once there is too little, it has failed and gives empty views and zeros.
class Taker {
 public:
  explicit Taker(ByteView bytes) : rest_(bytes) {}

  ByteView take(std::size_t size) {
    if (failed_ || rest_.size() < size) {
      failed_ = true;
      return {};
    }
    const ByteView front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }

  template <std::size_t N>
  void take(std::array<std::uint8_t, N>& field) {
    const ByteView front = take(N);
    std::copy(front.begin(), front.end(), field.begin());
  }

  /// Of `size` bytes, at most 4.
  std::uint32_t integer(std::size_t size) {
    std::uint32_t value = 0;
    const ByteView front = take(size);
    for (std::size_t i = front.size(); i-- > 0;) value = value << 8 | front[i];
    return value;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return integer(4); }

  [[nodiscard]] bool failed() const { return failed_; }
  /// All was taken, and nothing was missing.
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }
  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
  bool failed_ = false;
};

}  // namespace starminer::attestation
