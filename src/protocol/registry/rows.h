// Rows of the supply registry (protocol section 1): hardware classes, regions, providers, nodes and what is free on
// them now. What changes with every match lies in a row of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"
#include "protocol/job/spec.h"

namespace starminer::protocol {

using ClassId = std::uint8_t;
using RegionId = std::uint8_t;

/// A governed hardware class with its reference figures. Order of ids is order of introduction.
struct ClassRow {
  std::string name;                                   // "A100"
  Price anchor;                                       // Standard, at neutral load
  std::array<std::uint32_t, kJobKindCount> rating{};  // reference CU per device-second x 1000
  std::uint64_t device_memory_bytes = 0;              // of the reference device
  // Rating check: a claim outside [low, high] x the class's median is in doubt, one above the reference times
  // rating_times_max is refused. Classes of mixed devices (GPU, CPU) have the wider band.
  Ppm rating_low{600'000};
  Ppm rating_high{1'500'000};
  std::uint32_t rating_times_max = 100;
};

struct RegionRow {
  std::string name;  // "eu-central"
  Ppm price_factor{kPpm};
};

struct RegionPair {
  RegionId from = 0;
  RegionId to = 0;

  auto operator<=>(const RegionPair&) const = default;
};

struct LatencyRow {
  std::uint32_t ms = 0;
};

struct ProviderRow {
  std::string display_name;
  AccountId payout;
  std::uint32_t node_count = 0;  // not yet left
  TimeMs registered;
};

enum class NodeStatus : std::uint8_t { Pending = 0, Active = 1, Draining = 2, Left = 3, Suspect = 4, Jailed = 5 };
[[nodiscard]] constexpr std::uint8_t enum_count(NodeStatus) { return 6; }
[[nodiscard]] std::string_view node_status_name(NodeStatus status);

struct Hardware {
  std::string model;
  std::uint32_t devices = 0;
  std::uint64_t device_memory_bytes = 0;
  std::uint8_t interconnect = 0;
  std::uint32_t cpu_threads = 0;
  std::uint64_t ram_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint32_t network_up_mbps = 0;
  std::uint32_t network_down_mbps = 0;
};

struct Energy {
  std::uint32_t g_co2_per_kwh = 0;
  std::uint32_t renewable_ppm = 0;
  std::uint32_t pue_ppm = 0;
  Hash32 certificate;     // zero: none
  bool verified = false;  // by two of three attestors; unverified energy earns no premium
};

struct Offer {
  RegionId region = 0;
  std::string country;              // ISO 3166-1 alpha-2
  bool region_verified = false;     // with the country; unverified, no region makes the node dearer
  std::uint8_t site_tier = 0;       // as the owner states it
  bool site_tier_verified = false;  // unverified, it counts as 0
  std::uint8_t sandbox_tier = 0;
  std::uint8_t last_mile_level = 0;  // 0 best .. 7
  std::uint8_t floor_32nds = 0;      // least price of this node in 1/32 of the class's anchor
  Energy energy;
  std::vector<std::uint64_t> runtimes;  // tags, sorted
  std::vector<std::string> runtime_names;
  std::vector<std::uint64_t> images;  // tags, sorted
  std::string site;                   // hosts of the provider with the same name lie together; empty: of no site

  /// What the region makes of the node's price: that it is a dear one must be confirmed by attestors.
  [[nodiscard]] Ppm price_factor(const RegionRow& row) const {
    return region_verified ? row.price_factor : std::min(row.price_factor, Ppm{kPpm});
  }
  /// The tier that requests for a tier are held against.
  [[nodiscard]] std::uint8_t proven_site_tier() const { return site_tier_verified ? site_tier : std::uint8_t{0}; }
};

/// What attestors confirm of a node.
enum class Aspect : std::uint8_t { Energy = 0, SiteTier = 1, Region = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Aspect) { return 3; }
[[nodiscard]] std::string_view aspect_name(Aspect aspect);

struct Rating {
  std::uint32_t cu_x1000 = 0;  // per device-second; 0: this kind is not served
  Hash32 benchmark;
};

/// Whether a node is committed to the reserve of its class and region (protocol/reserve).
enum class ReserveStanding : std::uint8_t {
  None = 0,
  Lapsed = 1,    // committed, with less stake than it agreed to: nobody prefers it
  StandsBy = 2,  // jobs that may draw prefer it
};
[[nodiscard]] constexpr std::uint8_t enum_count(ReserveStanding) { return 3; }
[[nodiscard]] std::string_view reserve_standing_name(ReserveStanding standing);

struct NodeRow {
  AccountId provider;
  std::string name;
  std::uint32_t dense_id = 0;  // registration order
  ClassId hardware_class = 0;
  Hardware hardware;
  Offer offer;
  std::array<Rating, kJobKindCount> ratings{};
  NodeStatus status{};
  bool leaving = false;  // leaves when its last job has ended
  TimeMs registered;
  TimeMs status_since;
  TimeMs lock_until;
  std::uint64_t floor_epoch = 0;  // 1 + epoch of the last change of the floor; 0: never changed
  std::uint64_t suspect_ms = 0;   // total time of silence, but for the silence that lasts now
  // Why it is suspect, if it is. Silence ends by a beat, doubt by a rating that passes the check.
  std::optional<TimeMs> silent_since{};
  bool rating_in_doubt = false;
  ReserveStanding reserve{};
};

/// Why the protocol asks for a benchmark.
enum class BenchmarkReason : std::uint8_t {
  Doubt = 0,  // a rating far from the class's median, or one that the last benchmark did not confirm
  Spot = 1,   // drawn by the seed
};
[[nodiscard]] constexpr std::uint8_t enum_count(BenchmarkReason) { return 2; }
[[nodiscard]] std::string_view benchmark_reason_name(BenchmarkReason reason);

/// The last benchmark that the protocol asked of a node (REG-8).
struct BenchmarkRow {
  AccountId provider;
  std::uint32_t round = 0;  // benchmarks asked for so far
  Hash32 seed;              // of the chain of seeds: nobody knew it before `asked`
  BenchmarkReason reason{};
  bool open = false;  // no result yet
  TimeMs asked;
  TimeMs due;       // 0 once it is overdue: then the node is in doubt until the result comes
  TimeMs answered;  // 0: never
  bool confirmed = false;
};

/// What is free on a node now (REG-4): the very figures that matching uses.
struct CapacityRow {
  std::vector<std::uint16_t> device_free_milli;
  std::uint32_t cpu_free_milli = 0;
  std::uint64_t ram_free_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  std::uint32_t jobs = 0;
};

/// What a job holds on a node.
struct Allocation {
  std::vector<std::uint8_t> devices;
  std::uint16_t milli_per_device = 0;
  std::uint32_t cpu_milli = 0;
  std::uint64_t ram_bytes = 0;
  std::uint64_t disk_bytes = 0;
};

/// The same with the node.
struct HostShare {
  NodeId node;
  Allocation allocation;
};

}  // namespace starminer::protocol
