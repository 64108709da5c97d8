#include "protocol/matching/match_kernels.h"

#include <algorithm>
#include <bit>

#ifdef __x86_64__
#include <immintrin.h>
#endif

// One body for each loop; the forms below compile it for their processors, and the compiler writes the vectors.
#define STARMINER_BODY [[gnu::always_inline]] inline

namespace starminer::protocol {
namespace {

/// Sixty-four bytes of 0 or 1 as bits. Each product moves the low bits of eight bytes into its top byte, in order.
STARMINER_BODY std::uint64_t bits_of(const std::array<std::uint8_t, kBlockNodes>& flags) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kBlockNodes; i += 8) {
    std::uint64_t eight = 0;
    for (std::size_t j = 0; j < 8; ++j) eight |= std::uint64_t{flags[i + j]} << (8 * j);
    bits |= ((eight * 0x0102'0408'1020'4080ULL) >> 56) << i;
  }
  return bits;
}

STARMINER_BODY MemoChange replace_body(MemoRow& memo, const FitRow& old_fit, std::uint16_t old_quality,
                                       const FitRow& new_fit, std::uint16_t new_quality, std::uint16_t weight) {
  alignas(64) std::array<std::uint8_t, kMatchShapes> raised;
  alignas(64) std::array<std::uint8_t, kMatchShapes> stale;
  std::uint8_t any_raised = 0;
  std::uint8_t any_stale = 0;
  for (std::size_t s = 0; s < kMatchShapes; ++s) {
    const std::uint16_t was = match_worth(old_fit.fit[s], old_quality, weight);
    const std::uint16_t is = match_worth(new_fit.fit[s], new_quality, weight);
    const std::uint16_t most = memo[s];
    raised[s] = is > most ? 1 : 0;
    stale[s] = static_cast<std::uint8_t>(static_cast<int>(was == most) & static_cast<int>(is < was));
    memo[s] = std::max(most, is);
    any_raised = static_cast<std::uint8_t>(any_raised | raised[s]);
    any_stale = static_cast<std::uint8_t>(any_stale | stale[s]);
  }
  return {any_raised != 0 ? bits_of(raised) : 0, any_stale != 0 ? bits_of(stale) : 0};
}

STARMINER_BODY void recompute_body(MatchLane* lanes, std::uint32_t set, const MemoSource& source) {
  for (std::size_t tier = 0; tier < kMatchTiers; ++tier) {
    const std::uint32_t of_tier = set >> (tier * kMatchKinds) & ((1U << kMatchKinds) - 1);
    if (of_tier == 0) continue;
    const std::uint16_t weight = source.weights[tier];
    for (std::uint32_t left = of_tier; left != 0; left &= left - 1) {
      const auto kind = static_cast<std::size_t>(std::countr_zero(left));
      MatchLane& lane = lanes[tier * kMatchKinds + kind];
      alignas(64) MemoRow most{};
      for (std::uint64_t slots = source.counted[kind]; slots != 0; slots &= slots - 1) {
        const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
        const FitRow& row = source.rows[(*source.states)[slot]];
        const std::uint16_t quality = lane.quality[slot];
        for (std::size_t s = 0; s < kMatchShapes; ++s) {
          most[s] = std::max(most[s], match_worth(row.fit[s], quality, weight));
        }
      }
      lane.memo = most;
    }
  }
}

template <class Column, class Value>
STARMINER_BODY std::uint64_t at_least_body(const Column& column, Value least) {
  alignas(64) std::array<std::uint8_t, kBlockNodes> flags;
  for (std::size_t i = 0; i < kBlockNodes; ++i) flags[i] = column[i] >= least ? 1 : 0;
  return bits_of(flags);
}

STARMINER_BODY std::uint32_t unusable_body(const TypicalShapes& shapes, const TypicalFound& found,
                                           const FitStep& step) {
  std::uint32_t sum = 0;
  for (std::size_t t = 0; t < kTypicalColumns; ++t) {
    const std::uint32_t ask = shapes.ask_milli[t];
    const std::uint32_t lost = step.from_milli >= ask ? step.devices : 0;
    const std::uint32_t kept = step.to_milli >= ask ? step.devices : 0;
    const std::uint32_t usable = found.free_milli[t] - lost * step.from_milli + kept * step.to_milli;
    const bool enough = static_cast<int>(found.devices[t] - lost + kept >= shapes.gpus[t]) &
                        static_cast<int>(step.left_cpu_milli >= shapes.cpu_milli[t]);
    sum += shapes.weight[t] * (step.left_milli - (enough ? usable : 0));
  }
  return sum;
}

STARMINER_BODY std::uint32_t rank_places_body(const std::uint16_t* tops, std::uint32_t class_bound,
                                              const PlaceKeys& bounds, const PlaceKeys& masks, std::size_t count,
                                              PlaceKeys& keys) {
  std::uint32_t highest = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    for (std::size_t j = i; j < i + 16; ++j) {
      const std::uint32_t top = tops[j];
      const std::uint32_t there = top != 0 ? ~std::uint32_t{0} : 0;
      const auto order = static_cast<std::uint32_t>(PlaceKeys{}.size() - 1 - j);
      keys[j] = ((class_bound + bounds[j] + top) << kRegionBits | order) & there & masks[j];
      highest = std::max(highest, keys[j]);
    }
  }
  return highest;
}

STARMINER_BODY std::uint32_t highest_key_body(const PlaceKeys& keys, std::size_t count) {
  std::uint32_t highest = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    for (std::size_t j = i; j < i + 16; ++j) highest = std::max(highest, keys[j]);
  }
  return highest;
}

// The same functions for each kind of processor; `attribute` names it to the compiler.
#define STARMINER_FORMS(suffix, attribute)                                                                         \
  attribute MemoChange replace_##suffix(MemoRow& memo, const FitRow& old_fit, std::uint16_t old_quality,           \
                                        const FitRow& new_fit, std::uint16_t new_quality, std::uint16_t weight) {  \
    return replace_body(memo, old_fit, old_quality, new_fit, new_quality, weight);                                 \
  }                                                                                                                \
  attribute void recompute_##suffix(MatchLane* lanes, std::uint32_t set, const MemoSource& source) {               \
    recompute_body(lanes, set, source);                                                                            \
  }                                                                                                                \
  attribute std::uint32_t unusable_##suffix(const TypicalShapes& shapes, const TypicalFound& found,                \
                                            const FitStep& step) {                                                 \
    return unusable_body(shapes, found, step);                                                                     \
  }                                                                                                                \
  attribute std::uint32_t rank_places_##suffix(const std::uint16_t* tops, std::uint32_t class_bound,               \
                                               const PlaceKeys& bounds, const PlaceKeys& masks, std::size_t count, \
                                               PlaceKeys& keys) {                                                  \
    return rank_places_body(tops, class_bound, bounds, masks, count, keys);                                        \
  }                                                                                                                \
  attribute std::uint32_t highest_key_##suffix(const PlaceKeys& keys, std::size_t count) {                         \
    return highest_key_body(keys, count);                                                                          \
  }

#define STARMINER_COLUMN_FORMS(suffix, attribute)                                                    \
  attribute std::uint64_t at_least_8_##suffix(const std::array<std::uint8_t, kBlockNodes>& column,   \
                                              std::uint8_t least) {                                  \
    return at_least_body(column, least);                                                             \
  }                                                                                                  \
  attribute std::uint64_t at_least_16_##suffix(const std::array<std::uint16_t, kBlockNodes>& column, \
                                               std::uint16_t least) {                                \
    return at_least_body(column, least);                                                             \
  }                                                                                                  \
  attribute std::uint64_t at_least_32_##suffix(const std::array<std::uint32_t, kBlockNodes>& column, \
                                               std::uint32_t least) {                                \
    return at_least_body(column, least);                                                             \
  }

#define STARMINER_KERNELS(suffix)                                                                              \
  constexpr MatchKernels kKernels_##suffix = {replace_##suffix,     recompute_##suffix,   at_least_8_##suffix, \
                                              at_least_16_##suffix, at_least_32_##suffix, unusable_##suffix,   \
                                              rank_places_##suffix, highest_key_##suffix};

STARMINER_FORMS(plain, )
STARMINER_COLUMN_FORMS(plain, )
STARMINER_KERNELS(plain)
#ifdef __x86_64__
#define STARMINER_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define STARMINER_AVX512 __attribute__((target("avx2,bmi,bmi2,avx512f,avx512bw,avx512vl,avx512dq")))
STARMINER_FORMS(avx2, STARMINER_AVX2)
STARMINER_COLUMN_FORMS(avx2, STARMINER_AVX2)
STARMINER_KERNELS(avx2)
STARMINER_FORMS(avx512, STARMINER_AVX512)

// Here the processor gives the bits of a comparison itself; no compiler finds that in the loops above.
STARMINER_AVX512 std::uint64_t at_least_8_avx512(const std::array<std::uint8_t, kBlockNodes>& column,
                                                 std::uint8_t least) {
  return _mm512_cmpge_epu8_mask(_mm512_loadu_si512(column.data()), _mm512_set1_epi8(static_cast<char>(least)));
}
STARMINER_AVX512 std::uint64_t at_least_16_avx512(const std::array<std::uint16_t, kBlockNodes>& column,
                                                  std::uint16_t least) {
  const __m512i all = _mm512_set1_epi16(static_cast<short>(least));
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kBlockNodes; i += 32) {
    bits |= std::uint64_t{_mm512_cmpge_epu16_mask(_mm512_loadu_si512(&column[i]), all)} << i;
  }
  return bits;
}
STARMINER_AVX512 std::uint64_t at_least_32_avx512(const std::array<std::uint32_t, kBlockNodes>& column,
                                                  std::uint32_t least) {
  const __m512i all = _mm512_set1_epi32(static_cast<int>(least));
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kBlockNodes; i += 16) {
    bits |= std::uint64_t{_mm512_cmpge_epu32_mask(_mm512_loadu_si512(&column[i]), all)} << i;
  }
  return bits;
}
STARMINER_KERNELS(avx512)
#undef STARMINER_AVX2
#undef STARMINER_AVX512
#endif

#undef STARMINER_KERNELS
#undef STARMINER_COLUMN_FORMS
#undef STARMINER_FORMS
#undef STARMINER_BODY

}  // namespace

const MatchKernels& plain_kernels() { return kKernels_plain; }

const MatchKernels& best_kernels() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("bmi2")) {
    return kKernels_avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return kKernels_avx2;
#endif
  return kKernels_plain;
}

}  // namespace starminer::protocol
