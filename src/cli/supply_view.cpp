#include "cli/supply_view.h"

#include <algorithm>
#include <functional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_view.h"
#include "terminal/format.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
using terminal::Align;
using terminal::Cell;
using terminal::Column;
using terminal::Style;
using terminal::Table;

constexpr std::uint64_t kWhole = 1000;
constexpr std::uint64_t kReputationMax = 240;
constexpr std::size_t kShortId = 10;
// From these widths on a terminal has room for whole ids, and for the columns that others can do without.
constexpr std::size_t kWidthWholeIds = 150;
constexpr std::size_t kWidthRuntimes = 120;
constexpr std::size_t kWidthFloor = 100;

/// The best of the four columns of reputation, as the table has room for one.
std::string best_reputation(const json& node) {
  std::uint64_t best = 0;
  const json& reputation = member(node, "reputation");
  for (const auto& [kind, value] : reputation.items()) best = std::max(best, number_of(reputation, kind));
  return fmt::format("{}.{:02}", best / kReputationMax, best % kReputationMax * 100 / kReputationMax);
}

Cell status_cell(const json& node) {
  const std::string status = text_of(node, "status");
  if (status == "active") return {status, Style::Good};
  return {status, status == "suspect" || status == "jailed" ? Style::Bad : Style::Dim};
}

struct NodeColumn {
  Column column;
  std::size_t width_min;  // of the terminal, for the column to be there
  std::function<Cell(const json&)> cell;
};

std::vector<NodeColumn> node_columns(bool whole_ids) {
  const auto text = [](const char* name) { return [name](const json& node) { return Cell(text_of(node, name)); }; };
  return {
      {{"NODE", Align::Left, "", true},
       0,
       [whole_ids](const json& node) {
         const std::string id = text_of(node, "id");
         return Cell(whole_ids ? id : id.substr(0, kShortId));
       }},
      {{"NAME"}, 0, text("name")},
      {{"CLASS", Align::Left, "", true}, 0, text("class")},
      {{"GPUS", Align::Right}, 0, [](const json& node) { return Cell(fmt::format("{}", number_of(node, "devices"))); }},
      {{"FREE", Align::Right}, 0, [](const json& node) { return Cell(milli_text(free_devices(node))); }},
      {{"REGION"}, 0, text("region")},
      {{"STATUS"}, 0, status_cell},
      {{"REP", Align::Right}, 0, [](const json& node) { return Cell(best_reputation(node)); }},
      {{"AGPU/h", Align::Right},
       0,
       [](const json& node) { return Cell(tokens_of(member(node, "prices"), "Standard")); }},
      {{"FLOOR", Align::Right}, kWidthFloor, [](const json& node) { return Cell(tokens_of(node, "floor_price")); }},
      {{"JOBS", Align::Right},
       kWidthFloor,
       [](const json& node) { return Cell(fmt::format("{}", number_of(member(node, "free"), "jobs"))); }},
      {{"RUNTIMES"}, kWidthRuntimes, [](const json& node) { return Cell(joined(list_of(node, "runtimes"))); }},
  };
}

}  // namespace

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

std::string counted(std::uint64_t count, const char* thing) {
  return fmt::format("{} {}{}", terminal::human_count(count), thing, count == 1 ? "" : "s");
}

std::string joined(const json& texts) {
  std::string all;
  for (const json& text : texts) {
    if (text.is_string()) all += (all.empty() ? "" : ", ") + text.get<std::string>();
  }
  return all;
}

Table node_table(const terminal::Terminal& terminal, const json& nodes) {
  const bool whole_ids = !terminal.interactive() || terminal.width() >= kWidthWholeIds;
  std::vector<NodeColumn> columns = node_columns(whole_ids);
  std::erase_if(
      columns, [&](const NodeColumn& column) { return terminal.interactive() && terminal.width() < column.width_min; });
  std::vector<Column> heads;
  for (const NodeColumn& column : columns) heads.push_back(column.column);
  Table table(std::move(heads));
  for (const json& node : nodes) {
    std::vector<Cell> cells;
    for (const NodeColumn& column : columns) cells.push_back(column.cell(node));
    table.add(std::move(cells));
  }
  return table;
}

std::string node_line(const json& node) {
  return fmt::format("{} {} {} {} {}/{} free, {} jobs, {} AGPU/h, reputation {}", shown(node, "id"),
                     shown(node, "status"), shown(node, "class"), shown(node, "region"), milli_text(free_devices(node)),
                     number_of(node, "devices"), number_of(member(node, "free"), "jobs"),
                     tokens_of(member(node, "prices"), "Standard"), best_reputation(node));
}

}  // namespace starminer::cli
