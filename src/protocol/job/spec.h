// What a requester asks for: the job specification as it stands in the state (protocol section 2), and its shape check.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/operation/refusal.h"

namespace starminer::protocol {

/// The four queues of QUE-1. The kind selects score weights, ratings and the reputation column.
enum class JobKind : std::uint8_t { Training = 0, Inference = 1, Rendering = 2, Simulation = 3 };
inline constexpr std::uint8_t kJobKindCount = 4;
[[nodiscard]] constexpr std::uint8_t enum_count(JobKind) { return kJobKindCount; }
[[nodiscard]] std::string_view kind_name(JobKind kind);  // "training"

enum class TierChoice : std::uint8_t { Auto = 0, Economy = 1, Standard = 2, Premium = 3 };
[[nodiscard]] constexpr std::uint8_t enum_count(TierChoice) { return 4; }

enum class Urgency : std::uint8_t { None = 0, Soon = 1, Now = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Urgency) { return 3; }

/// Where its GPUs may lie: on one node, else on hosts of one site. Any asks for nothing and is served as OneSite.
enum class Placement : std::uint8_t { OneNode = 0, OneSite = 1, Any = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Placement) { return 3; }
[[nodiscard]] std::string_view placement_name(Placement placement);  // "one-site"

/// A name reduced to 64 bits, for set tests: runtimes and images.
/// The first eight bytes of the name's SHA-256, big-endian.
[[nodiscard]] std::uint64_t tag_of(std::string_view name);
/// The same for an image, which is named by its digest already: the digest's first eight bytes.
[[nodiscard]] std::uint64_t tag_of(const Hash32& image);

struct Resources {
  std::vector<std::string> classes{};  // sorted, unique; empty: any
  std::uint32_t gpus = 1;              // devices; 0: none, priced by CPU and memory
  std::uint32_t share_milli = 0;       // 0: whole devices; else 1..999 thousandths of one device, granted in hundredths
  std::uint64_t gpu_memory_bytes = 0;
  std::uint32_t cpu_milli = 0;
  std::uint64_t ram_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint8_t interconnect = 0;
};

struct Where {
  std::vector<std::string> prefer;  // regions
  std::vector<std::string> allow;   // regions, sorted, unique; empty: all
  std::string residency;            // country code or empty
  std::uint8_t site_tier_min = 0;
  std::uint8_t sandbox_tier_min = 0;
  std::vector<std::uint8_t> tee_kinds;
  std::uint8_t reputation_min = 0;  // 0..240
  std::vector<AccountId> excluded_providers;
};

struct JobSpec {
  JobKind kind{};
  std::string runtime;  // tag, "debian/pytorch-1.13"
  Hash32 image;         // zero: none
  Hash32 manifest_hash;
  std::vector<Hash32> inputs;
  std::uint64_t input_bytes = 0;
  Resources resources;
  Placement placement{};
  std::uint64_t expected_s = 0;
  std::uint64_t max_s = 0;
  TimeMs deadline;               // Unix time; 0: none
  DurationMs start_within;       // 0: any
  std::uint32_t latency_ms = 0;  // 0: none
  Urgency urgency{};
  bool dedicated = false;
  TierChoice tier{};
  bool allow_downgrade = false;
  bool wait = false;
  Where where;
  Price max_price;  // 0: whatever the price is when the job is submitted, with room for the node's factors
  Agpu budget;
  bool preemptible = false;
  std::uint64_t credits = 0;     // to be spent on a better place in the queue (QUE-3)
  std::uint32_t price_lock = 0;  // ticks for which the price of the submission holds; 0: it does not (CSC-3)
  std::uint32_t hosts_max = 0;   // that may share its GPUs where it need not be one node; 0: kGangHostsMax
};

/// Devices in thousandths: 2 GPUs are 2000, a quarter of one is 250, no GPU is 0.
[[nodiscard]] std::uint64_t gpu_milli(const Resources& resources);
/// What is billed: gpu_milli, or 1000 for a job without a GPU, whose unit price is the side vector's sum.
[[nodiscard]] std::uint64_t billing_milli(const Resources& resources);

/// Shape only: ranges, lengths, sorting (operation/limits.def). The detail names the field and what it may be. Fails
/// with InvalidField, TooManyItems, AmountZero, AmountTooLarge; the order is in README.md.
[[nodiscard]] Result<void, Refusal> validate_spec(const JobSpec& spec);

}  // namespace starminer::protocol
