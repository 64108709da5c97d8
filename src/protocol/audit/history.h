// The append-only history: the Merkle tree of RFC 6962 section 2 (the same in RFC 9162) over byte strings, with
// inclusion and consistency proofs (AUD-1). The hashes of all complete subtrees are kept by level, so that an append
// costs O(1) hashes on average and O(log n) at most, and a proof or an old root O(log n) look-ups and O(log^2 n)
// hashes. Sizes and indexes from outside may be anything: they give an empty optional, or false. Single writer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::protocol::audit {

class HistoryTree {
 public:
  using Proof = std::vector<Hash32>;

  /// SHA-256 over a zero byte and the leaf's bytes.
  [[nodiscard]] static Hash32 leaf_hash(ByteView leaf);
  /// Root of the tree without leaves: SHA-256 of nothing.
  [[nodiscard]] static Hash32 empty_root();

  /// Adds a leaf and returns its index.
  std::uint64_t append(ByteView leaf) { return append_hash(leaf_hash(leaf)); }
  /// The same with a leaf hash that was stored before.
  std::uint64_t append_hash(const Hash32& leaf);

  [[nodiscard]] std::uint64_t size() const { return levels_.empty() ? 0 : levels_.front().size(); }
  [[nodiscard]] Hash32 root() const;
  /// Root when the tree had `size` leaves. Empty if it never had that many.
  [[nodiscard]] std::optional<Hash32> root_at(std::uint64_t size) const;
  /// Hash of a leaf. Empty if there is none at this index.
  [[nodiscard]] std::optional<Hash32> leaf_at(std::uint64_t index) const;
  /// Hashes that lead from leaf `index` to the root of the first `size` leaves. Empty unless index < size <= size().
  [[nodiscard]] std::optional<Proof> inclusion_proof(std::uint64_t index, std::uint64_t size) const;
  /// Hashes that show the first `old_size` leaves to be the start of the first `new_size`. The proof has no hashes
  /// where the sizes are equal or the old one is 0. Empty unless old_size <= new_size <= size().
  [[nodiscard]] std::optional<Proof> consistency_proof(std::uint64_t old_size, std::uint64_t new_size) const;

  /// True if `leaf` is the hash of leaf `index` in the tree of this root and size (RFC 9162 section 2.1.3.2).
  [[nodiscard]] static bool verify_inclusion(const Hash32& root, std::uint64_t size, std::uint64_t index,
                                             const Hash32& leaf, const Proof& proof);
  /// True if the tree of the new root and size starts with that of the old ones (RFC 9162 section 2.1.4.2). An old
  /// size of 0 must have the root of the empty tree.
  [[nodiscard]] static bool verify_consistency(const Hash32& old_root, std::uint64_t old_size, const Hash32& new_root,
                                               std::uint64_t new_size, const Proof& proof);

 private:
  /// Hash of `count` leaves from `start` on, which is a multiple of the smallest power of two that is at least `count`.
  [[nodiscard]] Hash32 range_hash(std::uint64_t start, std::uint64_t count) const;

  std::vector<std::vector<Hash32>> levels_;  // [k][i] = hash of the leaves i*2^k .. (i+1)*2^k-1
};

}  // namespace starminer::protocol::audit
