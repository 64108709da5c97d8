#include "cli/plan_view.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/arithmetic.h"
#include "cli/json_view.h"
#include "config/units.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using client::job_file::JobFile;
using nlohmann::json;
using terminal::Style;

constexpr std::uint64_t kNeutral = 1'000'000;
constexpr std::uint64_t kWholeGpu = 1000;

/// In the order in which they are applied.
constexpr std::array<std::string_view, 10> kFactors = {"urgency", "flexibility", "gang", "runtime", "memory",
                                                       "region",  "residency",   "tee",  "energy",  "quality"};

constexpr std::array<std::pair<const char*, const char*>, 7> kReceivers = {{{"provider", "provider"},
                                                                            {"burn", "burned"},
                                                                            {"surge_burn", "surge burned"},
                                                                            {"stakers", "stakers"},
                                                                            {"treasury", "treasury"},
                                                                            {"insurance", "insurance"},
                                                                            {"referrer", "referrer"}}};

std::string count_of(std::uint64_t count, std::string_view one) {
  return fmt::format("{} {}{}", terminal::human_count(count), one, count == 1 ? "" : "s");
}

std::string seconds_text(std::chrono::seconds seconds) {
  return terminal::human_duration(static_cast<std::uint64_t>(seconds.count()) * 1000);
}

std::string dot(const terminal::Terminal& terminal) { return terminal.unicode() ? " · " : " | "; }
std::string times(const terminal::Terminal& terminal) { return terminal.unicode() ? " × " : " x "; }

std::string job_line(const terminal::Terminal& terminal, const PlanFacts& facts) {
  const JobFile& job = facts.job;
  const std::string separator = dot(terminal);
  std::string text = job.name + separator + std::string(protocol::kind_name(job.kind)) + separator;
  if (job.resources.gpus == 0) {
    text += "no GPU";
  } else if (job.resources.share_milli < kWholeGpu) {
    text += fmt::format("{} of a GPU", config::format_milli(job.resources.share_milli));
  } else {
    // The processor of a node is a device of the market too.
    const bool processor = job.resources.classes.size() == 1 && job.resources.classes.front() == "CPU";
    text += count_of(job.resources.gpus, processor ? "device" : "GPU");
  }
  std::string classes;
  for (const std::string& name : job.resources.classes) classes += (classes.empty() ? "" : " or ") + name;
  if (job.resources.gpus > 0) text += classes.empty() ? " of any class" : " of class " + classes;
  text += fmt::format("{}{} CPU, {} memory", separator, config::format_milli(job.resources.cpu_milli),
                      terminal::human_memory(job.resources.memory_bytes));
  if (!job.runtime.empty()) text += separator + job.runtime;
  if (facts.input_bytes > 0) text += separator + terminal::human_bytes(facts.input_bytes) + " inputs";
  return text;
}

std::string capitalized(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 32);
  return text;
}

std::string tier_line(const PlanFacts& facts) {
  const bool chosen = facts.job.tier == protocol::TierChoice::Auto;
  const std::string reason = shown(facts.quote, "tier_reason");
  return fmt::format("{} ({}{})", capitalized(shown(facts.quote, "tier")), chosen ? "auto: " : "", reason);
}

/// The class that the quote's figures are about: the match's, else the cheapest with an eligible node, else any.
const json* reference_class(const json& quote) {
  const std::string matched = text_of(member(quote, "match"), "class");
  const json* best = nullptr;
  const auto rank = [](const json& row) {
    return std::pair(number_of(row, "eligible") == 0, number_of(row, "unit_min"));
  };
  for (const json& row : list_of(quote, "classes")) {
    if (!matched.empty() && text_of(row, "class") == matched) return &row;
    if (best == nullptr || rank(row) < rank(*best)) best = &row;
  }
  return best;
}

std::string factors_line(const terminal::Terminal& terminal, const json& row) {
  std::string text = fmt::format("= base {}", tokens_of(row, "base"));
  bool any = false;
  for (const std::string_view name : kFactors) {
    const std::uint64_t ppm = find_number(member(row, "factors"), name).value_or(kNeutral);
    if (ppm == kNeutral) continue;
    text += fmt::format("{}{} {}", times(terminal), name, factor_text(ppm));
    any = true;
  }
  return any ? text : text + ", no factor applies";
}

std::uint64_t scaled(std::uint64_t price, std::uint64_t product_ppm) {
  return mul_div(price, product_ppm, kNeutral, Rounding::Ceil).value_or(price);
}

std::string bounds_line(const PlanFacts& facts, const json& row) {
  std::string text = "certain bounds";
  const std::uint64_t product = find_number(row, "product_ppm").value_or(kNeutral);
  const char* separator = " ";
  for (const std::uint64_t ticks : {5U, 15U, 60U}) {
    const json& bounds = member(member(row, "envelope"), std::to_string(ticks));
    text += fmt::format("{}{} - {} in {}", separator, terminal::human_tokens(scaled(number_of(bounds, "low"), product)),
                        terminal::human_tokens(scaled(number_of(bounds, "high"), product)),
                        terminal::human_duration(ticks * facts.tick_ms));
    separator = ", ";
  }
  return text;
}

void add_price(terminal::KeyValues& lines, const terminal::Terminal& terminal, const PlanFacts& facts) {
  const json* const row = reference_class(facts.quote);
  if (row == nullptr) {
    lines.add("Price", "unknown: no class of hardware could take this job");
    return;
  }
  const json& match = member(facts.quote, "match");
  const std::uint64_t unit = match.is_object() ? number_of(match, "unit") : number_of(*row, "unit_min");
  lines.add("Price", fmt::format("{} per {} of {}", agpu(unit), facts.job.resources.gpus == 0 ? "hour" : "GPU-hour",
                                 shown(*row, "class")));
  lines.more(factors_line(terminal, *row));
  lines.more(bounds_line(facts, *row));
}

void add_cost(terminal::KeyValues& lines, const PlanFacts& facts) {
  lines.add("Cost", fmt::format("{} expected ({}), {} at most ({})", agpu_of(facts.quote, "expected"),
                                seconds_text(facts.job.time.expected.count() > 0 ? facts.job.time.expected
                                                                                 : facts.job.time.max),
                                agpu_of(facts.quote, "cap"), seconds_text(facts.job.time.max)));
  lines.more("= " + split_text(member(facts.quote, "expected_split")));
}

/// What the asked lock of the price costs, or what one would.
void add_price_lock(terminal::KeyValues& lines, const PlanFacts& facts) {
  if (const json& lock = member(facts.quote, "price_lock"); lock.is_object()) {
    lines.add("Price lock", fmt::format("{} for {}; not returned", agpu_of(lock, "fee"),
                                        terminal::human_duration(number_of(lock, "ticks") * facts.tick_ms)));
    return;
  }
  if (flag_of(facts.quote, "starts_now") || facts.job.resources.gpus == 0) return;
  std::string text = "none; --price-lock";
  const char* separator = " ";
  for (const auto& [ticks, fee] : member(facts.quote, "lock_fees").items()) {
    text += fmt::format("{}{} costs {}", separator, terminal::sanitize_line(ticks),
                        agpu_of(member(facts.quote, "lock_fees"), ticks));
    separator = ", ";
  }
  lines.add("Price lock", text);
}

void add_start(terminal::KeyValues& lines, const PlanFacts& facts) {
  const json& match = member(facts.quote, "match");
  if (flag_of(facts.quote, "starts_now") && match.is_object()) {
    const std::size_t others = list_of(facts.quote, "gang").size();
    lines.add("Start", fmt::format("now, on {}{} ({} in {})", shown(match, "node_name"),
                                   others > 0 ? " and " + count_of(others, "other host") + " of its site" : "",
                                   shown(match, "class"), shown(match, "region")));
    return;
  }
  if (const json& room = member(facts.quote, "preemption"); room.is_object()) {
    lines.add("Start",
              fmt::format("within {}: it gives notice to {} jobs in Economy on one node",
                          terminal::human_duration(number_of(facts.quote, "notice_ms")), member(room, "jobs").size()));
    lines.more(
        fmt::format("that takes {} out of its cap, for those jobs, whatever follows", agpu_of(room, "compensation")));
    return;
  }
  const json& exclusions = member(facts.quote, "exclusions");
  const std::uint64_t ahead = number_of(facts.quote, "queue_ahead");
  const std::uint64_t busy = number_of(exclusions, "eligible_busy");
  std::string why = busy > 0
                        ? fmt::format("{} could take it but {} busy", count_of(busy, "node"), busy == 1 ? "is" : "are")
                        : std::string("no node could take it at this moment");
  const json& predicted = member(facts.quote, "predicted");
  const std::string when = predicted.is_object()
                               ? fmt::format("in {}, 9 of 10 such jobs in {} (a prediction)",
                                             terminal::human_duration(number_of(predicted, "start_p50_ms")),
                                             terminal::human_duration(number_of(predicted, "start_p90_ms")))
                               : std::string("unknown");
  lines.add("Start", fmt::format("{}: {}; {} before it in the queue", when, why, count_of(ahead, "job")));
}

/// What the tier says of the start, and what a late one costs the market.
void add_promise(terminal::KeyValues& lines, const PlanFacts& facts) {
  const auto within = find_number(facts.quote, "start_promised_ms");
  if (!within) return;
  const bool premium = capitalized(text_of(facts.quote, "tier")) == "Premium";
  lines.add("Promise", fmt::format("it starts within {}, or {}", terminal::human_duration(*within),
                                   premium ? "a part of the bill is credited" : "you pay no fee"));
}

/// Only where the job offers credits.
void add_credits(terminal::KeyValues& lines, const PlanFacts& facts) {
  if (facts.job.credits == 0) return;
  constexpr std::uint64_t kMicro = 1'000'000;
  lines.add("Credits", fmt::format("{} of {} move it {} ahead in the queue", number_of(facts.quote, "credits"),
                                   number_of(facts.quote, "credits_micro") / kMicro,
                                   terminal::human_duration(number_of(facts.quote, "boost_ms"))));
}

/// Where the job would draw a reserve pool, and whether that decided.
void add_reserve(terminal::KeyValues& lines, const PlanFacts& facts) {
  for (const json& row : list_of(facts.quote, "classes")) {
    if (!flag_of(row, "may_draw")) continue;
    const json& match = member(facts.quote, "match");
    const bool decided = text_of(match, "class") == text_of(row, "class") && number_of(match, "reserve") != 0;
    lines.more(fmt::format("{} is short of GPUs: it prefers nodes that stand by ({} there){}", shown(row, "class"),
                           number_of(row, "in_reserve"), decided ? ", and got one" : ""));
  }
}

void add_nodes(terminal::KeyValues& lines, const PlanFacts& facts) {
  const json& exclusions = member(facts.quote, "exclusions");
  const json& match = member(facts.quote, "match");
  if (number_of(exclusions, "nodes") == 0) {
    lines.add("Nodes", "no node is registered yet");
    if (!facts.runtimes.empty()) lines.add("Runtime", facts.runtimes);
    return;
  }
  std::string text = fmt::format("{} of {} can take it now", terminal::human_count(number_of(exclusions, "eligible")),
                                 terminal::human_count(number_of(exclusions, "nodes")));
  if (match.is_object()) text += fmt::format("; best {} {}", shown(match, "node_name"), shown(match, "node"));
  lines.add("Nodes", text);
  if (const std::uint64_t hosts = number_of(facts.quote, "hosts"); hosts > 1) {
    lines.more(fmt::format("each for one part: {} hosts of one site share the job, {} each", hosts,
                           count_of(facts.job.resources.gpus / hosts, "GPU")));
  }
  add_reserve(lines, facts);
  const std::string reasons = exclusion_text(exclusions);
  if (!reasons.empty()) lines.more("not: " + reasons);
  if (const auto cheapest = find_number(exclusions, "cheapest_over_cap")) {
    lines.more(fmt::format("max_price {} would do for the cheapest of those over yours", agpu(*cheapest)));
  }
  if (!facts.runtimes.empty()) lines.add("Runtime", facts.runtimes);
}

void add_balance(terminal::KeyValues& lines, const PlanFacts& facts) {
  if (!facts.has_account) {
    lines.add("Balance", "unknown: you have no key yet; make one: starminer login");
    return;
  }
  std::string text = fmt::format("{}, {} will be held and {} is the fee", agpu_of(facts.quote, "balance"),
                                 agpu_of(facts.quote, "cap"), agpu_of(facts.quote, "tx_fee"));
  if (number_of(facts.quote, "credits_burned") > 0) {
    text += fmt::format(", {} will be burned with the credits", agpu_of(facts.quote, "credits_burned"));
  }
  const std::uint64_t held = number_of(facts.quote, "held");
  if (held > 0) text += fmt::format("; other jobs hold {}", agpu(held));
  lines.add("Balance", text);
}

/// What a factor depends on, in the words of the job file.
std::string factor_input(std::string_view factor, const PlanFacts& facts) {
  const JobFile& job = facts.job;
  const json& match = member(facts.quote, "match");
  if (factor == "urgency") {
    if (job.urgency == protocol::Urgency::None) return "tier and deadline; urgency: none";
    return job.urgency == protocol::Urgency::Now ? "urgency: now" : "urgency: soon";
  }
  if (factor == "flexibility")
    return job.time.deadline_at || job.time.deadline_after ? "time until the deadline" : "no deadline";
  if (factor == "gang") return count_of(job.resources.gpus, "GPU") + " at once";
  if (factor == "runtime") return "time.max " + seconds_text(job.time.max);
  if (factor == "memory") {
    return job.resources.gpu_memory_bytes == 0
               ? std::string("no gpu_memory asked for")
               : "gpu_memory " + terminal::human_memory(job.resources.gpu_memory_bytes) + " of the device's";
  }
  if (factor == "region")
    return match.is_object() ? "the node's region " + shown(match, "region") : "the node's region";
  if (factor == "residency")
    return job.region.residency.empty() && job.region.allow.empty() ? "no constraint" : "region constraints";
  if (factor == "tee") return job.tee.empty() ? "no enclave asked for" : "an enclave is asked for";
  return factor == "energy" ? "the node's verified energy" : "the node's uptime and outcomes";
}

std::string explanation(const terminal::Terminal& terminal, const PlanFacts& facts) {
  terminal::KeyValues lines;
  const json* const reference = reference_class(facts.quote);
  if (reference != nullptr) {
    for (const std::string_view name : kFactors) {
      const std::uint64_t ppm = find_number(member(*reference, "factors"), name).value_or(kNeutral);
      lines.add(name, fmt::format("{}  {}", terminal::pad_right(factor_text(ppm), 8), factor_input(name, facts)));
    }
    lines.add("product", factor_text(number_of(*reference, "product_ppm")));
  }
  for (const json& row : list_of(facts.quote, "classes")) {
    lines.add(shown(row, "class"),
              fmt::format("{} - {} AGPU per GPU-hour, {} can take it, {} free now", tokens_of(row, "unit_min"),
                          tokens_of(row, "unit_max"), count_of(number_of(row, "eligible"), "node"),
                          terminal::human_count(number_of(row, "free"))));
  }
  const json& match = member(facts.quote, "match");
  if (match.is_object()) {
    std::string parts;
    for (const auto& [name, value] : member(match, "parts").items()) {
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", terminal::sanitize_line(name), compact(value));
    }
    lines.add("score", fmt::format("{} for {}: {}", number_of(match, "score"), shown(match, "node_name"), parts));
    const json& next = member(match, "runner_up");
    if (next.is_object()) {
      lines.more(fmt::format("next best {} with {}", shown(next, "node"), number_of(next, "score")));
    }
  }
  lines.add("max_price", fmt::format("{} per GPU-hour", agpu_of(facts.quote, "max_price")));
  lines.add("signed by",
            facts.signed_by.empty() ? "nobody: the node does not sign its quotes" : "node key " + facts.signed_by);
  return lines.render(terminal);
}

}  // namespace

std::string split_text(const json& split) {
  std::string text;
  for (const auto& [name, label] : kReceivers) {
    const std::uint64_t amount = number_of(split, name);
    if (amount == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", label, terminal::human_tokens(amount));
  }
  return text.empty() ? "nobody gets anything" : text;
}

std::string exclusion_text(const json& exclusions) {
  std::vector<const json*> rows;
  for (const json& row : list_of(exclusions, "reasons")) {
    if (number_of(row, "first") > 0) rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const json* a, const json* b) { return number_of(*a, "first") > number_of(*b, "first"); });
  std::string text;
  for (const json* const row : rows) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", terminal::human_count(number_of(*row, "first")),
                        shown(*row, "sentence"));
    const std::uint64_t alone = number_of(*row, "alone");
    if (alone > 0) text += fmt::format(" ({} but for this)", terminal::human_count(alone));
  }
  return text;
}

std::string plan_text(const terminal::Terminal& terminal, const PlanFacts& facts) {
  terminal::KeyValues lines;
  lines.add("Job", job_line(terminal, facts));
  lines.add("Tier", tier_line(facts));
  add_price(lines, terminal, facts);
  add_cost(lines, facts);
  add_start(lines, facts);
  add_price_lock(lines, facts);
  add_credits(lines, facts);
  add_promise(lines, facts);
  lines.add("Verify", "accept: paid when you accept it, or when its window closes");
  add_nodes(lines, facts);
  add_balance(lines, facts);
  std::string text = lines.render(terminal);
  if (facts.explain) text += "\n" + explanation(terminal, facts);
  return text;
}

}  // namespace starminer::cli
