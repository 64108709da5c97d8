// Ratings as operations name them, and what attestors confirm of a node (REG-5).
#include "protocol/registry/claims.h"

#include "base/codec.h"

namespace starminer::protocol {
namespace {

struct EnergyClaim {
  NodeId node;
  Aspect aspect{};
  std::uint32_t g_co2_per_kwh = 0;
  std::uint32_t renewable_ppm = 0;
  std::uint32_t pue_ppm = 0;
  Hash32 certificate;
};

struct SiteTierClaim {
  NodeId node;
  Aspect aspect{};
  std::uint8_t site_tier = 0;
};

struct RegionClaim {
  NodeId node;
  Aspect aspect{};
  RegionId region = 0;
  std::string country;
};

constexpr std::string_view kClaimTag = "starminer/claim/1";

}  // namespace

std::string_view aspect_name(Aspect aspect) {
  switch (aspect) {
    case Aspect::Energy: return "energy";
    case Aspect::SiteTier: return "site_tier";
    case Aspect::Region: return "region";
  }
  return "";
}

void check_claims(const std::vector<RatingClaim>& claims, FieldCheck& check) {
  check.count("ratings", claims.size(), kJobKindCount);
  std::vector<std::uint8_t> kinds;
  for (const RatingClaim& claim : claims) {
    kinds.push_back(static_cast<std::uint8_t>(claim.kind));
    check.range("ratings.kind", kinds.back(), 0, kJobKindCount - 1U)
        .require("ratings.benchmark_digest", claim.rating.cu_x1000 == 0 || !claim.rating.benchmark.is_zero(),
                 "must name the report of the benchmark that the rating comes from");
  }
  if (check.ok()) check.unique("ratings.kind", kinds);
}

std::array<Rating, kJobKindCount> ratings_of(const std::vector<RatingClaim>& claims) {
  std::array<Rating, kJobKindCount> ratings{};
  for (const RatingClaim& claim : claims) ratings[static_cast<std::size_t>(claim.kind)] = claim.rating;
  return ratings;
}

std::optional<Hash32> Registry::claim_of(const NodeId& node, const NodeRow& row, Aspect aspect) {
  const Energy& energy = row.offer.energy;
  if (aspect == Aspect::SiteTier) {
    if (row.offer.site_tier == 0) return std::nullopt;
    return tagged_hash(kClaimTag, encode(SiteTierClaim{node, aspect, row.offer.site_tier}));
  }
  if (aspect == Aspect::Region) {
    return tagged_hash(kClaimTag, encode(RegionClaim{node, aspect, row.offer.region, row.offer.country}));
  }
  if (energy.certificate.is_zero()) return std::nullopt;
  return tagged_hash(kClaimTag, encode(EnergyClaim{node, aspect, energy.g_co2_per_kwh, energy.renewable_ppm,
                                                   energy.pue_ppm, energy.certificate}));
}

void Registry::set_verified(const NodeId& node, Aspect aspect, bool verified, const BlockContext& context) {
  NodeRow row = nodes_.get(node);
  Offer& offer = row.offer;
  bool& mark = aspect == Aspect::Energy     ? offer.energy.verified
               : aspect == Aspect::SiteTier ? offer.site_tier_verified
                                            : offer.region_verified;
  if (mark == verified) return;
  mark = verified;
  put_node(node, std::move(row), context);
}

}  // namespace starminer::protocol
