#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/json_text.h"
#include "api/render.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::Machine;

json time_or_null(const Clock& clock, TimeMs time) { return time.ms == 0 ? json() : json(clock.unix_ms(time)); }

template <class AnyId>
json id_or_null(const AnyId& id) {
  return id.is_zero() ? json() : json(id.text());
}

json hash_or_null(const Hash32& hash) { return hash.is_zero() ? json() : json(hash.hex()); }

json hashes(const std::vector<Hash32>& list) {
  json array = json::array();
  for (const Hash32& hash : list) array.push_back(hash.hex());
  return array;
}

void add_end(json& object, protocol::EndReason reason) {
  if (reason == protocol::EndReason::None) {
    object["end_reason"] = nullptr;
    object["end_reason_text"] = nullptr;
    object["party"] = nullptr;
    return;
  }
  const protocol::EndReasonInfo& info = end_reason_info(reason);
  object["end_reason"] = info.code;
  object["end_reason_text"] = info.sentence;
  object["party"] = party_name(info.party);
}

json render_factors(const protocol::Factors& factors) {
  json object = json::object();
  for (std::size_t i = 0; i < protocol::kFactorCount; ++i) {
    object[std::string(factor_name(static_cast<protocol::Factor>(i)))] = factors.ppm[i];
  }
  return object;
}

json render_price_inputs(const Machine& machine, const protocol::PriceInputs& price) {
  return {{"tier", machine.pricing().tier(price.tier).name},
          {"class", machine.registry().classes().get(price.hardware_class).name},
          {"base", decimal(price.base.nagpu_per_gpu_hour)},
          {"log_price_q32", decimal(price.log_price)},
          {"slow_log_price_q32", decimal(price.slow_log_price)},
          {"factors", render_factors(price.factors)},
          {"product_ppm", price.factors.product_ppm},
          {"ceiling", decimal(price.ceiling.nagpu_per_gpu_hour)},
          {"unit", decimal(price.unit.nagpu_per_gpu_hour)}};
}

json render_envelope(const protocol::ClassQuote& quote) {
  const auto bounds = [](const protocol::Envelope& envelope) {
    return json{{"low", decimal(envelope.low.nagpu_per_gpu_hour)}, {"high", decimal(envelope.high.nagpu_per_gpu_hour)}};
  };
  return {{"5", bounds(quote.next_5)}, {"15", bounds(quote.next_15)}, {"60", bounds(quote.next_60)}};
}

json render_parts(const protocol::ScoreParts& values) {
  json parts = json::object();
  for (std::size_t i = 0; i < protocol::kScoreTermCount; ++i) {
    parts[std::string(term_name(static_cast<protocol::ScoreTerm>(i)))] = values[i];
  }
  return parts;
}

json render_match(const Machine& machine, const protocol::Match& match) {
  const protocol::NodeRow& node = machine.registry().nodes().get(match.winner.node);
  json object = {{"node", match.winner.node.text()},
                 {"node_name", node.name},
                 {"model", node.hardware.model},
                 {"class", machine.registry().classes().get(node.hardware_class).name},
                 {"region", machine.registry().regions().get(node.offer.region).name},
                 {"score", match.winner.score},
                 {"parts", render_parts(match.winner.parts)},
                 {"reserve", match.winner.reserve},
                 {"unit", decimal(match.winner.unit.nagpu_per_gpu_hour)},
                 {"eligible", match.eligible},
                 {"runner_up", nullptr}};
  if (match.runner_up) {
    object["runner_up"] = {{"node", match.runner_up->node.text()}, {"score", match.runner_up->score}};
  }
  return object;
}

json render_lock_fees(const protocol::Quote& quote) {
  json fees = json::object();
  for (std::size_t i = 0; i < protocol::kLockTicks.size(); ++i) {
    fees[fmt::format("{}", protocol::kLockTicks[i])] = decimal(quote.lock_fees[i].base);
  }
  return fees;
}

json render_price_lock(const std::optional<protocol::PriceLock>& lock, const Clock& clock) {
  if (!lock) return {};
  return {{"until_ms", clock.unix_ms(lock->until)},
          {"fee", decimal(lock->fee.base)},
          {"held", lock->held},
          {"paid", decimal(lock->paid.base)}};
}

json render_node_notice(const std::optional<protocol::NodeNotice>& notice, const Clock& clock) {
  if (!notice) return {};
  return {{"node", notice->node.text()}, {"due_ms", clock.unix_ms(notice->due)}};
}

json render_start_promise(const std::optional<protocol::StartPromise>& promise, const Clock& clock) {
  if (!promise) return {};
  return {{"due_ms", clock.unix_ms(promise->due)}, {"state", start_state_name(promise->state)}};
}

json render_notice(const std::optional<protocol::Notice>& notice, const Clock& clock) {
  if (!notice) return {};
  return {{"by", notice->by.text()},
          {"given_ms", clock.unix_ms(notice->given)},
          {"due_ms", clock.unix_ms(notice->due)},
          {"open", notice->open},
          {"share", decimal(notice->share.base)},
          {"unsaved", decimal(notice->unsaved.base)},
          {"provider", decimal(notice->provider.base)}};
}

json render_allocation(const protocol::Allocation& held) {
  return {{"devices", held.devices},
          {"milli_per_device", held.milli_per_device},
          {"cpu_milli", held.cpu_milli},
          {"ram_bytes", held.ram_bytes},
          {"disk_bytes", held.disk_bytes}};
}

json render_gang(const std::vector<protocol::GangHost>& gang, const Clock& clock) {
  json hosts = json::array();
  for (const protocol::GangHost& host : gang) {
    hosts.push_back({{"node", host.node.text()},
                     {"allocation", render_allocation(host.allocation)},
                     {"ready_ms", time_or_null(clock, host.ready)},
                     {"heard_ms", time_or_null(clock, host.heard)},
                     {"done_ms", time_or_null(clock, host.done)},
                     {"report", hash_or_null(host.report)}});
  }
  return hosts;
}

/// The hosts beside the winner.
json render_others(const std::vector<protocol::Candidate>& others) {
  json nodes = json::array();
  for (const protocol::Candidate& other : others) nodes.push_back(other.node.text());
  return nodes;
}

json render_decline(const std::optional<protocol::DeclineCharge>& charge) {
  if (!charge) return {};
  return {{"compensated", decimal(charge->compensated.base)}, {"burned", decimal(charge->burned.base)}};
}

json render_preemption(const std::optional<protocol::Preemption>& preemption) {
  if (!preemption) return {};
  json jobs = json::array();
  for (const protocol::Victim& victim : preemption->victims) jobs.push_back(victim.job.text());
  return {{"node", preemption->node.text()},
          {"jobs", std::move(jobs)},
          {"compensation", decimal(preemption->compensation.base)}};
}

json render_match_receipt(const Machine& machine, const protocol::ContractRow& row) {
  const protocol::TierRow& tier = machine.pricing().tier(row.price.tier);
  json weights = json::object();
  for (std::size_t i = 0; i < protocol::kScoreTermCount; ++i) {
    weights[std::string(term_name(static_cast<protocol::ScoreTerm>(i)))] = tier.weights[i];
  }
  return {{"height", row.match.height},
          {"score", row.match.score},
          {"parts", render_parts(row.match.parts)},
          {"weights", std::move(weights)},
          {"reserve", row.match.reserve},
          {"reserve_weight", machine.params().get(protocol::Parameter::ReserveWeight)}};
}

}  // namespace

json render_place(const storage::EndedPlace* place) {
  if (place == nullptr) return {};
  return {{"height", place->height}, {"leaf_index", place->history_index}};
}

json render_split(const protocol::FeeSplit& split) {
  return {{"pay", decimal(split.pay.base)},           {"surge_burn", decimal(split.surge_burn.base)},
          {"burn", decimal(split.burn.base)},         {"stakers", decimal(split.stakers.base)},
          {"treasury", decimal(split.treasury.base)}, {"insurance", decimal(split.insurance.base)},
          {"referrer", decimal(split.referrer.base)}, {"provider", decimal(split.provider.base)}};
}

json render_exclusions(const protocol::Exclusions& exclusions) {
  json reasons = json::array();
  for (std::size_t i = 0; i < protocol::kConstraintCount; ++i) {
    if (exclusions.first[i] == 0 && exclusions.alone[i] == 0) continue;
    const auto constraint = static_cast<protocol::Constraint>(i);
    reasons.push_back({{"constraint", constraint_name(constraint)},
                       {"sentence", constraint_sentence(constraint)},
                       {"first", exclusions.first[i]},
                       {"alone", exclusions.alone[i]}});
  }
  return {{"nodes", exclusions.nodes},
          {"eligible", exclusions.eligible},
          {"eligible_busy", exclusions.eligible_busy},
          {"cheapest_over_cap",
           exclusions.cheapest_over_cap ? json(decimal(exclusions.cheapest_over_cap->nagpu_per_gpu_hour)) : json()},
          {"reasons", std::move(reasons)}};
}

json render_job(const Machine& machine, const JobId& id, const protocol::JobRow& row,
                const storage::EndedPlace* archived) {
  const Clock clock = archived != nullptr ? Clock(row.ended, archived->time) : Clock(machine);
  const auto position = machine.market().queue_position(id);
  const protocol::Resources& resources = row.spec.resources;
  json job = {{"id", id.text()},
              {"requester", row.requester.text()},
              {"state", job_state_name(row.state)},
              {"parked", row.parked},
              {"tier", machine.pricing().tier(row.tier).name},
              {"tier_reason", tier_reason_text(row.tier_reason)},
              {"kind", kind_name(row.spec.kind)},
              {"runtime", row.spec.runtime},
              {"max_price", decimal(row.max_price.nagpu_per_gpu_hour)},
              {"cap", decimal(row.cap.base)},
              {"credits", row.credits},
              {"credits_burned", decimal(row.credits_burned.base)},
              {"boost_ms", row.boost.ms},
              {"price_lock", render_price_lock(row.price_lock, clock)},
              {"notice", render_node_notice(row.notice, clock)},
              {"compensation", decimal(row.compensation.base)},
              {"preemptions", row.preemptions},
              {"start_promise", render_start_promise(row.start_promise, clock)},
              {"submitted_ms", clock.unix_ms(row.submitted)},
              {"attempts", row.attempts},
              {"contract", id_or_null(row.contract)},
              {"queue_position", position ? json(*position) : json()},
              {"ended_ms", time_or_null(clock, row.ended)},
              {"paid", decimal(row.paid.base)},
              {"refunded", decimal(row.refunded.base)},
              {"burned", decimal(row.burned.base)},
              {"spec",
               {{"classes", resources.classes},
                {"gpus", resources.gpus},
                {"share_milli", resources.share_milli},
                {"placement", placement_name(row.spec.placement)},
                {"hosts_max", row.spec.hosts_max},
                {"expected_s", row.spec.expected_s},
                {"max_s", row.spec.max_s},
                {"deadline_ms", time_or_null(clock, row.spec.deadline)},
                {"manifest_hash", row.spec.manifest_hash.hex()},
                {"inputs", hashes(row.spec.inputs)}}}};
  add_end(job, row.end_reason);
  job["archived"] = render_place(archived);
  return job;
}

json render_contract(const Machine& machine, const ContractId& id, const protocol::ContractRow& row,
                     const storage::EndedPlace* archived) {
  const Clock clock = archived != nullptr ? Clock(row.ended, archived->time) : Clock(machine);
  json contract = {{"id", id.text()},
                   {"job", row.job.text()},
                   {"attempt", row.attempt},
                   {"requester", row.requester.text()},
                   {"provider", row.provider.text()},
                   {"payout", row.payout.text()},
                   {"node", row.node.text()},
                   {"kind", kind_name(row.kind)},
                   {"state", contract_state_name(row.state)},
                   {"unit_price", decimal(row.price.unit.nagpu_per_gpu_hour)},
                   {"price", render_price_inputs(machine, row.price)},
                   {"billing_milli", row.billing_milli},
                   {"cap", decimal(row.cap.base)},
                   {"expected_s", row.expected_s},
                   {"max_s", row.max_s},
                   {"manifest_hash", row.manifest_hash.hex()},
                   {"inputs", hashes(row.inputs)},
                   {"input_bytes", row.input_bytes},
                   {"allocation", render_allocation(row.allocation)},
                   {"gang", render_gang(row.gang, clock)},
                   {"matched_ms", clock.unix_ms(row.matched)},
                   {"acknowledged_ms", time_or_null(clock, row.acknowledged)},
                   {"started_ms", time_or_null(clock, row.started)},
                   {"last_progress_ms", time_or_null(clock, row.last_progress)},
                   {"stopped_ms", time_or_null(clock, row.stopped)},
                   {"delivered_ms", time_or_null(clock, row.delivered)},
                   {"ended_ms", time_or_null(clock, row.ended)},
                   {"timer_due_ms", is_final(row.state) ? json() : json(clock.unix_ms(row.timer_due))},
                   {"run_ms", row.progress_run_ms},
                   {"metered_ms", row.metered_ms},
                   {"result_hash", hash_or_null(row.result_hash)},
                   {"outputs", hashes(row.outputs)},
                   {"proof_hash", hash_or_null(row.proof_hash)},
                   {"bill", render_split(row.bill)},
                   {"returned", decimal(row.returned.base)},
                   {"insured", decimal(row.insured.base)},
                   {"prior_claim", id_or_null(row.prior_claim)},
                   {"prior_bill", render_split(row.prior_bill)},
                   {"refund", decimal(row.refund.base)},
                   {"compute_units_milli", row.compute_units_milli},
                   {"notice", render_notice(row.notice, clock)},
                   {"decline", render_decline(row.decline)},
                   {"match", render_match_receipt(machine, row)}};
  add_end(contract, row.end_reason);
  contract["archived"] = render_place(archived);
  return contract;
}

json render_quote(const Machine& machine, const protocol::Quote& quote) {
  json classes = json::array();
  for (const protocol::ClassQuote& offered : quote.classes) {
    classes.push_back({{"class", machine.registry().classes().get(offered.hardware_class).name},
                       {"base", decimal(offered.base.nagpu_per_gpu_hour)},
                       {"unit_min", decimal(offered.unit_min.nagpu_per_gpu_hour)},
                       {"unit_max", decimal(offered.unit_max.nagpu_per_gpu_hour)},
                       {"factors", render_factors(offered.factors)},
                       {"product_ppm", offered.factors.product_ppm},
                       {"envelope", render_envelope(offered)},
                       {"eligible", offered.eligible},
                       {"free", offered.free},
                       {"load_ppm", offered.load_ppm},
                       {"in_reserve", offered.in_reserve},
                       {"may_draw", offered.may_draw}});
  }
  json refusal;
  if (quote.refusal) {
    refusal = {{"code", refusal_label(quote.refusal->code)},
               {"what", quote.refusal->info().what},
               {"detail", quote.refusal->detail},
               {"advice", quote.refusal->info().advice}};
  }
  return {{"tier", machine.pricing().tier(quote.tier.tier).name},
          {"tier_reason", tier_reason_text(quote.tier.reason)},
          {"max_price", decimal(quote.max_price.nagpu_per_gpu_hour)},
          {"cap", decimal(quote.cap.base)},
          {"expected", decimal(quote.expected.base)},
          {"expected_split", render_split(quote.expected_split)},
          {"price_lock", quote.lock ? json{{"ticks", (quote.lock->until.ms - quote.lock->since.ms) /
                                                         machine.params().get(protocol::Parameter::TickMs)},
                                           {"fee", decimal(quote.lock->fee.base)}}
                                    : json()},
          {"lock_fees", render_lock_fees(quote)},
          {"start_promised_ms", quote.start_promised ? json(quote.start_promised->ms) : json()},
          {"tx_fee", decimal(quote.tx_fee.base)},
          {"balance", decimal(quote.balance.base)},
          {"credits", quote.boost.credits},
          {"credits_burned", decimal(quote.boost.burned.base)},
          {"credits_micro", decimal(quote.credits_micro)},
          {"boost_ms", quote.boost.ahead.ms},
          {"starts_now", quote.starts_now},
          {"queue_ahead", quote.queue_ahead},
          {"classes", std::move(classes)},
          {"match", quote.match ? render_match(machine, *quote.match) : json()},
          {"hosts", quote.hosts},
          {"gang", render_others(quote.others)},
          {"preemption", render_preemption(quote.preemption)},
          {"notice_ms", machine.params().get(protocol::Parameter::NoticeMs)},
          {"exclusions", render_exclusions(quote.exclusions)},
          {"refusal", std::move(refusal)}};
}

}  // namespace starminer::api
