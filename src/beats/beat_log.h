// The raw beats of an epoch as an operator keeps them (REG-7): one line per signed request of an agent, exactly as it
// came. Whoever has the file can check every signature, count again what the operator reported, and compare the file's
// hash with the one on the chain. A line is untrusted: reading is total. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/ids.h"
#include "base/result.h"

namespace starminer::beats {

/// The path that agents beat on: their signatures cover it.
inline constexpr std::string_view kBeatTarget = "/v1/beats";
/// Round trips count up to this.
inline constexpr std::uint32_t kRoundTripMaxMs = 600'000;

/// What the body of a beat says.
struct BeatBody {
  std::vector<NodeId> nodes;
  /// How long the agent waited for the answer to its last beat.
  std::optional<std::uint32_t> round_trip_ms;
};

/// The error is a sentence that says what is wrong.
[[nodiscard]] Result<BeatBody, std::string> parse_beat_body(std::string_view body);

/// A beat whose signature was checked.
struct Beat {
  TimeMs received;  // Unix time of the operator
  AccountId provider;
  std::string nonce;
  BeatBody body;
};

/// The line of a request, with its line feed; nothing where header or body hold a control character.
[[nodiscard]] std::optional<std::string> format_beat(TimeMs received, std::string_view authorization,
                                                     std::string_view body);
/// Without its line feed. Checks shape, hash of the body and signature. The error is a sentence.
[[nodiscard]] Result<Beat, std::string> read_beat(std::string_view line);

struct Figures {
  std::uint32_t beats = 0;
  std::uint32_t p50_ms = 0;
  std::uint32_t p90_ms = 0;
  std::uint32_t p99_ms = 0;

  bool operator==(const Figures&) const = default;
};

/// The value at `percent` of a list by nearest rank; 0 of an empty list. Requires: percent from 1 to 100.
[[nodiscard]] std::uint32_t quantile(std::vector<std::uint32_t> values, std::uint32_t percent);

/// The nodes that may be counted and whose they are.
using Window = std::map<NodeId, AccountId>;

/// Counts the lines of a file for the nodes of a window: a beat counts once, for its signer's own nodes only. Gives the
/// nodes that were heard. The error names the line.
[[nodiscard]] Result<std::map<NodeId, Figures>, std::string> count_beats(std::string_view file, const Window& window);

}  // namespace starminer::beats
