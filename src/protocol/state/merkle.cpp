#include "protocol/state/merkle.h"

#include <algorithm>
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

std::uint64_t front_of(const Hash32& path) {
  std::uint64_t front = 0;
  for (std::size_t i = 0; i < sizeof(front); ++i) front = front << 8U | path.bytes[i];
  return front;
}

/// Nothing, a leaf or an inner node, by its number in its pool.
class Ref {
 public:
  constexpr Ref() = default;
  static Ref leaf(std::uint32_t number) { return Ref(number << 1U | 1U); }
  static Ref inner(std::uint32_t number) { return Ref(number << 1U); }

  [[nodiscard]] bool empty() const { return bits_ == kNone; }
  [[nodiscard]] bool is_leaf() const { return !empty() && (bits_ & 1U) != 0; }
  [[nodiscard]] bool is_inner() const { return !empty() && (bits_ & 1U) == 0; }
  [[nodiscard]] std::uint32_t number() const { return bits_ >> 1U; }
  /// The same node where the nodes of its pool got higher numbers.
  [[nodiscard]] Ref moved(std::uint32_t leaves, std::uint32_t inners) const {
    if (empty()) return *this;
    return is_leaf() ? leaf(number() + leaves) : inner(number() + inners);
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffU;
  explicit Ref(std::uint32_t bits) : bits_(bits) {}
  std::uint32_t bits_ = kNone;
};

struct Leaf {
  Hash32 path;
  Hash32 value;
};

/// The hashes of the children lie here, so that hashing a node reads no other.
struct Inner {
  std::array<Hash32, 2> hash;
  std::array<Ref, 2> child;
};

/// Nodes of one kind, by number. They never move; numbers of freed nodes are used again.
template <class Node>
class Pool {
 public:
  [[nodiscard]] Node& operator[](std::uint32_t number) { return blocks_[number / kBlock][number % kBlock]; }
  [[nodiscard]] const Node& operator[](std::uint32_t number) const { return blocks_[number / kBlock][number % kBlock]; }

  void prefetch(std::uint32_t number) const {
    const auto* node = reinterpret_cast<const char*>(&(*this)[number]);
    __builtin_prefetch(node);
    __builtin_prefetch(node + sizeof(Node) - 1);
  }

  std::uint32_t take() {
    if (!free_.empty()) {
      const std::uint32_t number = free_.back();
      free_.pop_back();
      return number;
    }
    if (used_ % kBlock == 0) blocks_.push_back(std::make_unique<Node[]>(kBlock));
    STARMINER_CHECK(used_ < kNumberLimit);
    return used_++;
  }
  void give_back(std::uint32_t number) { free_.push_back(number); }
  /// One more than the highest number in use.
  [[nodiscard]] std::uint32_t end() const { return used_; }

  /// Takes the nodes of another pool over; their numbers grow by what it returns.
  std::uint32_t absorb(Pool&& other) {
    while (used_ % kBlock != 0) free_.push_back(used_++);
    const std::uint32_t offset = used_;
    STARMINER_CHECK(other.used_ < kNumberLimit - used_);
    for (auto& block : other.blocks_) blocks_.push_back(std::move(block));
    for (const std::uint32_t number : other.free_) free_.push_back(number + offset);
    used_ += other.used_;
    other = Pool();
    return offset;
  }

 private:
  static constexpr std::uint32_t kBlock = 256;
  static constexpr std::uint32_t kNumberLimit = 0x7fffffffU;
  std::vector<std::unique_ptr<Node[]>> blocks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t used_ = 0;
};

/// A subtree and its hash.
struct Subtree {
  Ref ref;
  Hash32 hash{};
};

}  // namespace

std::vector<std::uint32_t> order_by_path(std::span<const MerkleUpdate> updates) {
  struct Entry {
    std::uint64_t front;
    std::uint32_t index;
  };
  std::vector<Entry> entries;
  entries.reserve(updates.size());
  for (const MerkleUpdate& update : updates) {
    entries.push_back({front_of(update.path), static_cast<std::uint32_t>(entries.size())});
  }
  std::sort(entries.begin(), entries.end(), [updates](const Entry& a, const Entry& b) {
    if (a.front != b.front) return a.front < b.front;
    const auto by_path = updates[a.index].path <=> updates[b.index].path;
    return by_path != 0 ? by_path < 0 : a.index < b.index;
  });
  std::vector<std::uint32_t> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.push_back(entry.index);
  return order;
}

class MerkleTree::Nodes {
 public:
  Nodes() = default;
  Nodes(Pool<Leaf> leaves, Pool<Inner> inners, const Subtree& whole)
      : leaves_(std::move(leaves)), inners_(std::move(inners)), whole_(whole) {}

  void add(const MerkleUpdate& update) {
    pending_.push_back(update);
    if (pending_.size() == kPendingMax) static_cast<void>(whole());
  }

  void apply(std::span<const MerkleUpdate> updates, std::span<const std::uint32_t> order) {
    std::vector<const MerkleUpdate*> batch;
    batch.reserve(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const MerkleUpdate& update = updates[order[i]];
      if (i + 1 < order.size() && updates[order[i + 1]].path == update.path) continue;
      batch.push_back(&update);
    }
    whole_ = change(whole_, 0, batch, false);
  }

  const Subtree& whole() {
    if (!pending_.empty()) {
      apply(pending_, order_by_path(pending_));
      pending_.clear();
    }
    return whole_;
  }

  MerkleProof prove(const Hash32& path) {
    MerkleProof proof;
    Ref ref = whole().ref;
    for (unsigned depth = 0; ref.is_inner(); ++depth) {
      const Inner& node = inners_[ref.number()];
      const std::size_t side = bit_of(path, depth) ? 1 : 0;
      proof.siblings.push_back(node.hash[1 - side]);
      ref = node.child[side];
    }
    if (ref.is_leaf()) proof.leaf = MerkleProof::Leaf{leaves_[ref.number()].path, leaves_[ref.number()].value};
    return proof;
  }

 private:
  using Batch = std::span<const MerkleUpdate* const>;
  static constexpr std::size_t kTogether = 32;
  static constexpr std::size_t kPendingMax = 1U << 16U;  // so that loading a large state needs little besides it

  /// The subtree at this depth after a batch, which is sorted and has each path once. `near`: its nodes on the way of
  /// the batch are in the processor's cache already.
  Subtree change(const Subtree& old, unsigned depth, Batch batch, bool near) {
    if (batch.empty()) return old;
    if (!near && batch.size() <= kTogether) {
      bring_near(old.ref, depth, batch);
      near = true;
    }
    if (batch.size() == 1) {
      if (old.ref.empty()) return batch.front()->present ? new_leaf(*batch.front()) : old;
      if (old.ref.is_leaf() && leaves_[old.ref.number()].path == batch.front()->path) {
        return change_leaf(old.ref.number(), *batch.front());
      }
    }
    STARMINER_CHECK(depth < kDepthMax);
    Inner* node = old.ref.is_inner() ? &inners_[old.ref.number()] : nullptr;
    std::array<Subtree, 2> child{};
    if (node != nullptr) {
      child = {Subtree{node->child[0], node->hash[0]}, Subtree{node->child[1], node->hash[1]}};
    } else if (old.ref.is_leaf()) {
      child[bit_of(leaves_[old.ref.number()].path, depth) ? 1 : 0] = old;
    }
    const auto split = static_cast<std::size_t>(
        std::partition_point(batch.begin(), batch.end(),
                             [depth](const MerkleUpdate* update) { return !bit_of(update->path, depth); }) -
        batch.begin());
    child[0] = change(child[0], depth + 1, batch.first(split), near);
    child[1] = change(child[1], depth + 1, batch.subspan(split), near);
    return join(old, node, child);
  }

  /// Goes down the ways of a batch one level at a time, so that the memory of all of them is waited for at once.
  void bring_near(Ref top, unsigned depth, Batch batch) const {
    std::array<Ref, kTogether> at;
    std::fill_n(at.begin(), batch.size(), top);
    for (bool further = true; further; ++depth) {
      further = false;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (!at[i].is_inner()) continue;
        at[i] = inners_[at[i].number()].child[bit_of(batch[i]->path, depth) ? 1 : 0];
        if (at[i].is_leaf()) leaves_.prefetch(at[i].number());
        if (at[i].is_inner()) inners_.prefetch(at[i].number());
        further = true;
      }
    }
  }

  /// What stands above two subtrees. One leaf alone stands for itself, so that the shape depends on the content alone.
  Subtree join(const Subtree& old, Inner* node, const std::array<Subtree, 2>& child) {
    for (const std::size_t side : {0U, 1U}) {
      if (!child[side].ref.empty() || child[1 - side].ref.is_inner()) continue;
      if (node != nullptr) inners_.give_back(old.ref.number());
      return child[1 - side];
    }
    const bool same = node != nullptr && node->hash[0] == child[0].hash && node->hash[1] == child[1].hash;
    const Ref ref = node != nullptr ? old.ref : Ref::inner(inners_.take());
    inners_[ref.number()] = {{child[0].hash, child[1].hash}, {child[0].ref, child[1].ref}};
    if (same) return old;
    return {ref, hash_inner(child[0].hash, child[1].hash)};
  }

  Subtree new_leaf(const MerkleUpdate& update) {
    const std::uint32_t number = leaves_.take();
    leaves_[number] = {update.path, update.value};
    return {Ref::leaf(number), hash_leaf(update.path, update.value)};
  }

  Subtree change_leaf(std::uint32_t number, const MerkleUpdate& update) {
    if (!update.present) {
      leaves_.give_back(number);
      return {};
    }
    leaves_[number].value = update.value;
    return {Ref::leaf(number), hash_leaf(update.path, update.value)};
  }

  Pool<Leaf> leaves_;
  Pool<Inner> inners_;
  Subtree whole_;
  std::vector<MerkleUpdate> pending_;
};

MerkleTree::MerkleTree() : nodes_(std::make_unique<Nodes>()) {}
MerkleTree::MerkleTree(std::unique_ptr<Nodes> nodes) : nodes_(std::move(nodes)) {}
MerkleTree::~MerkleTree() = default;
MerkleTree::MerkleTree(MerkleTree&&) noexcept = default;
MerkleTree& MerkleTree::operator=(MerkleTree&&) noexcept = default;

void MerkleTree::put(const Hash32& path, const Hash32& value) { nodes_->add({path, value, true}); }

void MerkleTree::erase(const Hash32& path) { nodes_->add({path, {}, false}); }

void MerkleTree::apply(std::span<const MerkleUpdate> updates, std::span<const std::uint32_t> order) {
  static_cast<void>(nodes_->whole());  // what was put before comes before
  nodes_->apply(updates, order);
}

Hash32 MerkleTree::root() const { return nodes_->whole().hash; }

MerkleProof MerkleTree::prove(const Hash32& path) const { return nodes_->prove(path); }

struct MerkleBuilder::Half {
  struct Entry {
    std::uint64_t front = 0;
    std::uint32_t leaf = 0;
  };
  static constexpr unsigned kFrontBits = 64;
  static constexpr std::ptrdiff_t kAhead = 16;

  Pool<Leaf> leaves;
  Pool<Inner> inners;
  std::vector<Entry> entries;
  Subtree whole;
  bool distinct = true;

  void add(const Hash32& path, const Hash32& value) {
    const std::uint32_t number = leaves.take();
    leaves[number] = {path, value};
    entries.push_back({front_of(path), number});
  }

  void build() {
    std::sort(entries.begin(), entries.end(), [this](const Entry& a, const Entry& b) {
      return a.front != b.front ? a.front < b.front : leaves[a.leaf].path < leaves[b.leaf].path;
    });
    if (!entries.empty()) whole = subtree(entries.data(), entries.data() + entries.size(), 1);
    entries = {};
  }

  /// Of one entry or more, whose paths have their first `depth` bits in common.
  Subtree subtree(const Entry* begin, const Entry* end, unsigned depth) {
    if (end - begin == 1) {
      if (entries.data() + entries.size() - begin > kAhead) leaves.prefetch(begin[kAhead].leaf);
      const Leaf& leaf = leaves[begin->leaf];
      return {Ref::leaf(begin->leaf), hash_leaf(leaf.path, leaf.value)};
    }
    if (depth == kDepthMax) {
      distinct = false;
      return {};
    }
    const Entry* middle = std::partition_point(begin, end, [&](const Entry& entry) {
      return depth < kFrontBits ? (entry.front >> (kFrontBits - 1 - depth) & 1U) == 0
                                : !bit_of(leaves[entry.leaf].path, depth);
    });
    std::array<Subtree, 2> child{};
    if (middle != begin) child[0] = subtree(begin, middle, depth + 1);
    if (middle != end) child[1] = subtree(middle, end, depth + 1);
    const std::uint32_t number = inners.take();
    inners[number] = {{child[0].hash, child[1].hash}, {child[0].ref, child[1].ref}};
    return {Ref::inner(number), hash_inner(child[0].hash, child[1].hash)};
  }
};

MerkleBuilder::MerkleBuilder() : halves_{std::make_unique<Half>(), std::make_unique<Half>()} {}
MerkleBuilder::~MerkleBuilder() = default;

void MerkleBuilder::add(const Hash32& path, const Hash32& value) { halves_[bit_of(path, 0) ? 1 : 0]->add(path, value); }

void MerkleBuilder::build_half(bool bit) { halves_[bit ? 1 : 0]->build(); }

std::optional<MerkleTree> MerkleBuilder::finish() {
  Half& low = *halves_[0];
  Half& high = *halves_[1];
  STARMINER_CHECK(low.entries.empty() && high.entries.empty());
  if (!low.distinct || !high.distinct) return std::nullopt;
  const std::uint32_t leaf_offset = low.leaves.absorb(std::move(high.leaves));
  const std::uint32_t inner_offset = low.inners.absorb(std::move(high.inners));
  for (std::uint32_t number = inner_offset; number < low.inners.end(); ++number) {
    for (Ref& child : low.inners[number].child) child = child.moved(leaf_offset, inner_offset);
  }
  const std::array<Subtree, 2> child = {low.whole, {high.whole.ref.moved(leaf_offset, inner_offset), high.whole.hash}};
  Subtree whole;
  if (child[0].ref.empty() && !child[1].ref.is_inner()) {
    whole = child[1];
  } else if (child[1].ref.empty() && !child[0].ref.is_inner()) {
    whole = child[0];
  } else {
    const std::uint32_t number = low.inners.take();
    low.inners[number] = {{child[0].hash, child[1].hash}, {child[0].ref, child[1].ref}};
    whole = {Ref::inner(number), hash_inner(child[0].hash, child[1].hash)};
  }
  auto nodes = std::make_unique<MerkleTree::Nodes>(std::move(low.leaves), std::move(low.inners), whole);
  return MerkleTree(std::move(nodes));
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
