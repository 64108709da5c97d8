// A job as the match index wants it, and the answers that only rows can give.
#include <algorithm>

#include "base/check.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/node_index.h"
#include "protocol/market/score.h"

namespace starminer::protocol {

class NodeIndex::Judge final : public MatchJudge {
 public:
  Judge(const NodeIndex& nodes, const Demand& demand, const Scorer& scorer)
      : nodes_(nodes), demand_(demand), scorer_(scorer) {}

  [[nodiscard]] PlaceTerms terms(MatchPlace place) const override {
    PlaceTerms terms;
    const Agpu cap = demand_.terms().cap;
    if (!cap.is_zero() && demand_.expected_cost_in(place.hardware_class, place.region) > cap) return terms;
    const Price most = demand_.terms().max_price;
    if (most.nagpu_per_gpu_hour != 0 && !demand_.terms().any_price) {
      if (demand_.lowest_price(place.hardware_class, place.region, false) > most) return terms;
      const Price dearest = demand_.terms().price_held_since
                                ? demand_.lowest_price(place.hardware_class, place.region, true)
                                : demand_.highest_price_now(place.hardware_class, place.region);
      terms.judged = dearest > most;
    }
    terms.allowed = true;
    terms.floor_most = highest_floor(demand_, place.hardware_class);
    terms.base = scorer_.place_score(place.hardware_class, place.region);
    return terms;
  }
  [[nodiscard]] bool accepts(std::uint32_t id) const override {
    const Entry& entry = nodes_.entries_[id];
    const JobSpec& spec = demand_.spec();
    const auto& there = entry.row->offer.runtimes;
    return !demand_.is_over_price(*entry.row, entry.id) &&
           (spec.runtime.empty() || std::binary_search(there.begin(), there.end(), demand_.runtime_tag()));
  }
  [[nodiscard]] bool has_image(std::uint32_t id) const override {
    const auto& there = nodes_.entries_[id].row->offer.images;
    return std::binary_search(there.begin(), there.end(), tag_of(demand_.spec().image));
  }

 private:
  const NodeIndex& nodes_;
  const Demand& demand_;
  const Scorer& scorer_;
};

void NodeIndex::fill_request(const Demand& demand, MatchRequest& request) const {
  const JobSpec& spec = demand.spec();
  const Resources& needs = spec.resources;
  request.tier = demand.terms().tier;
  request.kind = static_cast<std::uint8_t>(spec.kind);
  request.shape = fit_->shape_number(shape_of(needs));
  for (std::uint32_t region = 0; region < kRegionsMax; ++region) {
    if (demand.allows_region(static_cast<RegionId>(region))) request.regions |= std::uint64_t{1} << region;
  }
  request.gpus = needs.gpus;
  request.share_milli = static_cast<std::uint16_t>(needs.gpus > 0 ? needs.share_milli : 0);
  request.cpu_milli = needs.cpu_milli;
  request.ram_bytes = needs.ram_bytes;
  request.disk_bytes = needs.disk_bytes;
  request.device_memory = demand.device_memory_needed();
  request.interconnect = needs.interconnect;
  request.dedicated = spec.dedicated;
  request.site_tier = spec.where.site_tier_min;
  request.sandbox_tier = spec.where.sandbox_tier_min;
  request.reputation = spec.where.reputation_min;
  if (!spec.where.residency.empty()) {
    const auto country = countries_.find(spec.where.residency);
    request.country = country != countries_.end() ? country->second : 0xffff;
  }
  if (!spec.runtime.empty()) {
    request.needs_runtime = true;
    request.runtime = runtimes_.find(demand.runtime_tag());
    request.runtime_shared = TagBits<64>::is_shared(request.runtime);
  }
  if (!spec.image.is_zero()) {
    request.image = images_.find(tag_of(spec.image));
    request.image_shared = TagBits<128>::is_shared(request.image);
  }
}

std::optional<NodeIndex::Chosen> NodeIndex::choose(const Demand& demand, std::uint32_t tie_start,
                                                   std::span<const std::uint32_t> withheld) {
  // No node can show evidence of an enclave yet.
  if (!demand.spec().where.tee_kinds.empty()) return std::nullopt;
  const Scorer scorer(demand, fit_->fragmentation(), tie_start);
  const Judge judge(*this, demand, scorer);
  MatchRequest request;
  fill_request(demand, request);
  if (request.image.any()) request.image_bonus = static_cast<std::uint16_t>(scorer.image_score());
  const auto& all = demand.market().registry.regions();
  const auto cheapest = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.second.price_factor.value < b.second.price_factor.value;
  });
  std::uint64_t regions = 0;
  for (std::uint8_t hardware_class = 0; hardware_class < kClassesMax; ++hardware_class) {
    const std::uint64_t here = index_->regions_of(hardware_class) & request.regions;
    if (!demand.classes().test(hardware_class) || here == 0) continue;
    request.classes |= 1U << hardware_class;
    request.class_bounds[hardware_class] = scorer.class_bound(hardware_class, cheapest->first);
    regions |= here;
    if (standing_by_[hardware_class] != 0 && demand.may_draw(hardware_class)) request.reserves |= 1U << hardware_class;
  }
  if (request.reserves != 0) request.reserve_bonus = static_cast<std::uint16_t>(scorer.reserve_score());
  for (std::uint8_t region = 0; region < kRegionsMax; ++region) {
    if ((regions >> region & 1U) != 0) request.region_bounds[region] = scorer.region_score(region);
  }
  excluded_.clear();
  const auto exclude = [this](const std::vector<AccountId>& providers) {
    for (const AccountId& provider : providers) {
      if (const auto at = providers_.find(provider); at != providers_.end()) excluded_.push_back(at->second);
    }
  };
  exclude(demand.spec().where.excluded_providers);
  if (demand.terms().avoided != nullptr) exclude(*demand.terms().avoided);
  request.excluded = excluded_;
  request.withheld = withheld;
  request.tie_start = tie_start;
  request.total_nodes = demand.market().registry.total_nodes();
  request.judge = &judge;
  const auto choice = index_->choose(request);
  if (!choice) return std::nullopt;
  return Chosen{choice->id, entries_[choice->id].id, choice->score};
}

}  // namespace starminer::protocol
