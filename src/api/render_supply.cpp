#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/json_text.h"
#include "api/node_fields.h"
#include "api/render.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::JobKind;
using protocol::Machine;

constexpr std::array<JobKind, protocol::kJobKindCount> kKinds = {JobKind::Training, JobKind::Inference,
                                                                 JobKind::Rendering, JobKind::Simulation};

json render_ratings(const protocol::NodeRow& row) {
  json ratings = json::object();
  for (const JobKind kind : kKinds) {
    ratings[std::string(kind_name(kind))] = row.ratings[static_cast<std::size_t>(kind)].cu_x1000;
  }
  return ratings;
}

/// What the node states of an aspect, as attestors confirm it, and who does.
json render_claim(const Machine& machine, const NodeId& id, protocol::Aspect aspect, TimeMs now) {
  const protocol::NodeRow& row = machine.registry().nodes().get(id);
  const protocol::AspectKey key{id, aspect};
  const protocol::Attestors& attestors = machine.attestors();
  const auto claim = protocol::Registry::claim_of(id, row, aspect);
  json given = json::array();
  if (const auto* attestations = attestors.attestations().find(key)) {
    for (const protocol::Attestation& one : attestations->given) {
      if (!attestors.counts(one, key, now)) continue;
      given.push_back({{"attestor", one.attestor.text()}, {"until_ms", Clock(machine).unix_ms(one.until)}});
    }
  }
  return {{"claim", claim ? json(claim->hex()) : json()}, {"attested_by", std::move(given)}};
}

json render_telemetry(const Machine& machine, const NodeId& id) {
  const protocol::NodeTelemetryRow* const row = machine.telemetry().nodes().find(id);
  if (row == nullptr) return nullptr;
  return {{"epoch", row->epoch},           {"operators", row->operators},   {"beats", row->figures.beats},
          {"p50_ms", row->figures.p50_ms}, {"p90_ms", row->figures.p90_ms}, {"p99_ms", row->figures.p99_ms}};
}

/// Where each rating comes from: the report of a registration, or the digest of a benchmark that the network asked for.
json render_rating_reports(const protocol::NodeRow& row) {
  json reports = json::object();
  for (const JobKind kind : kKinds) {
    const Hash32& report = row.ratings[static_cast<std::size_t>(kind)].benchmark;
    reports[std::string(kind_name(kind))] = report.is_zero() ? json() : json(report.hex());
  }
  return reports;
}

json render_free(const protocol::CapacityRow& capacity) {
  return {{"devices_milli", capacity.device_free_milli},
          {"cpu_milli", capacity.cpu_free_milli},
          {"ram_bytes", capacity.ram_free_bytes},
          {"disk_bytes", capacity.disk_free_bytes},
          {"jobs", capacity.jobs}};
}

json render_commitment(const Machine& machine, const NodeId& id) {
  const protocol::ReserveNodeRow* const row = machine.reserve().find(id);
  if (row == nullptr) return nullptr;
  const Clock clock(machine);
  return {{"standing", reserve_standing_name(machine.registry().nodes().get(id).reserve)},
          {"stake", decimal(row->stake.base)},
          {"minimum", decimal(row->minimum.base)},
          {"joined_ms", clock.unix_ms(row->joined)},
          {"until_ms", clock.unix_ms(row->until)},
          {"draws", row->draws},
          {"declines", row->declines},
          {"charged", decimal(row->charged.base)}};
}

}  // namespace

json render_benchmark(const Machine& machine, const NodeId& id) {
  const protocol::BenchmarkRow& row = machine.registry().benchmarks().get(id);
  const Clock clock(machine);
  const auto time_or_null = [&clock](TimeMs time) { return time.ms == 0 ? json() : json(clock.unix_ms(time)); };
  return {{"round", row.round},
          {"seed", row.seed.hex()},
          {"reason", benchmark_reason_name(row.reason)},
          {"open", row.open},
          {"asked_ms", clock.unix_ms(row.asked)},
          {"due_ms", row.open ? time_or_null(row.due) : json()},
          {"answered_ms", time_or_null(row.answered)},
          {"confirmed", row.answered.ms == 0 ? json() : json(row.confirmed)}};
}

json render_node(const Machine& machine, const NodeId& id, TimeMs now) {
  const protocol::NodeRow& row = machine.registry().nodes().get(id);
  const protocol::CapacityRow& capacity = machine.registry().capacity().get(id);
  const Clock clock(machine);
  json reputation = json::object();
  for (const JobKind kind : kKinds) {
    reputation[std::string(kind_name(kind))] = machine.reputation().score(id, static_cast<std::uint8_t>(kind), now);
  }
  json prices = json::object();
  for (const auto& [tier, tier_row] : machine.pricing().tiers()) {
    prices[tier_row.name] = decimal(plain_price(machine, tier, id, row, now).nagpu_per_gpu_hour);
  }
  return {{"id", id.text()},
          {"name", row.name},
          {"provider", row.provider.text()},
          {"dense_id", row.dense_id},
          {"class", machine.registry().classes().get(row.hardware_class).name},
          {"model", row.hardware.model},
          {"status", node_status_name(row.status)},
          {"region", machine.registry().regions().get(row.offer.region).name},
          {"country", row.offer.country},
          {"region_verified", row.offer.region_verified},
          {"site", row.offer.site},
          {"site_tier", row.offer.site_tier},
          {"site_tier_verified", row.offer.site_tier_verified},
          {"sandbox_tier", row.offer.sandbox_tier},
          {"devices", row.hardware.devices},
          {"device_memory_bytes", row.hardware.device_memory_bytes},
          {"interconnect", row.hardware.interconnect},
          {"cpu_threads", row.hardware.cpu_threads},
          {"ram_bytes", row.hardware.ram_bytes},
          {"disk_bytes", row.hardware.disk_bytes},
          {"network_up_mbps", row.hardware.network_up_mbps},
          {"network_down_mbps", row.hardware.network_down_mbps},
          {"free", render_free(capacity)},
          {"ratings", render_ratings(row)},
          {"rating_reports", render_rating_reports(row)},
          {"reputation", reputation},
          {"floor_32nds", row.offer.floor_32nds},
          {"floor_price", decimal(floor_price(machine, row).nagpu_per_gpu_hour)},
          {"prices", std::move(prices)},
          {"energy",
           {{"g_co2_per_kwh", row.offer.energy.g_co2_per_kwh},
            {"renewable_ppm", row.offer.energy.renewable_ppm},
            {"pue_ppm", row.offer.energy.pue_ppm},
            {"certificate", row.offer.energy.certificate.is_zero() ? json() : json(row.offer.energy.certificate.hex())},
            {"verified", row.offer.energy.verified}}},
          {"attestations",
           {{"energy", render_claim(machine, id, protocol::Aspect::Energy, now)},
            {"site_tier", render_claim(machine, id, protocol::Aspect::SiteTier, now)},
            {"region", render_claim(machine, id, protocol::Aspect::Region, now)}}},
          {"benchmark", machine.registry().benchmarks().contains(id) ? render_benchmark(machine, id) : json()},
          {"telemetry", render_telemetry(machine, id)},
          {"reserve", render_commitment(machine, id)},
          {"runtimes", row.offer.runtime_names},
          {"registered_ms", clock.unix_ms(row.registered)},
          {"status_since_ms", clock.unix_ms(row.status_since)}};
}

json render_provider(const Machine& machine, const AccountId& account) {
  const protocol::ProviderRow& row = machine.registry().providers().get(account);
  json nodes = json::array();
  for (const auto& [id, node] : machine.registry().nodes()) {
    if (node.provider == account) nodes.push_back(id.text());
  }
  return {{"address", account.text()},
          {"display_name", row.display_name},
          {"payout", row.payout.text()},
          {"nodes", nodes},
          {"registered_ms", Clock(machine).unix_ms(row.registered)}};
}

json render_class(const Machine& machine, protocol::ClassId id) {
  const protocol::ClassRow& row = machine.registry().classes().get(id);
  std::uint64_t nodes = 0, devices = 0, free_milli = 0;
  for (const auto& [node_id, node] : machine.registry().nodes()) {
    if (node.hardware_class != id || node.status != protocol::NodeStatus::Active) continue;
    ++nodes;
    devices += node.hardware.devices;
    for (const std::uint16_t free : machine.registry().capacity().get(node_id).device_free_milli) free_milli += free;
  }
  json ratings = json::object();
  for (const JobKind kind : kKinds) {
    ratings[std::string(kind_name(kind))] = row.rating[static_cast<std::size_t>(kind)];
  }
  return {{"name", row.name},        {"anchor", decimal(row.anchor.nagpu_per_gpu_hour)},
          {"ratings", ratings},      {"device_memory_bytes", row.device_memory_bytes},
          {"nodes", nodes},          {"devices", devices},
          {"free_milli", free_milli}};
}

}  // namespace starminer::api
