// starminer-sim attacks: table and JSON of what cheating is worth.
#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/attacks.h"
#include "sim/commands.h"
#include "terminal/table.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using nlohmann::ordered_json;

constexpr std::uint32_t kSeedsMax = 1'000;

std::string_view verdict_text(AttackVerdict verdict) {
  switch (verdict) {
    case AttackVerdict::Holds: return "holds";
    case AttackVerdict::Broken: return "broken";
  }
  return "";
}

struct Measured {
  AttackRow row;
  AttackResult result;
};

ordered_json report(const AttacksRequest& request, const std::vector<Measured>& measured) {
  ordered_json out;
  out["seed"] = request.seed;
  out["seeds"] = request.seeds;
  out["undefended"] = request.undefended;
  out["attacks"] = ordered_json::object();
  for (const auto& [row, result] : measured) {
    ordered_json& found = out["attacks"][std::string(row.name)];
    found = {{"attack", row.attack},
             {"control", row.control},
             {"unit", row.unit},
             {"defence", row.defence},
             {"verdict", verdict_text(result.verdict)}};
    found["honest"] = result.control;
    found["attacked"] = result.attack;
    found["gain"] = result.gain;
    found["gain_error"] = result.gain_error;
    found["spent_agpu"] = result.spent;
    found["price_change"] = result.price_change;
    found["bound"] = result.bound;
  }
  return out;
}

void print(const config::Invocation& call, const std::vector<Measured>& measured) {
  using terminal::Align;
  terminal::Table table({{"ATTACK"},
                         {"UNIT"},
                         {"HONEST", Align::Right},
                         {"ATTACKED", Align::Right},
                         {"GAIN", Align::Right},
                         {"ERROR", Align::Right},
                         {"SPENT", Align::Right, "AGPU"},
                         {"BOUND", Align::Right},
                         {"PRICE", Align::Right, "%"},
                         {"VERDICT"}});
  for (const auto& [row, result] : measured) {
    const auto number = [](double value) { return fmt::format("{:.2f}", value); };
    table.add({std::string(row.name), std::string(row.unit), number(result.control), number(result.attack),
               number(result.gain), number(result.gain_error), number(result.spent), number(result.bound),
               number(100 * result.price_change), std::string(verdict_text(result.verdict))});
  }
  call.out.stream() << table.render(call.out) << std::flush;
}

}  // namespace

ExitCode run_attacks(const config::Invocation& call, const AttacksRequest& request) {
  if (request.seeds == 0 || request.seeds > kSeedsMax) {
    return call.fail(ExitCode::Usage,
                     {"--seeds is out of range", "", fmt::format("{}", request.seeds), {"give 1 to 1000"}});
  }
  for (const std::string& name : request.only) {
    const auto known = attacks();
    if (std::none_of(known.begin(), known.end(), [&name](const AttackRow& row) { return row.name == name; })) {
      return call.fail(ExitCode::Usage, {"unknown attack", "", name, {"starminer-sim attacks --help lists them"}});
    }
  }
  std::vector<Measured> measured;
  for (const AttackRow& row : attacks()) {
    const bool wanted =
        request.only.empty() || std::find(request.only.begin(), request.only.end(), row.name) != request.only.end();
    if (!wanted || (request.undefended && !row.can_be_undefended)) continue;
    if (call.err.interactive()) call.err.line(std::string(row.name));
    measured.push_back({row, run_attack(row.name, {request.seed, request.seeds, request.undefended})});
  }
  print(call, measured);
  if (request.json.empty()) return ExitCode::Ok;
  std::ofstream out(request.json, std::ios::binary | std::ios::trunc);
  out << report(request, measured).dump(1) << "\n" << std::flush;
  if (out.good()) return ExitCode::Ok;
  return call.fail(ExitCode::Failure, {"the results cannot be written", "", request.json.string(), {}});
}

}  // namespace starminer::sim
