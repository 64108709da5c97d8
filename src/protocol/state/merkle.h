// Merkle commitment over key-value pairs with 32-byte paths: a binary tree by the bits of the path in which a subtree
// of one leaf is that leaf. Proves presence and absence. A node keeps the hashes of its children, and nodes lie in
// blocks of memory that never move. Single writer; after a call of `root` and until the next write any thread may read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"

namespace starminer::protocol::state {

/// The siblings from the root down and the leaf, if any, at which the way of `path` ends.
struct MerkleProof {
  struct Leaf {
    Hash32 path;
    Hash32 value;
  };
  std::vector<Hash32> siblings;
  std::optional<Leaf> leaf;
};

/// True if `proof` shows under `root` that `path` holds `value`, or, where `value` is empty, that it holds nothing.
[[nodiscard]] bool verify_merkle_proof(const Hash32& root, const Hash32& path, const std::optional<Hash32>& value,
                                       const MerkleProof& proof);

/// A leaf that is set, or that goes where `present` is false.
struct MerkleUpdate {
  Hash32 path;
  Hash32 value;
  bool present = false;
};

/// Indexes of `updates` in the order of their paths, and of their places where paths are equal.
[[nodiscard]] std::vector<std::uint32_t> order_by_path(std::span<const MerkleUpdate> updates);

class MerkleTree {
 public:
  MerkleTree();
  ~MerkleTree();
  MerkleTree(MerkleTree&&) noexcept;
  MerkleTree& operator=(MerkleTree&&) noexcept;

  /// Takes effect, with others of its kind in one pass, at the next `root` or `prove`.
  void put(const Hash32& path, const Hash32& value);
  /// Does nothing where the path holds nothing. Takes effect as `put` does.
  void erase(const Hash32& path);
  /// Many at once, of which the last of each path counts: every inner node above them is hashed once.
  /// Requires: `order` is that of `order_by_path`.
  void apply(std::span<const MerkleUpdate> updates, std::span<const std::uint32_t> order);

  /// Hash of the whole; the zero hash for an empty tree. Hashes only what changed since the last call.
  [[nodiscard]] Hash32 root() const;
  [[nodiscard]] MerkleProof prove(const Hash32& path) const;

 private:
  friend class MerkleBuilder;
  class Nodes;
  explicit MerkleTree(std::unique_ptr<Nodes> nodes);
  std::unique_ptr<Nodes> nodes_;
};

/// The tree of many leaves at once: every node is hashed once, and nothing is looked up. The two halves of the tree
/// have no part in common, so that a caller with two threads may build both at the same time.
class MerkleBuilder {
 public:
  MerkleBuilder();
  ~MerkleBuilder();

  /// In any order.
  void add(const Hash32& path, const Hash32& value);
  /// Builds the leaves whose path begins with this bit. Requires: all leaves were added.
  void build_half(bool bit);
  /// The tree, or nothing where two leaves have one path. Requires: both halves were built.
  [[nodiscard]] std::optional<MerkleTree> finish();

 private:
  struct Half;
  std::unique_ptr<Half> halves_[2];
};

}  // namespace starminer::protocol::state
