#include "cli/spec_message.h"

#include "starminer/v1/job.pb.h"

namespace starminer::cli {
namespace {

template <class AnyBytes>
std::string bytes_of(const AnyBytes& value) {
  return {value.bytes.begin(), value.bytes.end()};
}

void set_resources(const protocol::Resources& from, v1::Resources& to) {
  for (const std::string& name : from.classes) to.add_classes(name);
  to.set_gpus(from.gpus);
  to.set_gpu_share_milli(from.share_milli);
  to.set_gpu_memory_bytes(from.gpu_memory_bytes);
  to.set_cpu_milli(from.cpu_milli);
  to.set_ram_bytes(from.ram_bytes);
  to.set_disk_bytes(from.disk_bytes);
  to.set_interconnect(from.interconnect);
}

void set_where(const protocol::Where& from, v1::Where& to) {
  for (const std::string& region : from.prefer) to.add_prefer(region);
  for (const std::string& region : from.allow) to.add_allow(region);
  to.set_residency(from.residency);
  to.set_site_tier_min(from.site_tier_min);
  to.set_sandbox_tier_min(from.sandbox_tier_min);
  for (const std::uint8_t kind : from.tee_kinds) to.add_tee_kinds(kind);
  to.set_reputation_min(from.reputation_min);
  for (const AccountId& provider : from.excluded_providers) to.add_excluded_providers(bytes_of(provider));
}

}  // namespace

v1::JobSpec make_message(const protocol::JobSpec& spec) {
  v1::JobSpec message;
  message.set_kind(static_cast<v1::JobKind>(spec.kind));
  message.set_runtime(spec.runtime);
  if (!spec.image.is_zero()) message.set_image(bytes_of(spec.image));
  message.set_manifest_hash(bytes_of(spec.manifest_hash));
  for (const Hash32& input : spec.inputs) message.add_inputs(bytes_of(input));
  message.set_input_bytes(spec.input_bytes);
  set_resources(spec.resources, *message.mutable_resources());
  message.set_placement(static_cast<v1::Placement>(spec.placement));
  message.set_expected_s(spec.expected_s);
  message.set_max_s(spec.max_s);
  message.set_deadline_ms(spec.deadline.ms);
  message.set_start_within_ms(spec.start_within.ms);
  message.set_latency_ms(spec.latency_ms);
  message.set_urgency(static_cast<v1::Urgency>(spec.urgency));
  message.set_dedicated(spec.dedicated);
  message.set_tier(static_cast<v1::TierChoice>(spec.tier));
  message.set_allow_downgrade(spec.allow_downgrade);
  message.set_wait(spec.wait);
  set_where(spec.where, *message.mutable_where());
  message.set_max_price(spec.max_price.nagpu_per_gpu_hour);
  message.set_budget(spec.budget.base);
  message.set_preemptible(spec.preemptible);
  message.set_credits(spec.credits);
  message.set_price_lock(spec.price_lock);
  message.set_hosts_max(spec.hosts_max);
  return message;
}

}  // namespace starminer::cli
