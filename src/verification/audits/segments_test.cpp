// REQ: VER-1
#include "verification/audits/segments.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"

namespace starminer::verification {
namespace {

using protocol::audit::HistoryTree;

std::vector<Segment> segments_of(std::size_t count) {
  std::vector<Segment> segments(count);
  for (std::size_t i = 0; i < count; ++i)
    segments[i] = {i, sha256("in" + std::to_string(i)), {}, sha256("out" + std::to_string(i)), 100 + i};
  return segments;
}

/// RFC 6962 section 2.1, as it is written there.
Hash32 slow_root(std::span<const Segment> segments) {
  if (segments.size() == 1) {
    Bytes leaf = {0};
    const Bytes encoded = encode(segments[0]);
    leaf.insert(leaf.end(), encoded.begin(), encoded.end());
    return sha256(leaf);
  }
  std::size_t split = 1;
  while (split * 2 < segments.size()) split *= 2;
  Bytes node = {1};
  for (const auto part : {segments.first(split), segments.subspan(split)}) {
    const Hash32 hash = slow_root(part);
    node.insert(node.end(), hash.bytes.begin(), hash.bytes.end());
  }
  return sha256(node);
}

RC_GTEST_PROP(Segments, AreLeavesOfTheTree, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 600);
  const auto segments = segments_of(count);
  const auto tree = segment_tree(segments);
  RC_ASSERT(tree.has_value());
  RC_ASSERT(tree->root() == slow_root(segments));
  const auto index = *rc::gen::inRange<std::size_t>(0, count);
  const auto proof = tree->inclusion_proof(index, count);
  RC_ASSERT(proof.has_value());
  RC_ASSERT(HistoryTree::verify_inclusion(tree->root(), count, index, segment_leaf(segments[index]), *proof));
  Segment other = segments[index];
  ++other.metered_ms;
  RC_ASSERT(!HistoryTree::verify_inclusion(tree->root(), count, index, segment_leaf(other), *proof));
}

TEST(Segments, OfTheLargestJobHaveProofs) {
  const auto segments = segments_of(kSegmentsMax);
  const auto tree = segment_tree(segments);
  ASSERT_TRUE(tree.has_value());
  for (const std::uint64_t index : {std::uint64_t{0}, kSegmentsMax / 2, kSegmentsMax - 1}) {
    const auto proof = tree->inclusion_proof(index, kSegmentsMax);
    ASSERT_TRUE(proof.has_value()) << index;
    EXPECT_TRUE(
        HistoryTree::verify_inclusion(tree->root(), kSegmentsMax, index, segment_leaf(segments[index]), *proof));
  }
}

TEST(Segments, AreNumberedAndAreSome) {
  EXPECT_FALSE(segment_tree({}).has_value());
  EXPECT_FALSE(segment_tree(segments_of(kSegmentsMax + 1)).has_value());
  auto segments = segments_of(3);
  std::swap(segments[0], segments[1]);
  EXPECT_FALSE(segment_tree(segments).has_value());
}

TEST(Seal, BindsJobProviderRootAndSalt) {
  const Seal seal{job_id_of({}, 1), account_of({}), sha256("root"), sha256("salt")};
  std::vector<Hash32> seen = {sealed_root(seal)};
  for (Seal other :
       {Seal{job_id_of({}, 2), seal.provider, seal.root, seal.salt}, Seal{seal.job, {}, seal.root, seal.salt},
        Seal{seal.job, seal.provider, sha256("other"), seal.salt},
        Seal{seal.job, seal.provider, seal.root, sha256("other")}}) {
    seen.push_back(sealed_root(other));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), seen.back()), 1);
  }
  Bytes bytes;
  for (const ByteView part : {seal.job.view(), seal.provider.view(), seal.root.view(), seal.salt.view()})
    bytes.insert(bytes.end(), part.begin(), part.end());
  EXPECT_EQ(seen[0], tagged_hash("SM/res/1", bytes));
}

RC_GTEST_PROP(Segments, PartWhereTheyFirstDiffer, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 30);
  const auto one = segments_of(count);
  RC_ASSERT(!first_parting(one, one).has_value());
  const auto at = *rc::gen::inRange<std::size_t>(0, count);
  auto other = one;
  other[at].output = sha256("else");
  other.back().output = sha256("else");
  RC_ASSERT(first_parting(one, other) == at);
  const std::span<const Segment> shorter = std::span(one).first(at);
  RC_ASSERT(first_parting(shorter, one) == at);
  RC_ASSERT(first_parting(one, shorter) == at);
}

TEST(Segments, OfTextHaveOneSpelling) {
  const std::string hash(64, 'a');
  const auto reason = [](const std::string& text) {
    const auto segments = parse_segments(as_bytes(text));
    return segments ? "none" : segments.error();
  };
  const auto segments = parse_segments(as_bytes(hash + " - " + hash + " 12\n- - - 0\n"));
  ASSERT_TRUE(segments.has_value());
  ASSERT_EQ(segments->size(), 2U);
  EXPECT_EQ((*segments)[1], (Segment{1, {}, {}, {}, 0}));
  EXPECT_EQ((*segments)[0].metered_ms, 12U);
  EXPECT_EQ((*segments)[0].output.hex(), hash);
  for (const std::string& text : std::vector<std::string>{
           std::string(), std::string("\n"), "- - -\n", "- - - 0", "- - - 01\n", "- -  - 0\n", "- - - 0\n\n",
           hash + " - - 0 \n", std::string(64, '0') + " - - 0\n", hash.substr(1) + " - - 0\n"}) {
    EXPECT_NE(reason(text), "none") << text;
  }
  EXPECT_NE(reason("- - - 0\n- - x 0\n").find("line 2"), std::string::npos);
}

}  // namespace
}  // namespace starminer::verification
