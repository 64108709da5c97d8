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

std::optional<Hash32> HistoryTree::grow(Part& part, Hash32 hash) {
  for (std::vector<Hash32>& hashes : part) {
    hashes.push_back(hash);
    if (hashes.size() % 2 != 0) return std::nullopt;
    hash = hash_pair(hashes[hashes.size() - 2], hashes.back());
  }
  return hash;
}

void HistoryTree::OldParts::add(std::uint64_t part, std::span<const Hash32> leaves) {
  STARMINER_CHECK(leaves.size() == kPartLeaves);
  Part& hashes = parts_[part];
  hashes = {};
  for (const Hash32& leaf : leaves) static_cast<void>(grow(hashes, leaf));
}

std::uint64_t HistoryTree::append_hash(const Hash32& leaf) {
  const std::uint64_t index = size_++;
  std::optional<Hash32> hash = grow(parts_.back(), leaf);
  if (!hash) return index;
  parts_.emplace_back();
  if (parts_.size() > kPartsKept) parts_.pop_front();
  add_part(*hash);
  return index;
}

void HistoryTree::append_part(const Hash32& part) {
  STARMINER_CHECK(size_ % kPartLeaves == 0);
  STARMINER_CHECK(parts_.size() == 1);
  size_ += kPartLeaves;
  add_part(part);
}

const Hash32& HistoryTree::part_hash(std::uint64_t part) const {
  STARMINER_CHECK(part < size_ / kPartLeaves);
  return levels_.front()[part];
}

void HistoryTree::add_part(Hash32 hash) {
  for (std::size_t level = 0;; ++level) {
    if (levels_.size() == level) levels_.emplace_back();
    std::vector<Hash32>& hashes = levels_[level];
    hashes.push_back(hash);
    if (hashes.size() % 2 != 0) return;
    hash = hash_pair(hashes[hashes.size() - 2], hashes.back());
  }
}

std::vector<std::uint64_t> HistoryTree::parts_to_read(std::span<const std::uint64_t> places) const {
  // Half of those that are kept may go before the caller comes back with what it read.
  const std::uint64_t complete = size_ / kPartLeaves;
  const std::uint64_t safe = complete - std::min<std::uint64_t>(complete, kPartsKept / 2);
  std::vector<std::uint64_t> parts;
  for (const std::uint64_t place : places) {
    if (place / kPartLeaves < safe) parts.push_back(place / kPartLeaves);
  }
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  return parts;
}

std::optional<Hash32> HistoryTree::subtree(unsigned level, std::uint64_t i, const OldParts& old) const {
  if (level >= kPartLevels) return levels_[level - kPartLevels][i];
  const std::uint64_t part = i >> (kPartLevels - level);
  const std::uint64_t within = i - (part << (kPartLevels - level));
  if (part >= first_kept()) return parts_[part - first_kept()][level][within];
  const auto found = old.parts_.find(part);
  if (found == old.parts_.end()) return std::nullopt;
  const std::vector<Hash32>& halves = found->second[kPartLevels - 1];
  if (hash_pair(halves[0], halves[1]) != levels_.front()[part]) return std::nullopt;
  return found->second[level][within];
}

std::optional<Hash32> HistoryTree::range_hash(std::uint64_t start, std::uint64_t count, const OldParts& old) const {
  STARMINER_CHECK(count > 0);
  // The complete subtrees of the range lie from left to right by falling size; they join from the right.
  std::optional<Hash32> hash;
  std::uint64_t end = start + count;
  for (std::uint64_t left = count; left > 0; left &= left - 1) {
    const auto level = static_cast<unsigned>(std::countr_zero(left));
    end -= std::uint64_t{1} << level;
    const auto part = subtree(level, end >> level, old);
    if (!part) return std::nullopt;
    hash = hash ? hash_pair(*part, *hash) : *part;
  }
  return hash;
}

bool HistoryTree::add_range(Proof& proof, std::uint64_t start, std::uint64_t count, const OldParts& old) const {
  const auto hash = range_hash(start, count, old);
  if (hash) proof.push_back(*hash);
  return hash.has_value();
}

Hash32 HistoryTree::root() const { return *root_at(size_); }

std::optional<Hash32> HistoryTree::root_at(std::uint64_t size, const OldParts& old) const {
  if (size > size_) return std::nullopt;
  return size == 0 ? empty_root() : range_hash(0, size, old);
}

std::optional<Hash32> HistoryTree::leaf_at(std::uint64_t index, const OldParts& old) const {
  if (index >= size_) return std::nullopt;
  return subtree(0, index, old);
}

std::optional<HistoryTree::Proof> HistoryTree::inclusion_proof(std::uint64_t index, std::uint64_t size,
                                                               const OldParts& old) const {
  if (index >= size || size > size_) return std::nullopt;
  // PATH(m, D[n]) of the RFC from the root down; the proof itself runs from the leaf up.
  Proof proof;
  std::uint64_t start = 0;
  for (std::uint64_t count = size; count > 1;) {
    const std::uint64_t split = split_of(count);
    if (index - start < split) {
      if (!add_range(proof, start + split, count - split, old)) return std::nullopt;
      count = split;
    } else {
      if (!add_range(proof, start, split, old)) return std::nullopt;
      start += split;
      count -= split;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

std::optional<HistoryTree::Proof> HistoryTree::consistency_proof(std::uint64_t old_size, std::uint64_t new_size,
                                                                 const OldParts& old) const {
  if (old_size > new_size || new_size > size_) return std::nullopt;
  Proof proof;
  if (old_size == 0 || old_size == new_size) return proof;
  // SUBPROOF(m, D[n], b) of the RFC from the root down.
  std::uint64_t start = 0;
  std::uint64_t count = new_size;
  std::uint64_t old_end = old_size;  // relative to `start`
  while (old_end != count) {
    const std::uint64_t split = split_of(count);
    if (old_end <= split) {
      if (!add_range(proof, start + split, count - split, old)) return std::nullopt;
      count = split;
    } else {
      if (!add_range(proof, start, split, old)) return std::nullopt;
      start += split;
      count -= split;
      old_end -= split;
    }
  }
  // At the left edge this subtree is the old tree itself, whose root the verifier has.
  if (start != 0 && !add_range(proof, start, count, old)) return std::nullopt;
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
