// The quote (WRK-4): the same admission and the same matcher as a submission, with everything they found.
#include <algorithm>
#include <iterator>

#include "protocol/market/admission.h"
#include "protocol/market/dispatch.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/gang.h"
#include "protocol/market/market.h"
#include "protocol/market/node_index.h"
#include "protocol/market/start_promise.h"

namespace starminer::protocol {
namespace {

void quote_classes(Quote& quote, const Demand& demand, const NodeList& nodes) {
  const MarketView& market = demand.market();
  std::map<ClassId, ClassQuote> quotes;
  std::map<ClassId, Price> cheapest;
  const auto open = [&](ClassId id) -> ClassQuote& {
    const auto [it, inserted] = quotes.try_emplace(id);
    ClassQuote& entry = it->second;
    if (!inserted) return entry;
    entry.hardware_class = id;
    entry.base = demand.base_price(id);
    if (const ClassDemandRow* row = market.class_demand.find(id)) entry.load_ppm = row->load_ppm;
    entry.may_draw = demand.may_draw(id);
    const auto envelope = [&](std::uint32_t ticks) {
      return demand.spec().resources.gpus == 0 ? Envelope{entry.base, entry.base}
                                               : market.pricing.envelope(demand.terms().tier, id, ticks);
    };
    entry.next_5 = envelope(5);
    entry.next_15 = envelope(15);
    entry.next_60 = envelope(60);
    return entry;
  };
  // Named classes are answered for even where nothing of them is there.
  for (const std::string& name : demand.spec().resources.classes) {
    if (const auto id = market.registry.find_class(name)) open(*id);
  }
  for (const NodeView& node : nodes.all()) {
    const ClassId id = node.node->hardware_class;
    if (!demand.classes().test(id)) continue;
    ClassQuote& entry = open(id);
    const ConstraintSet failed = failures(demand, node);
    if ((failed & ~kBusy) != 0) continue;
    const NodePrice price = demand.price_on(*node.node, node.id);
    const bool first = entry.eligible == 0;
    ++entry.eligible;
    if (node.node->reserve == ReserveStanding::StandsBy) ++entry.in_reserve;
    if (failed == 0) ++entry.free;
    entry.unit_max = std::max(entry.unit_max, price.unit);
    if (first || price.unit < entry.unit_min) {
      entry.unit_min = price.unit;
      entry.factors = price.factors;
    }
  }
  if (quote.match) {
    const NodeRow& winner = market.registry.nodes().get(quote.match->winner.node);
    open(winner.hardware_class).factors = quote.match->winner.factors;
  }
  for (auto& [id, entry] : quotes) {
    if (entry.factors.product_ppm == 0) {
      // Nothing eligible: the price of the class in the requester's region says what it would cost.
      const NodePrice price = demand.class_price(id, demand.home().value_or(0));
      entry.factors = price.factors;
      entry.unit_min = price.unit;
      entry.unit_max = price.unit;
    }
    quote.classes.push_back(entry);
  }
}

/// The class and unit price that the expected cost is stated for: the winner's, else the cheapest of an eligible node,
/// else the cheapest class.
struct Reference {
  ClassId hardware_class = 0;
  Price unit;
};

std::optional<Reference> reference_of(const Quote& quote, const MarketView& market) {
  if (quote.match) {
    return Reference{market.registry.nodes().get(quote.match->winner.node).hardware_class, quote.match->winner.unit};
  }
  const ClassQuote* best = nullptr;
  for (const ClassQuote& entry : quote.classes) {
    const bool eligible = entry.eligible > 0;
    const bool best_eligible = best != nullptr && best->eligible > 0;
    if (best == nullptr || eligible > best_eligible || (eligible == best_eligible && entry.unit_min < best->unit_min)) {
      best = &entry;
    }
  }
  if (best == nullptr) return std::nullopt;
  return Reference{best->hardware_class, best->unit_min};
}

/// Who would take it now: a node, or hosts of a site.
void find_match(Quote& quote, DispatchPass& pass, const Demand& demand, const JobId& id) {
  quote.match = pass.choose(demand, id);
  if (quote.match) return;
  auto gang = pass.choose_gang(demand, id);
  if (!gang || gang->empty()) return;
  quote.match = Match{std::move(gang->front()), {}, 0, 0};
  quote.others.assign(std::make_move_iterator(gang->begin() + 1), std::make_move_iterator(gang->end()));
}

}  // namespace

Quote Market::quote(const JobSpec& spec, const AccountId& requester, const BlockContext& context) const {
  const MarketView market = view();
  Quote quote;
  quote.tx_fee = params_.agpu(Parameter::TxFee);
  quote.balance = {ledger_.balance(requester, Asset::Agpu)};
  const Agpu available{saturating_sub(quote.balance.base, quote.tx_fee.base)};
  quote.credits_micro = staking_.credits_micro(requester, context.time);
  const Admission admission = admit(market, {*nodes_, spec, requester, available, quote.credits_micro}, context);
  quote.tier = admission.tier;
  quote.max_price = admission.max_price;
  quote.cap = admission.cap;
  quote.boost = admission.boost;
  quote.refusal = admission.refusal;

  DispatchPass pass(market, context, &spec);
  // The id that the requester's next transaction would give the job.
  const JobId id = job_id_of(requester, ledger_.next_sequence(requester).value_or(0));
  const Place place{admission.key_ms, id};
  pass.reserve_before(place);
  const Demand demand(market, admission.spec,
                      {admission.tier.tier,
                       admission.max_price,
                       admission.cap,
                       nullptr,
                       {},
                       admission.lock ? &*admission.lock : nullptr,
                       false,
                       requester},
                      context.time);
  quote.lock = admission.lock;
  for (std::size_t i = 0; i < kLockTicks.size() && spec.resources.gpus > 0; ++i) {
    quote.lock_fees[i] = lock_of(demand, nodes_->places(), admission.cap, kLockTicks[i]).fee;
  }
  find_match(quote, pass, demand, id);
  const std::optional<Split> split = split_asked_for(*nodes_, demand, quote.match ? quote.others.size() + 1 : 0);
  const Demand asked = split ? part_of(demand, *split) : demand;
  quote.hosts = split ? split->hosts : 1;
  if (!quote.match) quote.preemption = pass.preemption(demand, id, demand.classes());
  quote.start_promised = promised_start(demand, start_waits_);
  if (pricing_.tier(demand.terms().tier).promise == StartRule::Now && (quote.match || quote.preemption)) {
    quote.start_promised = premium_allowance(params_, spec.input_bytes);
    if (!quote.match) quote.start_promised->ms += params_.get(Parameter::NoticeMs);
  }
  quote.starts_now = quote.match.has_value() && !quote.refusal;
  quote.exclusions = exclusions_of(asked, pass.nodes());
  for (const auto& [other, waiting] : market.index.waiting()) {
    if (!(other < place)) break;
    if (share_a_class(waiting.row->spec, spec)) ++quote.queue_ahead;
  }
  quote_classes(quote, asked, pass.nodes());

  if (const auto reference = reference_of(quote, market)) {
    const std::uint64_t metered_ms = std::max(seconds(spec.expected_s).ms, params_.get(Parameter::MinimumMeterMs));
    const Agpu metered = Pricing::cost(reference->unit, billing_milli(spec.resources), metered_ms, Rounding::Ceil);
    quote.expected = std::min(std::max(metered, params_.agpu(Parameter::MinimumJobFee)), quote.cap);
    const bool side_priced = spec.resources.gpus == 0;
    const LockedPrice price = demand.tier_price(reference->hardware_class);
    quote.expected_split = pricing_.split(quote.expected, side_priced ? 0 : price.log_price,
                                          side_priced ? 0 : price.slow_log_price, false);
  }
  return quote;
}

}  // namespace starminer::protocol
