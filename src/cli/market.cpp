// nodes, prices, queues: what the market has and what it costs.
#include <map>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/http/target.h"
#include "base/ids.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Align;
using terminal::Table;

constexpr std::uint64_t kWhole = 1000;
constexpr std::uint64_t kReputationMax = 240;

struct NodesRequest {
  std::string node;
  std::string hardware_class;
  std::string region;
  std::string status;
  bool classes = false;
  bool runtimes = false;
};

/// Thousandths of devices as a decimal: "1.5".
std::string milli_text(std::uint64_t milli) {
  std::string text = fmt::format("{}.{:03}", milli / kWhole, milli % kWhole);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::uint64_t free_devices(const json& node) {
  std::uint64_t free = 0;
  for (const json& device : list_of(member(node, "free"), "devices_milli")) {
    if (device.is_number_unsigned()) free += device.get<std::uint64_t>();
  }
  return free;
}

/// The best of the four columns of reputation, as the nodes' table has room for one.
std::string best_reputation(const json& node) {
  std::uint64_t best = 0;
  const json& reputation = member(node, "reputation");
  for (const auto& [kind, value] : reputation.items()) best = std::max(best, number_of(reputation, kind));
  return fmt::format("{}.{:02}", best / kReputationMax, best % kReputationMax * 100 / kReputationMax);
}

std::string joined(const json& texts) {
  std::string all;
  for (const json& text : texts) {
    if (text.is_string()) all += (all.empty() ? "" : ", ") + text.get<std::string>();
  }
  return all;
}

/// All pages of a listing. The listing ends with the first page that fails.
Outcome<json> all_nodes(client::Api& api, const NodesRequest& request) {
  std::string filter;
  const auto add = [&filter](const char* name, const std::string& value) {
    if (!value.empty()) filter += fmt::format("&{}={}", name, api::http::percent_encode(value));
  };
  add("class", request.hardware_class);
  add("region", request.region);
  add("status", request.status);
  json nodes = json::array();
  std::string after;
  do {
    const auto page = api.get("/v1/nodes?limit=500" + filter + (after.empty() ? "" : "&after=" + after));
    if (!page) return fail(trouble_of(page.error()));
    for (const json& node : list_of(*page, "nodes")) nodes.push_back(node);
    after = text_of(*page, "next");
  } while (!after.empty());
  return nodes;
}

void show_node(const Invocation& call, const json& node) {
  const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
  terminal::KeyValues lines;
  lines.add("Node", fmt::format("{}  {}", shown(node, "id"), shown(node, "name")));
  lines.add("Provider", shown(node, "provider"));
  lines.add("Status",
            fmt::format("{} since {}", shown(node, "status"),
                        terminal::human_time(static_cast<std::int64_t>(number_of(node, "status_since_ms")), zone)));
  lines.add("Hardware",
            fmt::format("{} x {} ({}), {} each", number_of(node, "devices"), shown(node, "class"), shown(node, "model"),
                        terminal::human_memory(number_of(node, "device_memory_bytes"))));
  lines.more(fmt::format("{} CPU threads, {} memory, {} disk", number_of(node, "cpu_threads"),
                         terminal::human_memory(number_of(node, "ram_bytes")),
                         terminal::human_memory(number_of(node, "disk_bytes"))));
  const json& free = member(node, "free");
  lines.add("Free",
            fmt::format("{} devices, {} CPU threads, {} memory, {} disk; {} jobs run", milli_text(free_devices(node)),
                        milli_text(number_of(free, "cpu_milli")), terminal::human_memory(number_of(free, "ram_bytes")),
                        terminal::human_memory(number_of(free, "disk_bytes")), number_of(free, "jobs")));
  lines.add("Place",
            fmt::format("{} {}, site tier {}, isolation tier {}", shown(node, "region"), shown(node, "country"),
                        number_of(node, "site_tier"), number_of(node, "sandbox_tier")));
  std::string ratings;
  const json& rated = member(node, "ratings");
  for (const auto& [kind, value] : rated.items()) {
    ratings += fmt::format("{}{} {}", ratings.empty() ? "" : ", ", terminal::sanitize_line(kind),
                           milli_text(number_of(rated, kind)));
  }
  lines.add("Rating", ratings + " CU per device");
  lines.add("Floor", fmt::format("{} per GPU-hour", agpu_of(node, "floor_price")));
  lines.add("Runtimes", terminal::sanitize_line(joined(list_of(node, "runtimes"))));
  call.out.stream() << lines.render(call.out) << std::flush;
}

ExitCode one_node(const Invocation& call, client::Api& api, const std::string& id) {
  if (!NodeId::parse(id)) {
    return call.fail(ExitCode::NotFound, {fmt::format("there is no node {}", id),
                                          "not_found",
                                          "a node id begins with n1",
                                          {"see all nodes: starminer nodes"}});
  }
  const auto node = api.get("/v1/nodes/" + id);
  if (!node) return report(call, node.error());
  if (call.json) {
    call.out.line(compact(*node));
  } else {
    show_node(call, *node);
  }
  return ExitCode::Ok;
}

ExitCode show_classes(const Invocation& call, client::Api& api) {
  const auto classes = api.get("/v1/classes");
  if (!classes) return report(call, classes.error());
  if (call.json) {
    call.out.line(compact(*classes));
    return ExitCode::Ok;
  }
  Table table({{"CLASS", Align::Left, "", true},
               {"MEMORY", Align::Right},
               {"NODES", Align::Right},
               {"DEVICES", Align::Right},
               {"FREE", Align::Right},
               {"ANCHOR", Align::Right, "AGPU/h"}});
  for (const json& row : list_of(*classes, "classes")) {
    table.add({text_of(row, "name"), terminal::human_memory(number_of(row, "device_memory_bytes")),
               terminal::human_count(number_of(row, "nodes")), terminal::human_count(number_of(row, "devices")),
               milli_text(number_of(row, "free_milli")), tokens_of(row, "anchor")});
  }
  call.out.stream() << table.render(call.out) << std::flush;
  return ExitCode::Ok;
}

ExitCode show_runtimes(const Invocation& call, const json& nodes) {
  std::map<std::string, std::uint64_t> counts;
  for (const json& node : nodes) {
    if (text_of(node, "status") != "active") continue;
    for (const json& runtime : list_of(node, "runtimes")) {
      if (runtime.is_string()) ++counts[runtime.get<std::string>()];
    }
  }
  if (call.json) {
    json runtimes = json::array();
    for (const auto& [name, count] : counts) runtimes.push_back({{"runtime", name}, {"nodes", count}});
    call.out.line(compact({{"runtimes", std::move(runtimes)}}));
    return ExitCode::Ok;
  }
  if (counts.empty()) {
    call.out.line("no active node offers a runtime");
    return ExitCode::Ok;
  }
  Table table({{"RUNTIME", Align::Left, "", true}, {"ACTIVE NODES", Align::Right}});
  for (const auto& [name, count] : counts) table.add({name, terminal::human_count(count)});
  call.out.stream() << table.render(call.out) << std::flush;
  return ExitCode::Ok;
}

ExitCode show_nodes(const Invocation& call, const Settings& settings, const NodesRequest& request) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  if (!request.node.empty()) return one_node(call, **api, request.node);
  if (request.classes) return show_classes(call, **api);
  const auto nodes = all_nodes(**api, request);
  if (!nodes) return report(call, nodes.error());
  if (request.runtimes) return show_runtimes(call, *nodes);
  if (call.json) {
    call.out.line(compact({{"nodes", *nodes}}));
    return ExitCode::Ok;
  }
  if (nodes->empty()) {
    call.out.line("no node matches; see what there is: starminer nodes, starminer nodes --classes");
    return ExitCode::Ok;
  }
  Table table({{"NODE", Align::Left, "", true},
               {"NAME"},
               {"CLASS"},
               {"DEVICES", Align::Right},
               {"FREE", Align::Right},
               {"REGION"},
               {"STATUS"},
               {"JOBS", Align::Right},
               {"REP", Align::Right},
               {"FLOOR", Align::Right, "AGPU/h"},
               {"RUNTIMES"}});
  for (const json& node : *nodes) {
    table.add({text_of(node, "id"), text_of(node, "name"), text_of(node, "class"),
               fmt::format("{}", number_of(node, "devices")), milli_text(free_devices(node)), text_of(node, "region"),
               text_of(node, "status"), fmt::format("{}", number_of(member(node, "free"), "jobs")),
               best_reputation(node), tokens_of(node, "floor_price"), joined(list_of(node, "runtimes"))});
  }
  call.out.stream() << table.render(call.out) << std::flush;
  return ExitCode::Ok;
}

/// "0.35 - 0.47" of the envelope after so many ticks.
std::string bounds_text(const json& row, const char* ticks) {
  const json& bounds = member(member(row, "envelope"), ticks);
  return fmt::format("{} - {}", tokens_of(bounds, "low"), tokens_of(bounds, "high"));
}

ExitCode show_prices(const Invocation& call, const Settings& settings) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto prices = (*api)->get("/v1/prices");
  if (!prices) return report(call, prices.error());
  if (call.json) {
    call.out.line(compact(*prices));
    return ExitCode::Ok;
  }
  const std::uint64_t tick_ms = number_of(*prices, "tick_ms");
  const auto within = [tick_ms](std::uint64_t ticks) {
    return fmt::format("IN {}", terminal::human_duration(ticks * tick_ms));
  };
  Table table({{"TIER"},
               {"CLASS", Align::Left, "", true},
               {"PRICE", Align::Right, "AGPU/h"},
               {within(5), Align::Right},
               {within(15), Align::Right},
               {within(60), Align::Right},
               {"FLOOR", Align::Right}});
  for (const json& row : list_of(*prices, "prices")) {
    table.add({text_of(row, "tier"), text_of(row, "class"), tokens_of(row, "price"), bounds_text(row, "5"),
               bounds_text(row, "15"), bounds_text(row, "60"), tokens_of(row, "floor")});
  }
  call.out.stream() << table.render(call.out);
  call.out.line(
      "Bounds are certain: no price leaves them in that time. A job's own factors come on top: starminer plan");
  return ExitCode::Ok;
}

ExitCode show_queues(const Invocation& call, const Settings& settings) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto queues = (*api)->get("/v1/queues");
  if (!queues) return report(call, queues.error());
  if (call.json) {
    call.out.line(compact(*queues));
    return ExitCode::Ok;
  }
  Table table({{"CLASS", Align::Left, "", true},
               {"WAITING", Align::Right},
               {"PARKED", Align::Right},
               {"RUNNING", Align::Right},
               {"DEVICES", Align::Right},
               {"FREE", Align::Right}});
  for (const json& row : list_of(*queues, "queues")) {
    table.add({text_of(row, "class"), terminal::human_count(number_of(row, "waiting")),
               terminal::human_count(number_of(row, "parked")), terminal::human_count(number_of(row, "running")),
               terminal::human_count(number_of(row, "devices")), milli_text(number_of(row, "free_milli"))});
  }
  call.out.stream() << table.render(call.out);
  call.out.line("Parked jobs wait for the price to come down to their max_price.");
  return ExitCode::Ok;
}

void add_nodes(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<NodesRequest>();
  config::Command& command = root.add("nodes", "Show the nodes of the market, or one of them");
  command.positional("node", request->node, "A node id: everything about this one.").placeholder("NODE");
  command.option("--class", request->hardware_class, "Only this hardware class.").placeholder("CLASS");
  command.option("--region", request->region, "Only this region.").placeholder("REGION");
  command.option("--status", request->status, "Only this status: pending, active, draining, left, suspect or jailed.")
      .placeholder("STATUS");
  command.option("--classes", request->classes, "Show the hardware classes instead.");
  command.option("--runtimes", request->runtimes, "Show which runtimes active nodes offer instead.");
  command.prints()
      .example("starminer nodes --class RTX4090 --status active", "Nodes that could take a job now")
      .example("starminer nodes --runtimes", "What a job may name as its runtime")
      .returns(ExitCode::Refused, "there is no such class, region or status")
      .returns(ExitCode::NotFound, "there is no such node")
      .returns(ExitCode::Unreachable)
      .run([&settings, request](const Invocation& call) { return show_nodes(call, settings, *request); });
}

}  // namespace

void add_market_commands(config::Command& root, const Settings& settings) {
  add_nodes(root, settings);
  root.add("prices", "Show the price of every tier and class with its certain bounds")
      .prints()
      .example("starminer prices", "Prices now, and how far they can move")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) { return show_prices(call, settings); });
  root.add("queues", "Show how many jobs wait and run per hardware class")
      .prints()
      .example("starminer queues", "How busy the market is")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) { return show_queues(call, settings); });
}

}  // namespace starminer::cli
