#include "verification/comparison/kernels.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/check.h"

namespace starminer::verification {
namespace {

// So many elements are looked at before anything is decided: long enough for vectors, short enough for a cache.
constexpr std::size_t kBlock = 2'048;

/// The parts of a floating-point format with bits of type U: everything above `infinity` but for the sign is a NaN, a
/// quiet one where the first bit of the mantissa is set.
template <class U>
struct Format {
  U infinity;
  U quiet;
};

template <class U>
constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(U) - 1));

/// Bits in the order of the numbers that they stand for (verification.md section 4.1).
template <class U>
constexpr U ordered(U bits) {
  const U magnitude = static_cast<U>(bits & static_cast<U>(~kSign<U>));
  return static_cast<U>((bits & kSign<U>) != 0 ? kSign<U> - magnitude : kSign<U> + magnitude);
}

template <class U>
constexpr U distance(U a, U b) {
  return static_cast<U>(a > b ? a - b : b - a);
}

/// Of at most a block. Counts are as wide as the elements where that is enough, so that many are counted at once.
template <class U>
struct Totals {
  using Count = std::conditional_t<sizeof(U) == 1, std::uint16_t, U>;
  Count differing = 0;
  Count beyond = 0;
  U largest = 0;
  U size = 0;  // the largest number without its sign: above infinity where one is a NaN
};

template <class U>
bool is_nan(const Format<U>& format, U bits) {
  return static_cast<U>(bits & static_cast<U>(~kSign<U>)) > format.infinity;
}

/// `order` makes the bits of numbers comparable.
template <class U, bool kFloating, class Order>
Totals<U> totals_of(const std::uint8_t* a, const std::uint8_t* b, std::size_t count, U most, Order order) {
  Totals<U> totals;
  for (std::size_t i = 0; i < count; ++i) {
    const U x = load<U>(a, i);
    const U y = load<U>(b, i);
    const U d = distance(order(x), order(y));
    totals.differing = static_cast<typename Totals<U>::Count>(totals.differing + (x != y ? 1 : 0));
    totals.beyond = static_cast<typename Totals<U>::Count>(totals.beyond + (d > most ? 1 : 0));
    totals.largest = std::max(totals.largest, d);
    if constexpr (kFloating) {
      constexpr U kSize = static_cast<U>(~kSign<U>);
      const U larger = std::max(static_cast<U>(x & kSize), static_cast<U>(y & kSize));
      totals.size = std::max(totals.size, larger);
    }
  }
  return totals;
}

/// One by one, where a block has a NaN or the first element beyond.
template <class U>
class Slowly {
 public:
  Slowly(UlpFindings& found, Format<U> format, U most) : found_(found), format_(format), most_(most) {}

  template <class Order>
  void look(std::uint64_t index, U x, U y, Order order) {
    Findings& findings = found_.findings;
    if (x == y) return;
    ++findings.differing;
    const bool nan = format_.infinity != 0 && (is_nan(format_, x) || is_nan(format_, y));
    if (nan) {
      const bool both = is_nan(format_, x) && is_nan(format_, y);
      if (both && (x & format_.quiet) == (y & format_.quiet)) return;
    } else {
      const U d = distance(order(x), order(y));
      findings.largest = std::max<std::uint64_t>(findings.largest, d);
      if (d <= most_) return;
    }
    ++findings.beyond;
    if (findings.first) return;
    findings.first = Difference{0, index, x, y};
    found_.first_is_nan = nan;
  }

 private:
  UlpFindings& found_;
  Format<U> format_;
  U most_;
};

template <class U, bool kFloating, class Order>
UlpFindings ulp_loop(const Tensor& claimed, const Tensor& recomputed, std::uint64_t distance_max, Format<U> format,
                     Order order) {
  const U most = static_cast<U>(std::min<std::uint64_t>(distance_max, std::numeric_limits<U>::max()));
  UlpFindings found;
  found.findings.compared = claimed.size();
  Slowly<U> slowly(found, format, most);
  for (std::size_t start = 0; start < claimed.size(); start += kBlock) {
    const std::size_t count = std::min<std::size_t>(kBlock, claimed.size() - start);
    const std::uint8_t* const a = claimed.data.data() + start * sizeof(U);
    const std::uint8_t* const b = recomputed.data.data() + start * sizeof(U);
    if (std::memcmp(a, b, count * sizeof(U)) == 0) continue;
    const auto totals = totals_of<U, kFloating>(a, b, count, most, order);
    if ((!kFloating || totals.size <= format.infinity) && (totals.beyond == 0 || found.findings.first)) {
      found.findings.differing += totals.differing;
      found.findings.beyond += totals.beyond;
      found.findings.largest = std::max<std::uint64_t>(found.findings.largest, totals.largest);
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) slowly.look(start + i, load<U>(a, i), load<U>(b, i), order);
  }
  return found;
}

template <class U>
UlpFindings ulp_of_floats(const Tensor& claimed, const Tensor& recomputed, std::uint64_t most, Format<U> format) {
  return ulp_loop<U, true>(claimed, recomputed, most, format, [](U bits) { return ordered(bits); });
}

template <class U>
UlpFindings ulp_of_integers(const Tensor& claimed, const Tensor& recomputed, std::uint64_t most) {
  if (is_signed_integer(claimed.element)) {
    return ulp_loop<U, false>(claimed, recomputed, most, {}, [](U bits) { return static_cast<U>(bits ^ kSign<U>); });
  }
  return ulp_loop<U, false>(claimed, recomputed, most, {}, [](U bits) { return bits; });
}

template <class T>
Findings squares_loop(const Tensor& claimed, const Tensor& recomputed) {
  Findings found;
  found.compared = claimed.size();
  for (std::size_t start = 0; start < claimed.size(); start += kBlock) {
    const std::size_t count = std::min<std::size_t>(kBlock, claimed.size() - start);
    const std::uint8_t* const a = claimed.data.data() + start * sizeof(T);
    const std::uint8_t* const b = recomputed.data.data() + start * sizeof(T);
    if (std::memcmp(a, b, count * sizeof(T)) == 0) continue;
    std::uint64_t squares = 0;
    std::uint32_t largest = 0;
    std::uint32_t differing = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const int difference = int{load<T>(a, i)} - int{load<T>(b, i)};
      const auto size = static_cast<std::uint32_t>(difference < 0 ? -difference : difference);
      squares += std::uint64_t{size} * size;
      largest = std::max(largest, size);
      differing += size != 0 ? 1U : 0U;
    }
    if (!found.first) {
      std::size_t i = 0;
      while (load<T>(a, i) == load<T>(b, i)) ++i;
      found.first = Difference{0, start + i, static_cast<std::make_unsigned_t<T>>(load<T>(a, i)),
                               static_cast<std::make_unsigned_t<T>>(load<T>(b, i))};
    }
    found.squared_error += squares;
    found.differing += differing;
    found.largest = std::max<std::uint64_t>(found.largest, largest);
  }
  return found;
}

}  // namespace

Findings compare_bytes(ByteView claimed, ByteView recomputed) {
  STARMINER_CHECK(claimed.size() == recomputed.size());
  Findings found;
  found.compared = claimed.size();
  for (std::size_t start = 0; start < claimed.size(); start += kBlock) {
    const std::size_t count = std::min(kBlock, claimed.size() - start);
    const ByteView a = claimed.subspan(start, count);
    const ByteView b = recomputed.subspan(start, count);
    if (std::memcmp(a.data(), b.data(), count) == 0) continue;
    for (std::size_t i = 0; i < count; ++i) {
      if (a[i] == b[i]) continue;
      if (!found.first) found.first = Difference{0, start + i, a[i], b[i]};
      ++found.differing;
    }
  }
  found.beyond = found.differing;
  return found;
}

Findings compare_bits(const Tensor& claimed, const Tensor& recomputed) {
  Findings found;
  found.compared = claimed.size();
  const std::size_t width = element_bytes(claimed.element);
  for (std::size_t start = 0; start < claimed.size(); start += kBlock) {
    const std::size_t count = std::min<std::size_t>(kBlock, claimed.size() - start);
    if (std::memcmp(claimed.data.data() + start * width, recomputed.data.data() + start * width, count * width) == 0)
      continue;
    for (std::size_t i = start; i < start + count; ++i) {
      const std::uint64_t a = load_bits(claimed.element, claimed.data.data(), i);
      const std::uint64_t b = load_bits(recomputed.element, recomputed.data.data(), i);
      if (a == b) continue;
      if (!found.first) found.first = Difference{0, i, a, b};
      ++found.differing;
    }
  }
  found.beyond = found.differing;
  return found;
}

UlpFindings compare_ulp(const Tensor& claimed, const Tensor& recomputed, std::uint64_t distance_max) {
  STARMINER_CHECK(claimed.element == recomputed.element && claimed.size() == recomputed.size());
  const std::uint64_t most = distance_max;
  switch (claimed.element) {
    case Element::F16: return ulp_of_floats<std::uint16_t>(claimed, recomputed, most, {0x7c00, 0x0200});
    case Element::Bf16: return ulp_of_floats<std::uint16_t>(claimed, recomputed, most, {0x7f80, 0x0040});
    case Element::F32: return ulp_of_floats<std::uint32_t>(claimed, recomputed, most, {0x7f80'0000, 0x0040'0000});
    case Element::F64:
      return ulp_of_floats<std::uint64_t>(claimed, recomputed, most, {0x7ff0'0000'0000'0000, 0x0008'0000'0000'0000});
    case Element::I8:
    case Element::U8: return ulp_of_integers<std::uint8_t>(claimed, recomputed, most);
    case Element::I16:
    case Element::U16: return ulp_of_integers<std::uint16_t>(claimed, recomputed, most);
    case Element::I32:
    case Element::U32: return ulp_of_integers<std::uint32_t>(claimed, recomputed, most);
    case Element::I64:
    case Element::U64: return ulp_of_integers<std::uint64_t>(claimed, recomputed, most);
  }
  assertion_failed("an element without a loop", __FILE__, __LINE__);
}

Findings compare_squares(const Tensor& claimed, const Tensor& recomputed) {
  STARMINER_CHECK(claimed.element == recomputed.element && claimed.size() == recomputed.size());
  switch (claimed.element) {
    case Element::I8: return squares_loop<std::int8_t>(claimed, recomputed);
    case Element::U8: return squares_loop<std::uint8_t>(claimed, recomputed);
    case Element::I16: return squares_loop<std::int16_t>(claimed, recomputed);
    case Element::U16: return squares_loop<std::uint16_t>(claimed, recomputed);
    default: assertion_failed("samples of more than 16 bits", __FILE__, __LINE__);
  }
}

}  // namespace starminer::verification
