#include "provider/registration.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "protocol/job/spec.h"
#include "provider/benchmark/benchmark.h"
#include "provider/journal.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::provider {
namespace {

using nlohmann::json;

constexpr const char* kNodesFile = "nodes.json";
std::string raw(ByteView bytes) { return to_text(bytes); }

json to_json(const NodeRecord& node) {
  return {{"id", node.id.text()},    {"class", node.hardware_class},
          {"model", node.model},     {"device_files", node.device_files},
          {"ratings", node.ratings}, {"runtime_paths", node.runtime_paths},
          {"quick", node.quick}};
}

std::optional<NodeRecord> from_json(const json& object) {
  NodeRecord node;
  const auto id = NodeId::parse(object.value("id", ""));
  if (!id) return std::nullopt;
  node.id = *id;
  node.hardware_class = object.value("class", "");
  node.model = object.value("model", "");
  node.device_files = object.value("device_files", std::vector<std::string>{});
  node.ratings = object.value("ratings", std::map<std::string, std::uint32_t>{});
  node.quick = object.value("quick", false);
  node.runtime_paths = object.value("runtime_paths", std::map<std::string, std::vector<std::string>>{});
  return node;
}

Result<void, std::string> save_nodes(const std::filesystem::path& state_dir, const std::vector<NodeRecord>& nodes) {
  json list = json::array();
  for (const NodeRecord& node : nodes) list.push_back(to_json(node));
  return write_file_durably(state_dir / kNodesFile, json{{"nodes", std::move(list)}}.dump(2) + "\n");
}

Result<void, std::string> register_provider(Chain& chain, const AgentSettings& settings, const Say& say) {
  const std::string address = chain.key().account().text();
  const auto account = chain.get("/v1/accounts/" + address);
  if (!account) return fail(client::describe(account.error()));
  if (account->value("provider", false)) return {};
  if (!account->value("exists", false)) {
    return fail(fmt::format(
        "the agent's account {} has no AGPU yet: send it a first transfer for fees and the node's lock", address));
  }
  v1::TransactionBody body;
  auto* provider = body.mutable_provider_register();
  provider->set_display_name(settings.name);
  if (!settings.payout.empty()) {
    const auto payout = AccountId::parse(settings.payout);
    if (!payout) return fail(fmt::format("payout: {} is no address (sm1...)", settings.payout));
    provider->set_payout(raw(payout->view()));
  }
  const auto receipt = chain.send(body);
  if (!receipt) return fail(client::describe(receipt.error()));
  say(fmt::format("provider {} registered as {}", settings.name, address));
  return {};
}

void fill_hardware(v1::Hardware& hardware, const AgentSettings& settings, const devices::Inventory& inventory,
                   const devices::NodeCandidate& candidate) {
  const devices::Host& host = inventory.host;
  hardware.set_hardware_class(candidate.hardware_class);
  hardware.set_model(candidate.model);
  hardware.set_devices(static_cast<std::uint32_t>(candidate.devices.size()));
  hardware.set_device_memory_bytes(candidate.memory_per_device_bytes);
  hardware.set_interconnect(candidate.interconnect == "nvlink" ? 1 : 0);
  hardware.set_cpu_threads(settings.cpu_threads != 0 ? settings.cpu_threads : host.cpu_threads);
  hardware.set_ram_bytes(settings.ram_bytes != 0 ? settings.ram_bytes : host.memory_bytes / 4 * 3);
  hardware.set_disk_bytes(settings.disk_bytes != 0 ? settings.disk_bytes : host.disk_free_bytes / 2);
  const std::uint32_t network = host.network_mbps.value_or(0);
  hardware.set_network_up_mbps(network);
  hardware.set_network_down_mbps(network);
}

Result<NodeRecord, std::string> register_node(Chain& chain, const AgentSettings& settings,
                                              const devices::Inventory& inventory,
                                              const devices::NodeCandidate& candidate, const Say& say) {
  say(fmt::format("benchmark of {} x {} ({}) runs", candidate.devices.size(), candidate.model,
                  candidate.hardware_class));
  benchmark::BenchmarkOptions options;
  randombytes_buf(options.seed.bytes.data(), options.seed.bytes.size());
  options.quick = settings.quick_benchmark;
  const auto report = benchmark::benchmark_node(inventory, candidate, options);
  if (!report) return fail(fmt::format("the benchmark failed: {}", report.error().message));
  NodeRecord node;
  node.hardware_class = candidate.hardware_class;
  node.model = candidate.model;
  node.quick = settings.quick_benchmark;
  v1::TransactionBody body;
  auto* message = body.mutable_node_register();
  fill_hardware(*message->mutable_hardware(), settings, inventory, candidate);
  *message->mutable_offer() = make_offer(settings, inventory.runtimes);
  message->set_name(settings.name);
  std::string measured;
  for (const benchmark::NodeRating& rating : report->ratings) {
    const auto kind = static_cast<protocol::JobKind>(rating.kind);
    auto* claim = message->add_ratings();
    claim->set_kind(static_cast<std::uint32_t>(kind));
    claim->set_cu_per_device_x1000(static_cast<std::uint32_t>(rating.rating_x1000));
    claim->set_benchmark_digest(raw(report->benchmark_id.view()));
    node.ratings[std::string(protocol::kind_name(kind))] = static_cast<std::uint32_t>(rating.rating_x1000);
    measured += fmt::format("{}{} {}.{:03} CU", measured.empty() ? "" : " · ", protocol::kind_name(kind),
                            rating.rating_x1000 / 1000, rating.rating_x1000 % 1000);
  }
  say(fmt::format("benchmark  {}   (reference A100 = 1.000)", measured));
  for (const std::size_t device : candidate.devices) {
    const std::string& file = inventory.devices[device].device_file;
    if (!file.empty()) node.device_files.push_back(file);
  }
  for (const devices::Runtime& runtime : inventory.runtimes) node.runtime_paths[runtime.tag] = runtime.read_only_paths;
  const auto receipt = chain.send(body);
  if (!receipt) return fail(client::describe(receipt.error()));
  const auto id = NodeId::parse(receipt->subject);
  if (!id) return fail(std::string("the node's receipt names no node id"));
  node.id = *id;
  say(fmt::format("node {} registered: {} x {} in {}", id->text(), candidate.devices.size(), candidate.hardware_class,
                  settings.region));
  return node;
}

// A crash between the receipt and the file leaves a node on the chain that the file does not know.
std::optional<NodeRecord> find_on_chain(Chain& chain, const devices::Inventory& inventory,
                                        const devices::NodeCandidate& candidate, const std::string& name) {
  const auto answer = chain.get("/v1/nodes?provider=" + chain.key().account().text());
  if (!answer) return std::nullopt;
  for (const json& node : answer->value("nodes", json::array())) {
    if (node.value("status", "") == "left" || node.value("class", "") != candidate.hardware_class ||
        node.value("model", "") != candidate.model || node.value("name", "") != name) {
      continue;
    }
    const auto id = NodeId::parse(node.value("id", ""));
    if (!id) continue;
    NodeRecord record;
    record.id = *id;
    record.hardware_class = candidate.hardware_class;
    record.model = candidate.model;
    record.ratings = node.value("ratings", std::map<std::string, std::uint32_t>{});
    for (const std::size_t device : candidate.devices) {
      if (!inventory.devices[device].device_file.empty()) {
        record.device_files.push_back(inventory.devices[device].device_file);
      }
    }
    for (const devices::Runtime& runtime : inventory.runtimes) {
      record.runtime_paths[runtime.tag] = runtime.read_only_paths;
    }
    return record;
  }
  return std::nullopt;
}

/// A node that has left can not come back: its devices register again, as a new node.
Result<void, std::string> forget_left_nodes(Chain& chain, std::vector<NodeRecord>& nodes) {
  for (auto node = nodes.begin(); node != nodes.end();) {
    const auto shown = chain.get("/v1/nodes/" + node->id.text());
    if (!shown) return fail(client::describe(shown.error()));
    node = shown->value("status", "") == "left" ? nodes.erase(node) : node + 1;
  }
  return {};
}

bool is_country(const std::string& code) {
  const auto capital = [](char letter) { return letter >= 'A' && letter <= 'Z'; };
  return code.size() == 2 && capital(code[0]) && capital(code[1]);
}

/// Why the agent cannot be paid as the settings say; empty where it can.
Result<std::string, ApiError> fault_of_payout(Chain& chain, const AgentSettings& settings) {
  if (settings.payout.empty()) return std::string();
  if (!AccountId::parse(settings.payout)) {
    return fmt::format("provider.payout: \"{}\" is no address: expected sm1...", settings.payout);
  }
  const std::string address = chain.key().account().text();
  const auto account = chain.get("/v1/accounts/" + address);
  if (!account) return fail(account.error());
  if (!account->value("provider", false)) return std::string();
  const auto provider = chain.get("/v1/providers/" + address);
  if (!provider) return fail(provider.error());
  const std::string paid = provider->value("payout", "");
  if (paid == settings.payout) return std::string();
  return fmt::format(
      "provider.payout: this provider is registered already and paid to {}, which cannot be changed: leave the option "
      "out, or register another provider with another --state-dir",
      paid);
}

}  // namespace

Result<std::string, ApiError> fault_of_offer(Chain& chain, const AgentSettings& settings) {
  if (!is_country(settings.country)) {
    return fmt::format("offer.country: \"{}\" is no country code: expected two capital letters, such as DE",
                       settings.country);
  }
  if (!settings.energy_certificate.empty() && !Hash32::from_hex(settings.energy_certificate)) {
    return fmt::format("offer.energy_certificate: \"{}\" is no SHA-256 of 64 lower-case hexadecimal characters",
                       settings.energy_certificate);
  }
  if (settings.renewable_percent > 100) {
    return fmt::format("offer.renewable_percent: {} is more than 100", settings.renewable_percent);
  }
  const auto nodes = load_nodes(settings.state_dir);
  const bool keeps_region = nodes && !nodes->empty() && !settings.stated.contains("offer.region");
  const auto answer = chain.get("/v1/regions");
  if (!answer) return fail(answer.error());
  std::string names;
  bool known = false;
  for (const json& region : answer->value("regions", json::array())) {
    const std::string name = region.value("name", "");
    known = known || keeps_region || name == settings.region;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (!known) return fmt::format("offer.region: there is no region \"{}\": expected {}", settings.region, names);
  return fault_of_payout(chain, settings);
}

Result<std::vector<NodeRecord>, std::string> load_nodes(const std::filesystem::path& state_dir) {
  std::vector<NodeRecord> nodes;
  const std::filesystem::path file = state_dir / kNodesFile;
  std::ifstream stream(file);
  if (!stream) return nodes;
  const json document = json::parse(stream, nullptr, false);
  if (!document.is_object() || !document.contains("nodes")) {
    return fail(fmt::format("{} is damaged; move it away and run setup again", file.string()));
  }
  for (const json& object : document["nodes"]) {
    auto node = from_json(object);
    if (!node) return fail(fmt::format("{} is damaged; move it away and run setup again", file.string()));
    nodes.push_back(std::move(*node));
  }
  return nodes;
}

Result<std::vector<NodeRecord>, std::string> register_machine(Chain& chain, const AgentSettings& settings,
                                                              const devices::Inventory& inventory, const Say& say) {
  auto nodes = load_nodes(settings.state_dir);
  if (!nodes) return nodes;
  if (const auto asked = forget_left_nodes(chain, *nodes); !asked) return fail(asked.error());
  if (inventory.nodes.empty()) {
    std::string why = "no usable device was found on this machine";
    for (const devices::SourceReport& source : inventory.sources) {
      if (!source.message.empty()) why += fmt::format("; {}: {}", source.source, source.message);
    }
    return fail(why);
  }
  if (const auto provider = register_provider(chain, settings, say); !provider) return fail(provider.error());
  for (const devices::NodeCandidate& candidate : inventory.nodes) {
    const bool known = std::any_of(nodes->begin(), nodes->end(), [&](const NodeRecord& node) {
      return node.hardware_class == candidate.hardware_class && node.model == candidate.model;
    });
    if (known) {
      say(fmt::format("{} x {} was registered before", candidate.devices.size(), candidate.model));
      continue;
    }
    if (auto found = find_on_chain(chain, inventory, candidate, settings.name)) {
      say(
          fmt::format("node {} of this account is called {} and has the same devices: it is taken for this machine; "
                      "another host needs a name of its own (--provider-name)",
                      found->id.text(), settings.name));
      nodes->push_back(std::move(*found));
    } else {
      auto node = register_node(chain, settings, inventory, candidate, say);
      if (!node) return fail(node.error());
      nodes->push_back(std::move(*node));
    }
    if (const auto saved = save_nodes(settings.state_dir, *nodes); !saved) return fail(saved.error());
  }
  if (const auto current = update_offers(chain, settings, inventory.runtimes, *nodes, say); !current) {
    return fail(current.error());
  }
  if (const auto saved = save_nodes(settings.state_dir, *nodes); !saved) return fail(saved.error());
  return nodes;
}

}  // namespace starminer::provider
