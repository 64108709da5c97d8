#include "protocol/market/admission.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "protocol/market/eligibility.h"
#include "protocol/market/gang.h"

namespace starminer::protocol {
namespace {

constexpr std::uint32_t kPriceRoomTicks = 15;

/// A place behind all jobs with this key: the id of a new job is not known yet.
Place last_place(std::uint64_t key_ms) {
  Place place{key_ms, {}};
  place.job.bytes.fill(0xff);
  return place;
}

std::string agpu(Agpu amount) { return format_amount(amount); }

std::string count_of_gpus(std::uint32_t gpus) { return fmt::format("{} GPU{}", gpus, gpus == 1 ? "" : "s"); }

class Admitter {
 public:
  Admitter(const MarketView& market, const AdmissionRequest& request, const BlockContext& context)
      : market_(market), request_(request), context_(context) {
    result_.spec = in_market_time(request.spec, context);
    result_.boost = boost_of(market.params, request.spec);
    splits_ = splits_of(result_.spec);
  }

  Admission run() {
    check_account_and_deadline();
    check_names();
    find_runnable();
    decide_tier();
    check_premium();
    fit_budget();
    check_cap();
    check_credits();
    lock_price();
    check_escrow();
    check_price();
    return std::move(result_);
  }

 private:
  /// What the terms of one tier come to.
  struct Terms {
    TierId tier = 0;
    Price max_price;
    Agpu cap;
    Agpu expected;  // least expected cost, with room for the factors of the node
  };
  /// Where a node, or the hosts of a gang split so, could ever run the job.
  struct Runnable {
    ClassId hardware_class = 0;
    RegionId region = 0;
    const Split* split = nullptr;
  };

  /// Most jobs need no look at nodes and at those that wait.
  [[nodiscard]] DispatchPass& pass() {
    if (!pass_) pass_.emplace(market_, context_);
    return *pass_;
  }

  void refuse(RefusalCode code, std::string detail) {
    if (!result_.refusal) result_.refusal = Refusal{code, std::move(detail)};
  }

  [[nodiscard]] const JobSpec& spec() const { return result_.spec; }
  [[nodiscard]] Demand demand(const Terms& terms) const {
    return Demand(market_, spec(),
                  {terms.tier, terms.max_price, terms.cap, nullptr, {}, result_.lock ? &*result_.lock : nullptr},
                  context_.time);
  }

  void check_account_and_deadline() {
    const std::uint64_t live = market_.index.live_of(request_.requester).count;
    const std::uint64_t most = market_.params.get(Parameter::LiveJobsMax);
    if (live >= most) refuse(RefusalCode::TooManyJobs, fmt::format("{} live jobs, at most {} allowed", live, most));
    const TimeMs end = context_.time + seconds(spec().max_s);
    if (spec().deadline.ms != 0 && spec().deadline < end) {
      refuse(RefusalCode::DeadlinePassed,
             fmt::format("a job of {} s would end {} ms after its deadline if it started now", spec().max_s,
                         elapsed(end, spec().deadline).ms));
    }
  }

  void check_names() {
    for (const std::string& name : spec().resources.classes) {
      if (!market_.registry.find_class(name)) {
        refuse(RefusalCode::UnknownClass, fmt::format("resources.classes names {}", name));
      }
    }
    for (const auto* regions : {&spec().where.prefer, &spec().where.allow}) {
      for (const std::string& name : *regions) {
        if (!market_.registry.find_region(name)) {
          refuse(RefusalCode::UnknownRegion, fmt::format("where names {}", name));
        }
      }
    }
  }

  /// Finds where nodes are that could ever run the job; prices are bounded over these places.
  void find_runnable() {
    const Demand any = demand({});
    const auto add = [this](const std::vector<std::pair<ClassId, RegionId>>& places, const Split* split) {
      for (const auto& [hardware_class, region] : places) runnable_.push_back({hardware_class, region, split});
    };
    add(request_.nodes.supply().places_where(any, [&any](const NodeView& node) { return could_ever_run(any, node); }),
        nullptr);
    for (const Split& split : splits_) add(gang_places(request_.nodes, any, split), &split);
    if (!runnable_.empty()) return;
    refuse(RefusalCode::NeverRunnable, why_never(any));
    // For the figures of a quote: any place that the request allows.
    for (const auto& [hardware_class, class_row] : market_.registry.classes()) {
      for (const auto& [region, region_row] : market_.registry.regions()) {
        if (any.classes().test(hardware_class) && any.allows_region(region)) {
          runnable_.push_back({hardware_class, region, nullptr});
        }
      }
    }
  }

  /// Of a job that may be split, why no site has enough hosts for it follows why no node is large enough.
  [[nodiscard]] std::string why_never(const Demand& any) const {
    std::string text = explain_never(any);
    if (splits_.empty()) return text;
    const Split& most = splits_.back();
    return text + fmt::format("; as a gang: no site has {} hosts for {} each{}", most.hosts,
                              count_of_gpus(most.part.resources.gpus),
                              splits_.size() > 1 ? ", nor fewer hosts for more" : "");
  }

  /// Calls `visit(demand, class, region)` for every place, with the demand as it is there.
  template <class Visit>
  void each_runnable(const Demand& whole, const Visit& visit) const {
    const Split* split = nullptr;
    std::optional<Demand> part;
    for (const Runnable& place : runnable_) {
      if (place.split != split) part.emplace(part_of(whole, *place.split));
      split = place.split;
      visit(split != nullptr ? *part : whole, place.hardware_class, place.region);
    }
  }

  [[nodiscard]] Terms terms_of(TierId tier) const {
    Terms terms{tier, request_.spec.max_price, {}, {}};
    const Demand open = demand(terms);
    if (terms.max_price.nagpu_per_gpu_hour == 0) {
      each_runnable(open, [&terms](const Demand& of, ClassId hardware_class, RegionId region) {
        terms.max_price = std::max(terms.max_price, of.highest_price(hardware_class, region, kPriceRoomTicks));
      });
    }
    const Agpu most =
        Pricing::cost(terms.max_price, billing_milli(spec().resources), seconds(spec().max_s).ms, Rounding::Ceil);
    terms.cap = std::min(spec().budget, most);
    terms.expected = Agpu{kAmountMax};
    const Demand bounded = demand({tier, terms.max_price, {}, {}});
    each_runnable(bounded, [&terms](const Demand& of, ClassId hardware_class, RegionId region) {
      const Price dearest = of.highest_price(hardware_class, region, 0);
      terms.expected = std::min(terms.expected, of.expected_cost(hardware_class, dearest));
    });
    if (runnable_.empty()) terms.expected = {};
    return terms;
  }

  /// Whether a node would take the job now, after the reservations of those before it.
  [[nodiscard]] bool can_start(const Terms& terms, ConstraintSet ignored) {
    pass().reserve_before(last_place(queue_key(market_, spec(), terms.tier, result_.boost.ahead, context_.time)));
    return pass().is_taken(demand(terms), ignored);
  }

  /// Whom the job would pre-empt now, after the reservations of those before it.
  [[nodiscard]] std::optional<Preemption> room_by_notice(const Terms& terms) {
    const Place place = last_place(queue_key(market_, spec(), terms.tier, result_.boost.ahead, context_.time));
    pass().reserve_before(place);
    const Demand wanted = demand(terms);
    return pass().preemption(wanted, place.job, wanted.classes());
  }

  [[nodiscard]] std::string why_not_served(TierId tier) const {
    const std::uint64_t least = market_.params.get(Parameter::MaxSecondsMin);
    const std::uint64_t most = market_.params.get(Parameter::MaxSecondsCap);
    if (spec().max_s < least) return fmt::format("max_s is {}, at least {} is served", spec().max_s, least);
    if (tier == kPremium || spec().max_s <= most) return {};
    return fmt::format("max_s is {}; {} serves at most {}", spec().max_s, market_.pricing.tier(tier).name, most);
  }

  void decide_tier() {
    TierDecision decision = market_.pricing.tier_of(spec(), context_.time, true);
    if (decision.tier == kPremium && spec().tier == TierChoice::Auto && !can_start(terms_of(kPremium), 0)) {
      decision = market_.pricing.tier_of(spec(), context_.time, false);
    }
    result_.tier = decision;
    terms_ = terms_of(decision.tier);
    if (const std::string why = why_not_served(decision.tier); !why.empty()) refuse(RefusalCode::TierNotServed, why);
  }

  /// A Premium job that does not wait needs a free node; whether it pays enough for it is the question of later checks.
  void check_premium() {
    waiting_excluded_ = result_.tier.tier == kPremium && !spec().wait;
    if (!waiting_excluded_) return;
    constexpr ConstraintSet kMoney = constraint_set(Constraint::Price) | constraint_set(Constraint::Budget);
    if (can_start(terms_, kMoney)) return;
    // What it costs to make room is the question of later checks, too.
    if (room_by_notice({terms_.tier, {}, {}, {}})) return;
    const auto fit = pass().earliest_fit(demand({terms_.tier, {}, {}, {}}), ClassSet().set());
    refuse(RefusalCode::PremiumCannotStart,
           fit ? fmt::format("the first node that could take it is free in {} s at the latest",
                             (elapsed(fit->start, context_.time).ms + 999) / 1000)
               : std::string("no active node could take it even when free"));
  }

  void fit_budget() {
    if (terms_.expected > spec().budget && spec().allow_downgrade) {
      const auto lower = Pricing::downgrade(terms_.tier);
      if (lower && why_not_served(*lower).empty()) {
        terms_ = terms_of(*lower);
        result_.tier = {*lower, TierReason::Downgraded};
        waiting_excluded_ = false;
      }
    }
    result_.max_price = terms_.max_price;
    result_.cap = terms_.cap;
    result_.key_ms = queue_key(market_, spec(), terms_.tier, result_.boost.ahead, context_.time);
    if (terms_.expected > spec().budget) {
      const Agpu missing{terms_.expected.base - spec().budget.base};
      refuse(RefusalCode::BudgetTooSmall,
             fmt::format("expected cost {} in {} with room for the node's own factors, budget {}, missing {}",
                         agpu(terms_.expected), market_.pricing.tier(terms_.tier).name, agpu(spec().budget),
                         agpu(missing)));
    }
  }

  void check_cap() {
    const Demand priced = demand(terms_);
    Price cheapest{std::numeric_limits<std::uint64_t>::max()};
    each_runnable(priced, [&cheapest](const Demand& of, ClassId hardware_class, RegionId region) {
      cheapest = std::min(cheapest, of.lowest_price(hardware_class, region, false));
    });
    const Agpu least = minimum_charge(market_, spec(), std::min(cheapest, terms_.max_price));
    if (terms_.cap >= least) return;
    refuse(RefusalCode::CapTooSmall, fmt::format("the cap is {}, the minimum charge {}, missing {}", agpu(terms_.cap),
                                                 agpu(least), agpu(Agpu{least.base - terms_.cap.base})));
  }

  void check_credits() {
    if (spec().credits == 0) return;
    const Boost& boost = result_.boost;
    if (boost.ahead.ms == 0) {
      refuse(RefusalCode::BoostTooSmall, fmt::format("{} credits on {} s of {} thousandths of a GPU", spec().credits,
                                                     spec().max_s, gpu_milli(spec().resources)));
    }
    std::uint64_t largest = 0;
    for (const Runnable& place : runnable_) {
      largest = std::max(largest, boost_lane(market_.params, request_.nodes.total_milli(place.hardware_class)));
    }
    if (gpu_milli(spec().resources) > largest) {
      refuse(RefusalCode::BoostLaneTooSmall, fmt::format("asked for {} thousandths of a GPU, at most {} in any class",
                                                         gpu_milli(spec().resources), largest));
    }
    const std::uint64_t has = request_.credits_micro / kPpm;
    if (has < boost.credits) {
      refuse(RefusalCode::CreditsTooFew, fmt::format("needed {}, available {}", boost.credits, has));
    }
  }

  /// Locks the price where that is asked for. A lock that the job's own limit keeps from any match would be paid for
  /// nothing.
  void lock_price() {
    if (spec().price_lock == 0) return;
    result_.lock = lock_of(demand(terms_), request_.nodes.places(), terms_.cap, spec().price_lock);
    if (!demand(terms_).is_priced_out(request_.nodes.places())) return;
    refuse(RefusalCode::LockAboveLimit, fmt::format("max_price is {} nAGPU per GPU-hour, less than any locked price",
                                                    terms_.max_price.nagpu_per_gpu_hour));
  }

  void check_escrow() {
    const Agpu burned = result_.boost.burned;
    const Agpu fee = result_.lock ? result_.lock->fee : Agpu{};
    const auto beside = checked_add(burned, fee);
    const auto sum = beside ? checked_add(terms_.cap, *beside) : std::nullopt;
    const Agpu needed = sum.value_or(Agpu{kAmountMax});
    if (sum && request_.available >= needed) return;
    const u128 held = market_.index.live_of(request_.requester).escrow;
    refuse(RefusalCode::EscrowNotCovered,
           fmt::format("needed {}{}{}, available {}, held by live jobs {}, missing {}", agpu(needed),
                       burned.is_zero() ? std::string() : fmt::format(" ({} of it burned with credits)", agpu(burned)),
                       fee.is_zero() ? std::string() : fmt::format(" ({} of it for the price lock)", agpu(fee)),
                       agpu(request_.available), agpu(Agpu{static_cast<std::uint64_t>(held)}),
                       agpu(Agpu{saturating_sub(needed.base, request_.available.base)})));
  }

  void check_price() {
    const Demand priced = demand(terms_);
    result_.parked = priced.is_priced_out(request_.nodes.places());
    if (!waiting_excluded_ || can_start(terms_, 0) || room_by_notice(terms_)) return;
    refuse(RefusalCode::PriceAboveCap,
           fmt::format("max_price is {} nAGPU per GPU-hour; no free node serves that in Premium{}",
                       terms_.max_price.nagpu_per_gpu_hour, cost_of_room()));
  }

  /// What is missing where only the cap is too small to pre-empt others.
  [[nodiscard]] std::string cost_of_room() {
    Terms open = terms_;
    open.cap = {};
    const auto room = room_by_notice(open);
    if (!room) return {};
    return fmt::format(", and the cap of {} has no room for the {} that giving notice to others would cost",
                       agpu(terms_.cap), agpu(room->compensation));
  }

  const MarketView& market_;
  const AdmissionRequest& request_;
  const BlockContext& context_;
  std::optional<DispatchPass> pass_;
  Admission result_;
  Terms terms_;
  std::vector<Split> splits_;
  std::vector<Runnable> runnable_;
  bool waiting_excluded_ = false;
};

}  // namespace

PriceLock lock_of(const Demand& demand, const Places& places, Agpu cap, std::uint32_t ticks) {
  const MarketView& market = demand.market();
  PriceLock lock;
  lock.since = demand.now();
  lock.until = demand.now() + DurationMs{ticks * market.params.get(Parameter::TickMs)};
  std::uint64_t rate = 0;
  for (const auto& [place, count] : places) {
    const ClassId hardware_class = place.first;
    if (!demand.classes().test(hardware_class)) continue;
    if (!lock.prices.empty() && lock.prices.back().hardware_class == hardware_class) continue;
    LockedPrice locked = demand.tier_price(hardware_class);
    // What the next tick will bring is decided: a lock must not be a bet on what is known.
    locked.base = std::max(locked.base, market.pricing.price_row(demand.terms().tier, hardware_class).next_price);
    lock.prices.push_back(locked);
    rate = std::max(rate, market.pricing.lock_rate(demand.terms().tier, hardware_class, ticks));
  }
  constexpr std::uint64_t kOne = std::uint64_t{1} << 32U;
  lock.fee = {std::min(mul_div(cap.base, rate, kOne, Rounding::Ceil).value_or(kAmountMax), kAmountMax)};
  return lock;
}

Agpu minimum_charge(const MarketView& market, const JobSpec& spec, Price unit) {
  const Agpu metered =
      Pricing::cost(unit, billing_milli(spec.resources), market.params.get(Parameter::MinimumMeterMs), Rounding::Ceil);
  return std::max(metered, market.params.agpu(Parameter::MinimumJobFee));
}

Admission admit(const MarketView& market, const AdmissionRequest& request, const BlockContext& context) {
  return Admitter(market, request, context).run();
}

}  // namespace starminer::protocol
