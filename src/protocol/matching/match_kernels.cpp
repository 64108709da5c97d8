#include "protocol/matching/match_kernels.h"

#include <algorithm>
#include <bit>

// One body for each loop; the forms below compile it for their processors, and the compiler writes the vectors.
#define STARMINER_BODY [[gnu::always_inline]] inline

namespace starminer::protocol {
namespace {

STARMINER_BODY bool replace_body(MemoRow& memo, const FitRow& old_fit, std::uint16_t old_quality, const FitRow& new_fit,
                                 std::uint16_t new_quality, std::uint16_t weight) {
  std::uint16_t fell = 0;
  for (std::size_t s = 0; s < kMatchShapes; ++s) {
    const std::uint16_t was = match_worth(old_fit.fit[s], old_quality, weight);
    const std::uint16_t is = match_worth(new_fit.fit[s], new_quality, weight);
    const std::uint16_t most = memo[s];
    fell = static_cast<std::uint16_t>(fell | (static_cast<int>(was == most) & static_cast<int>(is < was)));
    memo[s] = std::max(most, is);
  }
  return fell != 0;
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

STARMINER_BODY std::uint64_t differ_body(const MemoRow& a, const MemoRow& b) {
  alignas(64) std::array<std::uint8_t, kBlockNodes> flags;
  for (std::size_t i = 0; i < kMatchShapes; ++i) flags[i] = a[i] != b[i] ? 1 : 0;
  return bits_of(flags);
}

template <class Column, class Value>
STARMINER_BODY std::uint64_t at_least_body(const Column& column, Value least) {
  alignas(64) std::array<std::uint8_t, kBlockNodes> flags;
  for (std::size_t i = 0; i < kBlockNodes; ++i) flags[i] = column[i] >= least ? 1 : 0;
  return bits_of(flags);
}

// The same functions for each kind of processor; `attribute` names it to the compiler.
#define STARMINER_FORMS(suffix, attribute)                                                                  \
  attribute bool replace_##suffix(MemoRow& memo, const FitRow& old_fit, std::uint16_t old_quality,          \
                                  const FitRow& new_fit, std::uint16_t new_quality, std::uint16_t weight) { \
    return replace_body(memo, old_fit, old_quality, new_fit, new_quality, weight);                          \
  }                                                                                                         \
  attribute void recompute_##suffix(MatchLane* lanes, std::uint32_t set, const MemoSource& source) {        \
    recompute_body(lanes, set, source);                                                                     \
  }                                                                                                         \
  attribute std::uint64_t differ_##suffix(const MemoRow& a, const MemoRow& b) { return differ_body(a, b); } \
  attribute std::uint64_t at_least_8_##suffix(const std::array<std::uint8_t, kBlockNodes>& column,          \
                                              std::uint8_t least) {                                         \
    return at_least_body(column, least);                                                                    \
  }                                                                                                         \
  attribute std::uint64_t at_least_16_##suffix(const std::array<std::uint16_t, kBlockNodes>& column,        \
                                               std::uint16_t least) {                                       \
    return at_least_body(column, least);                                                                    \
  }                                                                                                         \
  attribute std::uint64_t at_least_32_##suffix(const std::array<std::uint32_t, kBlockNodes>& column,        \
                                               std::uint32_t least) {                                       \
    return at_least_body(column, least);                                                                    \
  }                                                                                                         \
  constexpr MatchKernels kKernels_##suffix = {replace_##suffix,    recompute_##suffix,   differ_##suffix,   \
                                              at_least_8_##suffix, at_least_16_##suffix, at_least_32_##suffix};

STARMINER_FORMS(plain, )
#if defined(__x86_64__)
STARMINER_FORMS(avx2, __attribute__((target("avx2,bmi,bmi2"))))
STARMINER_FORMS(avx512, __attribute__((target("avx2,bmi,bmi2,avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

#undef STARMINER_FORMS
#undef STARMINER_BODY

}  // namespace

const MatchKernels& plain_kernels() { return kKernels_plain; }

const MatchKernels& best_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("bmi2")) {
    return kKernels_avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return kKernels_avx2;
#endif
  return kKernels_plain;
}

}  // namespace starminer::protocol
