// Segments of a result: independent units of work (frames, batches, steps between two checkpoints) that can be run
// again one by one, as the leaves of a Merkle tree whose root the provider commits to (verification.md section 4.1).
// The tree and its proofs are those of the history (RFC 6962). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/audit/history.h"

namespace starminer::verification {

/// So many leaves always have their proofs at hand in a tree.
inline constexpr std::uint64_t kSegmentsMax =
    (protocol::audit::HistoryTree::kPartsKept - 1) * protocol::audit::HistoryTree::kPartLeaves;

/// What a segment consumed, began from, gave and took. A hash of zeros: there is nothing of the kind.
struct Segment {
  std::uint64_t index = 0;
  Hash32 input;
  Hash32 state;
  Hash32 output;
  std::uint64_t metered_ms = 0;

  bool operator==(const Segment&) const = default;
};

/// The leaf that a proof of inclusion is about.
[[nodiscard]] Hash32 segment_leaf(const Segment& segment);

/// The tree of all segments. Nothing where there are none or more than kSegmentsMax, or they are not numbered 0, 1, ...
[[nodiscard]] std::optional<protocol::audit::HistoryTree> segment_tree(std::span<const Segment> segments);

/// What a provider commits to before it knows whether it is audited: nobody can copy the root from it, and it cannot
/// take another root later. The salt is 32 random bytes that are shown with the root.
struct Seal {
  JobId job;
  AccountId provider;
  Hash32 root;
  Hash32 salt;
};
[[nodiscard]] Hash32 sealed_root(const Seal& seal);

/// The first segment at which two lists part: where the bisection of a dispute ends. Nothing where they are equal;
/// the length of the shorter one where one continues the other.
[[nodiscard]] std::optional<std::uint64_t> first_parting(std::span<const Segment> one, std::span<const Segment> other);

/// A line each: input, state and output (64 hexadecimal digits each, "-" for none) and the milliseconds, with one space
/// between; segment 0 first. Fails with a sentence.
[[nodiscard]] Result<std::vector<Segment>, std::string> parse_segments(ByteView file);

}  // namespace starminer::verification
