// explain: why a job does not start, and what would change it; or why its node got it.
#include <algorithm>
#include <charconv>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/plan_view.h"
#include "cli/session.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

constexpr std::size_t kShortId = 12;

/// A value of a changed field as people write it.
std::string field_text(const std::string& field, const std::string& value) {
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  if (field == "max_price" || field == "budget") return agpu(number);
  if (field.ends_with("_bytes")) return terminal::human_memory(number);
  if (field == "cpu_milli") return fmt::format("{}", (number + 999) / 1000);
  return value.empty() ? "none" : terminal::sanitize_line(value);
}

/// The words of the job file.
std::string field_name(const std::string& field) {
  if (field == "classes") return "class";
  if (field == "gpu_memory_bytes") return "gpu_memory";
  if (field == "ram_bytes") return "memory";
  if (field == "disk_bytes") return "disk";
  if (field == "cpu_milli") return "cpus";
  if (field == "allow") return "regions";
  return terminal::sanitize_line(field);
}

std::string relaxation_text(const json& relaxation) {
  std::string changes;
  for (const json& change : list_of(relaxation, "changes")) {
    const std::string field = text_of(change, "field");
    changes += fmt::format("{}{} {} instead of {}", changes.empty() ? "" : " and ", field_name(field),
                           field_text(field, text_of(change, "to")), field_text(field, text_of(change, "from")));
  }
  return fmt::format("{}: {} {} in {}, {} per GPU-hour, {} expected", changes, shown(relaxation, "class"),
                     shown(relaxation, "node").substr(0, kShortId), shown(relaxation, "region"),
                     agpu_of(relaxation, "unit"), agpu_of(relaxation, "expected"));
}

terminal::KeyValues explanation_text(const Invocation& call, const json& answer) {
  const json& exclusions = member(answer, "exclusions");
  terminal::KeyValues lines;
  std::string state = shown(answer, "state");
  if (flag_of(answer, "parked")) state += ", parked: it waits for the price to come down to its max_price";
  lines.add("Job", fmt::format("{}  {}", shown(answer, "id"), state));
  if (const auto position = find_number(answer, "queue_position")) {
    lines.add("Queue", fmt::format("{} before it", *position));
  }
  if (exclusions.is_object()) {
    lines.add("Nodes", fmt::format("{} of {} can take it now, {} more are busy", number_of(exclusions, "eligible"),
                                   number_of(exclusions, "nodes"), number_of(exclusions, "eligible_busy")));
    const std::string reasons = exclusion_text(exclusions);
    if (!reasons.empty()) lines.more("not: " + reasons);
    if (const json& gang = member(answer, "gang"); gang.is_object()) {
      lines.more(fmt::format("each for one part: {} hosts of one site with {} GPUs each share the job",
                             number_of(gang, "hosts"), number_of(gang, "gpus_each")));
    }
    lines.add("Why", shown(answer, "sentence"));
    if (const json& predicted = member(answer, "predicted"); predicted.is_object()) {
      lines.add("Start", fmt::format("half of such jobs start within {}, 9 of 10 within {}",
                                     terminal::human_duration(number_of(predicted, "start_p50_ms")),
                                     terminal::human_duration(number_of(predicted, "start_p90_ms"))));
    }
  } else {
    lines.add("Nodes", "the job is over: starminer status " + shown(answer, "id"));
  }
  bool first = true;
  for (const json& relaxation : list_of(answer, "relaxations")) {
    if (first) {
      lines.add("Would do", relaxation_text(relaxation));
    } else {
      lines.more(relaxation_text(relaxation));
    }
    first = false;
  }
  if (const auto start = find_number(member(answer, "held"), "starts_by_ms")) {
    const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
    lines.add("Or wait", fmt::format("a node is held for it: it starts at {} at the latest",
                                     terminal::human_time(static_cast<std::int64_t>(*start), zone)));
  }
  return lines;
}

/// Why the node got it, from the contract: the parts of the score with their weights, the largest share first.
void add_match(terminal::KeyValues& lines, const json& contract) {
  const json& match = member(contract, "match");
  std::vector<std::pair<std::uint64_t, std::string>> shares;
  for (const auto& [term, part] : member(match, "parts").items()) {
    const std::uint64_t weight = number_of(member(match, "weights"), term);
    const std::uint64_t points = part.is_number_unsigned() ? part.get<std::uint64_t>() : 0;
    shares.emplace_back(weight * points, fmt::format("{} {} x {}", terminal::sanitize_line(term), points, weight));
  }
  if (const std::uint64_t reserve = number_of(match, "reserve"); reserve != 0) {
    const std::uint64_t weight = number_of(match, "reserve_weight");
    shares.emplace_back(weight * reserve, fmt::format("reserve {} x {}", reserve, weight));
  }
  std::sort(shares.rbegin(), shares.rend());
  std::vector<std::string> texts;
  for (auto& [share, text] : shares) texts.push_back(std::move(text));
  lines.add("Match", fmt::format("node {}, {} points in block {}", shown(contract, "node"), number_of(match, "score"),
                                 number_of(match, "height")));
  lines.more(fmt::format("{}", fmt::join(texts, ", ")));
}

ExitCode explain(const Invocation& call, const Settings& settings, const std::string& text) {
  auto api = open_session(settings, KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  const bool is_contract = ContractId::parse(text).has_value();
  const auto id = is_contract ? Outcome<std::string>(text) : resolve_job(**api, text);
  if (!id) return report(call, id.error());
  const auto answer = (*api)->get("/v1/matches/" + *id + "/explain");
  if (!answer) return report(call, answer.error());
  if (call.json) {
    call.out.line(compact(*answer));
    return ExitCode::Ok;
  }
  terminal::KeyValues lines = explanation_text(call, *answer);
  const std::string contract = is_contract ? *id : text_of(*answer, "contract");
  if (!contract.empty()) {
    const auto row = (*api)->get("/v1/contracts/" + contract);
    if (!row) return report(call, row.error());
    add_match(lines, *row);
  }
  call.out.stream() << lines.render(call.out) << std::flush;
  return ExitCode::Ok;
}

}  // namespace

void add_explain_command(config::Command& root, const Settings& settings) {
  const auto job = std::make_shared<std::string>();
  config::Command& command =
      root.add("explain", "Show why a job waits and what would let it start, or why its node got it");
  command.positional("job", *job, "The job, the start of its id, or one of its contracts.")
      .required()
      .placeholder("JOB");
  command.prints()
      .example("starminer explain j1...", "Why it does not start, and the cheapest change that would do")
      .returns(ExitCode::NotFound, "there is no such job")
      .returns(ExitCode::Unreachable)
      .run([&settings, job](const Invocation& call) { return explain(call, settings, *job); });
}

}  // namespace starminer::cli
