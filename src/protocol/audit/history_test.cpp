#include "protocol/audit/history.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol::audit {
namespace {

using Proof = HistoryTree::Proof;

// RFC 6962 section 2.1 word for word: sub-lists of leaves, split at the largest power of two below their number.
using Leaves = std::vector<Bytes>;

std::size_t split_of(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

Leaves slice(const Leaves& d, std::size_t from, std::size_t to) {
  return {d.begin() + static_cast<std::ptrdiff_t>(from), d.begin() + static_cast<std::ptrdiff_t>(to)};
}

Hash32 hash_node(const Hash32& left, const Hash32& right) {
  Sha256 hash;
  hash.update(std::string_view("\x01")).update(left.view()).update(right.view());
  return hash.finish();
}

Hash32 mth(const Leaves& d) {
  if (d.empty()) return sha256("");
  if (d.size() == 1) {
    Sha256 hash;
    hash.update(std::string_view("\0", 1)).update(d.front());
    return hash.finish();
  }
  const std::size_t k = split_of(d.size());
  return hash_node(mth(slice(d, 0, k)), mth(slice(d, k, d.size())));
}

Proof path(std::size_t m, const Leaves& d) {
  if (d.size() == 1) return {};
  const std::size_t k = split_of(d.size());
  Proof proof = m < k ? path(m, slice(d, 0, k)) : path(m - k, slice(d, k, d.size()));
  proof.push_back(m < k ? mth(slice(d, k, d.size())) : mth(slice(d, 0, k)));
  return proof;
}

Proof subproof(std::size_t m, const Leaves& d, bool complete) {
  if (m == d.size()) return complete ? Proof{} : Proof{mth(d)};
  const std::size_t k = split_of(d.size());
  Proof proof = m <= k ? subproof(m, slice(d, 0, k), complete) : subproof(m - k, slice(d, k, d.size()), false);
  proof.push_back(m <= k ? mth(slice(d, k, d.size())) : mth(slice(d, 0, k)));
  return proof;
}

Leaves numbered(std::size_t count) {
  Leaves leaves;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = "leaf " + std::to_string(i);
    leaves.emplace_back(text.begin(), text.end());
  }
  return leaves;
}

HistoryTree tree_of(const Leaves& leaves) {
  HistoryTree tree;
  for (const Bytes& leaf : leaves) static_cast<void>(tree.append(leaf));
  return tree;
}

Proof proof_of(std::initializer_list<std::string_view> hashes) {
  Proof proof;
  for (const std::string_view hash : hashes) proof.push_back(*Hash32::from_hex(hash));
  return proof;
}

Leaves eight_leaves() {
  Leaves leaves;
  for (const std::string_view text :
       {"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}) {
    leaves.push_back(*from_hex(text));
  }
  return leaves;
}

// The eight-leaf tree that the implementations of Certificate Transparency share.
TEST(HistoryTree, RootsOfTheSharedVectors) {
  constexpr std::string_view kRoots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  const Leaves leaves = eight_leaves();
  HistoryTree tree;
  EXPECT_EQ(tree.root().hex(), kRoots[0]);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_EQ(tree.append(leaves[i]), i);
    EXPECT_EQ(tree.root().hex(), kRoots[i + 1]);
  }
  for (std::size_t size = 0; size <= leaves.size(); ++size) EXPECT_EQ(tree.root_at(size)->hex(), kRoots[size]);
}

TEST(HistoryTree, ProofsOfTheSharedVectors) {
  const HistoryTree tree = tree_of(eight_leaves());
  constexpr std::string_view kLeaf1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
  constexpr std::string_view kPair23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
  constexpr std::string_view kQuad4567 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
  constexpr std::string_view kLeaf4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
  constexpr std::string_view kPair67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
  constexpr std::string_view kQuad0123 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
  constexpr std::string_view kPair01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
  constexpr std::string_view kPair45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
  constexpr std::string_view kLeaf0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
  EXPECT_EQ(tree.inclusion_proof(0, 1), Proof{});
  EXPECT_EQ(tree.inclusion_proof(0, 8), proof_of({kLeaf1, kPair23, kQuad4567}));
  EXPECT_EQ(tree.inclusion_proof(5, 8), proof_of({kLeaf4, kPair67, kQuad0123}));
  EXPECT_EQ(tree.inclusion_proof(2, 3), proof_of({kPair01}));
  EXPECT_EQ(tree.inclusion_proof(1, 5), proof_of({kLeaf0, kPair23, kLeaf4}));
  EXPECT_EQ(tree.consistency_proof(1, 1), Proof{});
  EXPECT_EQ(tree.consistency_proof(1, 8), proof_of({kLeaf1, kPair23, kQuad4567}));
  EXPECT_EQ(tree.consistency_proof(6, 8), proof_of({kPair45, kPair67, kQuad0123}));
  EXPECT_EQ(tree.consistency_proof(2, 5), proof_of({kPair23, kLeaf4}));
}

// REQ: AUD-1
TEST(HistoryTree, AgreesWithTheTextOfTheStandardAtEverySize) {
  constexpr std::size_t kMax = 33;
  const Leaves leaves = numbered(kMax);
  const HistoryTree tree = tree_of(leaves);
  for (std::size_t size = 0; size <= kMax; ++size) {
    const Leaves start = slice(leaves, 0, size);
    const Hash32 root = *tree.root_at(size);
    ASSERT_EQ(root, mth(start));
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = tree.inclusion_proof(index, size);
      ASSERT_EQ(proof, path(index, start));
      ASSERT_TRUE(HistoryTree::verify_inclusion(root, size, index, *tree.leaf_at(index), *proof));
    }
    for (std::size_t old = 1; old <= size; ++old) {
      const auto proof = tree.consistency_proof(old, size);
      ASSERT_EQ(proof, subproof(old, start, true));
      ASSERT_TRUE(HistoryTree::verify_consistency(*tree.root_at(old), old, root, size, *proof));
    }
  }
}

std::vector<Proof> mutations_of(const Proof& proof) {
  std::vector<Proof> result;
  for (std::size_t i = 0; i < proof.size(); ++i) {
    Proof flipped = proof;
    flipped[i].bytes[i % 32] ^= 0x10U;
    result.push_back(flipped);
    Proof shorter = proof;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
    result.push_back(shorter);
    if (i > 0) {
      Proof swapped = proof;
      std::swap(swapped[i - 1], swapped[i]);
      result.push_back(swapped);
    }
  }
  Proof longer = proof;
  longer.emplace_back();
  result.push_back(longer);
  longer.back() = proof.empty() ? Hash32{} : proof.back();
  result.push_back(longer);
  return result;
}

RC_GTEST_PROP(HistoryTree, InclusionOfAnythingElseIsRefused, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 200);
  const HistoryTree tree = tree_of(numbered(count));
  const auto size = *rc::gen::inRange<std::size_t>(1, count + 1);
  const auto index = *rc::gen::inRange<std::size_t>(0, size);
  const Hash32 root = *tree.root_at(size);
  const Hash32 leaf = *tree.leaf_at(index);
  const Proof proof = *tree.inclusion_proof(index, size);
  RC_ASSERT(HistoryTree::verify_inclusion(root, size, index, leaf, proof));
  for (const Proof& mutated : mutations_of(proof)) {
    RC_ASSERT(!HistoryTree::verify_inclusion(root, size, index, leaf, mutated));
  }
  for (std::size_t other = 0; other <= size; ++other) {
    if (other != index) RC_ASSERT(!HistoryTree::verify_inclusion(root, size, other, leaf, proof));
  }
  RC_ASSERT(!HistoryTree::verify_inclusion(root, size, index, root, proof) || size == 1);
  RC_ASSERT(!HistoryTree::verify_inclusion(leaf, size, index, leaf, proof) || size == 1);
  RC_ASSERT(!HistoryTree::verify_inclusion(root, ~std::uint64_t{0}, index, leaf, proof));
}

RC_GTEST_PROP(HistoryTree, ConsistencyWithAnythingElseIsRefused, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(2, 200);
  const HistoryTree tree = tree_of(numbered(count));
  const auto size = *rc::gen::inRange<std::size_t>(2, count + 1);
  const auto old = *rc::gen::inRange<std::size_t>(1, size);
  const Hash32 root = *tree.root_at(size), old_root = *tree.root_at(old);
  const Proof proof = *tree.consistency_proof(old, size);
  RC_ASSERT(HistoryTree::verify_consistency(old_root, old, root, size, proof));
  for (const Proof& mutated : mutations_of(proof)) {
    RC_ASSERT(!HistoryTree::verify_consistency(old_root, old, root, size, mutated));
  }
  // A history in which one old leaf was changed.
  Leaves forged = numbered(size);
  forged[*rc::gen::inRange<std::size_t>(0, old)].push_back('!');
  const HistoryTree other = tree_of(forged);
  RC_ASSERT(!HistoryTree::verify_consistency(old_root, old, other.root(), size, *other.consistency_proof(old, size)));
  RC_ASSERT(!HistoryTree::verify_consistency(old_root, old, other.root(), size, proof));
  RC_ASSERT(!HistoryTree::verify_consistency(root, size, old_root, old, proof));
}

// A proof that is too long or too short for the sizes, although its hashes lead to the root.
TEST(HistoryTree, AProofHasTheLengthOfItsSizes) {
  const HistoryTree tree = tree_of(numbered(8));
  const auto root = [&tree](std::uint64_t size) { return *tree.root_at(size); };
  EXPECT_FALSE(HistoryTree::verify_inclusion(root(2), 1, 0, *tree.leaf_at(1), {*tree.leaf_at(0)}));
  EXPECT_FALSE(HistoryTree::verify_inclusion(root(2), 16, 1, *tree.leaf_at(1), {*tree.leaf_at(0)}));
  const Proof proof = *tree.consistency_proof(4, 5);
  EXPECT_TRUE(HistoryTree::verify_consistency(root(4), 4, root(5), 5, proof));
  EXPECT_FALSE(HistoryTree::verify_consistency(root(4), 4, root(5), 16, proof));
  EXPECT_FALSE(HistoryTree::verify_consistency(root(3), 3, root(5), 5, {}));
  EXPECT_FALSE(HistoryTree::verify_consistency(root(4), 4, root(5), 5, {}));
}

TEST(HistoryTree, TheEmptyTreeIsTheStartOfEveryOther) {
  const HistoryTree tree = tree_of(numbered(5));
  EXPECT_EQ(tree.consistency_proof(0, 5), Proof{});
  EXPECT_TRUE(HistoryTree::verify_consistency(HistoryTree::empty_root(), 0, tree.root(), 5, {}));
  EXPECT_FALSE(HistoryTree::verify_consistency(tree.root(), 0, tree.root(), 5, {}));
  EXPECT_FALSE(HistoryTree::verify_consistency(HistoryTree::empty_root(), 0, tree.root(), 5, {Hash32{}}));
  EXPECT_TRUE(HistoryTree::verify_consistency(tree.root(), 5, tree.root(), 5, {}));
  EXPECT_FALSE(HistoryTree::verify_consistency(tree.root(), 5, HistoryTree::empty_root(), 5, {}));
  EXPECT_FALSE(HistoryTree::verify_consistency(tree.root(), 5, tree.root(), 5, {Hash32{}}));
  EXPECT_FALSE(HistoryTree::verify_inclusion(HistoryTree::empty_root(), 0, 0, Hash32{}, {}));
}

TEST(HistoryTree, AsksBeyondTheTreeGiveNothing) {
  const HistoryTree tree = tree_of(numbered(5));
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  for (const std::uint64_t beyond : {std::uint64_t{6}, kHuge}) {
    EXPECT_FALSE(tree.root_at(beyond));
    EXPECT_FALSE(tree.leaf_at(beyond));
    EXPECT_FALSE(tree.inclusion_proof(0, beyond));
    EXPECT_FALSE(tree.consistency_proof(1, beyond));
  }
  EXPECT_FALSE(tree.inclusion_proof(5, 5));
  EXPECT_FALSE(tree.inclusion_proof(kHuge, 5));
  EXPECT_FALSE(tree.consistency_proof(4, 3));
  EXPECT_FALSE(HistoryTree().inclusion_proof(0, 0));
}

TEST(HistoryTree, IsRebuiltFromLeafHashes) {
  const Leaves leaves = numbered(100);
  const HistoryTree tree = tree_of(leaves);
  HistoryTree rebuilt;
  for (std::uint64_t i = 0; i < tree.size(); ++i) EXPECT_EQ(rebuilt.append_hash(*tree.leaf_at(i)), i);
  EXPECT_EQ(rebuilt.root(), tree.root());
  EXPECT_EQ(*tree.leaf_at(3), HistoryTree::leaf_hash(leaves[3]));
}

// Old roots stay what they were while the tree grows past them.
TEST(HistoryTree, OldRootsStay) {
  HistoryTree tree;
  std::vector<Hash32> roots = {tree.root()};
  for (const Bytes& leaf : numbered(3'000)) {
    static_cast<void>(tree.append(leaf));
    roots.push_back(tree.root());
  }
  for (std::size_t size = 0; size < roots.size(); ++size) ASSERT_EQ(tree.root_at(size), roots[size]);
  const auto proof = tree.inclusion_proof(1'234, 3'000);
  EXPECT_LE(proof->size(), 12U);
}

// A history of which most parts are kept no more, and the hashes and roots that it had.
struct LongHistory {
  explicit LongHistory(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      leaves.push_back(sha256("leaf " + std::to_string(i)));
      roots.push_back(tree.root());
      static_cast<void>(tree.append_hash(leaves.back()));
    }
    roots.push_back(tree.root());
  }
  /// What a caller reads back for these places.
  [[nodiscard]] HistoryTree::OldParts read(std::initializer_list<std::uint64_t> places) const {
    HistoryTree::OldParts old;
    for (const std::uint64_t part : tree.parts_to_read({places.begin(), places.size()})) {
      old.add(part, std::span(leaves).subspan(part * HistoryTree::kPartLeaves, HistoryTree::kPartLeaves));
    }
    return old;
  }

  HistoryTree tree;
  std::vector<Hash32> leaves;
  std::vector<Hash32> roots;  // by size
};

constexpr std::uint64_t kLong = HistoryTree::kPartLeaves * (3 * HistoryTree::kPartsKept) + 77;

const LongHistory& long_history() {
  static const LongHistory history(kLong);
  return history;
}

// REQ: AUD-1
RC_GTEST_PROP(LongHistory, ProvesWhatItKeepsNoMoreFromWhatIsReadBack, ()) {
  const LongHistory& history = long_history();
  const auto size = *rc::gen::inRange<std::uint64_t>(1, kLong + 1);
  const auto index = *rc::gen::inRange<std::uint64_t>(0, size);
  const auto old_size = *rc::gen::inRange<std::uint64_t>(1, size + 1);
  const auto old = history.read({index, old_size, size});
  RC_ASSERT(history.tree.leaf_at(index, old) == history.leaves[index]);
  RC_ASSERT(history.tree.root_at(size, old) == history.roots[size]);
  const auto inclusion = history.tree.inclusion_proof(index, size, old);
  RC_ASSERT(inclusion.has_value());
  RC_ASSERT(HistoryTree::verify_inclusion(history.roots[size], size, index, history.leaves[index], *inclusion));
  const auto consistency = history.tree.consistency_proof(old_size, size, old);
  RC_ASSERT(consistency.has_value());
  RC_ASSERT(
      HistoryTree::verify_consistency(history.roots[old_size], old_size, history.roots[size], size, *consistency));
}

// A start reads hashes of parts for the beginning and leaves for the rest: the same tree, which grows on the same way.
RC_GTEST_PROP(LongHistory, IsTheSameWhenItBeginsWithHashesOfParts, ()) {
  const LongHistory& history = long_history();
  const auto parts = *rc::gen::inRange<std::uint64_t>(0, kLong / HistoryTree::kPartLeaves + 1);
  HistoryTree tree;
  for (std::uint64_t part = 0; part < parts; ++part) tree.append_part(history.tree.part_hash(part));
  RC_ASSERT(tree.size() == parts * HistoryTree::kPartLeaves);
  RC_ASSERT(tree.root() == history.roots[tree.size()]);
  for (std::uint64_t i = tree.size(); i < kLong; ++i) static_cast<void>(tree.append_hash(history.leaves[i]));
  RC_ASSERT(tree.root() == history.roots[kLong]);
  const auto index = *rc::gen::inRange<std::uint64_t>(0, kLong);
  HistoryTree::OldParts old;
  const std::uint64_t part = index / HistoryTree::kPartLeaves;
  if (part < kLong / HistoryTree::kPartLeaves) {
    old.add(part, std::span(history.leaves).subspan(part * HistoryTree::kPartLeaves, HistoryTree::kPartLeaves));
  }
  const auto proof = tree.inclusion_proof(index, kLong, old);
  RC_ASSERT(proof.has_value());
  RC_ASSERT(HistoryTree::verify_inclusion(history.roots[kLong], kLong, index, history.leaves[index], *proof));
}

TEST(LongHistory, ReadsNothingBackForTheNewestPartsAndAPartOnceForAll) {
  const LongHistory& history = long_history();
  const auto parts = [&](std::initializer_list<std::uint64_t> places) {
    return history.tree.parts_to_read({places.begin(), places.size()});
  };
  EXPECT_TRUE(parts({kLong - 1, kLong, kLong - HistoryTree::kPartLeaves * 20}).empty());
  EXPECT_EQ(parts({600, 300, 511, 256}), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(parts({~std::uint64_t{0}}).empty());
  EXPECT_TRUE(history.tree.inclusion_proof(kLong - 1, kLong));
}

// Without what it needs, or with something else, it proves nothing rather than something false.
TEST(LongHistory, RefusesToProveFromForgedOrMissingParts) {
  const LongHistory& history = long_history();
  EXPECT_FALSE(history.tree.inclusion_proof(5, kLong));
  EXPECT_FALSE(history.tree.leaf_at(5));
  EXPECT_FALSE(history.tree.root_at(5));
  EXPECT_FALSE(history.tree.consistency_proof(5, kLong));
  std::vector<Hash32> forged(history.leaves.begin(), history.leaves.begin() + HistoryTree::kPartLeaves);
  HistoryTree::OldParts old;
  old.add(0, forged);
  EXPECT_TRUE(history.tree.inclusion_proof(5, kLong, old));
  forged[200].bytes[0] ^= 1U;
  old.add(0, forged);
  EXPECT_FALSE(history.tree.inclusion_proof(5, kLong, old));
  EXPECT_FALSE(history.tree.leaf_at(200, old));
}

// A copy that is rebuilt from leaf hashes goes on like the tree itself, at every edge of a part.
TEST(LongHistory, KeepsTheSameRootsAtTheEdgesOfParts) {
  const LongHistory& history = long_history();
  for (std::uint64_t part = 1; part <= 3 * HistoryTree::kPartsKept; part += 13) {
    for (const std::uint64_t size :
         {part * HistoryTree::kPartLeaves - 1, part * HistoryTree::kPartLeaves, part * HistoryTree::kPartLeaves + 1}) {
      EXPECT_EQ(history.tree.root_at(size, history.read({size})), history.roots[size]) << size;
    }
  }
}

}  // namespace
}  // namespace starminer::protocol::audit
