#include "verification/audits/segments.h"

#include <algorithm>

#include "base/codec.h"
#include "verification/comparison/scanner.h"

namespace starminer::verification {
namespace {

/// A hash or "-", up to the space behind it.
std::optional<Hash32> take_hash(Scanner& in) {
  const std::string_view text = in.until(' ');
  if (text == "-") return Hash32{};
  const auto hash = Hash32::from_hex(text);
  if (!hash || hash->is_zero()) return std::nullopt;
  return hash;
}

}  // namespace

Hash32 segment_leaf(const Segment& segment) { return protocol::audit::HistoryTree::leaf_hash(encode(segment)); }

std::optional<protocol::audit::HistoryTree> segment_tree(std::span<const Segment> segments) {
  if (segments.empty() || segments.size() > kSegmentsMax) return std::nullopt;
  protocol::audit::HistoryTree tree;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].index != i) return std::nullopt;
    tree.append_hash(segment_leaf(segments[i]));
  }
  return tree;
}

Hash32 sealed_root(const Seal& seal) { return tagged_hash("SM/res/1", encode(seal)); }

std::optional<std::uint64_t> first_parting(std::span<const Segment> one, std::span<const Segment> other) {
  const auto [a, b] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  if (a == one.end() && b == other.end()) return std::nullopt;
  return static_cast<std::uint64_t>(a - one.begin());
}

Result<std::vector<Segment>, std::string> parse_segments(ByteView file) {
  std::vector<Segment> segments;
  Scanner in(as_text(file));
  while (!in.rest().empty()) {
    if (segments.size() == kSegmentsMax) return fail("it has more than " + std::to_string(kSegmentsMax) + " segments");
    const auto input = take_hash(in);
    const auto state = take_hash(in);
    const auto output = take_hash(in);
    const std::uint64_t metered_ms = in.number();
    in.expect("\n");
    if (in.failed() || !input || !state || !output) {
      return fail("line " + std::to_string(segments.size() + 1) +
                  " is not input, state and output (64 hexadecimal digits or -) and milliseconds, one space between");
    }
    segments.push_back({segments.size(), *input, *state, *output, metered_ms});
  }
  if (segments.empty()) return fail(std::string("it has no segments"));
  return segments;
}

}  // namespace starminer::verification
