// What random transactions ask of the registry: nodes, benchmarks, beats, attestations.
#include <algorithm>

#include "scenario/driver.h"
#include "scenario/driver_names.h"

namespace starminer::scenario {

using protocol::chain_test::account_of_name;

/// A node of the provider; null where it has none.
const protocol::NodeRow* Driver::random_host(const AccountId& provider) {
  std::vector<const protocol::NodeRow*> own;
  for (const auto& [id, row] : chain_.machine().registry().nodes()) {
    if (row.provider == provider) own.push_back(&row);
  }
  return own.empty() ? nullptr : dice_.pick(own);
}

std::string Driver::random_site() {
  if (dice_.chance(3)) return dice_.chance(50) ? "a hall" : std::string(33, 'x');
  return dice_.chance(70) ? dice_.pick(kSites) : "";
}

/// At times one like a neighbour, at its site.
v1::NodeRegister Driver::random_node(const protocol::NodeRow* neighbour) {
  const protocol::Registry& registry = chain_.machine().registry();
  v1::NodeRegister node = protocol::chain_test::a100_node();
  node.mutable_hardware()->set_hardware_class(dice_.pick(kClasses));
  if (neighbour != nullptr)
    node.mutable_hardware()->set_hardware_class(registry.classes().get(neighbour->hardware_class).name);
  node.mutable_hardware()->set_devices(
      static_cast<std::uint32_t>(dice_.chance(90) ? 1 + dice_.below(4) : dice_.below(300)));
  node.mutable_offer()->set_region(dice_.chance(95) ? kRegions[dice_.below(3)] : kRegions[3]);
  node.mutable_offer()->set_site(random_site());
  if (neighbour != nullptr) {
    node.mutable_offer()->set_region(registry.regions().get(neighbour->offer.region).name);
    node.mutable_offer()->set_site(neighbour->offer.site);
    if (dice_.chance(80)) node.mutable_hardware()->set_devices(neighbour->hardware.devices);
  }
  if (dice_.chance(70)) {
    auto& energy = *node.mutable_offer()->mutable_energy();
    energy.set_g_co2_per_kwh(static_cast<std::uint32_t>(dice_.below(3)));
    energy.set_certificate_hash(hash_text("certificate"));
  }
  node.mutable_offer()->set_floor_32nds(static_cast<std::uint32_t>(dice_.chance(80) ? 0 : dice_.below(60)));
  for (auto& rating : *node.mutable_ratings()) {
    const std::uint32_t usual = node.hardware().hardware_class() == "CPU" ? 10 : 1'000;
    rating.set_cu_per_device_x1000(static_cast<std::uint32_t>(dice_.chance(90) ? usual : dice_.number(usual)));
  }
  return node;
}

Driver::Wish Driver::benchmark_wish() {
  const auto& benchmarks = chain_.machine().registry().benchmarks();
  NodeId id = random_node_id();
  for (const auto& [node, row] : benchmarks) {
    if (row.open && dice_.chance(60)) id = node;
  }
  const auto* row = chain_.machine().registry().nodes().find(id);
  const auto* asked = benchmarks.find(id);
  const std::string sender = row != nullptr && dice_.chance(90) ? name_of(row->provider) : dice_.pick(kEverybody);
  return {
      sender, chain_.body(sender, [&](auto& body) {
        auto& message = *body.mutable_node_benchmark();
        message.set_node(to_text(id.view()));
        message.set_seed(asked != nullptr && dice_.chance(90) ? to_text(asked->seed.view()) : hash_text("seed"));
        for (std::uint32_t kind = 0; kind < protocol::kJobKindCount; ++kind) {
          const std::uint32_t claim = row != nullptr ? row->ratings[kind].cu_x1000 : 1'000;
          if (claim == 0) continue;
          auto& rating = *message.add_ratings();
          rating.set_kind(kind);
          rating.set_cu_per_device_x1000(static_cast<std::uint32_t>(dice_.chance(80) ? claim : dice_.number(claim)));
          rating.set_benchmark_digest(hash_text("digest"));
        }
      })};
}

Driver::Wish Driver::aggregate_wish() {
  const protocol::Telemetry& telemetry = chain_.machine().telemetry();
  const protocol::TelemetryWindow window = telemetry.windows().last;
  const std::string sender = dice_.chance(90) ? "operator" : dice_.pick(kEverybody);
  std::vector<NodeId> nodes = telemetry.nodes_of(window);
  std::sort(nodes.begin(), nodes.end());
  if (dice_.chance(5)) nodes.assign(1, random_node_id());
  return {sender, chain_.body(sender, [&](auto& body) {
            auto& message = *body.mutable_telemetry_aggregate();
            message.set_epoch(dice_.chance(95) ? window.epoch : dice_.number(3));
            message.set_raw_hash(hash_text("beats"));
            for (const NodeId& node : nodes) {
              if (dice_.chance(20)) continue;
              auto& entry = *message.add_entries();
              entry.set_node(to_text(node.view()));
              entry.set_beats(static_cast<std::uint32_t>(1 + dice_.below(360)));
              entry.set_p50_ms(static_cast<std::uint32_t>(dice_.below(50)));
              entry.set_p90_ms(static_cast<std::uint32_t>(entry.p50_ms() + dice_.below(50)));
              entry.set_p99_ms(static_cast<std::uint32_t>(entry.p90_ms() + dice_.below(50)));
            }
          })};
}

Driver::Wish Driver::attest_wish() {
  const auto& attestors = chain_.machine().attestors().attestors();
  if (attestors.size() < 2 || dice_.chance(15)) {
    const std::string sender = dice_.chance(90) ? "operator" : dice_.pick(kEverybody);
    const AccountId account = !attestors.empty() && dice_.chance(40) ? nth_key(attestors, dice_.below(attestors.size()))
                                                                     : account_of_name(dice_.pick(kEverybody));
    const bool present = dice_.chance(90) != attestors.contains(account);
    return {sender, chain_.body(sender, [&](auto& body) {
              body.mutable_attestor_set()->set_account(to_text(account.view()));
              body.mutable_attestor_set()->set_present(present);
            })};
  }
  // Mostly of the same few nodes, so that several attestors agree.
  const auto& nodes = chain_.machine().registry().nodes();
  const NodeId id =
      dice_.chance(70) ? nth_key(nodes, dice_.below(std::min<std::size_t>(nodes.size(), 2))) : random_node_id();
  const auto aspect = static_cast<protocol::Aspect>(dice_.below(3));
  const auto* row = nodes.find(id);
  const auto claim = row != nullptr ? protocol::Registry::claim_of(id, *row, aspect) : std::nullopt;
  const AccountId account = nth_key(attestors, dice_.below(attestors.size()));
  const std::string sender = dice_.chance(90) ? name_of(account) : dice_.pick(kEverybody);
  const std::uint64_t tick = chain_.machine().params().get(protocol::Parameter::TickMs);
  return {sender, chain_.body(sender, [&](auto& body) {
            auto& message = *body.mutable_node_attest();
            message.set_node(to_text(id.view()));
            message.set_aspect(static_cast<std::uint32_t>(aspect));
            if (claim) message.set_claim(dice_.chance(90) ? to_text(claim->view()) : hash_text("claim"));
            message.set_valid_ms(dice_.chance(90) ? 1 + dice_.below(100 * tick) : dice_.number(0));
          })};
}

Driver::Wish Driver::reserve_wish() {
  const protocol::Machine& machine = chain_.machine();
  NodeId id = random_node_id();
  const auto& committed = machine.reserve().nodes();
  if (committed.size() > 0 && dice_.chance(40)) id = nth_key(committed, dice_.below(committed.size()));
  const auto* node = machine.registry().nodes().find(id);
  const auto* row = machine.reserve().find(id);
  const std::string sender = node != nullptr && dice_.chance(90) ? name_of(node->provider) : dice_.pick(kEverybody);
  if (row != nullptr && dice_.chance(50)) {
    return {sender,
            chain_.body(sender, [&](auto& body) { body.mutable_reserve_leave()->set_node(to_text(id.view())); })};
  }
  const std::uint64_t least = machine.reserve().minimum_stake(node != nullptr ? node->hardware.devices : 1).base;
  const std::uint64_t shortest = machine.params().get(protocol::Parameter::ReserveWindowMinMs);
  return {sender, chain_.body(sender, [&](auto& body) {
            auto& join = *body.mutable_reserve_join();
            join.set_node(to_text(id.view()));
            join.set_amount(dice_.chance(85) ? least + dice_.below(1 + least / 200) : dice_.number(least));
            join.set_window_ms(dice_.chance(90) ? shortest + dice_.below(shortest) : dice_.number(shortest));
          })};
}

Driver::Wish Driver::registry_wish() {
  const std::uint64_t what = dice_.below(100);
  if (what >= 80 && chain_.machine().telemetry().windows().last.count > 0) return aggregate_wish();  // a rare chance
  if (what >= 25 && what < 38) return reserve_wish();
  if (what < 25) return what < 5 ? benchmark_wish() : what < 12 ? aggregate_wish() : attest_wish();
  const std::uint64_t kind = dice_.below(100);
  if (kind < 15) {
    const std::string sender = dice_.pick(kProviders);
    const AccountId payout = dice_.chance(50) ? AccountId{} : account_of_name(dice_.pick(kEverybody));
    return {sender, chain_.body(sender, protocol::chain_test::register_provider(sender, payout))};
  }
  if (kind < 55) {
    const std::string sender = dice_.pick(kProviders);
    const v1::NodeRegister node = random_node(dice_.chance(40) ? random_host(account_of_name(sender)) : nullptr);
    return {sender, chain_.body(sender, [&](auto& body) { *body.mutable_node_register() = node; })};
  }
  const NodeId id = random_node_id();
  const auto* row = chain_.machine().registry().nodes().find(id);
  std::string sender = row != nullptr && dice_.chance(85) ? name_of(row->provider) : dice_.pick(kEverybody);
  if (kind < 70) {
    const v1::NodeRegister node = random_node(dice_.chance(40) ? row : nullptr);
    return {sender, chain_.body(sender, [&](auto& body) {
              body.mutable_node_update()->set_node(to_text(id.view()));
              *body.mutable_node_update()->mutable_offer() = node.offer();
              if (dice_.chance(50)) *body.mutable_node_update()->mutable_ratings() = node.ratings();
            })};
  }
  if (kind < 85) {
    const auto change =
        dice_.chance(20) ? v1::NodeSetStatus::LEAVE : static_cast<v1::NodeSetStatus::Change>(dice_.below(2));
    return {sender, chain_.body(sender, [&](auto& body) {
              body.mutable_node_set_status()->set_node(to_text(id.view()));
              body.mutable_node_set_status()->set_change(change);
            })};
  }
  sender = dice_.chance(85) ? "operator" : sender;
  const bool silent = dice_.chance(50);
  return {sender, chain_.body(sender, [&](auto& body) {
            auto& report = *body.mutable_telemetry_report();
            (silent ? report.add_silent() : report.add_heard())->assign(to_text(id.view()));
          })};
}

}  // namespace starminer::scenario
