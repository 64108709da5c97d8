#include "protocol/market/eligibility.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include <fmt/format.h>

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kThreadMilli = 1000;
constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

struct ConstraintText {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<ConstraintText, kConstraintCount> kTexts = {{
    {"status", "not active"},
    {"class", "of another hardware class"},
    {"kind", "not rated for this kind of job"},
    {"devices", "too few devices"},
    {"device_memory", "too little memory per device"},
    {"interconnect", "devices not connected as asked"},
    {"cpu", "too few CPU threads"},
    {"ram", "too little memory"},
    {"disk", "too little disk space"},
    {"region", "in a region that the job does not allow"},
    {"residency", "in another country than the data may be"},
    {"site_tier", "site tier too low"},
    {"sandbox_tier", "isolation of jobs too weak"},
    {"tee", "no attested enclave of the asked kind"},
    {"runtime", "runtime not installed"},
    {"reputation", "reputation below the job's minimum"},
    {"provider", "provider excluded by the job, or it failed the job before"},
    {"price", "price above max_price"},
    {"floor", "owner asks more than the present price"},
    {"budget", "expected cost above the cap"},
    {"capacity", "busy"},
    {"reserved", "held for an earlier job"},
}};

bool misses_devices(const JobSpec& spec, const Hardware& has) {
  // A dedicated node is a whole one: the job takes all of its devices and pays for them.
  return spec.dedicated ? has.devices != spec.resources.gpus : has.devices < spec.resources.gpus;
}

bool is_busy(const Demand& demand, const NodeView& node) {
  const Resources& resources = demand.spec().resources;
  if (misses_devices(demand.spec(), node.node->hardware) || !Registry::fits_empty(*node.node, resources)) return false;
  if (node.held_whole || (demand.spec().dedicated && node.capacity->jobs > 0)) return true;
  return !fits_free(*node.capacity, resources) ||
         !demand.market().registry.find_allocation(node.id, resources).has_value();
}

std::string figures_of(Constraint constraint, const Demand& demand, const NodeView& view) {
  const Hardware& has = view.node->hardware;
  const Resources& needs = demand.spec().resources;
  const auto gib = [](std::uint64_t bytes) {
    return fmt::format("{}.{:02} GiB", bytes / kGib, bytes % kGib * 100 / kGib);
  };
  const auto row = [](const std::string& asked, const std::string& there) {
    return fmt::format(" ({} needed, {} there)", asked, there);
  };
  const auto numbers = [&row](std::uint64_t asked, std::uint64_t there) {
    return row(fmt::format("{}", asked), fmt::format("{}", there));
  };
  switch (constraint) {
    case Constraint::Devices: return numbers(needs.gpus, has.devices);
    case Constraint::DeviceMemory: return row(gib(demand.device_memory_needed()), gib(has.device_memory_bytes));
    case Constraint::Interconnect: return numbers(needs.interconnect, has.interconnect);
    case Constraint::Cpu: return numbers((needs.cpu_milli + kThreadMilli - 1) / kThreadMilli, has.cpu_threads);
    case Constraint::Ram: return row(gib(needs.ram_bytes), gib(has.ram_bytes));
    case Constraint::Disk: return row(gib(needs.disk_bytes), gib(has.disk_bytes));
    case Constraint::SiteTier: return numbers(demand.spec().where.site_tier_min, view.node->offer.proven_site_tier());
    case Constraint::SandboxTier: return numbers(demand.spec().where.sandbox_tier_min, view.node->offer.sandbox_tier);
    case Constraint::Runtime: return fmt::format(" ({})", demand.spec().runtime);
    case Constraint::Reputation: {
      const auto kind = static_cast<std::uint8_t>(demand.spec().kind);
      return numbers(demand.spec().where.reputation_min, demand.market().reputation.score(view.id, kind, demand.now()));
    }
    default: return "";
  }
}

}  // namespace

std::string_view constraint_name(Constraint constraint) { return kTexts[static_cast<std::size_t>(constraint)].name; }

std::string_view constraint_sentence(Constraint constraint) {
  return kTexts[static_cast<std::size_t>(constraint)].sentence;
}

bool fails(Constraint constraint, const Demand& demand, const NodeView& view) {
  const NodeRow& node = *view.node;
  const Hardware& has = node.hardware;
  const JobSpec& spec = demand.spec();
  const Resources& needs = spec.resources;
  const auto kind = static_cast<std::uint8_t>(spec.kind);
  switch (constraint) {
    case Constraint::Status: return node.status != NodeStatus::Active;
    case Constraint::Class: return !demand.classes().test(node.hardware_class);
    case Constraint::Kind: return node.ratings[kind].cu_x1000 == 0;
    case Constraint::Devices: return misses_devices(spec, has);
    case Constraint::DeviceMemory: return needs.gpus > 0 && has.device_memory_bytes < demand.device_memory_needed();
    case Constraint::Interconnect: return needs.gpus > 1 && has.interconnect < needs.interconnect;
    case Constraint::Cpu: return has.cpu_threads * kThreadMilli < needs.cpu_milli;
    case Constraint::Ram: return has.ram_bytes < needs.ram_bytes;
    case Constraint::Disk: return has.disk_bytes < needs.disk_bytes;
    case Constraint::Region: return !demand.allows_region(node.offer.region);
    case Constraint::Residency: return !spec.where.residency.empty() && node.offer.country != spec.where.residency;
    case Constraint::SiteTier: return node.offer.proven_site_tier() < spec.where.site_tier_min;
    case Constraint::SandboxTier: return node.offer.sandbox_tier < spec.where.sandbox_tier_min;
    // A node can show no attestation evidence yet, so none serves a job that asks for an enclave.
    case Constraint::Tee: return !spec.where.tee_kinds.empty();
    case Constraint::Runtime:
      return !spec.runtime.empty() &&
             !std::binary_search(node.offer.runtimes.begin(), node.offer.runtimes.end(), demand.runtime_tag());
    case Constraint::Reputation:
      return spec.where.reputation_min > 0 &&
             demand.market().reputation.score(view.id, kind, demand.now()) < spec.where.reputation_min;
    case Constraint::Provider: return demand.avoids(node.provider);
    case Constraint::Price: return demand.is_over_price(node, view.id);
    case Constraint::Floor: return node.offer.floor_32nds > highest_floor(demand, node.hardware_class);
    case Constraint::Budget:
      return !demand.terms().cap.is_zero() &&
             demand.expected_cost_in(node.hardware_class, node.offer.region) > demand.terms().cap;
    case Constraint::Capacity: return is_busy(demand, view);
    case Constraint::Reserved:
      return view.reserved_from && latest_end(demand.market().params, spec, demand.now()) > *view.reserved_from;
  }
  return true;
}

std::uint8_t highest_floor(const Demand& demand, ClassId hardware_class) {
  const MarketView& market = demand.market();
  return Pricing::highest_floor(demand.tier_price(hardware_class).base,
                                market.registry.classes().get(hardware_class).anchor);
}

std::optional<Constraint> first_failure(const Demand& demand, const NodeView& node, ConstraintSet ignored) {
  for (std::size_t i = 0; i < kConstraintCount; ++i) {
    const auto constraint = static_cast<Constraint>(i);
    if ((ignored & constraint_set(constraint)) == 0 && fails(constraint, demand, node)) return constraint;
  }
  return std::nullopt;
}

ConstraintSet failures(const Demand& demand, const NodeView& node, ConstraintSet asked) {
  ConstraintSet set = 0;
  for (std::size_t i = 0; i < kConstraintCount; ++i) {
    const auto constraint = static_cast<Constraint>(i);
    if ((asked & constraint_set(constraint)) != 0 && fails(constraint, demand, node)) set |= constraint_set(constraint);
  }
  return set;
}

bool could_ever_run(const Demand& demand, const NodeView& node) {
  return !node.node->leaving && !first_failure(demand, node, kPassing | constraint_set(Constraint::Status));
}

Exclusions exclusions_of(const Demand& demand, const NodeList& nodes) {
  Exclusions exclusions;
  for (const NodeView& node : nodes.all()) {
    ++exclusions.nodes;
    const ConstraintSet failed = failures(demand, node);
    if (failed == 0) ++exclusions.eligible;
    if ((failed & ~kBusy) == 0 && failed != 0) ++exclusions.eligible_busy;
    if (failed == 0) continue;
    ++exclusions.first[static_cast<std::size_t>(std::countr_zero(failed))];
    if (std::popcount(failed) == 1) ++exclusions.alone[static_cast<std::size_t>(std::countr_zero(failed))];
    if (failed == constraint_set(Constraint::Price)) {
      const Price unit = demand.price_on(*node.node, node.id).unit;
      if (!exclusions.cheapest_over_cap || unit < *exclusions.cheapest_over_cap) exclusions.cheapest_over_cap = unit;
    }
  }
  return exclusions;
}

std::string explain_never(const Demand& demand, std::uint32_t looked_at_most) {
  constexpr ConstraintSet kLasting = ~(kPassing | constraint_set(Constraint::Status));
  const Registry& registry = demand.market().registry;
  const std::uint32_t total = registry.total_nodes();
  const std::uint32_t step = std::max<std::uint32_t>((total + looked_at_most - 1) / std::max(looked_at_most, 1U), 1);
  std::array<std::uint32_t, kConstraintCount> counts{};
  std::uint32_t looked_at = 0;
  std::uint32_t leaving = 0;
  std::optional<NodeView> nearest;
  ConstraintSet nearest_failed = 0;
  for (std::uint32_t dense_id = 0; dense_id < total; dense_id += step) {
    const NodeId& id = registry.node_at(dense_id);
    const NodeView node{id, &registry.nodes().get(id), nullptr, false, {}};
    if (node.node->status == NodeStatus::Left) continue;
    ++looked_at;
    const ConstraintSet failed = failures(demand, node, kLasting);
    if (failed == 0) {
      ++leaving;
      continue;
    }
    ++counts[static_cast<std::size_t>(std::countr_zero(failed))];
    if (nearest && std::popcount(nearest_failed) <= std::popcount(failed)) continue;
    nearest = node;
    nearest_failed = failed;
  }
  if (looked_at == 0) return "no node is registered";
  std::string text = fmt::format("of {} nodes{}", looked_at, step > 1 ? " looked at" : "");
  std::string_view separator = ": ";
  const auto add = [&text, &separator](std::uint32_t count, std::string_view sentence) {
    if (count == 0) return;
    text += fmt::format("{}{} {}", separator, count, sentence);
    separator = ", ";
  };
  for (std::size_t i = 0; i < kConstraintCount; ++i) add(counts[i], constraint_sentence(static_cast<Constraint>(i)));
  add(leaving, "about to leave");
  if (!nearest) return text;
  text += fmt::format("; nearest: node {}:", nearest->id.text());
  separator = " ";
  for (std::size_t i = 0; i < kConstraintCount; ++i) {
    const auto constraint = static_cast<Constraint>(i);
    if ((nearest_failed & constraint_set(constraint)) == 0) continue;
    text += fmt::format("{}{}{}", separator, constraint_sentence(constraint), figures_of(constraint, demand, *nearest));
    separator = ", ";
  }
  return text;
}

}  // namespace starminer::protocol
