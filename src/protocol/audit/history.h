// The append-only history: the Merkle tree of RFC 6962 section 2 (the same in RFC 9162) over byte strings, with
// inclusion and consistency proofs (AUD-1). Leaves lie in parts of 256. The hashes of complete subtrees of a part and
// more are kept by level, those below only for the newest parts: a history of any length takes a fourth of a byte a
// leaf. For what lies further back the caller reads the leaves of at most two parts back from where they are stored. An
// append costs O(1) hashes on average and O(log n) at most, a proof or an old root O(log n) look-ups and O(log^2 n)
// hashes, and 255 for a part that was read back. Sizes and indexes from outside may be anything: they give an empty
// optional, or false. Single writer.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::protocol::audit {

class HistoryTree {
  static constexpr unsigned kPartLevels = 8;
  /// Hashes of one part: [k][i] = hash of its leaves i*2^k .. (i+1)*2^k-1.
  using Part = std::array<std::vector<Hash32>, kPartLevels>;

 public:
  using Proof = std::vector<Hash32>;

  static constexpr std::uint64_t kPartLeaves = 1U << kPartLevels;
  /// So many of the newest parts are kept whole.
  static constexpr std::size_t kPartsKept = 64;

  /// Parts that were read back. Their leaves need not be trusted: a proof compares them with what the tree has kept.
  class OldParts {
   public:
    /// `leaves` are the hashes of all kPartLeaves leaves of a part.
    void add(std::uint64_t part, std::span<const Hash32> leaves);

   private:
    friend class HistoryTree;
    std::map<std::uint64_t, Part> parts_;
  };

  /// SHA-256 over a zero byte and the leaf's bytes.
  [[nodiscard]] static Hash32 leaf_hash(ByteView leaf);
  /// Root of the tree without leaves: SHA-256 of nothing.
  [[nodiscard]] static Hash32 empty_root();

  /// Adds a leaf and returns its index.
  std::uint64_t append(ByteView leaf) { return append_hash(leaf_hash(leaf)); }
  /// The same with a leaf hash that was stored before.
  std::uint64_t append_hash(const Hash32& leaf);
  /// Adds a whole part by its hash (`part_hash`), as if its leaves had been appended and were no longer kept.
  /// Requires: nothing but whole parts was added before.
  void append_part(const Hash32& part);
  /// Hash of the part of this number: of its kPartLeaves leaves alone. Requires: the tree has all of them.
  [[nodiscard]] const Hash32& part_hash(std::uint64_t part) const;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Hash32 root() const;
  /// Of these leaves and sizes: the parts in which they lie, each once, that are not kept whole or soon will not be.
  [[nodiscard]] std::vector<std::uint64_t> parts_to_read(std::span<const std::uint64_t> places) const;

  // What follows gives nothing, too, where it needs a part that is neither kept whole nor in `old`, or in `old` with
  // other leaves than were once appended.

  /// Root when the tree had `size` leaves. Empty if it never had that many.
  [[nodiscard]] std::optional<Hash32> root_at(std::uint64_t size, const OldParts& old = {}) const;
  /// Hash of a leaf. Empty if there is none at this index.
  [[nodiscard]] std::optional<Hash32> leaf_at(std::uint64_t index, const OldParts& old = {}) const;
  /// Hashes that lead from leaf `index` to the root of the first `size` leaves. Empty unless index < size <= size().
  [[nodiscard]] std::optional<Proof> inclusion_proof(std::uint64_t index, std::uint64_t size,
                                                     const OldParts& old = {}) const;
  /// Hashes that show the first `old_size` leaves to be the start of the first `new_size`. The proof has no hashes
  /// where the sizes are equal or the old one is 0. Empty unless old_size <= new_size <= size().
  [[nodiscard]] std::optional<Proof> consistency_proof(std::uint64_t old_size, std::uint64_t new_size,
                                                       const OldParts& old = {}) const;

  /// True if `leaf` is the hash of leaf `index` in the tree of this root and size (RFC 9162 section 2.1.3.2).
  [[nodiscard]] static bool verify_inclusion(const Hash32& root, std::uint64_t size, std::uint64_t index,
                                             const Hash32& leaf, const Proof& proof);
  /// True if the tree of the new root and size starts with that of the old ones (RFC 9162 section 2.1.4.2). An old
  /// size of 0 must have the root of the empty tree.
  [[nodiscard]] static bool verify_consistency(const Hash32& old_root, std::uint64_t old_size, const Hash32& new_root,
                                               std::uint64_t new_size, const Proof& proof);

 private:
  /// Adds a hash to a part, and what it completes in it. Returns the hash of the part when it is complete.
  static std::optional<Hash32> grow(Part& part, Hash32 hash);
  /// Adds the hash of the next part, and what it completes above.
  void add_part(Hash32 hash);
  /// Hash of the leaves i*2^level .. (i+1)*2^level-1, which the tree has.
  [[nodiscard]] std::optional<Hash32> subtree(unsigned level, std::uint64_t i, const OldParts& old) const;
  /// Hash of `count` leaves from `start` on, which is a multiple of the smallest power of two that is at least `count`.
  [[nodiscard]] std::optional<Hash32> range_hash(std::uint64_t start, std::uint64_t count, const OldParts& old) const;
  /// Adds the hash of a range to a proof; false where it cannot.
  [[nodiscard]] bool add_range(Proof& proof, std::uint64_t start, std::uint64_t count, const OldParts& old) const;
  [[nodiscard]] std::uint64_t first_kept() const { return size_ / kPartLeaves + 1 - parts_.size(); }

  std::uint64_t size_ = 0;
  std::vector<std::vector<Hash32>> levels_;  // [k][i] = hash of the leaves i*2^(8+k) .. (i+1)*2^(8+k)-1
  std::deque<Part> parts_{1};                // the newest ones; the last of them is not complete
};

}  // namespace starminer::protocol::audit
