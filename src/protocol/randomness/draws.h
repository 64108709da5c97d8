// Draws from a seed, with exact probabilities: integers only, no bias by a remainder. Every draw names its purpose and
// what it is for, so that no draw tells anything about another, and everyone can repeat it from the seed
// (verification.md section 4.2). Pure functions, any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"

namespace starminer::protocol {

/// What a draw decides. Numbers are hashed: frozen once used.
enum class DrawPurpose : std::uint8_t { Audit = 0, Segment = 1, Committee = 2, Order = 3, Benchmark = 4, Load = 5 };
[[nodiscard]] constexpr std::uint8_t enum_count(DrawPurpose) { return 6; }

/// Names one draw. `subject` is a job, or what else the purpose is about.
struct Draw {
  Hash32 seed;
  DrawPurpose purpose{};
  JobId subject;
};

/// 64 uniform bits; another counter gives other bits.
[[nodiscard]] std::uint64_t draw_word(const Draw& draw, std::uint64_t counter);

/// The index in [0, n) of a uniform word, or nothing where the word lies in the last, incomplete run of n values: then
/// the next word is asked. Each index has exactly as many words as any other. Requires: n > 0.
template <std::unsigned_integral Word>
[[nodiscard]] constexpr std::optional<Word> index_of_word(Word word, Word n) {
  const auto max = static_cast<Word>(~Word{0});
  const auto incomplete = static_cast<Word>((max % n + 1U) % n);  // 2^bits mod n
  if (incomplete != 0 && word > static_cast<Word>(max - incomplete)) return std::nullopt;
  return static_cast<Word>(word % n);
}

/// Uniform in [0, n). `counter` moves past every word that was used. Requires: n > 0.
[[nodiscard]] std::uint64_t draw_index(const Draw& draw, std::uint64_t n, std::uint64_t& counter);

// ---- audits: drawn in each of the blocks commit + 2 .. commit + 5, so that who proposes one of them decides a quarter

inline constexpr std::uint64_t kAuditFirstBlock = 2;
inline constexpr std::uint64_t kAuditDraws = 4;

/// True for the heights at which a result committed at `committed` is drawn.
[[nodiscard]] constexpr bool is_audit_height(std::uint64_t committed, std::uint64_t height) {
  return height >= committed + kAuditFirstBlock && height < committed + kAuditFirstBlock + kAuditDraws;
}

/// Of 2^64 words, how many hit in one of the four draws so that any of them hits with probability `q`: the smallest
/// whole number for which 1 - (1 - t/2^64)^4 >= q, so it exceeds q by less than 2^-62. Requires: q below one.
[[nodiscard]] std::uint64_t audit_threshold(Ppm q);
/// The draw in one of the four blocks, with that block's seed. Always hits where q is one or more.
[[nodiscard]] bool draw_audit(const Hash32& seed, const JobId& job, Ppm q);

// ---- committees

/// A source of uniform indexes: given n, one in [0, n).
using IndexSource = std::function<std::uint64_t(std::uint64_t n)>;

/// `count` positions without replacement, each drawn with probability proportional to its weight among those left, by
/// cumulative sums in the given order. A weight of zero is never drawn. Fewer than `count` where fewer have a weight.
/// Requires: the weights add up to less than 2^64.
[[nodiscard]] std::vector<std::size_t> pick_weighted(std::span<const std::uint64_t> weights, std::size_t count,
                                                     const IndexSource& index);

/// Somebody who may be drawn: its stake, whose machines it runs, and whose money is its bond.
struct CommitteeCandidate {
  AccountId account;
  std::uint64_t stake = 0;
  AccountId operated_by;
  AccountId bond_source;
};

/// Members of a committee in the order of their draws. `candidates` in the order of their accounts, each once;
/// `excluded` are the parties of the job, their declared operators and their bond sources: nobody who is, is operated
/// by or is bonded by one of them is drawn.
[[nodiscard]] std::vector<AccountId> draw_committee(const Hash32& seed, const JobId& job,
                                                    std::span<const CommitteeCandidate> candidates,
                                                    const std::set<AccountId>& excluded, std::size_t count);

}  // namespace starminer::protocol
