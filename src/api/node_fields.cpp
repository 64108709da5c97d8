#include "api/node_fields.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "api/render.h"

namespace starminer::api {
namespace {

using protocol::JobKind;
using protocol::Machine;
using search::FieldKind;
using search::Quantity;
using search::Value;

constexpr std::uint64_t kReputationWhole = 240;
constexpr std::uint64_t kMilliPerUnit = 1000;
constexpr std::uint16_t kWholeDevice = 1000;

Value number(std::uint64_t value) { return value; }

search::Field number_field(std::string name, Quantity quantity, std::string says, std::string alias = {}) {
  return {std::move(name), FieldKind::Number, quantity, std::move(says), std::move(alias)};
}

std::vector<std::string> status_names() {
  std::vector<std::string> names;
  for (std::uint8_t i = 0; i < enum_count(protocol::NodeStatus{}); ++i) {
    names.emplace_back(node_status_name(static_cast<protocol::NodeStatus>(i)));
  }
  return names;
}

template <class Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& [id, row] : table) names.push_back(row.name);
  return names;
}

std::string kind_text(std::size_t kind) { return std::string(kind_name(static_cast<JobKind>(kind))); }

}  // namespace

const protocol::CapacityRow& NodeFacts::capacity() const {
  if (capacity_ == nullptr) capacity_ = &machine_.registry().capacity().get(id_);
  return *capacity_;
}

std::uint64_t NodeFacts::free_milli() const {
  const auto& free = capacity().device_free_milli;
  return std::accumulate(free.begin(), free.end(), std::uint64_t{0});
}

/// In thousandths of the best.
std::uint64_t NodeFacts::reputation(std::size_t kind) const {
  return machine_.reputation().score(id_, static_cast<std::uint8_t>(kind), now_) * kMilliPerUnit / kReputationWhole;
}

Price floor_price(const Machine& machine, const protocol::NodeRow& row) {
  const Price anchor = machine.registry().classes().get(row.hardware_class).anchor;
  return {mul_div(anchor.nagpu_per_gpu_hour, row.offer.floor_32nds, 32, Rounding::Ceil).value_or(0)};
}

Price plain_price(const Machine& machine, protocol::TierId tier, const NodeId& id, const protocol::NodeRow& row,
                  TimeMs now) {
  static const protocol::JobSpec plain = [] {
    constexpr std::uint64_t kHourS = 3'600;
    protocol::JobSpec spec;
    spec.expected_s = kHourS;
    spec.max_s = kHourS;
    return spec;
  }();
  protocol::FactorInput input;
  input.tier = tier;
  input.now = now;
  input.class_memory_bytes = machine.registry().classes().get(row.hardware_class).device_memory_bytes;
  input.region_factor = row.offer.price_factor(machine.registry().regions().get(row.offer.region));
  input.energy_verified = row.offer.energy.verified;
  input.reliability = machine.pricing().reliability(id, row, machine.reputation(), now);
  return protocol::Pricing::unit_price(machine.pricing().price(tier, row.hardware_class),
                                       machine.pricing().factors(plain, input));
}

NodeFields::NodeFields(const Machine& machine) {
  add_identity(machine);
  add_hardware();
  add_free();
  add_place(machine);
  add_reserve();
  add_prices(machine);
  add_quality();
}

void NodeFields::add(search::Field field, Getter getter) {
  schema_.push_back(std::move(field));
  getters_.push_back(std::move(getter));
}

void NodeFields::add_identity(const Machine& machine) {
  add({"class", FieldKind::Word, {}, "hardware class", "", names_of(machine.registry().classes())},
      [](const NodeFacts& node) -> Value {
        return std::string_view(node.machine().registry().classes().get(node.row().hardware_class).name);
      });
  add({"status", FieldKind::Word, {}, "active: takes jobs", "", status_names()},
      [](const NodeFacts& node) -> Value { return node_status_name(node.row().status); });
  add({"id", FieldKind::Word, {}, "id of the node", "node"},
      [](const NodeFacts& node) -> Value { return node.keep(node.id().text()); });
  add({"name", FieldKind::Word, {}, "the name that its owner gave it"},
      [](const NodeFacts& node) -> Value { return std::string_view(node.row().name); });
  add({"provider", FieldKind::Word, {}, "address of the owner", "owner"},
      [](const NodeFacts& node) -> Value { return node.keep(node.row().provider.text()); });
  add({"model", FieldKind::Word, {}, "device as the driver names it"},
      [](const NodeFacts& node) -> Value { return std::string_view(node.row().hardware.model); });
  add({"runtimes", FieldKind::Words, {}, "installed runtimes", "runtime", {}, false},
      [](const NodeFacts& node) -> Value { return &node.row().offer.runtime_names; });
  add(number_field("registered", Quantity::Count, "time of registration, Unix milliseconds"),
      [](const NodeFacts& node) { return number(Clock(node.machine()).unix_ms(node.row().registered)); });
  // Time goes on between two pages: no order of a list that is read in pieces.
  search::Field age = number_field("age", Quantity::Duration, "time since its registration");
  age.orders = false;
  add(std::move(age), [](const NodeFacts& node) { return number(elapsed(node.now(), node.row().registered).ms); });
  search::Field since = number_field("status_age", Quantity::Duration, "time since its status changed");
  since.orders = false;
  add(std::move(since), [](const NodeFacts& node) { return number(elapsed(node.now(), node.row().status_since).ms); });
}

void NodeFields::add_hardware() {
  add(number_field("gpus", Quantity::Count, "devices of the node", "devices"),
      [](const NodeFacts& node) { return number(node.row().hardware.devices); });
  add(number_field("vram", Quantity::Memory, "memory of each device"),
      [](const NodeFacts& node) { return number(node.row().hardware.device_memory_bytes); });
  add(number_field("interconnect", Quantity::Count, "level of the connection between devices"),
      [](const NodeFacts& node) { return number(node.row().hardware.interconnect); });
  add(number_field("cpu", Quantity::Count, "CPU threads", "cpus"),
      [](const NodeFacts& node) { return number(node.row().hardware.cpu_threads); });
  add(number_field("ram", Quantity::Memory, "memory of the node"),
      [](const NodeFacts& node) { return number(node.row().hardware.ram_bytes); });
  add(number_field("disk", Quantity::Memory, "disk for jobs"),
      [](const NodeFacts& node) { return number(node.row().hardware.disk_bytes); });
  add(number_field("up", Quantity::Count, "network to others, Mbit/s"),
      [](const NodeFacts& node) { return number(node.row().hardware.network_up_mbps); });
  add(number_field("down", Quantity::Count, "network from others, Mbit/s"),
      [](const NodeFacts& node) { return number(node.row().hardware.network_down_mbps); });
}

void NodeFields::add_free() {
  add(number_field("free", Quantity::Thousandths, "devices free now, shares of devices added up"),
      [](const NodeFacts& node) { return number(node.free_milli()); });
  add(number_field("free_whole", Quantity::Count, "devices that are free as a whole"), [](const NodeFacts& node) {
    const auto& free = node.capacity().device_free_milli;
    return number(static_cast<std::uint64_t>(std::count(free.begin(), free.end(), kWholeDevice)));
  });
  add(number_field("free_cpu", Quantity::Thousandths, "CPU threads free now"),
      [](const NodeFacts& node) { return number(node.capacity().cpu_free_milli); });
  add(number_field("free_ram", Quantity::Memory, "memory free now"),
      [](const NodeFacts& node) { return number(node.capacity().ram_free_bytes); });
  add(number_field("free_disk", Quantity::Memory, "disk free now"),
      [](const NodeFacts& node) { return number(node.capacity().disk_free_bytes); });
  add(number_field("jobs", Quantity::Count, "jobs that run there"),
      [](const NodeFacts& node) { return number(node.capacity().jobs); });
}

void NodeFields::add_place(const Machine& machine) {
  add({"region", FieldKind::Place, {}, "eu stands for all of eu-...", "", names_of(machine.registry().regions())},
      [](const NodeFacts& node) -> Value {
        return std::string_view(node.machine().registry().regions().get(node.row().offer.region).name);
      });
  add({"country", FieldKind::Word, {}, "two letters, ISO 3166"},
      [](const NodeFacts& node) -> Value { return std::string_view(node.row().offer.country); });
  add({"site", FieldKind::Word, {}, "name that its provider gives the site; hosts of one may share a job"},
      [](const NodeFacts& node) -> Value { return std::string_view(node.row().offer.site); });
  add(number_field("site_tier", Quantity::Count, "0 to 4, as attestors confirmed it; 0 where they did not", "tier"),
      [](const NodeFacts& node) { return number(node.row().offer.proven_site_tier()); });
  add(number_field("sandbox_tier", Quantity::Count, "isolation of jobs"),
      [](const NodeFacts& node) { return number(node.row().offer.sandbox_tier); });
  add(number_field("co2", Quantity::Count, "g per kWh"),
      [](const NodeFacts& node) { return number(node.row().offer.energy.g_co2_per_kwh); });
  add(number_field("renewable", Quantity::Percent, "share of renewable energy"),
      [](const NodeFacts& node) { return number(node.row().offer.energy.renewable_ppm); });
  add(number_field("pue", Quantity::Ratio, "energy of the site over energy of its computers"),
      [](const NodeFacts& node) { return number(node.row().offer.energy.pue_ppm); });
  add({"energy_verified", FieldKind::Flag, {}, "attestors confirmed the energy profile"},
      [](const NodeFacts& node) -> Value { return node.row().offer.energy.verified; });
}

void NodeFields::add_reserve() {
  std::vector<std::string> standings;
  for (std::uint8_t i = 0; i < enum_count(protocol::ReserveStanding{}); ++i) {
    standings.emplace_back(reserve_standing_name(static_cast<protocol::ReserveStanding>(i)));
  }
  add({"reserve", FieldKind::Word, {}, "stands_by: preferred in surges", "", std::move(standings)},
      [](const NodeFacts& node) -> Value { return reserve_standing_name(node.row().reserve); });
  add(number_field("reserve_stake", Quantity::Tokens, "AGPU staked on it in the reserve"), [](const NodeFacts& node) {
    const auto* row = node.machine().reserve().find(node.id());
    return number(row != nullptr ? row->stake.base : 0);
  });
}

void NodeFields::add_prices(const Machine& machine) {
  const auto price_of = [](protocol::TierId tier) {
    return [tier](const NodeFacts& node) {
      return number(plain_price(node.machine(), tier, node.id(), node.row(), node.now()).nagpu_per_gpu_hour);
    };
  };
  add(number_field("price", Quantity::Tokens, "per GPU-hour of a plain Standard job there now"),
      price_of(protocol::kStandard));
  for (const auto& [id, row] : machine.pricing().tiers()) {
    add(number_field("price." + search::lower(row.name), Quantity::Tokens, "the same in " + row.name), price_of(id));
  }
  add(number_field("floor", Quantity::Tokens, "the owner's least price per GPU-hour"),
      [](const NodeFacts& node) { return number(floor_price(node.machine(), node.row()).nagpu_per_gpu_hour); });
}

void NodeFields::add_quality() {
  add(number_field("rating", Quantity::Thousandths, "compute units per device, of the kind it is best at"),
      [](const NodeFacts& node) {
        std::uint32_t best = 0;
        for (const protocol::Rating& rating : node.row().ratings) best = std::max(best, rating.cu_x1000);
        return number(best);
      });
  add(number_field("reputation", Quantity::Thousandths, "0 to 1, of the kind it is best at"),
      [](const NodeFacts& node) {
        std::uint64_t best = 0;
        for (std::size_t kind = 0; kind < protocol::kJobKindCount; ++kind) best = std::max(best, node.reputation(kind));
        return number(best);
      });
  for (std::size_t kind = 0; kind < protocol::kJobKindCount; ++kind) {
    add(number_field("rating." + kind_text(kind), Quantity::Thousandths, "for this kind; 0: does not serve it"),
        [kind](const NodeFacts& node) { return number(node.row().ratings[kind].cu_x1000); });
    add(number_field("reputation." + kind_text(kind), Quantity::Thousandths, "for this kind"),
        [kind](const NodeFacts& node) { return number(node.reputation(kind)); });
  }
}

}  // namespace starminer::api
