// Merkle commitment over key-value pairs with 32-byte paths: a binary tree by the bits of the path in which a subtree
// of one leaf is that leaf. Proves presence and absence. Single writer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

class MerkleTree {
 public:
  MerkleTree();
  ~MerkleTree();

  void put(const Hash32& path, const Hash32& value);
  /// Does nothing where the path holds nothing.
  void erase(const Hash32& path);
  /// Hash of the whole; the zero hash for an empty tree. Hashes only what changed since the last call.
  [[nodiscard]] Hash32 root() const;
  [[nodiscard]] MerkleProof prove(const Hash32& path) const;

 private:
  struct Node;
  using NodePtr = std::unique_ptr<Node>;
  static void put_below(NodePtr& node, unsigned depth, NodePtr leaf);
  static void erase_below(NodePtr& node, unsigned depth, const Hash32& path);
  static const Hash32& hash_of(const NodePtr& node);

  NodePtr root_;
};

}  // namespace starminer::protocol::state
