// Why a job does not start, what would change it, and a sentence that says both.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/render.h"
#include "protocol/market/explain.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::Constraint;
using protocol::ConstraintSet;
using protocol::Machine;

constexpr std::uint64_t kPercent = 100;
constexpr std::size_t kReasonsSaid = 3;

std::string figure(std::uint64_t value) { return fmt::format("{}", value); }

std::string listed(const std::vector<std::string>& items) { return fmt::format("{}", fmt::join(items, ", ")); }

/// Tokens with four digits after the point, rounded up: what would do must do.
std::string tokens(std::uint64_t base) {
  constexpr std::uint64_t kDigits = 10'000;
  constexpr std::uint64_t kStep = kBasePerToken / kDigits;
  const std::uint64_t steps = base / kStep + (base % kStep != 0 ? 1 : 0);
  std::string text = fmt::format("{}.{:04}", steps / kDigits, steps % kDigits);
  while (text.ends_with("00")) text.pop_back();
  return text + " AGPU";
}

std::string duration(std::uint64_t ms) {
  constexpr std::uint64_t kSecond = 1'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
  if (ms < 2 * kMinute) return fmt::format("{} s", (ms + kSecond - 1) / kSecond);
  if (ms < 2 * kHour) return fmt::format("{} min", (ms + kMinute - 1) / kMinute);
  return fmt::format("{} h", (ms + kHour - 1) / kHour);
}

struct Change {
  const char* field;  // of the job's specification
  std::string from;
  std::string to;
};

Change change_of(Constraint constraint, const protocol::JobRow& row, const protocol::Relaxation& relaxed) {
  const protocol::Resources& had = row.spec.resources;
  const protocol::Resources& needs = relaxed.spec.resources;
  const protocol::Where& where = relaxed.spec.where;
  const auto texts = [](const std::vector<AccountId>& accounts) {
    std::vector<std::string> names;
    for (const AccountId& account : accounts) names.push_back(account.text());
    return listed(names);
  };
  switch (constraint) {
    case Constraint::Class: return {"classes", listed(had.classes), listed(needs.classes)};
    case Constraint::Devices: return {"gpus", figure(had.gpus), figure(needs.gpus)};
    case Constraint::DeviceMemory:
      return {"gpu_memory_bytes", figure(had.gpu_memory_bytes), figure(needs.gpu_memory_bytes)};
    case Constraint::Interconnect: return {"interconnect", figure(had.interconnect), figure(needs.interconnect)};
    case Constraint::Cpu: return {"cpu_milli", figure(had.cpu_milli), figure(needs.cpu_milli)};
    case Constraint::Ram: return {"ram_bytes", figure(had.ram_bytes), figure(needs.ram_bytes)};
    case Constraint::Disk: return {"disk_bytes", figure(had.disk_bytes), figure(needs.disk_bytes)};
    case Constraint::Region: return {"allow", listed(row.spec.where.allow), listed(where.allow)};
    case Constraint::Residency: return {"residency", row.spec.where.residency, where.residency};
    case Constraint::SiteTier:
      return {"site_tier_min", figure(row.spec.where.site_tier_min), figure(where.site_tier_min)};
    case Constraint::SandboxTier:
      return {"sandbox_tier_min", figure(row.spec.where.sandbox_tier_min), figure(where.sandbox_tier_min)};
    case Constraint::Reputation:
      return {"reputation_min", figure(row.spec.where.reputation_min), figure(where.reputation_min)};
    case Constraint::Provider:
      return {"excluded_providers", texts(row.spec.where.excluded_providers), texts(where.excluded_providers)};
    case Constraint::Price:
      return {"max_price", figure(row.max_price.nagpu_per_gpu_hour), figure(relaxed.max_price.nagpu_per_gpu_hour)};
    default: return {"budget", figure(row.cap.base), figure(relaxed.cap.base)};
  }
}

bool has(ConstraintSet set, std::size_t i) { return (set >> i & 1U) != 0; }

json render_relaxation(const Machine& machine, const protocol::JobRow& row, const protocol::Relaxation& relaxed) {
  const protocol::NodeRow& node = machine.registry().nodes().get(relaxed.node);
  json changes = json::array();
  for (std::size_t i = 0; i < protocol::kConstraintCount; ++i) {
    if (!has(relaxed.changed, i)) continue;
    const auto constraint = static_cast<Constraint>(i);
    Change change = change_of(constraint, row, relaxed);
    changes.push_back({{"constraint", constraint_name(constraint)},
                       {"field", change.field},
                       {"from", std::move(change.from)},
                       {"to", std::move(change.to)}});
  }
  return {{"changes", std::move(changes)},
          {"nodes", relaxed.nodes},
          {"node", relaxed.node.text()},
          {"node_name", node.name},
          {"class", machine.registry().classes().get(node.hardware_class).name},
          {"region", machine.registry().regions().get(node.offer.region).name},
          {"unit", figure(relaxed.unit.nagpu_per_gpu_hour)},
          {"expected", figure(relaxed.expected.base)}};
}

json render_gang_room(const std::optional<protocol::GangRoom>& room) {
  if (!room) return {};
  return {
      {"hosts", room->hosts}, {"gpus_each", room->gpus_each}, {"sites", room->sites}, {"most_ready", room->most_ready}};
}

/// The constraints that exclude most nodes all by themselves; where none does, those that nodes fail first.
void say_reasons(std::vector<std::string>& parts, const protocol::Exclusions& found) {
  // Prices and busy nodes have parts of their own where nothing else keeps the job from them.
  const auto alone_over_price = found.alone[static_cast<std::size_t>(Constraint::Price)];
  const ConstraintSet said = (found.eligible_busy > 0 ? protocol::kBusy : ConstraintSet{0}) |
                             (alone_over_price > 0 ? constraint_set(Constraint::Price) : ConstraintSet{0});
  const bool any_alone = std::any_of(found.alone.begin(), found.alone.end(), [](std::uint32_t n) { return n > 0; });
  const auto& counts = any_alone ? found.alone : found.first;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0 && !has(said, i)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  if (order.size() > kReasonsSaid) order.resize(kReasonsSaid);
  for (const std::size_t i : order) {
    parts.push_back(fmt::format("{}{}: {}", counts[i], parts.empty() ? (counts[i] == 1 ? " node" : " nodes") : "",
                                constraint_sentence(static_cast<Constraint>(i))));
  }
}

std::string sentence_of(const Machine& machine, const protocol::JobRow& row, const protocol::Explanation& explained) {
  const protocol::Exclusions& found = explained.exclusions;
  if (found.nodes == 0) return "no node is registered";
  std::vector<std::string> parts;
  if (explained.gang) {
    const protocol::GangRoom& gang = *explained.gang;
    parts.push_back(
        fmt::format("no node can run it alone: it takes {} hosts of one site with {} GPUs each; {} site{} that "
                    "many, and at most {} of a site have room now",
                    gang.hosts, gang.gpus_each, gang.sites, gang.sites == 1 ? " has" : "s have", gang.most_ready));
  }
  const std::string_view whole = explained.gang ? "a part of it" : "it";
  if (found.eligible > 0) {
    parts.push_back(fmt::format("{} of {} nodes can take {} now", found.eligible, found.nodes, whole));
  }
  say_reasons(parts, found);
  const std::uint32_t dear = found.alone[static_cast<std::size_t>(Constraint::Price)];
  const std::uint64_t limit = row.max_price.nagpu_per_gpu_hour;
  if (dear > 0 && found.cheapest_over_cap && limit > 0) {
    const std::uint64_t least = found.cheapest_over_cap->nagpu_per_gpu_hour;
    const u128 over = (u128{least - limit} * kPercent + limit - 1) / limit;
    parts.push_back(fmt::format("{} free but over your max_price by {} %: raise it to {}", dear,
                                static_cast<std::uint64_t>(over), tokens(least)));
  }
  if (found.eligible_busy > 0) parts.push_back(fmt::format("{} suit {} and are busy", found.eligible_busy, whole));
  if (explained.full_lane) {
    constexpr double kMilli = 1000;
    const protocol::FullLane& lane = *explained.full_lane;
    parts.push_back(fmt::format(
        "its credits do not count now: boosted jobs hold {:g} of the {:g} GPUs of {} that they may have while others "
        "wait, one requester a part of them",
        static_cast<double>(lane.held_milli) / kMilli, static_cast<double>(lane.lane_milli) / kMilli,
        machine.registry().classes().get(lane.hardware_class).name));
  }
  if (explained.held) {
    const TimeMs start{Clock(machine).unix_ms(explained.held->start)};
    const std::uint64_t wait = elapsed(start, machine.chain().block_time).ms;
    parts.push_back(fmt::format("wait: it starts within {} at the latest", duration(wait)));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

json render_explanation(const Machine& machine, const protocol::JobRow& row, const protocol::Explanation& explained) {
  json relaxations = json::array();
  for (const protocol::Relaxation& relaxed : explained.relaxations) {
    relaxations.push_back(render_relaxation(machine, row, relaxed));
  }
  json held;
  if (explained.held) {
    held = {{"node", explained.held->node.text()}, {"starts_by_ms", Clock(machine).unix_ms(explained.held->start)}};
  }
  return {{"sentence", sentence_of(machine, row, explained)},
          {"exclusions", render_exclusions(explained.exclusions)},
          {"relaxations", std::move(relaxations)},
          {"held", std::move(held)},
          {"gang", render_gang_room(explained.gang)}};
}

}  // namespace starminer::api
