// A job as its requester writes it: a YAML file, flags, or both (flags win). JobFile holds what was asked for with the
// defaults filled in and every field within its range; what only the market knows (prices, nodes) is not checked here.
// Plain values; parsing is a pure function of its arguments. Fields: protocol section 2; forms:
// docs/formats/job.schema.json.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/job/spec.h"

namespace starminer::client::job_file {

/// Files that the job reads: `from` below the folder of the job file (a file, a folder or a glob), `to` below /job/in.
struct InputSpec {
  std::string from;
  /// Empty: the same path as `from`. With a trailing "/": the folder that gets the files.
  std::string to;

  bool operator==(const InputSpec&) const = default;
};

struct JobResources {
  /// Hardware classes, sorted; empty: any.
  std::vector<std::string> classes{};
  std::uint32_t gpus = 1;
  /// Thousandths of one GPU, a multiple of 10; 1000: whole GPUs.
  std::uint32_t share_milli = 1000;
  std::uint64_t gpu_memory_bytes = 0;
  std::uint32_t cpu_milli = 1000;
  std::uint64_t memory_bytes = std::uint64_t{2} << 30;
  std::uint64_t disk_bytes = std::uint64_t{1} << 30;
  /// 0: any; 1: NVLink or comparable.
  std::uint8_t interconnect = 0;
};

/// Enforced by the sandbox, not used by the market.
struct JobLimits {
  std::uint64_t output_bytes = std::uint64_t{256} << 20;
  std::uint32_t processes = 256;
  std::uint64_t log_bytes = std::uint64_t{4} << 20;
};

struct JobTime {
  std::chrono::seconds max{0};
  /// Zero in the file: the same as max.
  std::chrono::seconds expected{0};
  /// A point of time, or a time from submission on; at most one of them.
  std::optional<TimeMs> deadline_at{};
  std::optional<std::chrono::milliseconds> deadline_after{};
  std::optional<std::chrono::milliseconds> start_within{};
};

struct JobRegion {
  std::vector<std::string> prefer{};
  /// Sorted; empty: all.
  std::vector<std::string> allow{};
  /// Two capital letters, or empty.
  std::string residency{};
};

struct JobFile {
  std::string name;
  protocol::JobKind kind{};
  std::string runtime;
  std::vector<std::string> command;
  std::map<std::string, std::string> env{};
  std::vector<InputSpec> inputs{};
  /// Names or globs below /job/out; empty: everything there.
  std::vector<std::string> outputs{};
  JobResources resources{};
  JobLimits limits{};
  protocol::Placement placement{};
  std::uint32_t hosts_max = 0;  ///< that may share the GPUs; 0: as many as the market allows
  JobTime time{};
  std::uint32_t latency_ms = 0;
  protocol::Urgency urgency{};
  bool dedicated = false;
  protocol::TierChoice tier{};
  bool allow_downgrade = false;
  bool wait = false;
  JobRegion region{};
  std::uint8_t site_tier_min = 0;
  std::uint8_t sandbox_tier_min = 0;
  /// Sorted numbers of tee_names().
  std::vector<std::uint8_t> tee{};
  Ppm reputation_min{};
  /// Sorted.
  std::vector<AccountId> exclude{};
  /// Per GPU-hour; nothing: the price at submission.
  std::optional<Agpu> max_price{};
  /// For the whole job; nothing: what the quote's cap is.
  std::optional<Agpu> budget{};
  bool preemptible = false;
  /// Of one's stake, spent on a better place in the queue; at most what the largest boost needs.
  std::uint64_t credits = 0;
  std::uint32_t price_lock = 0;  // ticks
};

/// What is wrong, and where: "job.yaml:7:12" or "flag --gpus".
struct Problem {
  std::string where;
  std::string text;
  /// 1-based; 0 for problems of flags and of what is missing.
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  [[nodiscard]] std::string to_line() const { return where + ": " + text; }
};

/// One flag as it was given; `field` is a path such as "resources.gpus".
struct Override {
  std::string field;
  std::vector<std::string> texts;
  std::string flag;
};

using JobFileResult = Result<JobFile, std::vector<Problem>>;

/// Reads a job file. `file_name` is used in messages only. All problems at once, in the order of the file, at most 50.
/// Refuses files above 1 MiB, anything that is not UTF-8, aliases, anchors, tags, duplicate keys, deep nesting and
/// unknown fields (with the nearest known name).
[[nodiscard]] JobFileResult parse_job_file(std::string_view text, std::string_view file_name,
                                           std::span<const Override> overrides = {});
/// A job made of flags only.
[[nodiscard]] JobFileResult job_from_flags(std::span<const Override> overrides);

/// "sev-snp" and so on; the index is the number on the chain, an empty name is not in use.
[[nodiscard]] std::span<const std::string> tee_names();

}  // namespace starminer::client::job_file
