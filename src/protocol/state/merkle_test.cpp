#include "protocol/state/merkle.h"

#include <algorithm>
#include <array>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol::state {
namespace {

using Leaves = std::map<Hash32, Hash32>;

bool bit_at(const Hash32& path, std::size_t depth) { return (path.bytes[depth / 8] & (0x80U >> (depth % 8))) != 0; }

Hash32 hash_of(std::uint8_t prefix, const Hash32& left, const Hash32& right) {
  Sha256 hash;
  hash.update(ByteView(&prefix, 1)).update(left.view()).update(right.view());
  return hash.finish();
}

// The definition of docs/formats/encoding.md, word for word.
Hash32 reference_root(const Leaves& leaves, std::size_t depth = 0) {
  if (leaves.empty()) return {};
  if (leaves.size() == 1) return hash_of(0, leaves.begin()->first, leaves.begin()->second);
  Leaves left, right;
  for (const auto& [path, value] : leaves) (bit_at(path, depth) ? right : left).emplace(path, value);
  return hash_of(1, reference_root(left, depth + 1), reference_root(right, depth + 1));
}

// Few distinct bytes, so that paths share long starts and differ late.
rc::Gen<Hash32> any_path() {
  return rc::gen::map(rc::gen::tuple(rc::gen::element<std::uint8_t>(0x00, 0x01, 0x80, 0xff),
                                     rc::gen::element<std::uint8_t>(0x00, 0x10), rc::gen::inRange<std::uint8_t>(0, 4)),
                      [](const std::tuple<std::uint8_t, std::uint8_t, std::uint8_t>& parts) {
                        Hash32 path;
                        path.bytes.front() = std::get<0>(parts);
                        path.bytes[1] = std::get<1>(parts);
                        path.bytes[3] = std::get<2>(parts);
                        return path;
                      });
}

Hash32 value_of(std::uint8_t fill) {
  Hash32 value;
  value.bytes.fill(fill);
  return value;
}

struct Step {
  Hash32 path;
  std::optional<std::uint8_t> value;  // empty: erase
};

rc::Gen<std::vector<Step>> any_steps() {
  return rc::gen::container<std::vector<Step>>(rc::gen::apply(
      [](const Hash32& path, bool erase, std::uint8_t fill) {
        return Step{path, erase ? std::nullopt : std::optional(fill)};
      },
      any_path(), rc::gen::element(false, false, true), rc::gen::arbitrary<std::uint8_t>()));
}

TEST(MerkleTree, EmptyAndSingle) {
  MerkleTree tree;
  EXPECT_TRUE(tree.root().is_zero());
  tree.put(value_of(1), value_of(2));
  EXPECT_EQ(tree.root(), hash_of(0, value_of(1), value_of(2)));
  tree.erase(value_of(3));
  EXPECT_EQ(tree.root(), hash_of(0, value_of(1), value_of(2)));
  tree.erase(value_of(1));
  EXPECT_TRUE(tree.root().is_zero());
}

RC_GTEST_PROP(MerkleTree, RootIsThatOfTheDefinitionAfterEveryStep, ()) {
  MerkleTree tree;
  Leaves leaves;
  for (const Step& step : *any_steps()) {
    if (step.value) {
      tree.put(step.path, value_of(*step.value));
      leaves[step.path] = value_of(*step.value);
    } else {
      tree.erase(step.path);
      leaves.erase(step.path);
    }
    RC_ASSERT(tree.root() == reference_root(leaves));
  }
}

Hash32 random_path(std::uint64_t number) { return sha256(std::to_string(number)); }

RC_GTEST_PROP(MerkleBuilder, BuildsTheTreeOfTheDefinitionThatGoesOnLikeAnyOther, ()) {
  MerkleBuilder builder;
  Leaves leaves;
  // Paths that share long starts, or paths as they are in life.
  const bool dense = *rc::gen::arbitrary<bool>();
  const auto count = *rc::gen::inRange<std::uint64_t>(0, 600);
  const auto paths = *rc::gen::container<std::vector<Hash32>>(dense ? 12 : 0, any_path());
  for (const Hash32& path : paths) leaves.emplace(path, value_of(7));
  for (std::uint64_t i = 0; !dense && i < count; ++i) leaves.emplace(random_path(i), value_of(8));
  for (const auto& [path, value] : leaves) builder.add(path, value);
  builder.build_half(true);
  builder.build_half(false);
  auto tree = builder.finish();
  RC_ASSERT(tree.has_value());
  RC_ASSERT(tree->root() == reference_root(leaves));
  for (const auto& [path, value] : leaves) {
    RC_ASSERT(verify_merkle_proof(tree->root(), path, value, tree->prove(path)));
  }
  for (const Step& step : *any_steps()) {
    if (step.value) {
      tree->put(step.path, value_of(*step.value));
      leaves[step.path] = value_of(*step.value);
    } else {
      tree->erase(step.path);
      leaves.erase(step.path);
    }
  }
  for (std::uint64_t i = 0; i < count; i += 3) {
    tree->erase(random_path(i));
    leaves.erase(random_path(i));
    tree->put(random_path(i + 1'000), value_of(9));
    leaves[random_path(i + 1'000)] = value_of(9);
  }
  RC_ASSERT(tree->root() == reference_root(leaves));
}

TEST(MerkleBuilder, RefusesTwoLeavesOfOnePath) {
  for (const std::uint8_t first : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
    MerkleBuilder builder;
    builder.add(value_of(first), value_of(1));
    builder.add(value_of(0x11), value_of(1));
    builder.add(value_of(first), value_of(2));
    builder.build_half(false);
    builder.build_half(true);
    EXPECT_FALSE(builder.finish().has_value());
  }
}

// Many changes at once, some of the same path, against the definition and against one change at a time.
RC_GTEST_PROP(MerkleTree, ABatchIsItsStepsInOrder, ()) {
  MerkleTree batched, stepped;
  Leaves leaves;
  const auto batches = *rc::gen::inRange(1, 5);
  for (int i = 0; i < batches; ++i) {
    std::vector<MerkleUpdate> updates;
    for (const Step& step : *any_steps()) {
      updates.push_back({step.path, value_of(step.value.value_or(0)), step.value.has_value()});
      if (step.value) {
        stepped.put(step.path, value_of(*step.value));
        leaves[step.path] = value_of(*step.value);
      } else {
        stepped.erase(step.path);
        leaves.erase(step.path);
      }
      static_cast<void>(stepped.root());
    }
    batched.apply(updates, order_by_path(updates));
    RC_ASSERT(batched.root() == reference_root(leaves));
    RC_ASSERT(stepped.root() == batched.root());
  }
}

// Real paths by the thousand: the tree after batches of writes and erasures is that of a plain rebuild.
TEST(MerkleTree, LargeBatchesEndInTheTreeOfARebuild) {
  MerkleTree tree;
  Leaves leaves;
  std::uint64_t random = 1;
  for (int batch = 0; batch < 8; ++batch) {
    std::vector<MerkleUpdate> updates;
    for (int i = 0; i < 3'000; ++i) {
      random = random * 6364136223846793005U + 1442695040888963407U;
      const Hash32 path = sha256(std::to_string((random >> 33U) % 8'000));
      const bool erase = (random >> 60U) < 5;
      updates.push_back({path, value_of(static_cast<std::uint8_t>(random >> 20U)), !erase});
      if (erase) {
        leaves.erase(path);
      } else {
        leaves[path] = updates.back().value;
      }
    }
    tree.apply(updates, order_by_path(updates));
    MerkleTree rebuilt;
    for (const auto& [path, value] : leaves) rebuilt.put(path, value);
    ASSERT_EQ(tree.root(), rebuilt.root());
    ASSERT_EQ(tree.root(), reference_root(leaves));
  }
  for (const auto& [path, value] : leaves) tree.erase(path);
  EXPECT_TRUE(tree.root().is_zero());
}

RC_GTEST_PROP(MerkleTree, RootDependsOnContentAlone, ()) {
  const auto steps = *any_steps();
  MerkleTree one;
  Leaves leaves;
  for (const Step& step : steps) {
    one.put(step.path, value_of(step.value.value_or(7)));
    leaves[step.path] = value_of(step.value.value_or(7));
  }
  // Another order, with leaves that come and go.
  std::vector<std::pair<Hash32, Hash32>> order(leaves.begin(), leaves.end());
  MerkleTree other;
  for (const Step& step : steps) {
    if (!leaves.contains(step.path)) continue;
    other.put(step.path, value_of(99));
    other.erase(step.path);
  }
  const Hash32 visitor = *any_path();
  if (!leaves.contains(visitor)) other.put(visitor, value_of(1));
  while (!order.empty()) {
    const auto at = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, order.size()));
    other.put(order[static_cast<std::size_t>(at)].first, order[static_cast<std::size_t>(at)].second);
    order.erase(order.begin() + at);
  }
  if (!leaves.contains(visitor)) other.erase(visitor);
  RC_ASSERT(one.root() == other.root());
}

RC_GTEST_PROP(MerkleTree, ProvesPresenceAndAbsence, ()) {
  MerkleTree tree;
  Leaves leaves;
  for (const Step& step : *any_steps()) {
    tree.put(step.path, value_of(step.value.value_or(7)));
    leaves[step.path] = value_of(step.value.value_or(7));
  }
  bool present = false, absent = false;
  for (const Hash32& path : *rc::gen::container<std::vector<Hash32>>(any_path())) {
    const MerkleProof proof = tree.prove(path);
    const auto found = leaves.find(path);
    const std::optional<Hash32> value = found == leaves.end() ? std::nullopt : std::optional(found->second);
    (value ? present : absent) = true;
    RC_ASSERT(verify_merkle_proof(tree.root(), path, value, proof));
    // The same proof shows nothing else.
    RC_ASSERT(!verify_merkle_proof(tree.root(), path, value ? std::nullopt : std::optional(value_of(7)), proof));
    RC_ASSERT(!verify_merkle_proof(tree.root(), path, value_of(8), proof) || value == value_of(8));
    RC_ASSERT(!verify_merkle_proof(value_of(1), path, value, proof));
  }
  RC_CLASSIFY(present && absent, "both presence and absence");
}

// One-place changes of a proof: of its siblings some, of the rest all.
std::vector<MerkleProof> mutations_of(const MerkleProof& proof) {
  std::vector<MerkleProof> result;
  const auto add = [&](auto change) {
    MerkleProof mutated = proof;
    change(mutated);
    result.push_back(std::move(mutated));
  };
  for (int round = 0; round < 8 && !proof.siblings.empty(); ++round) {
    const auto i = *rc::gen::inRange<std::size_t>(0, proof.siblings.size());
    add([i](MerkleProof& p) { p.siblings[i].bytes[i % 32] ^= 1U; });
    add([i](MerkleProof& p) { p.siblings[i] = Hash32{}; });
    add([i](MerkleProof& p) { p.siblings.erase(p.siblings.begin() + static_cast<std::ptrdiff_t>(i)); });
  }
  add([](MerkleProof& p) { p.siblings.emplace_back(); });
  add([](MerkleProof& p) { p.siblings.insert(p.siblings.begin(), Hash32{}); });
  add([](MerkleProof& p) { p.siblings.assign(257, Hash32{}); });
  if (proof.leaf) {
    add([](MerkleProof& p) { p.leaf->value.bytes[3] ^= 1U; });
    add([](MerkleProof& p) { p.leaf->path.bytes[31] ^= 1U; });
    add([](MerkleProof& p) { p.leaf->path.bytes[0] ^= 0x80U; });
    add([](MerkleProof& p) { p.leaf.reset(); });
  } else {
    add([](MerkleProof& p) { p.leaf = MerkleProof::Leaf{value_of(1), value_of(2)}; });
  }
  return result;
}

RC_GTEST_PROP(MerkleTree, RefusesEveryMutatedProof, ()) {
  MerkleTree tree;
  Leaves leaves;
  for (const Step& step : *any_steps()) {
    tree.put(step.path, value_of(step.value.value_or(7)));
    leaves[step.path] = value_of(step.value.value_or(7));
  }
  const Hash32 path = *any_path();
  const MerkleProof proof = tree.prove(path);
  const auto found = leaves.find(path);
  const std::optional<Hash32> value = found == leaves.end() ? std::nullopt : std::optional(found->second);
  for (const MerkleProof& mutated : mutations_of(proof)) {
    if (mutated.siblings == proof.siblings && mutated.leaf.has_value() == proof.leaf.has_value() &&
        (!proof.leaf || (mutated.leaf->path == proof.leaf->path && mutated.leaf->value == proof.leaf->value))) {
      continue;  // a sibling that was the zero hash already
    }
    RC_ASSERT(!verify_merkle_proof(tree.root(), path, value, mutated));
  }
}

TEST(MerkleTree, PathsThatPartAtTheLastBit) {
  Hash32 even = value_of(0xaa), odd = even;
  odd.bytes.back() ^= 1U;
  MerkleTree tree;
  tree.put(even, value_of(1));
  tree.put(odd, value_of(2));
  EXPECT_EQ(tree.root(), reference_root({{even, value_of(1)}, {odd, value_of(2)}}));
  const MerkleProof proof = tree.prove(odd);
  EXPECT_EQ(proof.siblings.size(), 256U);
  EXPECT_TRUE(verify_merkle_proof(tree.root(), odd, value_of(2), proof));
  EXPECT_FALSE(verify_merkle_proof(tree.root(), even, value_of(2), proof));
  tree.erase(odd);
  EXPECT_EQ(tree.root(), reference_root({{even, value_of(1)}}));
}

// A leaf of another branch proves nothing about this path, even with the right siblings of its own way.
TEST(MerkleTree, ALeafFromElsewhereDoesNotProveAbsence) {
  MerkleTree tree;
  const Hash32 zero{}, high = value_of(0x80), low = value_of(0x01);
  tree.put(high, value_of(5));
  tree.put(low, value_of(6));
  const MerkleProof of_high = tree.prove(high);
  EXPECT_TRUE(verify_merkle_proof(tree.root(), high, value_of(5), of_high));
  EXPECT_FALSE(verify_merkle_proof(tree.root(), low, std::nullopt, of_high));
  EXPECT_FALSE(verify_merkle_proof(tree.root(), zero, std::nullopt, of_high));
  EXPECT_TRUE(verify_merkle_proof(tree.root(), zero, std::nullopt, tree.prove(zero)));
  // A root that somebody made with a leaf in the wrong place: its hashes fit, its bits do not.
  const Hash32 misplaced = hash_of(1, hash_of(0, high, value_of(5)), hash_of(0, low, value_of(6)));
  MerkleProof proof;
  proof.siblings = {hash_of(0, low, value_of(6))};
  proof.leaf = MerkleProof::Leaf{high, value_of(5)};
  EXPECT_FALSE(verify_merkle_proof(misplaced, zero, std::nullopt, proof));
}

}  // namespace
}  // namespace starminer::protocol::state
