#include "cli/market_view.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_view.h"
#include "cli/supply_view.h"
#include "terminal/format.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
using terminal::Align;
using terminal::Cell;
using terminal::Column;
using terminal::Style;
using terminal::Table;

constexpr std::uint64_t kMilli = 1000;
constexpr std::uint64_t kWarmPpm = 750'000;
constexpr std::uint64_t kHotPpm = 950'000;
constexpr std::size_t kShortId = 12;
// Terminals of these widths have room for more columns.
constexpr std::size_t kWidthCounts = 96;
constexpr std::size_t kWidthTiers = 120;

bool is_of_interest(const json& row) {
  return number_of(row, "nodes") > 0 || number_of(row, "waiting") > 0 || number_of(row, "parked") > 0 ||
         number_of(row, "running") > 0;
}

Cell load_cell(const json& row) {
  if (number_of(row, "devices") == 0) return {"", Style::Dim};
  const std::uint64_t load = number_of(row, "load_ppm");
  const Style style = load >= kHotPpm ? Style::Bad : load >= kWarmPpm ? Style::Warning : Style::Good;
  return {fmt::format("{} %", load / 10'000), style};
}

std::string price_of(const json& row, std::string_view tier) {
  for (const json& entry : list_of(row, "tiers")) {
    if (text_of(entry, "tier") == tier) return tokens_of(entry, "price");
  }
  return "";
}

/// "Standard 3, Economy 1"
std::string waiting_by_tier(const json& row) {
  std::string text;
  for (const json& entry : list_of(row, "tiers")) {
    const std::uint64_t waiting = number_of(entry, "waiting");
    if (waiting == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", shown(entry, "tier"), waiting);
    if (const auto p90 = find_number(entry, "start_p90_ms")) {
      text += fmt::format(" (9 of 10 within {})", terminal::human_duration(*p90));
    }
  }
  return text;
}

/// How long the first waits already.
std::string first_waits(const json& row, std::uint64_t now_ms) {
  const json& head = member(row, "head");
  if (!head.is_object()) return "";
  const std::uint64_t since = number_of(head, "submitted_ms");
  return terminal::human_duration(now_ms > since ? now_ms - since : 0);
}

/// In what time it starts at the latest, where that is known.
std::string starts_in(const json& row, std::uint64_t now_ms) {
  const auto start = find_number(member(row, "head"), "starts_by_ms");
  if (!start) return "";
  return *start > now_ms ? terminal::human_duration(*start - now_ms) : "now";
}

std::vector<std::string> tiers_of(const json& queues) {
  std::vector<std::string> tiers;
  const json& rows = list_of(queues, "queues");
  if (rows.empty()) return tiers;
  for (const json& entry : list_of(rows.front(), "tiers")) tiers.push_back(text_of(entry, "tier"));
  return tiers;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : static_cast<char>(c);
  });
  return text;
}

/// On a narrow terminal the least important columns go.
Table class_table(const terminal::Terminal& terminal, const json& queues, std::uint64_t now_ms, bool all) {
  const bool wide = !terminal.interactive() || terminal.width() >= kWidthTiers;
  const bool counts = !terminal.interactive() || terminal.width() >= kWidthCounts;
  const std::vector<std::string> tiers = tiers_of(queues);
  std::vector<Column> columns = {
      {"CLASS", Align::Left, "", true}, {"LOAD", Align::Right}, {"FREE", Align::Right}, {"WAITING", Align::Right}};
  columns.insert(columns.end(), {{"FIRST", Align::Right}, {"START IN", Align::Right}});
  for (const std::string& tier : tiers) columns.push_back({upper(tier), Align::Right});
  if (counts) columns.insert(columns.end(), {{"RUNNING", Align::Right}, {"PARKED", Align::Right}});
  if (wide) columns.push_back({"WAITING BY TIER"});
  Table table(std::move(columns));
  for (const json& row : list_of(queues, "queues")) {
    if (!all && !is_of_interest(row)) continue;
    std::vector<Cell> cells = {
        text_of(row, "class"),
        load_cell(row),
        fmt::format("{}/{}", milli_text(number_of(row, "free_milli")), number_of(row, "devices")),
        terminal::human_count(number_of(row, "waiting")),
        first_waits(row, now_ms),
        starts_in(row, now_ms)};
    for (const std::string& tier : tiers) cells.emplace_back(price_of(row, tier));
    if (counts) {
      cells.emplace_back(terminal::human_count(number_of(row, "running")));
      cells.emplace_back(terminal::human_count(number_of(row, "parked")));
    }
    if (wide) cells.emplace_back(waiting_by_tier(row));
    table.add(std::move(cells));
  }
  return table;
}

std::string summary(const terminal::Terminal& terminal, const json& queues) {
  std::uint64_t nodes = 0, devices = 0, free = 0, running = 0;
  for (const json& row : list_of(queues, "queues")) {
    nodes += number_of(row, "nodes");
    devices += number_of(row, "devices");
    free += number_of(row, "free_milli");
    running += number_of(row, "running");
  }
  const std::uint64_t whole = devices * kMilli;
  const std::uint64_t busy = whole > free ? whole - free : 0;
  return terminal.paint(
      Style::Strong,
      fmt::format("{}, {}: {} busy, {} free ({} % load), {} run", counted(nodes, "node"), counted(devices, "GPU"),
                  milli_text(busy), milli_text(free), whole == 0 ? 0 : busy * 100 / whole, counted(running, "job")));
}

Table match_table(const MarketFacts& facts) {
  Table table({{"MATCHED", Align::Right},
               {"JOB", Align::Left, "", true},
               {"NODE", Align::Left, "", true},
               {"CLASS"},
               {"GPUS", Align::Right},
               {"TIER"},
               {"REGION"},
               {"AGPU/h", Align::Right},
               {"STATE"}});
  std::size_t count = 0;
  for (const json& row : list_of(facts.matches, "matches")) {
    if (count++ == facts.matches_max) break;
    const auto at = static_cast<std::int64_t>(number_of(row, "matched_ms"));
    table.add({terminal::human_distance(at, static_cast<std::int64_t>(facts.now_ms)),
               text_of(row, "job").substr(0, kShortId), text_of(row, "node").substr(0, kShortId), text_of(row, "class"),
               milli_text(number_of(row, "billing_milli")), text_of(row, "tier"), text_of(row, "region"),
               tokens_of(row, "unit_price"), text_of(row, "state")});
  }
  return table;
}

}  // namespace

std::string queues_text(const terminal::Terminal& terminal, const json& queues, std::uint64_t now_ms) {
  return class_table(terminal, queues, now_ms, true).render(terminal);
}

std::string market_text(const terminal::Terminal& terminal, const MarketFacts& facts) {
  std::string text = summary(terminal, facts.queues) + "\n\n";
  const Table classes = class_table(terminal, facts.queues, facts.now_ms, false);
  text += classes.empty() ? "no node is active and no job waits\n" : classes.render(terminal);
  const std::size_t left_out = list_of(facts.queues, "queues").size() - classes.size();
  if (left_out > 0) {
    const std::string classes_text = left_out == 1 ? "1 class" : fmt::format("{} classes", left_out);
    text += terminal.paint(Style::Dim, classes_text + " without nodes and jobs left out; AGPU per GPU-hour") + "\n";
  }
  const Table matches = match_table(facts);
  if (!matches.empty()) text += "\n" + matches.render(terminal);
  return text;
}

}  // namespace starminer::cli
