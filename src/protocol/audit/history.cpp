#include "protocol/audit/history.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

namespace starminer::protocol::audit {
namespace {

Hash32 hash_pair(const Hash32& left, const Hash32& right) {
  std::array<std::uint8_t, 65> bytes{};
  bytes[0] = 1;
  std::copy(left.bytes.begin(), left.bytes.end(), bytes.begin() + 1);
  std::copy(right.bytes.begin(), right.bytes.end(), bytes.begin() + 33);
  return sha256(ByteView(bytes));
}

// The largest power of two below n. Requires: n > 1.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

}  // namespace

Hash32 HistoryTree::leaf_hash(ByteView leaf) { return sha256_after(0, leaf); }

Hash32 HistoryTree::empty_root() { return sha256(ByteView()); }

std::uint64_t HistoryTree::append_hash(const Hash32& leaf) {
  const std::uint64_t index = size();
  Hash32 hash = leaf;
  for (std::size_t level = 0;; ++level) {
    if (levels_.size() == level) levels_.emplace_back();
    std::vector<Hash32>& hashes = levels_[level];
    hashes.push_back(hash);
    if (hashes.size() % 2 != 0) return index;
    hash = hash_pair(hashes[hashes.size() - 2], hashes.back());
  }
}

Hash32 HistoryTree::range_hash(std::uint64_t start, std::uint64_t count) const {
  STARMINER_CHECK(count > 0);
  // The complete subtrees of the range lie from left to right by falling size; they join from the right.
  std::optional<Hash32> hash;
  std::uint64_t end = start + count;
  for (std::uint64_t left = count; left > 0; left &= left - 1) {
    const auto level = static_cast<std::size_t>(std::countr_zero(left));
    end -= std::uint64_t{1} << level;
    const Hash32& part = levels_[level][end >> level];
    hash = hash ? hash_pair(part, *hash) : part;
  }
  return *hash;
}

Hash32 HistoryTree::root() const { return size() == 0 ? empty_root() : range_hash(0, size()); }

std::optional<Hash32> HistoryTree::root_at(std::uint64_t size) const {
  if (size > this->size()) return std::nullopt;
  return size == 0 ? empty_root() : range_hash(0, size);
}

std::optional<Hash32> HistoryTree::leaf_at(std::uint64_t index) const {
  if (index >= size()) return std::nullopt;
  return levels_.front()[index];
}

std::optional<HistoryTree::Proof> HistoryTree::inclusion_proof(std::uint64_t index, std::uint64_t size) const {
  if (index >= size || size > this->size()) return std::nullopt;
  // PATH(m, D[n]) of the RFC from the root down; the proof itself runs from the leaf up.
  Proof proof;
  std::uint64_t start = 0;
  for (std::uint64_t count = size; count > 1;) {
    const std::uint64_t split = split_of(count);
    if (index - start < split) {
      proof.push_back(range_hash(start + split, count - split));
      count = split;
    } else {
      proof.push_back(range_hash(start, split));
      start += split;
      count -= split;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

std::optional<HistoryTree::Proof> HistoryTree::consistency_proof(std::uint64_t old_size, std::uint64_t new_size) const {
  if (old_size > new_size || new_size > size()) return std::nullopt;
  Proof proof;
  if (old_size == 0 || old_size == new_size) return proof;
  // SUBPROOF(m, D[n], b) of the RFC from the root down.
  std::uint64_t start = 0;
  std::uint64_t count = new_size;
  std::uint64_t old_end = old_size;  // relative to `start`
  while (old_end != count) {
    const std::uint64_t split = split_of(count);
    if (old_end <= split) {
      proof.push_back(range_hash(start + split, count - split));
      count = split;
    } else {
      proof.push_back(range_hash(start, split));
      start += split;
      count -= split;
      old_end -= split;
    }
  }
  // At the left edge this subtree is the old tree itself, whose root the verifier has.
  if (start != 0) proof.push_back(range_hash(start, count));
  std::reverse(proof.begin(), proof.end());
  return proof;
}

bool HistoryTree::verify_inclusion(const Hash32& root, std::uint64_t size, std::uint64_t index, const Hash32& leaf,
                                   const Proof& proof) {
  if (index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash32 hash = leaf;
  for (const Hash32& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1U) != 0 || node == last) {
      hash = hash_pair(sibling, hash);
      // The right edge has no sibling on the levels that this skips.
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = hash_pair(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool HistoryTree::verify_consistency(const Hash32& old_root, std::uint64_t old_size, const Hash32& new_root,
                                     std::uint64_t new_size, const Proof& proof) {
  if (old_size > new_size) return false;
  if (old_size == new_size) return proof.empty() && old_root == new_root;
  if (old_size == 0) return proof.empty() && old_root == empty_root();
  // A tree of a power of two is a subtree of every later one, and the proof leaves its root out.
  const bool whole = std::has_single_bit(old_size);
  if (!whole && proof.empty()) return false;
  std::uint64_t node = old_size - 1;
  std::uint64_t last = new_size - 1;
  while ((node & 1U) != 0) {
    node >>= 1;
    last >>= 1;
  }
  Hash32 old_hash = whole ? old_root : proof.front();
  Hash32 new_hash = old_hash;
  for (auto it = proof.begin() + (whole ? 0 : 1); it != proof.end(); ++it) {
    if (last == 0) return false;
    if ((node & 1U) != 0 || node == last) {
      old_hash = hash_pair(*it, old_hash);
      new_hash = hash_pair(*it, new_hash);
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = hash_pair(new_hash, *it);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && new_hash == new_root;
}

}  // namespace starminer::protocol::audit
