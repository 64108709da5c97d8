#include "client/job_file/spec.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "protocol/operation/limits.h"

namespace starminer::client::job_file {
namespace {

constexpr std::uint32_t kWholeGpu = 1000;

std::uint64_t milliseconds_of(const std::optional<std::chrono::milliseconds>& duration) {
  return duration ? static_cast<std::uint64_t>(duration->count()) : 0;
}

TimeMs deadline_of(const JobTime& time, TimeMs now) {
  if (time.deadline_at) return {std::min(time.deadline_at->ms, protocol::kUnixTimeMsMax)};
  if (!time.deadline_after) return {0};
  return {std::min(saturating_add(now.ms, milliseconds_of(time.deadline_after)), protocol::kUnixTimeMsMax)};
}

}  // namespace

protocol::JobSpec make_spec(const JobFile& job, const SpecContext& context) {
  protocol::JobSpec spec;
  spec.kind = job.kind;
  spec.runtime = job.runtime;
  spec.manifest_hash = context.manifest_hash;
  if (context.inputs != nullptr) {
    for (const ManifestInput& input : *context.inputs) {
      spec.inputs.push_back(input.sha256);
      spec.input_bytes = saturating_add(spec.input_bytes, input.size);
    }
  }
  spec.resources.classes = job.resources.classes;
  spec.resources.gpus = job.resources.gpus;
  spec.resources.share_milli = job.resources.share_milli == kWholeGpu ? 0 : job.resources.share_milli;
  spec.resources.gpu_memory_bytes = job.resources.gpu_memory_bytes;
  spec.resources.cpu_milli = job.resources.cpu_milli;
  spec.resources.ram_bytes = job.resources.memory_bytes;
  // Scratch and results lie on the node's disk side by side.
  spec.resources.disk_bytes = saturating_add(job.resources.disk_bytes, job.limits.output_bytes);
  spec.resources.interconnect = job.resources.interconnect;
  spec.placement = job.placement;
  spec.hosts_max = job.hosts_max;
  spec.max_s = static_cast<std::uint64_t>(job.time.max.count());
  spec.expected_s = static_cast<std::uint64_t>(job.time.expected.count());
  spec.deadline = deadline_of(job.time, context.now);
  spec.start_within = DurationMs{milliseconds_of(job.time.start_within)};
  spec.latency_ms = job.latency_ms;
  spec.urgency = job.urgency;
  spec.dedicated = job.dedicated;
  spec.tier = job.tier;
  spec.allow_downgrade = job.allow_downgrade;
  spec.wait = job.wait;
  spec.where.prefer = job.region.prefer;
  spec.where.allow = job.region.allow;
  spec.where.residency = job.region.residency;
  spec.where.site_tier_min = job.site_tier_min;
  spec.where.sandbox_tier_min = job.sandbox_tier_min;
  spec.where.tee_kinds = job.tee;
  // Rounded up: a node with less than was asked for must not get the job.
  spec.where.reputation_min =
      static_cast<std::uint8_t>(mul_div(job.reputation_min.value, protocol::kReputationMinMax, kPpm, Rounding::Ceil)
                                    .value_or(protocol::kReputationMinMax));
  spec.where.excluded_providers = job.exclude;
  spec.max_price = Price{job.max_price ? job.max_price->base : 0};
  spec.budget = job.budget.value_or(context.default_budget);
  spec.preemptible = job.preemptible;
  spec.credits = job.credits;
  spec.price_lock = job.price_lock;
  return spec;
}

}  // namespace starminer::client::job_file
