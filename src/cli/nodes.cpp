// nodes: the supply, by filter and order, once or as it changes; hardware classes and runtimes.
#include <charconv>
#include <map>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/http/client.h"
#include "api/http/target.h"
#include "base/ids.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/live.h"
#include "cli/session.h"
#include "cli/supply_view.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/screen.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Align;
using terminal::Table;

constexpr std::uint64_t kPage = 500;
constexpr std::uint64_t kWatched = 50;

struct NodesRequest {
  std::string node;
  std::string where;
  std::string sort;
  std::string hardware_class;
  std::string region;
  std::string status;
  std::uint64_t limit = 0;  // 0: all
  bool watch = false;
  bool classes = false;
  bool runtimes = false;
};

std::string query_of(const NodesRequest& request) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query += fmt::format("&{}={}", name, api::http::percent_encode(value));
  };
  add("where", request.where);
  add("sort", request.sort);
  add("class", request.hardware_class);
  add("region", request.region);
  add("status", request.status);
  return query;
}

/// A filter that the node did not understand, with a mark under the place.
Trouble trouble_with(const Invocation& call, const NodesRequest& request, const api::http::ApiError& error) {
  Trouble trouble = trouble_of(error);
  const std::string& text = error.code == "bad_sort" ? request.sort : request.where;
  for (const auto& [name, value] : error.members) {
    if (name != "column" || call.json) continue;
    std::size_t column = 0;
    std::from_chars(value.data(), value.data() + value.size(), column);
    if (column == 0 || column > text.size() + 1) continue;
    const std::size_t before =
        terminal::display_width(terminal::sanitize_line(std::string_view(text).substr(0, column - 1)));
    auto& advice = trouble.failure.advice;
    advice.insert(advice.begin(), {text, std::string(before, ' ') + "^"});
  }
  return trouble;
}

Result<json, api::http::ApiError> all_nodes(client::Api& api, const NodesRequest& request) {
  json nodes = json::array();
  std::string after;
  do {
    const std::uint64_t left = request.limit == 0 ? kPage : request.limit - nodes.size();
    const auto page = api.get(fmt::format("/v1/nodes?limit={}{}{}", std::min(left, kPage), query_of(request),
                                          after.empty() ? "" : "&after=" + after));
    if (!page) return fail(page.error());
    for (const json& node : list_of(*page, "nodes")) nodes.push_back(node);
    after = text_of(*page, "next");
  } while (!after.empty() && (request.limit == 0 || nodes.size() < request.limit));
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
  lines.add("Place", fmt::format("{} {}{}{}, site tier {}{}, isolation tier {}", shown(node, "region"),
                                 shown(node, "country"), flag_of(node, "region_verified") ? " (verified)" : "",
                                 text_of(node, "site").empty() ? "" : ", site " + shown(node, "site"),
                                 number_of(node, "site_tier"),
                                 flag_of(node, "site_tier_verified") ? " (verified)" : " (not verified, counts as 0)",
                                 number_of(node, "sandbox_tier")));
  const json& energy = member(node, "energy");
  if (has(energy, "certificate")) {
    lines.add("Energy", fmt::format("{} g CO2 per kWh, {} % renewable; {}", number_of(energy, "g_co2_per_kwh"),
                                    number_of(energy, "renewable_ppm") / 10'000,
                                    flag_of(energy, "verified") ? "verified by attestors" : "not verified"));
  }
  std::string ratings;
  const json& rated = member(node, "ratings");
  for (const auto& [kind, value] : rated.items()) {
    ratings += fmt::format("{}{} {}", ratings.empty() ? "" : ", ", terminal::sanitize_line(kind),
                           milli_text(number_of(rated, kind)));
  }
  lines.add("Rating", ratings + " CU per device");
  if (const json& asked = member(node, "benchmark"); asked.is_object()) {
    lines.more(fmt::format("benchmark {} asked for by the network ({}): {}", number_of(asked, "round"),
                           shown(asked, "reason"),
                           flag_of(asked, "open")        ? "no result yet"
                           : flag_of(asked, "confirmed") ? "confirmed the ratings"
                                                         : "did not confirm them"));
  }
  if (const json& heard = member(node, "telemetry"); heard.is_object()) {
    lines.add("Heard",
              fmt::format("{} beats in epoch {}, round trips of {} ms (median), {} ms (p99)", number_of(heard, "beats"),
                          number_of(heard, "epoch"), number_of(heard, "p50_ms"), number_of(heard, "p99_ms")));
  }
  std::string prices;
  const json& by_tier = member(node, "prices");
  for (const auto& [tier, value] : by_tier.items()) {
    prices +=
        fmt::format("{}{} {}", prices.empty() ? "" : ", ", terminal::sanitize_line(tier), tokens_of(by_tier, tier));
  }
  lines.add("Price", prices + " AGPU per GPU-hour for a plain job now");
  lines.add("Floor", fmt::format("{} per GPU-hour", agpu_of(node, "floor_price")));
  lines.add("Runtimes", terminal::sanitize_line(joined(list_of(node, "runtimes"))));
  call.out.stream() << lines.render(call.out) << std::flush;
}

/// The whole id of the one node whose id begins so.
Outcome<std::string> resolve_node(client::Api& api, const std::string& text) {
  if (NodeId::parse(text)) return text;
  const auto no_such = [&text](std::string why) {
    return fail(Trouble{
        ExitCode::NotFound,
        {fmt::format("there is no node {}", text), "not_found", std::move(why), {"see all nodes: starminer nodes"}}});
  };
  const bool may_begin_an_id =
      text.size() > 2 && text.starts_with("n1") && text.find_first_of("\"'\\ ") == std::string::npos;
  if (!may_begin_an_id) return no_such("a node id begins with n1");
  std::vector<std::string> found;
  std::string after;
  do {
    const auto page =
        api.get(fmt::format("/v1/nodes?limit={}&where={}{}", kPage, api::http::percent_encode("id~\"" + text + "\""),
                            after.empty() ? "" : "&after=" + after));
    if (!page) return fail(trouble_of(page.error()));
    for (const json& node : list_of(*page, "nodes")) {
      const std::string id = text_of(node, "id");
      if (id.starts_with(text)) found.push_back(id);
    }
    after = text_of(*page, "next");
  } while (!after.empty() && found.size() < 2);
  if (found.size() == 1) return found.front();
  return no_such(found.empty() ? "no id begins so" : "more than one id begins so: type more of it");
}

ExitCode one_node(const Invocation& call, client::Api& api, const std::string& text) {
  const auto id = resolve_node(api, text);
  if (!id) return report(call, id.error());
  const auto node = api.get("/v1/nodes/" + *id);
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

/// What a reader of the stream knows.
class NodeBoard {
 public:
  void take(const json& event) {
    for (const json& node : list_of(event, "nodes")) rows_[text_of(node, "id")] = node;
    std::map<std::string, json> kept;
    nodes_ = json::array();
    for (const json& id : list_of(event, "order")) {
      if (!id.is_string()) continue;
      const auto row = rows_.find(id.get<std::string>());
      if (row == rows_.end()) continue;
      nodes_.push_back(row->second);
      kept.insert(*row);
    }
    rows_ = std::move(kept);
    matching_ = number_of(event, "matching");
  }
  [[nodiscard]] std::string text(const Invocation& call) const {
    std::string out = node_table(call.out, nodes_).render(call.out);
    out += nodes_.size() < matching_ ? fmt::format("the first {} of {}", nodes_.size(), counted(matching_, "node"))
                                     : counted(matching_, "node");
    return out + "; Ctrl-C ends\n";
  }

 private:
  std::map<std::string, json> rows_;
  json nodes_ = json::array();
  std::uint64_t matching_ = 0;
};

ExitCode watch(const Invocation& call, const Settings& settings, const NodesRequest& request) {
  terminal::Screen screen(call.out);
  NodeBoard board;
  const std::string target =
      fmt::format("/v1/streams/nodes?limit={}{}", request.limit == 0 ? kWatched : request.limit, query_of(request));
  const auto ended = follow_events(settings, target, [&](const api::http::SseEvent& event) {
    const json value = json::parse(event.data, nullptr, false);
    if (event.name != "nodes" || value.is_discarded()) return true;
    if (call.json) {
      call.out.line(compact(value));
    } else if (call.out.interactive()) {
      board.take(value);
      screen.show(board.text(call));
    } else {
      for (const json& node : list_of(value, "nodes")) call.out.line(node_line(node));
    }
    return call.out.stream().good();
  });
  if (!ended) return report(call, ended.error());
  return *ended;
}

ExitCode show_nodes(const Invocation& call, const Settings& settings, const NodesRequest& request) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  if (!request.node.empty()) return one_node(call, **api, request.node);
  if (request.classes) return show_classes(call, **api);
  if (request.watch) {
    // Asked once beforehand, so that a mistake in the filter is shown like everywhere.
    NodesRequest probe = request;
    probe.limit = 1;
    if (const auto first = all_nodes(**api, probe); !first)
      return report(call, trouble_with(call, request, first.error()));
    return watch(call, settings, request);
  }
  const auto nodes = all_nodes(**api, request);
  if (!nodes) return report(call, trouble_with(call, request, nodes.error()));
  if (request.runtimes) return show_runtimes(call, *nodes);
  if (call.json) {
    call.out.line(compact({{"nodes", *nodes}}));
    return ExitCode::Ok;
  }
  if (nodes->empty()) {
    call.out.line("no node matches; see what there is: starminer nodes, starminer nodes --classes");
    return ExitCode::Ok;
  }
  call.out.stream() << node_table(call.out, *nodes).render(call.out) << std::flush;
  return ExitCode::Ok;
}

constexpr const char* kNodesHelp =
    "--where takes tests joined by and, or, not and brackets: FIELD = VALUE, != < <= > >=, ~ (contains), in [A, B], "
    "not "
    "in [A, B]. Fields: class, status, id, name, provider, model, runtimes, registered, age, status_age; gpus, vram, "
    "interconnect, cpu, ram, disk, up, down; free, free_whole, free_cpu, free_ram, free_disk, jobs; region, country, "
    "site, site_tier, sandbox_tier, co2, renewable, pue, energy_verified; price, price.economy, price.standard, "
    "price.premium, "
    "floor; rating, reputation, and both with .training, .inference, .rendering or .simulation.\n\nMemory is in GiB "
    "where no unit stands (80, 80 GB, 512 MiB), prices in AGPU per GPU-hour, ages with a unit (30 d, 6 h). region = eu "
    "means all of eu-.... --sort takes fields by commas, each with - before it for the largest first.\n\nThe whole "
    "grammar: docs/search.md.";

}  // namespace

void add_nodes_command(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<NodesRequest>();
  config::Command& command = root.add("nodes", "Show the nodes of the market, or one of them");
  command.describe(kNodesHelp);
  command.positional("node", request->node, "A node, or the start of its id: everything about it.").placeholder("NODE");
  command.option("--where", request->where, "Only nodes that pass this filter.").placeholder("FILTER");
  command.option("--sort", request->sort, "In this order: fields by commas, -FIELD for the largest first.")
      .placeholder("FIELDS");
  command.option("--limit", request->limit, "So many at most; all if not given, 50 with --watch.").placeholder("N");
  command.option("--watch", request->watch, "Go on and show every change until Ctrl-C.");
  command.option("--class", request->hardware_class, "Only this hardware class.").placeholder("CLASS");
  command.option("--region", request->region, "Only this region.").placeholder("REGION");
  command.option("--status", request->status, "Only this status: pending, active, draining, left, suspect or jailed.")
      .placeholder("STATUS");
  command.option("--classes", request->classes, "Show the hardware classes instead.");
  command.option("--runtimes", request->runtimes, "Show which runtimes active nodes offer instead.");
  command.prints()
      .example("starminer nodes --where 'class in [H100,A100] and region=eu and free>=4' --sort price",
               "Where four GPUs are free in Europe, the cheapest first")
      .example("starminer nodes --where 'status=active and vram>=24' --sort -reputation,price --watch",
               "The same as it changes, the most reliable first")
      .example("starminer nodes --runtimes", "What a job may name as its runtime")
      .returns(ExitCode::Refused, "the filter or the order is wrong; there is no such class, region or status")
      .returns(ExitCode::NotFound, "there is no such node")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Interrupted, "of --watch")
      .run([&settings, request](const Invocation& call) { return show_nodes(call, settings, *request); });
}

}  // namespace starminer::cli
