#include "protocol/market/score.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/market/eligibility.h"
#include "protocol/randomness/seed.h"

namespace starminer::protocol {
namespace {

// Speed and proximity give 205 of 240 to class and region, and 5 for each of 7 levels to the node.
constexpr std::uint64_t kPairPart = 205;
constexpr std::uint64_t kLevelPart = 5;
constexpr std::uint64_t kLevelTop = 7;
// Ratings from 0.6 to 1.5 of the median in 8 equal levels.
constexpr std::uint64_t kRatingLowMilli = 600;
constexpr std::uint64_t kRatingSpanMilli = 900;
constexpr std::uint16_t kReady = 96;
constexpr std::uint16_t kImageCached = 144;
constexpr std::array<std::uint16_t, 4> kSpread = {240, 160, 80, 0};

}  // namespace

std::uint8_t rating_level(std::uint64_t rating, std::uint64_t median) {
  if (median == 0) return 0;
  // Nobody can see how fast a device was, so a claim above the median counts as the median (decision 0028).
  const std::uint64_t milli = std::min(rating, median) * 1000 / median;
  const std::uint64_t above = saturating_sub(milli, kRatingLowMilli);
  return static_cast<std::uint8_t>(std::min(above * (kLevelTop + 1) / kRatingSpanMilli, kLevelTop));
}

std::uint32_t NodeQuality::score(const std::array<std::uint8_t, kScoreTermCount>& weights) const {
  const auto weighted = [&weights](ScoreTerm term, std::uint64_t value) {
    return static_cast<std::uint32_t>(weights[static_cast<std::size_t>(term)] * value);
  };
  const std::uint64_t last_mile = std::min<std::uint64_t>(last_mile_level, kLevelTop);
  return weighted(ScoreTerm::Reputation, reputation) + weighted(ScoreTerm::Speed, kLevelPart * rating_level) +
         weighted(ScoreTerm::Proximity, kLevelPart * (kLevelTop - last_mile)) +
         weighted(ScoreTerm::Spread, kSpread[std::min<std::size_t>(spread_level, kSpread.size() - 1)]);
}

std::uint32_t tie_start(const Hash32& seed, const JobId& job, std::uint32_t total_nodes) {
  return static_cast<std::uint32_t>((u128{tie_rank(seed, job)} * total_nodes) >> 64);
}

Scorer::Scorer(const Demand& demand, const Fragmentation& fragmentation, std::uint32_t hash_start)
    : demand_(demand), fragmentation_(fragmentation), hash_start_(hash_start) {}

std::uint16_t Scorer::budget(ClassId hardware_class, RegionId region) const {
  const Agpu cap = demand_.terms().cap;
  const Agpu cost = demand_.expected_cost_in(hardware_class, region);
  if (cap.is_zero() || cost >= cap) return 0;
  return static_cast<std::uint16_t>(kTermMax - *mul_div(kTermMax, cost.base, cap.base, Rounding::Floor));
}

std::uint16_t Scorer::speed_of_class(ClassId hardware_class) const {
  const std::uint64_t reference = demand_.reference_rating(hardware_class);
  const std::uint64_t best = demand_.best_rating();
  return static_cast<std::uint16_t>(best != 0 ? kPairPart * std::min(reference, best) / best : 0);
}

std::uint16_t Scorer::speed(const NodeRow& node) const {
  const JobKind kind = demand_.spec().kind;
  const std::uint32_t median = demand_.market()
                                   .registry.median_rating(node.hardware_class, kind)
                                   .value_or(demand_.reference_rating(node.hardware_class));
  const std::uint64_t rating = node.ratings[static_cast<std::size_t>(kind)].cu_x1000;
  return static_cast<std::uint16_t>(speed_of_class(node.hardware_class) + kLevelPart * rating_level(rating, median));
}

std::uint16_t Scorer::proximity_of_region(RegionId region) const {
  if (!demand_.home()) return kPairPart;
  const std::uint64_t asked = demand_.spec().latency_ms;
  const std::uint64_t limit =
      asked != 0 ? asked : std::max<std::uint64_t>(demand_.market().params.get(Parameter::StandardLatencyMs), 1);
  const std::uint64_t latency = demand_.market().registry.latency_ms(region, *demand_.home());
  return static_cast<std::uint16_t>(saturating_sub(kPairPart, kPairPart * latency / limit));
}

std::uint16_t Scorer::proximity(const NodeRow& node) const {
  const std::uint64_t last_mile = std::min<std::uint64_t>(node.offer.last_mile_level, kLevelTop);
  return static_cast<std::uint16_t>(proximity_of_region(node.offer.region) + kLevelPart * (kLevelTop - last_mile));
}

std::uint16_t Scorer::ready(const NodeRow& node) const {
  const Hash32& image = demand_.spec().image;
  const auto& cached = node.offer.images;
  const bool there = !image.is_zero() && std::binary_search(cached.begin(), cached.end(), tag_of(image));
  return there ? kReady + kImageCached : kReady;
}

std::uint16_t Scorer::spread(const NodeRow& node) const {
  const AccountId provider = demand_.market().index.identity_of(node.provider);
  const ShareRow* row = demand_.market().shares.find({node.hardware_class, provider});
  return kSpread[row != nullptr ? std::min<std::size_t>(row->level, kSpread.size() - 1) : 0];
}

std::uint16_t Scorer::scarce(ClassId hardware_class) const {
  if (demand_.names_classes()) return kTermMax;
  const ClassDemandRow* row = demand_.market().class_demand.find(hardware_class);
  return row != nullptr ? row->scarce : kTermMax;
}

// What takes GPUs that part of the demand cannot use at all makes that part's fragmentation less, as FGD counts it.
std::uint16_t Scorer::fit_of_class(ClassId hardware_class) const {
  const ClassDemandRow* row = demand_.market().class_demand.find(hardware_class);
  if (row == nullptr) return 0;
  constexpr std::uint64_t kUnit = kBarredUnit * 1000;
  const std::uint64_t milli = std::uint64_t{gpu_milli(demand_.spec().resources)};
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(kTermMax, kTermMax * row->barred * milli / kUnit));
}

std::uint32_t Scorer::weight(ScoreTerm term) const {
  return demand_.market().pricing.tier(demand_.terms().tier).weights[static_cast<std::size_t>(term)];
}

std::uint32_t Scorer::region_score(RegionId region) const {
  return weight(ScoreTerm::Proximity) * proximity_of_region(region);
}

std::uint32_t Scorer::class_score(ClassId hardware_class) const {
  return weight(ScoreTerm::Fit) * fit_of_class(hardware_class) + weight(ScoreTerm::Scarce) * scarce(hardware_class) +
         weight(ScoreTerm::Speed) * speed_of_class(hardware_class) + weight(ScoreTerm::Ready) * kReady;
}

std::uint32_t Scorer::class_bound(ClassId hardware_class, RegionId cheapest) const {
  return class_score(hardware_class) + weight(ScoreTerm::Budget) * budget(hardware_class, cheapest);
}

std::uint32_t Scorer::place_score(ClassId hardware_class, RegionId region) const {
  return class_bound(hardware_class, region) + region_score(region);
}

std::uint32_t Scorer::reserve_score() const {
  return static_cast<std::uint32_t>(demand_.market().params.get(Parameter::ReserveWeight) * kReserveTerm);
}

std::uint16_t Scorer::reserve(const NodeRow& node) const {
  const bool drawn = node.reserve == ReserveStanding::StandsBy && demand_.may_draw(node.hardware_class);
  return drawn ? kReserveTerm : std::uint16_t{0};
}

std::uint32_t Scorer::image_score() const { return weight(ScoreTerm::Ready) * kImageCached; }

ScoreParts Scorer::parts(const NodeView& view) const {
  const NodeRow& node = *view.node;
  const auto kind = static_cast<std::uint8_t>(demand_.spec().kind);
  ScoreParts parts{};
  const auto set = [&parts](ScoreTerm term, std::uint16_t value) { parts[static_cast<std::size_t>(term)] = value; };
  const std::uint16_t fit = fragmentation_.fit(*view.capacity, shape_of(demand_.spec().resources));
  set(ScoreTerm::Fit, static_cast<std::uint16_t>(fit + fit_of_class(node.hardware_class)));
  set(ScoreTerm::Scarce, scarce(node.hardware_class));
  set(ScoreTerm::Budget, budget(node.hardware_class, node.offer.region));
  set(ScoreTerm::Reputation, demand_.market().reputation.score(view.id, kind, demand_.now()));
  set(ScoreTerm::Speed, speed(node));
  set(ScoreTerm::Proximity, proximity(node));
  set(ScoreTerm::Ready, ready(node));
  set(ScoreTerm::Spread, spread(node));
  return parts;
}

Candidate Scorer::candidate(const NodeView& node) const {
  Candidate candidate;
  candidate.node = node.id;
  candidate.parts = parts(node);
  const auto& weights = demand_.market().pricing.tier(demand_.terms().tier).weights;
  for (std::size_t i = 0; i < kScoreTermCount; ++i) candidate.score += std::uint32_t{weights[i]} * candidate.parts[i];
  candidate.reserve = reserve(*node.node);
  if (candidate.reserve != 0) candidate.score += reserve_score();
  const NodePrice price = demand_.price_on(*node.node, node.id);
  candidate.unit = price.unit;
  candidate.factors = price.factors;
  return candidate;
}

std::uint32_t Scorer::distance(const NodeRow& node) const {
  const std::uint32_t total = demand_.market().registry.total_nodes();
  return node.dense_id >= hash_start_ ? node.dense_id - hash_start_ : node.dense_id + (total - hash_start_);
}

bool is_better(const Ranked& a, const Ranked& b) {
  return a.candidate.score != b.candidate.score ? a.candidate.score > b.candidate.score : a.distance < b.distance;
}

Ranked Scorer::ranked(const NodeView& node) const { return {candidate(node), distance(*node.node)}; }

std::optional<Match> Scorer::choose(const NodeList& nodes) const {
  std::optional<Ranked> best;
  std::optional<Ranked> second;
  std::uint32_t eligible = 0;
  for (const NodeView& node : nodes.all()) {
    if (first_failure(demand_, node)) continue;
    ++eligible;
    const Ranked found = ranked(node);
    if (!best || is_better(found, *best)) {
      second = std::exchange(best, found);
    } else if (!second || is_better(found, *second)) {
      second = found;
    }
  }
  if (!best) return std::nullopt;
  Match match;
  match.winner = best->candidate;
  if (second) match.runner_up = second->candidate;
  match.eligible = eligible;
  match.considered = static_cast<std::uint32_t>(nodes.all().size());
  return match;
}

}  // namespace starminer::protocol
