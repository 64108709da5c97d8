#include "match_market.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "openb_sizes.h"
#include "protocol/market/score.h"

namespace starminer::bench {
namespace {

using namespace protocol;

constexpr std::uint32_t kClasses = 12;
constexpr std::uint32_t kRegions = 30;
constexpr std::uint32_t kJurisdictions = 10;
constexpr std::uint64_t kMilli = 1000;
constexpr std::uint64_t kGpusOfProvider = 47;
constexpr std::array<std::uint64_t, kClasses> kPrice = {250,  375,  480,  710,  900,  1000,
                                                        1300, 1830, 2100, 2670, 3200, 4000};
constexpr std::array<std::uint64_t, kClasses> kRating = {300,  680,  500,  640,  800,  1000,
                                                         1200, 1840, 2000, 2150, 2600, 2960};
constexpr std::array<std::uint64_t, kClasses> kMemoryGib = {16, 24, 24, 48, 40, 80, 64, 80, 96, 140, 141, 179};
// The shipped weights of Economy, Standard and Premium: fit, scarce, budget, reputation, speed, proximity, ready,
// spread.
constexpr std::array<std::array<std::uint8_t, kScoreTermCount>, 3> kWeights = {
    {{40, 10, 15, 10, 5, 5, 10, 5}, {30, 10, 10, 15, 10, 10, 10, 5}, {15, 0, 5, 25, 20, 20, 10, 5}}};

Fragmentation openb_demand() {
  std::map<ShapeKey, std::uint64_t> counts;
  std::uint64_t total = 0;
  for (const PodSize& pod : kPodSizes) {
    counts[{pod.gpus, pod.share_milli, pod.cpu_milli}] += pod.count;
    total += pod.count;
  }
  std::vector<std::pair<ShapeKey, std::uint64_t>> shapes(counts.begin(), counts.end());
  std::stable_sort(shapes.begin(), shapes.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return {shapes, total};
}

template <class Sizes>
const auto& draw_size(const Sizes& sizes, std::mt19937_64& random) {
  std::uint64_t total = 0;
  for (const auto& size : sizes) total += size.count;
  std::uint64_t at = random() % total;
  for (const auto& size : sizes) {
    if (at < size.count) return size;
    at -= size.count;
  }
  return sizes.back();
}

std::uint64_t region_factor_milli(std::uint32_t region) { return 800 + region % 8 * 50; }

std::uint64_t cost_milli(const MatchJob& job, MatchPlace place, std::uint64_t best_rating) {
  const std::uint64_t hours = job.hours_milli * best_rating / kRating[place.hardware_class];
  return kPrice[place.hardware_class] * region_factor_milli(place.region) * hours / (kMilli * kMilli);
}

std::uint64_t best_rating(const MatchJob& job) {
  std::uint64_t best = 1;
  for (std::uint32_t i = 0; i < kClasses; ++i) {
    if ((job.request.classes >> i & 1U) != 0) best = std::max(best, kRating[i]);
  }
  return best;
}

}  // namespace

/// The terms of a place from prices, ratings and distances.
class MatchMarket::Judge final : public MatchJudge {
 public:
  Judge(const MatchMarket& market, const MatchJob& job)
      : market_(market), job_(job), weights_(kWeights[job.request.tier]), best_rating_(best_rating(job)) {}

  [[nodiscard]] std::uint32_t class_part(std::uint8_t hardware_class) const {
    const std::uint64_t speed = 205 * kRating[hardware_class] / best_rating_;
    const std::uint32_t scarce = job_.names_classes ? 240 : 120 + hardware_class * 10U;
    return static_cast<std::uint32_t>(weights_[1] * scarce + weights_[4] * speed + weights_[6] * 96U);
  }
  [[nodiscard]] std::uint32_t region_part(std::uint8_t region) const {
    constexpr std::uint32_t kLimitMs = 200;
    const std::uint32_t far = 205 * market_.latency_ms_[job_.home][region] / kLimitMs;
    return weights_[5] * (far < 205 ? 205 - far : 0);
  }
  /// At the least that any region's factor makes of the cost.
  [[nodiscard]] std::uint32_t budget_bound(std::uint8_t hardware_class) const {
    const std::uint64_t least = cost_milli(job_, {hardware_class, 0}, best_rating_);
    return static_cast<std::uint32_t>(weights_[2] * (240 - std::min<std::uint64_t>(240, 240 * least / job_.cap)));
  }
  [[nodiscard]] PlaceTerms terms(MatchPlace place) const override {
    PlaceTerms terms;
    const std::uint64_t cost = cost_milli(job_, place, best_rating_);
    if (cost > job_.cap) return terms;
    terms.allowed = true;
    terms.floor_most = 40;
    terms.base = class_part(place.hardware_class) + region_part(place.region) +
                 static_cast<std::uint32_t>(weights_[2] * (240 - 240 * cost / job_.cap));
    return terms;
  }
  [[nodiscard]] bool accepts(std::uint32_t /*id*/) const override { return true; }
  [[nodiscard]] bool has_image(std::uint32_t /*id*/) const override { return true; }

 private:
  const MatchMarket& market_;
  const MatchJob& job_;
  const std::array<std::uint8_t, kScoreTermCount>& weights_;
  std::uint64_t best_rating_;
};

MatchMarket::MatchMarket(std::uint64_t gpus, Kind kind) : random_(1), fit_(openb_demand()) {
  std::vector<std::uint16_t> fit_weights;
  for (const auto& weights : kWeights) fit_weights.push_back(weights[0]);
  index_ = std::make_unique<MatchIndex>(fit_weights);
  latency_ms_.assign(kRegions, std::vector<std::uint32_t>(kRegions));
  for (auto& row : latency_ms_) {
    for (auto& ms : row) ms = 5 + upto(300);
  }
  draw_providers(static_cast<std::uint32_t>(std::max<std::uint64_t>(gpus / kGpusOfProvider, 1)));
  while (total_milli_ < gpus * kMilli) {
    const auto id = static_cast<std::uint32_t>(rows_.size());
    rows_.push_back(draw_node(id, kind));
    update(id);
  }
}

std::uint32_t MatchMarket::skewed(std::uint32_t count) {
  // The product of two even draws: small numbers are common.
  return static_cast<std::uint32_t>(std::uint64_t{upto(count - 1)} * (upto(count - 1) + 1) / count);
}

void MatchMarket::draw_providers(std::uint32_t count) {
  providers_.resize(count);
  for (Provider& provider : providers_) {
    for (std::uint32_t i = 0; i <= upto(2); ++i)
      provider.classes.push_back(static_cast<std::uint8_t>(skewed(kClasses)));
    for (std::uint32_t i = 0; i <= upto(2); ++i)
      provider.regions.push_back(static_cast<std::uint8_t>(skewed(kRegions)));
  }
}

NodeFacts MatchMarket::draw_node(std::uint32_t id, Kind kind) {
  const NodeSize& size = draw_size(kNodeSizes, random_);
  const bool alike = kind == Kind::AllEqual;
  const std::uint32_t gpus = alike ? 8 : (kind == Kind::OneGpu && percent(94) ? 1 : size.gpus);
  // Nodes of one provider register together.
  const std::uint32_t provider = alike ? 0 : skewed(static_cast<std::uint32_t>(providers_.size()));
  const Provider& owner = providers_[provider];
  NodeFacts node;
  node.id = id;
  node.provider = provider;
  node.place.hardware_class = owner.classes[upto(static_cast<std::uint32_t>(owner.classes.size()) - 1)];
  node.place.region = owner.regions[upto(static_cast<std::uint32_t>(owner.regions.size()) - 1)];
  if (alike || kind == Kind::OnePlace) node.place = {5, 0};
  if (kind == Kind::Pairs) {
    node.place = {static_cast<std::uint8_t>(id % kClasses), static_cast<std::uint8_t>(id / kClasses % kRegions)};
  }
  node.open = alike || !percent(1);
  node.kinds = 0xf;
  node.devices = static_cast<std::uint8_t>(gpus);
  node.interconnect = 1;
  node.device_memory = kMemoryGib[node.place.hardware_class];
  node.site_tier = alike ? 2 : static_cast<std::uint8_t>(upto(4));
  node.sandbox_tier = 1;
  node.country = static_cast<std::uint16_t>(1 + node.place.region % kJurisdictions);
  node.floor = alike || percent(70) ? 0 : static_cast<std::uint8_t>(upto(36));
  for (std::uint32_t tag = 0; tag < 16; ++tag) node.runtimes[tag] = alike || percent(75);
  for (std::uint32_t tag = 0; tag < 127; ++tag) node.images[tag] = !alike && percent(10);
  for (auto& reputation : node.reputation) reputation = static_cast<std::uint8_t>(alike ? 90 : 60 + upto(170));
  set_quality(node);
  if (alike) node.quality.fill(3'000);
  CapacityRow free;
  free.device_free_milli.assign(gpus, kMilli);
  free.cpu_free_milli = (alike ? 96 : size.cpus) * 1000;
  free.ram_free_bytes = (alike ? 384 : size.ram_gib) * kMilli;  // in MiB, about
  free.disk_free_bytes = kMilli;
  free_.push_back(free);
  total_milli_ += gpus * kMilli;
  return node;
}

void MatchMarket::set_quality(NodeFacts& node) {
  NodeQuality quality;
  quality.last_mile_level = static_cast<std::uint8_t>(upto(7));
  quality.spread_level = static_cast<std::uint8_t>(percent(90) ? 0 : upto(3));
  for (std::size_t kind = 0; kind < kMatchKinds; ++kind) {
    quality.reputation = node.reputation[kind];
    quality.rating_level = static_cast<std::uint8_t>(upto(7));
    for (std::size_t tier = 0; tier < kWeights.size(); ++tier) {
      node.quality[tier * kMatchKinds + kind] = static_cast<std::uint16_t>(quality.score(kWeights[tier]));
    }
  }
}

void MatchMarket::update(std::uint32_t node) {
  NodeFacts& row = rows_[node];
  const CapacityRow& free = free_[node];
  NodeRoom room;
  room.id = node;
  room.open = row.open;
  room.empty = free.jobs == 0;
  room.whole_free = static_cast<std::uint8_t>(whole_devices(free));
  room.share_free = static_cast<std::uint16_t>(largest_share(free));
  room.cpu_free_milli = free.cpu_free_milli;
  room.ram_free = free.ram_free_bytes;
  room.disk_free = free.disk_free_bytes;
  room.state = fit_.state_number(free, *index_);
  row.set_room(room);
  if (index_->contains(node)) {
    index_->put_room(room);
  } else {
    index_->put(row);
  }
}

MatchJob MatchMarket::draw_job() {
  const PodSize& pod = draw_size(kPodSizes, random_);
  MatchJob job;
  MatchRequest& request = job.request;
  job.shape = {pod.gpus, pod.share_milli, pod.cpu_milli};
  request.shape = fit_.shape_number(job.shape);
  const std::uint32_t tier = upto(99);
  request.tier = tier < 50 ? 0 : (tier < 85 ? 1 : 2);
  request.kind = static_cast<std::uint8_t>(upto(3));
  request.gpus = pod.gpus;
  request.share_milli = static_cast<std::uint16_t>(pod.share_milli);
  request.cpu_milli = pod.cpu_milli;
  request.ram_bytes = pod.ram_mib;
  const std::uint32_t classes = upto(99);
  job.names_classes = classes >= 40;
  request.classes = (1U << kClasses) - 1;
  if (classes < 40) request.device_memory = std::array<std::uint64_t, 4>{0, 24, 40, 80}[upto(3)];
  if (job.names_classes) request.classes = 1U << skewed(kClasses);
  if (classes >= 80) request.classes |= 1U << skewed(kClasses) | 1U << skewed(kClasses);
  request.regions = (std::uint64_t{1} << kRegions) - 1;
  job.home = static_cast<std::uint8_t>(skewed(kRegions));
  const std::uint32_t where = upto(99);
  if (where >= 85) request.regions = std::uint64_t{1} << job.home;
  if (where >= 60 && where < 85) {
    request.regions = 0;
    for (std::uint32_t r = job.home % kJurisdictions; r < kRegions; r += kJurisdictions)
      request.regions |= std::uint64_t{1} << r;
  }
  if (percent(70)) {
    request.needs_runtime = true;
    request.runtime.set(upto(15));
  }
  if (percent(60)) {
    request.image.set(upto(126));
    request.image_bonus = static_cast<std::uint16_t>(144 * kWeights[request.tier][6]);
  }
  if (percent(20)) request.reputation = static_cast<std::uint8_t>(60 + upto(100));
  if (percent(15)) request.site_tier = static_cast<std::uint8_t>(1 + upto(3));
  if (percent(5)) job.excluded = {upto(20), upto(20)};
  job.hours_milli = 500 + upto(8'000);
  std::uint64_t cheapest = ~std::uint64_t{0};
  for (std::uint8_t i = 0; i < kClasses; ++i) {
    if ((request.classes >> i & 1U) != 0) cheapest = std::min(cheapest, cost_milli(job, {i, 4}, best_rating(job)));
  }
  job.cap = std::max<std::uint64_t>(cheapest * (150 + upto(250)) / 100, 1);
  request.tie_start = upto(static_cast<std::uint32_t>(rows_.size()) - 1);
  return job;
}

MatchJob MatchMarket::draw_hopeless_job() {
  MatchJob job = draw_job();
  MatchRequest plain;
  plain.tier = job.request.tier;
  plain.kind = job.request.kind;
  plain.gpus = 1;
  plain.shape = fit_.shape_number({1, 0, 0});
  plain.classes = (1U << kClasses) - 1;
  plain.regions = (std::uint64_t{1} << kRegions) - 1;
  plain.disk_bytes = 2 * kMilli;
  plain.tie_start = job.request.tie_start;
  job.request = plain;
  job.shape = {1, 0, 0};
  job.names_classes = false;
  job.excluded.clear();
  job.cap = ~std::uint64_t{0} >> 16;
  return job;
}

MatchRequest MatchMarket::ready(const MatchJob& job) const {
  MatchRequest request = job.request;
  request.excluded = job.excluded;
  request.total_nodes = static_cast<std::uint32_t>(rows_.size());
  return request;
}

std::optional<MatchIndex::Choice> MatchMarket::choose(const MatchJob& job) {
  MatchRequest request = ready(job);
  const Judge judge(*this, job);
  request.judge = &judge;
  for (std::uint8_t i = 0; i < kClasses; ++i) {
    if ((request.classes >> i & 1U) != 0) request.class_bounds[i] = judge.class_part(i) + judge.budget_bound(i);
  }
  for (std::uint8_t region = 0; region < kRegions; ++region) request.region_bounds[region] = judge.region_part(region);
  return index_->choose(request);
}

std::optional<MatchIndex::Choice> MatchMarket::choose_by_blocks(const MatchJob& job) {
  MatchRequest request = ready(job);
  const Judge judge(*this, job);
  request.judge = &judge;
  return index_->choose_by_scan(request);
}

std::optional<MatchIndex::Choice> MatchMarket::choose_by_rows(const MatchJob& job) const {
  const Judge judge(*this, job);
  const MatchRequest request = ready(job);
  std::array<PlaceTerms, kMatchPlaces> places{};
  std::array<bool, kMatchPlaces> known{};
  std::optional<MatchIndex::Choice> best;
  std::uint32_t best_distance = 0;
  for (const NodeFacts& node : rows_) {
    if (!node.open || (request.classes >> node.place.hardware_class & 1U) == 0 ||
        (request.regions >> node.place.region & 1U) == 0 || node.cpu_free_milli < request.cpu_milli ||
        node.ram_free < request.ram_bytes || node.disk_free < request.disk_bytes ||
        node.device_memory < request.device_memory ||
        (request.share_milli != 0 ? node.share_free < request.share_milli : node.whole_free < request.gpus) ||
        node.site_tier < request.site_tier || node.reputation[request.kind] < request.reputation ||
        (request.needs_runtime && (node.runtimes & request.runtime).none()) ||
        std::find(request.excluded.begin(), request.excluded.end(), node.provider) != request.excluded.end()) {
      continue;
    }
    const std::size_t place = node.place.number();
    if (!known[place]) {
      places[place] = judge.terms(node.place);
      known[place] = true;
    }
    const std::uint32_t fit = index_->row(node.state).fit[request.shape];
    if (!places[place].allowed || node.floor > places[place].floor_most || fit == 0) continue;
    std::uint32_t score = places[place].base + node.quality[request.lane()] + kWeights[request.tier][0] * fit;
    if ((node.images & request.image).any()) score += request.image_bonus;
    const std::uint32_t distance = tie_distance(node.id, request.tie_start, request.total_nodes);
    if (best && (score < best->score || (score == best->score && distance >= best_distance))) continue;
    best = MatchIndex::Choice{node.id, score};
    best_distance = distance;
  }
  return best;
}

void MatchMarket::place(std::uint32_t node, const MatchJob& job) {
  CapacityRow& free = free_[node];
  Running running{node,
                  {},
                  job.request.share_milli != 0 ? job.request.share_milli : 1000U,
                  job.request.cpu_milli,
                  job.request.ram_bytes};
  if (job.request.share_milli != 0) {
    std::size_t tightest = free.device_free_milli.size();
    for (std::size_t i = 0; i < free.device_free_milli.size(); ++i) {
      if (free.device_free_milli[i] < running.milli) continue;
      if (tightest == free.device_free_milli.size() || free.device_free_milli[i] < free.device_free_milli[tightest]) {
        tightest = i;
      }
    }
    running.devices.push_back(static_cast<std::uint8_t>(tightest));
  } else {
    for (std::size_t i = 0; running.devices.size() < job.request.gpus; ++i) {
      if (free.device_free_milli[i] == kMilli) running.devices.push_back(static_cast<std::uint8_t>(i));
    }
  }
  for (const std::uint8_t device : running.devices) {
    free.device_free_milli[device] = static_cast<std::uint16_t>(free.device_free_milli[device] - running.milli);
    taken_milli_ += running.milli;
  }
  free.cpu_free_milli -= running.cpu_milli;
  free.ram_free_bytes -= running.ram;
  ++free.jobs;
  running_.push_back(std::move(running));
  update(node);
}

void MatchMarket::release() {
  STARMINER_CHECK(!running_.empty());
  std::swap(running_[upto(static_cast<std::uint32_t>(running_.size()) - 1)], running_.back());
  const Running gone = std::move(running_.back());
  running_.pop_back();
  CapacityRow& free = free_[gone.node];
  for (const std::uint8_t device : gone.devices) {
    free.device_free_milli[device] = static_cast<std::uint16_t>(free.device_free_milli[device] + gone.milli);
    taken_milli_ -= gone.milli;
  }
  free.cpu_free_milli += gone.cpu_milli;
  free.ram_free_bytes += gone.ram;
  --free.jobs;
  update(gone.node);
}

void MatchMarket::change_reputation() {
  NodeFacts& node = rows_[upto(static_cast<std::uint32_t>(rows_.size()) - 1)];
  const std::uint32_t kind = upto(kMatchKinds - 1);
  const bool better = percent(80);
  const std::uint8_t before = node.reputation[kind];
  node.reputation[kind] = static_cast<std::uint8_t>(better ? std::min(before + 1, 239) : std::max(before - 1, 1));
  for (std::size_t tier = 0; tier < kWeights.size(); ++tier) {
    std::uint16_t& quality = node.quality[tier * kMatchKinds + kind];
    quality = static_cast<std::uint16_t>(quality + kWeights[tier][3] * (node.reputation[kind] - before));
  }
  index_->put(node);
}

void MatchMarket::fill(std::uint64_t percent_of_all) {
  // Some jobs fit nowhere, whatever is free; a market that takes no more is full.
  for (int misses = 0; !is_above(percent_of_all) && misses < 5'000; ++misses) {
    const MatchJob job = draw_job();
    const auto choice = choose(job);
    if (!choice) continue;
    misses = 0;
    place(choice->id, job);
  }
}

}  // namespace starminer::bench
