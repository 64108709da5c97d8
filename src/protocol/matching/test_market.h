// Random nodes and jobs for the tests of this folder, and the answer by a plain look at every node, which shares no
// code with the index.
#pragma once

#include <algorithm>
#include <map>

#include "protocol/matching/match_index.h"

namespace starminer::protocol::matching_test {

/// How alike the nodes of a drawn market are.
enum class Spread { Mixed, Equal, AllDifferent };

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  /// From 0 to `most`, both included.
  std::uint32_t upto(std::uint32_t most) { return static_cast<std::uint32_t>(next() % (std::uint64_t{most} + 1)); }
  bool one_in(std::uint32_t n) { return upto(n - 1) == 0; }
  template <class T>
  T of(std::initializer_list<T> values) {
    return *(values.begin() + upto(static_cast<std::uint32_t>(values.size()) - 1));
  }

 private:
  /// SplitMix64: the same draws everywhere.
  std::uint64_t next() {
    state_ += 0x9e37'79b9'7f4a'7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11ebULL;
    return mixed ^ (mixed >> 31);
  }

  std::uint64_t state_;
};

inline FitRow draw_row(Draw& draw, Spread spread) {
  FitRow row;
  for (auto& fit : row.fit) {
    if (spread == Spread::Equal) fit = 120;
    if (spread != Spread::Equal && !draw.one_in(3)) fit = static_cast<std::uint8_t>(1 + draw.upto(239));
  }
  return row;
}

struct Rules {
  Spread spread = Spread::Mixed;
  std::size_t tiers = 3;
  std::uint32_t states = 0;
  std::array<std::uint16_t, kMatchTiers> fit_weights{};
};

inline NodeFacts draw_node(Draw& draw, std::uint32_t id, const Rules& rules) {
  NodeFacts node;
  node.id = id;
  node.open = true;
  node.kinds = 0xf;
  node.devices = 8;
  node.whole_free = 8;
  node.share_free = 1000;
  node.cpu_free_milli = 64'000;
  node.ram_free = 64;
  node.disk_free = 64;
  node.device_memory = 80;
  node.empty = true;
  if (rules.spread == Spread::Equal) return node;
  const bool fine = rules.spread == Spread::AllDifferent;
  node.place = {static_cast<std::uint8_t>(draw.upto(3)), static_cast<std::uint8_t>(draw.of({0U, 1U, 63U}))};
  node.pooled = draw.one_in(4);
  node.open = !draw.one_in(8);
  node.empty = draw.one_in(2);
  node.kinds = static_cast<std::uint8_t>(draw.one_in(4) ? draw.upto(15) : 15);
  node.devices = static_cast<std::uint8_t>(draw.of({1U, 2U, 4U, 8U}));
  node.whole_free = static_cast<std::uint8_t>(draw.upto(node.devices));
  node.share_free = static_cast<std::uint16_t>(node.whole_free > 0 ? 1000 : draw.upto(99) * 10);
  node.interconnect = static_cast<std::uint8_t>(draw.upto(1));
  node.site_tier = static_cast<std::uint8_t>(draw.upto(4));
  node.sandbox_tier = static_cast<std::uint8_t>(draw.upto(3));
  node.floor = static_cast<std::uint8_t>(draw.one_in(3) ? draw.upto(40) : 0);
  node.country = static_cast<std::uint16_t>(1 + draw.upto(2));
  node.provider = draw.upto(5);
  node.cpu_free_milli = draw.upto(64) * 1000;
  node.ram_free = draw.upto(64);
  node.disk_free = draw.upto(64);
  node.device_memory = draw.of({16U, 24U, 80U});
  node.runtimes = RuntimeBits(draw.upto(7)) | (draw.one_in(4) ? RuntimeBits(1) << 63 : RuntimeBits());
  node.images = ImageBits(draw.upto(7)) | (draw.one_in(4) ? ImageBits(1) << 127 : ImageBits());
  node.state = draw.upto(rules.states - 1);
  for (auto& score : node.reputation) score = static_cast<std::uint8_t>(fine ? draw.upto(240) : draw.upto(3) * 60);
  for (std::size_t lane = 0; lane < rules.tiers * kMatchKinds; ++lane) {
    // Weights sum to 100, so what is left for the node is bounded.
    const std::uint32_t most = 240U * (100U - rules.fit_weights[lane / kMatchKinds]) / 2;
    node.quality[lane] = static_cast<std::uint16_t>(fine ? draw.upto(most) : draw.upto(3) * (most / 4));
  }
  return node;
}

/// Judges by the id and the place alone, so that both matchers hear the same.
class TestJudge final : public MatchJudge {
 public:
  [[nodiscard]] PlaceTerms terms(MatchPlace place) const override { return places[place.number()]; }
  [[nodiscard]] bool accepts(std::uint32_t id) const override { return id % 3 != 0; }
  [[nodiscard]] bool has_image(std::uint32_t id) const override { return id % 2 == 0; }

  std::array<PlaceTerms, kMatchPlaces> places{};
};

inline MatchRequest draw_request(Draw& draw, const Rules& rules, std::uint32_t total, TestJudge& judge) {
  MatchRequest job;
  job.judge = &judge;
  job.total_nodes = total;
  job.tie_start = total > 0 ? draw.upto(total - 1) : 0;
  job.tier = static_cast<std::uint8_t>(draw.upto(static_cast<std::uint32_t>(rules.tiers) - 1));
  job.kind = static_cast<std::uint8_t>(draw.upto(3));
  job.shape = static_cast<std::uint8_t>(draw.of({0U, 1U, 2U, 63U}));
  job.classes = draw.one_in(2) ? 0xffffffff : 1U << draw.upto(3);
  job.regions = draw.one_in(2) ? ~std::uint64_t{0} : std::uint64_t{1} << draw.of({0U, 1U, 63U});
  const std::uint32_t most = 240U * (100U - rules.fit_weights[job.tier]) / 2;
  const std::uint8_t floor_most = static_cast<std::uint8_t>(draw.one_in(4) ? draw.upto(40) : 255);
  const bool judged = draw.one_in(4);
  const std::uint32_t slack = draw.of({0U, 0U, 5'000U});
  job.region_bounds.fill(slack);
  for (std::size_t place = 0; place < kMatchPlaces; ++place) {
    PlaceTerms& terms = judge.places[place];
    terms.base = rules.spread == Spread::Equal ? 100 : draw.upto(3) * (most / 4);
    terms.allowed = !draw.one_in(10);
    terms.judged = judged;
    terms.floor_most = floor_most;
    std::uint32_t& bound = job.class_bounds[place / kRegionsMax];
    bound = std::max(bound, terms.base);
  }
  if (draw.one_in(2)) job.gpus = draw.of({1U, 1U, 2U, 8U, 300U});
  if (job.gpus == 1 && draw.one_in(2)) job.share_milli = static_cast<std::uint16_t>(10 + draw.upto(98) * 10);
  if (draw.one_in(3)) job.cpu_milli = draw.upto(64) * 1000;
  if (draw.one_in(4)) job.ram_bytes = draw.upto(64);
  if (draw.one_in(4)) job.disk_bytes = draw.upto(64);
  if (draw.one_in(4)) job.device_memory = draw.of({16U, 40U});
  if (draw.one_in(4)) job.interconnect = 1;
  if (draw.one_in(6)) job.dedicated = true;
  if (draw.one_in(6)) job.site_tier = static_cast<std::uint8_t>(draw.upto(4));
  if (draw.one_in(6)) job.sandbox_tier = static_cast<std::uint8_t>(draw.upto(3));
  if (draw.one_in(6)) job.reputation = static_cast<std::uint8_t>(draw.upto(240));
  if (draw.one_in(6)) job.country = static_cast<std::uint16_t>(1 + draw.upto(3));
  if (draw.one_in(4)) {
    job.needs_runtime = true;
    job.runtime = RuntimeBits(1) << draw.of({0U, 1U, 63U});
    job.runtime_shared = job.runtime.test(63);
  }
  if (draw.one_in(2)) {
    job.image = ImageBits(1) << draw.of({0U, 1U, 127U});
    job.image_shared = job.image.test(127);
    job.image_bonus = static_cast<std::uint16_t>(draw.upto(most / 4));
  }
  if (draw.one_in(3)) {
    job.reserves = draw.one_in(2) ? 0xffffffff : 1U << draw.upto(3);
    job.reserve_bonus = static_cast<std::uint16_t>(draw.of({7'200U, draw.upto(most / 4)}));
  }
  return job;
}

inline bool may_take(const NodeFacts& node, const MatchRequest& job) {
  const auto holds = [](bool asked, bool met) { return !asked || met; };
  const PlaceTerms terms = job.judge->terms(node.place);
  return node.open && (node.kinds >> job.kind & 1) != 0 && (job.classes >> node.place.hardware_class & 1) != 0 &&
         (job.regions >> node.place.region & 1) != 0 && terms.allowed &&
         holds(job.share_milli > 0, node.share_free >= job.share_milli) &&
         holds(job.share_milli == 0, node.whole_free >= job.gpus) && node.cpu_free_milli >= job.cpu_milli &&
         node.ram_free >= job.ram_bytes && node.disk_free >= job.disk_bytes &&
         holds(job.gpus > 0, node.device_memory >= job.device_memory) &&
         holds(job.gpus > 1, node.interconnect >= job.interconnect) &&
         holds(job.dedicated, node.empty && node.devices == job.gpus) && node.site_tier >= job.site_tier &&
         node.sandbox_tier >= job.sandbox_tier && node.reputation[job.kind] >= job.reputation &&
         holds(job.country != 0, node.country == job.country) &&
         holds(job.needs_runtime, (node.runtimes & job.runtime).any()) && node.floor <= terms.floor_most &&
         std::find(job.excluded.begin(), job.excluded.end(), node.provider) == job.excluded.end() &&
         std::find(job.withheld.begin(), job.withheld.end(), node.id) == job.withheld.end() &&
         holds(terms.judged || job.runtime_shared, job.judge->accepts(node.id));
}

/// The answer by definition.
inline std::optional<MatchIndex::Choice> best_of(const std::map<std::uint32_t, NodeFacts>& nodes,
                                                 const std::vector<FitRow>& rows, const Rules& rules,
                                                 const MatchRequest& job) {
  std::optional<MatchIndex::Choice> best;
  // In the order of ties, so the first of equals stays.
  for (std::uint32_t step = 0; step < job.total_nodes; ++step) {
    const auto found = nodes.find((job.tie_start + step) % job.total_nodes);
    if (found == nodes.end()) continue;
    const NodeFacts& node = found->second;
    const std::uint32_t fit = rows[node.state].fit[job.shape];
    if (fit == 0 || !may_take(node, job)) continue;
    std::uint32_t score =
        job.judge->terms(node.place).base + node.quality[job.lane()] + rules.fit_weights[job.tier] * fit;
    if ((node.images & job.image).any() && (!job.image_shared || job.judge->has_image(node.id))) {
      score += job.image_bonus;
    }
    if (node.pooled && (job.reserves >> node.place.hardware_class & 1U) != 0) score += job.reserve_bonus;
    if (!best || score > best->score) best = MatchIndex::Choice{node.id, score};
  }
  return best;
}

}  // namespace starminer::protocol::matching_test
