#include "protocol/state/merkle.h"

#include <array>

#include "base/check.h"

namespace starminer::protocol::state {
namespace {

constexpr unsigned kDepthMax = 256;
constexpr Hash32 kEmpty{};

bool bit_of(const Hash32& path, unsigned depth) { return ((path.bytes[depth / 8] >> (7 - depth % 8)) & 1U) != 0; }

// The first byte keeps leaves and inner nodes apart (RFC 6962 section 2.1 has the same rule).
Hash32 hash_pair(std::uint8_t prefix, const Hash32& left, const Hash32& right) {
  std::array<std::uint8_t, 65> bytes{};
  bytes[0] = prefix;
  std::copy(left.bytes.begin(), left.bytes.end(), bytes.begin() + 1);
  std::copy(right.bytes.begin(), right.bytes.end(), bytes.begin() + 33);
  return sha256(ByteView(bytes));
}

Hash32 hash_leaf(const Hash32& path, const Hash32& value) { return hash_pair(0, path, value); }
Hash32 hash_inner(const Hash32& left, const Hash32& right) { return hash_pair(1, left, right); }

}  // namespace

struct MerkleTree::Node {
  bool is_leaf = false;
  mutable bool hashed = false;
  mutable Hash32 hash;
  Hash32 path;   // leaf
  Hash32 value;  // leaf
  std::array<NodePtr, 2> child;
};

MerkleTree::MerkleTree() = default;
MerkleTree::~MerkleTree() = default;

const Hash32& MerkleTree::hash_of(const NodePtr& node) {
  if (node == nullptr) return kEmpty;
  if (!node->hashed) {
    node->hash = node->is_leaf ? hash_leaf(node->path, node->value)
                               : hash_inner(hash_of(node->child[0]), hash_of(node->child[1]));
    node->hashed = true;
  }
  return node->hash;
}

Hash32 MerkleTree::root() const { return hash_of(root_); }

void MerkleTree::put(const Hash32& path, const Hash32& value) {
  auto leaf = std::make_unique<Node>();
  leaf->is_leaf = true;
  leaf->path = path;
  leaf->value = value;
  put_below(root_, 0, std::move(leaf));
}

void MerkleTree::put_below(NodePtr& node, unsigned depth, NodePtr leaf) {
  if (node == nullptr || (node->is_leaf && node->path == leaf->path)) {
    node = std::move(leaf);
    return;
  }
  STARMINER_CHECK(depth < kDepthMax);
  if (node->is_leaf) {
    auto inner = std::make_unique<Node>();
    const bool side = bit_of(node->path, depth);
    inner->child[side ? 1 : 0] = std::move(node);
    node = std::move(inner);
  }
  node->hashed = false;
  const bool side = bit_of(leaf->path, depth);
  put_below(node->child[side ? 1 : 0], depth + 1, std::move(leaf));
}

void MerkleTree::erase(const Hash32& path) { erase_below(root_, 0, path); }

void MerkleTree::erase_below(NodePtr& node, unsigned depth, const Hash32& path) {
  if (node == nullptr) return;
  if (node->is_leaf) {
    if (node->path == path) node.reset();
    return;
  }
  node->hashed = false;
  erase_below(node->child[bit_of(path, depth) ? 1 : 0], depth + 1, path);
  // A subtree of one leaf is that leaf, so that the tree's shape depends on its content alone.
  NodePtr& left = node->child[0];
  NodePtr& right = node->child[1];
  if (left == nullptr && right == nullptr) {
    node.reset();
  } else if (left == nullptr && right->is_leaf) {
    NodePtr only = std::move(right);
    node = std::move(only);
  } else if (right == nullptr && left->is_leaf) {
    NodePtr only = std::move(left);
    node = std::move(only);
  }
}

MerkleProof MerkleTree::prove(const Hash32& path) const {
  MerkleProof proof;
  const NodePtr* node = &root_;
  for (unsigned depth = 0; *node != nullptr && !(*node)->is_leaf; ++depth) {
    const std::size_t side = bit_of(path, depth) ? 1 : 0;
    proof.siblings.push_back(hash_of((*node)->child[1 - side]));
    node = &(*node)->child[side];
  }
  if (*node != nullptr) proof.leaf = MerkleProof::Leaf{(*node)->path, (*node)->value};
  return proof;
}

bool verify_merkle_proof(const Hash32& root, const Hash32& path, const std::optional<Hash32>& value,
                         const MerkleProof& proof) {
  if (proof.siblings.size() > kDepthMax) return false;
  if (value) {
    if (!proof.leaf || proof.leaf->path != path || proof.leaf->value != *value) return false;
  } else if (proof.leaf) {
    // Another leaf ends the way: it must lie on the way of `path`.
    if (proof.leaf->path == path) return false;
    for (unsigned depth = 0; depth < proof.siblings.size(); ++depth) {
      if (bit_of(proof.leaf->path, depth) != bit_of(path, depth)) return false;
    }
  }
  Hash32 hash = proof.leaf ? hash_leaf(proof.leaf->path, proof.leaf->value) : kEmpty;
  for (std::size_t depth = proof.siblings.size(); depth-- > 0;) {
    const Hash32& sibling = proof.siblings[depth];
    hash = bit_of(path, static_cast<unsigned>(depth)) ? hash_inner(sibling, hash) : hash_inner(hash, sibling);
  }
  return hash == root;
}

}  // namespace starminer::protocol::state
