// What the match index keeps of a node, what a job asks of it, and a block of up to 64 nodes of one class and region as
// columns. Plain data; MatchIndex keeps it consistent.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/matching/match_kernels.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {

using RuntimeBits = std::bitset<64>;
using ImageBits = std::bitset<128>;

/// A class and a region.
struct MatchPlace {
  std::uint8_t hardware_class = 0;
  std::uint8_t region = 0;

  [[nodiscard]] std::size_t number() const { return std::size_t{hardware_class} * kRegionsMax + region; }
  bool operator==(const MatchPlace&) const = default;
};
inline constexpr std::size_t kMatchPlaces = kClassesMax * kRegionsMax;

/// What jobs that come and go change of a node.
struct NodeRoom {
  std::uint32_t id = 0;
  bool open = false;
  bool empty = false;
  std::uint8_t whole_free = 0;
  std::uint16_t share_free = 0;
  std::uint32_t cpu_free_milli = 0;
  std::uint32_t state = 0;
  std::uint64_t ram_free = 0;
  std::uint64_t disk_free = 0;
};

/// One node: what is free on it, what it is, and its part of the score.
struct NodeFacts {
  std::uint32_t id = 0;  // dense
  MatchPlace place;
  bool pooled = false;     // stands by in the reserve of its place
  bool open = false;       // active, and nobody holds it whole
  bool empty = false;      // no job runs on it
  std::uint8_t kinds = 0;  // bits of the kinds that it is rated for
  std::uint8_t devices = 0;
  std::uint8_t whole_free = 0;
  std::uint16_t share_free = 0;  // most on one device, in thousandths
  std::uint8_t interconnect = 0;
  std::uint8_t site_tier = 0;
  std::uint8_t sandbox_tier = 0;
  std::uint8_t floor = 0;
  std::uint16_t country = 0;
  std::uint32_t provider = 0;
  std::uint32_t cpu_free_milli = 0;
  std::uint32_t state = 0;  // its row of the fit term
  std::uint64_t ram_free = 0;
  std::uint64_t disk_free = 0;
  std::uint64_t device_memory = 0;
  RuntimeBits runtimes;
  ImageBits images;
  std::array<std::uint8_t, kMatchKinds> reputation{};
  std::array<std::uint16_t, kMatchLanes> quality{};  // by lane

  void set_room(const NodeRoom& room);
  bool operator==(const NodeFacts&) const = default;
};

/// Figures that jobs set a least value for, as bits, so that whole blocks are asked at once: one bit for each step that
/// a node reaches. A union of nodes has what any of them has.
using StandingBits = std::uint64_t;
/// Beside the steps: the node stands by in a reserve. No job asks for it, it only brings some of them a bonus.
inline constexpr StandingBits kPooledBit = StandingBits{1} << 63;
/// What a node has: every step up to its figures.
[[nodiscard]] StandingBits standing_of(const NodeFacts& facts);

/// What all nodes of a place have in common for a job.
struct PlaceTerms {
  bool allowed = false;         // by its prices; classes and regions are the request's
  bool judged = false;          // each node must be asked about besides
  std::uint8_t floor_most = 0;  // owners with a higher floor stay out
  std::uint32_t base = 0;       // part of the score
};

/// What costs too much to say ahead of a decision: asked about the few places and nodes that could win.
class MatchJudge {
 public:
  virtual ~MatchJudge() = default;
  /// Its base is at most the request's bounds of class and region together.
  [[nodiscard]] virtual PlaceTerms terms(MatchPlace place) const = 0;
  /// Whether a node passes what the columns do not know.
  [[nodiscard]] virtual bool accepts(std::uint32_t id) const = 0;
  [[nodiscard]] virtual bool has_image(std::uint32_t id) const = 0;
};

/// A job as a decision sees it.
struct MatchRequest {
  std::uint8_t tier = 0;
  std::uint8_t kind = 0;
  std::uint8_t shape = 0;
  std::uint32_t classes = 0;  // bits
  std::uint64_t regions = 0;  // bits
  // At least what a place brings to the score is the sum of these two.
  std::array<std::uint32_t, kClassesMax> class_bounds{};
  std::array<std::uint32_t, kRegionsMax> region_bounds{};
  std::uint32_t gpus = 0;
  std::uint16_t share_milli = 0;  // 0: whole devices
  std::uint32_t cpu_milli = 0;
  std::uint64_t ram_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t device_memory = 0;
  std::uint8_t interconnect = 0;
  bool dedicated = false;
  std::uint8_t site_tier = 0;
  std::uint8_t sandbox_tier = 0;
  std::uint8_t reputation = 0;
  std::uint16_t country = 0;  // 0: any
  bool needs_runtime = false;
  bool runtime_shared = false;  // its bit is several runtimes': each node must be asked about
  RuntimeBits runtime;          // at most one; none: no node has it
  bool image_shared = false;
  ImageBits image;                            // at most one
  std::uint16_t image_bonus = 0;              // 0: no image, or no node has it
  std::uint32_t reserves = 0;                 // bits of classes whose reserves the job may draw
  std::uint16_t reserve_bonus = 0;            // for their nodes that stand by
  std::span<const std::uint32_t> excluded{};  // numbers of providers
  std::span<const std::uint32_t> withheld{};  // ids of nodes that are reserved for others
  std::uint32_t tie_start = 0;                // ties go to the first id from here, cyclically
  std::uint32_t total_nodes = 0;
  const MatchJudge* judge = nullptr;

  [[nodiscard]] std::size_t lane() const { return std::size_t{tier} * kMatchKinds + kind; }
  /// What a node that stands by in a class's reserve gains.
  [[nodiscard]] std::uint32_t reserve_bonus_in(std::uint8_t hardware_class) const {
    return (reserves >> hardware_class & 1U) != 0 ? reserve_bonus : 0;
  }
};

/// What a node must have at least; a figure between two steps asks for the lower one.
[[nodiscard]] StandingBits standing_asked(const MatchRequest& request);

struct MatchBlock {
  std::uint64_t used = 0;  // slots with a node
  std::uint64_t open = 0;
  std::uint64_t empty = 0;
  std::array<std::uint64_t, kMatchKinds> rated{};
  MatchPlace place;
  bool pooled = false;  // all of its nodes are, or none
  std::uint32_t group = 0;
  std::uint32_t column = 0;  // in its group

  alignas(64) std::array<std::uint8_t, kBlockNodes> devices{};
  alignas(64) std::array<std::uint8_t, kBlockNodes> whole_free{};
  alignas(64) std::array<std::uint8_t, kBlockNodes> interconnect{};
  alignas(64) std::array<std::uint8_t, kBlockNodes> site_tier{};
  alignas(64) std::array<std::uint8_t, kBlockNodes> sandbox_tier{};
  alignas(64) std::array<std::uint8_t, kBlockNodes> floor{};
  alignas(64) std::array<std::array<std::uint8_t, kBlockNodes>, kMatchKinds> reputation{};
  alignas(64) std::array<std::uint16_t, kBlockNodes> share_free{};
  alignas(64) std::array<std::uint16_t, kBlockNodes> country{};
  alignas(64) std::array<std::uint32_t, kBlockNodes> cpu_free_milli{};
  alignas(64) std::array<std::uint32_t, kBlockNodes> states{};
  alignas(64) std::array<std::uint32_t, kBlockNodes> ids{};
  alignas(64) std::array<std::uint32_t, kBlockNodes> providers{};
  std::array<std::uint64_t, kBlockNodes> ram_free{};
  std::array<std::uint64_t, kBlockNodes> disk_free{};
  std::array<std::uint64_t, kBlockNodes> device_memory{};
  std::array<StandingBits, kBlockNodes> standing{};
  std::array<RuntimeBits, kBlockNodes> runtimes{};
  std::array<ImageBits, kBlockNodes> images{};
  // The same by tag: the slots whose nodes have it.
  std::array<std::uint64_t, RuntimeBits().size()> with_runtime{};
  std::array<std::uint64_t, ImageBits().size()> with_image{};
  std::vector<MatchLane> lanes;

  /// Slots whose nodes may take jobs of a kind.
  [[nodiscard]] std::uint64_t counted(std::size_t kind) const { return used & open & rated[kind]; }
};

}  // namespace starminer::protocol
