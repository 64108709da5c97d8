#include "protocol/job/spec.h"

#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kWholeDevice = 1000;

std::uint64_t first_eight(const Hash32& hash) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = (value << 8) | hash.bytes[i];
  return value;
}

void check_kind(const JobSpec& spec, FieldCheck& check) {
  check.range("kind", static_cast<std::uint8_t>(spec.kind), 0, kJobKindCount - 1U)
      .name("runtime", spec.runtime, 0, kRuntimeNameMax)
      .require("manifest_hash", !spec.manifest_hash.is_zero(), "must name the sealed manifest")
      .count("inputs", spec.inputs.size(), kJobInputsMax)
      .range("input_bytes", spec.input_bytes, 0, kInputBytesMax);
  for (const Hash32& input : spec.inputs) check.require("inputs", !input.is_zero(), "must not hold a zero hash");
}

void check_resources(const Resources& resources, FieldCheck& check) {
  check.count("resources.classes", resources.classes.size(), kJobClassesMax);
  for (const std::string& name : resources.classes) check.name("resources.classes", name, 1, kClassNameMax);
  check.sorted("resources.classes", resources.classes)
      .range("resources.gpus", resources.gpus, 0, kJobGpusMax)
      .range("resources.gpu_memory_bytes", resources.gpu_memory_bytes, 0, kDeviceMemoryMax)
      .range("resources.cpu_milli", resources.cpu_milli, 0, kJobCpuMilliMax)
      .range("resources.ram_bytes", resources.ram_bytes, 0, kRamBytesMax)
      .range("resources.disk_bytes", resources.disk_bytes, 0, kDiskBytesMax)
      .range("resources.interconnect", resources.interconnect, 0, kInterconnectMax);
  if (resources.share_milli != 0) {
    check.range("resources.gpu_share_milli", resources.share_milli, kShareMilliMin, kShareMilliMax)
        .require("resources.gpu_share_milli", resources.share_milli % kShareMilliStep == 0,
                 "must be a multiple of 10: shares are granted in hundredths of a GPU")
        .require("resources.gpus", resources.gpus == 1, "must be 1 where a share of a GPU is asked for");
  }
  if (resources.gpus == 0) {
    check.require("resources.gpu_memory_bytes", resources.gpu_memory_bytes == 0, "must be 0 for a job without a GPU")
        .range("resources.cpu_milli", resources.cpu_milli, 1, kJobCpuMilliMax);
  }
}

void check_times(const JobSpec& spec, FieldCheck& check) {
  check.range("placement", static_cast<std::uint8_t>(spec.placement), 0, enum_count(Placement{}) - 1U)
      .range("max_s", spec.max_s, kJobSecondsMin, kJobSecondsMax)
      .range("expected_s", spec.expected_s, 1, spec.max_s)
      .range("deadline_ms", spec.deadline.ms, 0, kUnixTimeMsMax)
      .range("start_within_ms", spec.start_within.ms, 0, kStartWithinMsMax)
      .range("latency_ms", spec.latency_ms, 0, kLatencyMsMax)
      .range("urgency", static_cast<std::uint8_t>(spec.urgency), 0, enum_count(Urgency{}) - 1U)
      .range("tier", static_cast<std::uint8_t>(spec.tier), 0, enum_count(TierChoice{}) - 1U)
      .range("hosts_max", spec.hosts_max, 0, kGangHostsMax)
      .require("hosts_max", spec.hosts_max <= 1 || spec.placement != Placement::OneNode,
               "must be 0 or 1 where all GPUs must lie on one node: placement says where they may")
      .require("dedicated", !spec.dedicated || spec.resources.share_milli == 0,
               "excludes a share of a GPU: a dedicated node is a whole one");
}

void check_where(const Where& where, FieldCheck& check) {
  check.count("where.prefer", where.prefer.size(), kJobRegionsMax);
  for (const std::string& region : where.prefer) check.name("where.prefer", region, 1, kRegionNameMax);
  if (check.ok()) check.unique("where.prefer", where.prefer);
  check.count("where.allow", where.allow.size(), kJobRegionsMax);
  for (const std::string& region : where.allow) check.name("where.allow", region, 1, kRegionNameMax);
  check.sorted("where.allow", where.allow)
      .country("where.residency", where.residency, true)
      .range("where.site_tier_min", where.site_tier_min, 0, kSiteTierMax)
      .range("where.sandbox_tier_min", where.sandbox_tier_min, 0, kSandboxTierMax)
      .count("where.tee_kinds", where.tee_kinds.size(), kJobTeeKindsMax);
  for (const std::uint8_t kind : where.tee_kinds) check.range("where.tee_kinds", kind, 0, kTeeKindMax);
  check.sorted("where.tee_kinds", where.tee_kinds)
      .range("where.reputation_min", where.reputation_min, 0, kReputationMinMax)
      .count("where.excluded_providers", where.excluded_providers.size(), kJobExcludedMax)
      .sorted("where.excluded_providers", where.excluded_providers);
}

}  // namespace

std::string_view kind_name(JobKind kind) {
  switch (kind) {
    case JobKind::Training: return "training";
    case JobKind::Inference: return "inference";
    case JobKind::Rendering: return "rendering";
    case JobKind::Simulation: return "simulation";
  }
  return "";
}

std::string_view placement_name(Placement placement) {
  switch (placement) {
    case Placement::OneNode: return "one-node";
    case Placement::OneSite: return "one-site";
    case Placement::Any: return "any";
  }
  return "";
}

std::uint64_t tag_of(std::string_view name) { return first_eight(sha256(name)); }

std::uint64_t tag_of(const Hash32& image) { return first_eight(image); }

std::uint64_t gpu_milli(const Resources& resources) {
  return resources.share_milli != 0 ? resources.share_milli : resources.gpus * kWholeDevice;
}

std::uint64_t billing_milli(const Resources& resources) {
  return resources.gpus == 0 ? kWholeDevice : gpu_milli(resources);
}

Result<void, Refusal> validate_spec(const JobSpec& spec) {
  FieldCheck check;
  check_kind(spec, check);
  check_resources(spec.resources, check);
  check_times(spec, check);
  check_where(spec.where, check);
  check.range("credits", spec.credits, 0, kCreditsMax)
      .require("credits", spec.credits == 0 || spec.resources.gpus > 0,
               "must be 0 for a job without a GPU: a boost counts by GPU-seconds");
  check.range("price_lock", spec.price_lock, 0, kPriceLockTicksMax)
      .require("price_lock", spec.price_lock == 0 || spec.resources.gpus > 0,
               "must be 0 for a job without a GPU: its price does not move");
  check.amount("max_price", spec.max_price.nagpu_per_gpu_hour, true).amount("budget", spec.budget.base, false);
  return check.result();
}

}  // namespace starminer::protocol
