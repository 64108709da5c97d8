// Registration of a node and change of its offer.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"
#include "protocol/registry/claims.h"
#include "protocol/registry/registry.h"

namespace starminer::protocol {
namespace {

constexpr std::uint16_t kDeviceMilli = 1000;
constexpr std::uint32_t kThreadMilli = 1000;

void check_hardware(const Hardware& hardware, FieldCheck& check) {
  check.text("hardware.model", hardware.model, 1, kModelNameMax)
      .range("hardware.devices", hardware.devices, 1, kNodeDevicesMax)
      .range("hardware.device_memory_bytes", hardware.device_memory_bytes, 0, kDeviceMemoryMax)
      .range("hardware.interconnect", hardware.interconnect, 0, kInterconnectMax)
      .range("hardware.cpu_threads", hardware.cpu_threads, 1, kCpuThreadsMax)
      .range("hardware.ram_bytes", hardware.ram_bytes, 1, kRamBytesMax)
      .range("hardware.disk_bytes", hardware.disk_bytes, 0, kDiskBytesMax)
      .range("hardware.network_up_mbps", hardware.network_up_mbps, 0, kNetworkMbpsMax)
      .range("hardware.network_down_mbps", hardware.network_down_mbps, 0, kNetworkMbpsMax);
}

void check_energy(const Energy& energy, FieldCheck& check) {
  check.range("offer.energy.g_co2_per_kwh", energy.g_co2_per_kwh, 0, kCarbonMax)
      .range("offer.energy.renewable_ppm", energy.renewable_ppm, 0, kPpm);
  if (energy.pue_ppm != 0) check.range("offer.energy.pue_ppm", energy.pue_ppm, kPueMinPpm, kPueMaxPpm);
}

void check_offer(const OfferRequest& request, FieldCheck& check) {
  const Offer& offer = request.offer;
  check.name("offer.region", request.region, 1, kRegionNameMax)
      .country("offer.country", offer.country, false)
      .range("offer.site_tier", offer.site_tier, 0, kSiteTierMax)
      .name("offer.site", offer.site, 0, kSiteNameMax)
      .range("offer.sandbox_tier", offer.sandbox_tier, 0, kSandboxTierMax)
      .range("offer.last_mile_level", offer.last_mile_level, 0, kLastMileLevelMax)
      .range("offer.floor_32nds", offer.floor_32nds, 0, kPriceFloorMax);
  check_energy(offer.energy, check);
  check.count("offer.runtimes", request.runtimes.size(), kNodeRuntimesMax);
  for (const std::string& name : request.runtimes) check.name("offer.runtimes", name, 1, kRuntimeNameMax);
  if (check.ok()) check.unique("offer.runtimes", request.runtimes);
  check.count("offer.images", request.images.size(), kNodeImagesMax);
  for (const Hash32& image : request.images)
    check.require("offer.images", !image.is_zero(), "must not hold a zero hash");
  if (check.ok()) check.unique("offer.images", request.images);
}

/// The offer as it is stored: names resolved to tags, energy unverified until attestors say otherwise.
Offer resolve(const OfferRequest& request, RegionId region) {
  Offer offer = request.offer;
  offer.region = region;
  offer.energy.verified = false;
  offer.site_tier_verified = false;
  offer.region_verified = false;
  offer.runtime_names = request.runtimes;
  std::sort(offer.runtime_names.begin(), offer.runtime_names.end());
  std::set<std::uint64_t> tags;
  for (const std::string& name : request.runtimes) tags.insert(tag_of(name));
  offer.runtimes.assign(tags.begin(), tags.end());
  tags.clear();
  for (const Hash32& image : request.images) tags.insert(tag_of(image));
  offer.images.assign(tags.begin(), tags.end());
  return offer;
}

bool same_energy(const Energy& a, const Energy& b) {
  return a.g_co2_per_kwh == b.g_co2_per_kwh && a.renewable_ppm == b.renewable_ppm && a.pue_ppm == b.pue_ppm &&
         a.certificate == b.certificate;
}

/// What a new offer takes away of what a node in the reserve promised; empty: nothing.
std::string_view what_narrows(const NodeRow& row, const NodeUpdate& op, RegionId region) {
  if (region != row.offer.region || op.offer.offer.country != row.offer.country) return "its region and country stay";
  if (op.offer.offer.floor_32nds > row.offer.floor_32nds) return "its price floor may only fall";
  const auto& runtimes = op.offer.runtimes;
  for (const std::string& name : row.offer.runtime_names) {
    if (std::find(runtimes.begin(), runtimes.end(), name) == runtimes.end()) return "its runtimes stay";
  }
  for (std::size_t kind = 0; kind < kJobKindCount && !op.ratings.empty(); ++kind) {
    const bool rated = std::any_of(op.ratings.begin(), op.ratings.end(), [kind](const RatingClaim& claim) {
      return static_cast<std::size_t>(claim.kind) == kind && claim.rating.cu_x1000 != 0;
    });
    if (row.ratings[kind].cu_x1000 != 0 && !rated) return "it serves the kinds that it served";
  }
  return {};
}

CapacityRow all_free(const Hardware& hardware) {
  return {std::vector<std::uint16_t>(hardware.devices, kDeviceMilli), hardware.cpu_threads * kThreadMilli,
          hardware.ram_bytes, hardware.disk_bytes, 0};
}

}  // namespace

Result<Valid<NodeRegister>, Refusal> NodeRegister::validate(NodeRegister op) {
  FieldCheck check;
  check.text("name", op.name, 0, kNodeNameMax).name("hardware.hardware_class", op.hardware_class, 1, kClassNameMax);
  check_hardware(op.hardware, check);
  check_offer(op.offer, check);
  check_claims(op.ratings, check);
  if (!check.ok()) return fail(check.result().error());
  return Valid<NodeRegister>(std::move(op));
}

Result<Valid<NodeUpdate>, Refusal> NodeUpdate::validate(NodeUpdate op) {
  FieldCheck check;
  check_offer(op.offer, check);
  check_claims(op.ratings, check);
  if (!check.ok()) return fail(check.result().error());
  return Valid<NodeUpdate>(std::move(op));
}

Result<void, Refusal> Registry::check_ratings(ClassId hardware_class, const std::vector<RatingClaim>& claims) const {
  const ClassRow& row = classes_.get(hardware_class);
  bool any = false;
  for (const RatingClaim& claim : claims) {
    any = any || claim.rating.cu_x1000 != 0;
    const auto kind = static_cast<std::size_t>(claim.kind);
    const std::uint64_t most = std::uint64_t{row.rating[kind]} * row.rating_times_max;
    if (claim.rating.cu_x1000 <= most) continue;
    return fail(
        Refusal{RefusalCode::RatingImplausible,
                fmt::format("{} rating {}, at most {} in class {} ({} times the reference {})", kind_name(claim.kind),
                            claim.rating.cu_x1000, most, row.name, row.rating_times_max, row.rating[kind])});
  }
  if (!any) return fail(Refusal{RefusalCode::RatingImplausible, "no kind has a rating above 0"});
  return {};
}

bool Registry::ratings_in_doubt(const NodeRow& node) const {
  const ClassRow& row = classes_.get(node.hardware_class);
  for (std::uint8_t kind = 0; kind < kJobKindCount; ++kind) {
    const u128 rating = node.ratings[kind].cu_x1000;
    // Until a class has enough nodes for a median of its own the governed reference stands: its first nodes would else
    // make the median that all later ones are judged by.
    const u128 middle = median_rating(node.hardware_class, static_cast<JobKind>(kind)).value_or(row.rating[kind]);
    if (rating == 0 || middle == 0) continue;
    if (rating * kPpm < middle * row.rating_low.value || rating * kPpm > middle * row.rating_high.value) {
      return true;
    }
  }
  return false;
}

Result<Checked<NodeRegister>, Refusal> Registry::check(const Valid<NodeRegister>& op, const Sender& sender) const {
  const ProviderRow* const provider = providers_.find(sender.account);
  if (provider == nullptr) return fail(Refusal{RefusalCode::NotAProvider, "account " + sender.account.text()});
  const std::uint64_t nodes_max = params_.get(Parameter::NodesPerProvider);
  if (provider->node_count >= nodes_max) {
    return fail(
        Refusal{RefusalCode::TooManyNodes, fmt::format("nodes {}, allowed {}", provider->node_count, nodes_max)});
  }
  const auto hardware_class = find_class(op->hardware_class);
  if (!hardware_class) return fail(Refusal{RefusalCode::UnknownClass, "class " + op->hardware_class});
  const auto region = find_region(op->offer.region);
  if (!region) return fail(Refusal{RefusalCode::UnknownRegion, "region " + op->offer.region});
  if (const auto ratings = check_ratings(*hardware_class, op->ratings); !ratings) return fail(ratings.error());
  const Agpu needed = params_.agpu(Parameter::NodeLock);
  const Agpu has{ledger_.balance(sender.account, Asset::Agpu)};
  if (has < needed) {
    return fail(Refusal{RefusalCode::BalanceTooSmall,
                        fmt::format("available {}, lock of a node {}, missing {}", format_amount(has),
                                    format_amount(needed), format_amount(Agpu{needed.base - has.base}))});
  }
  return Checked<NodeRegister>(op, {*hardware_class, *region});
}

NodeId Registry::apply(const Checked<NodeRegister>& op, const Sender& sender, const BlockContext& context) {
  const NodeId id = node_id_of(sender.account, sender.sequence);
  STARMINER_CHECK(!nodes_.contains(id));
  NodeRow row;
  row.provider = sender.account;
  row.name = op->name;
  row.dense_id = total_nodes();
  row.hardware_class = op.evidence().hardware_class;
  row.hardware = op->hardware;
  row.offer = resolve(op->offer, op.evidence().region);
  row.ratings = ratings_of(op->ratings);
  row.registered = context.time;
  row.status_since = context.time;
  row.lock_until = context.time + params_.duration(Parameter::NodeLockMs);
  row.rating_in_doubt = ratings_in_doubt(row);
  const std::uint64_t lock = params_.get(Parameter::NodeLock);
  if (lock > 0) ledger_.lock(LockPurpose::NodeIdentity, id.bytes, sender.account, Asset::Agpu, lock);
  ledger_.add_role(sender.account);
  providers_.update(sender.account, [](ProviderRow& provider) { ++provider.node_count; });
  capacity_.put(id, all_free(op->hardware));
  row.status = NodeStatus::Active;
  const bool in_doubt = row.rating_in_doubt;
  put_node(id, std::move(row), context);
  if (in_doubt) ask_benchmark(id, nodes_.get(id), BenchmarkReason::Doubt, context);
  return id;
}

Result<Checked<NodeUpdate>, Refusal> Registry::check(const Valid<NodeUpdate>& op, const Sender& sender,
                                                     const BlockContext& context) const {
  const NodeRow* const row = nodes_.find(op->node);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownNode, "node " + op->node.text()});
  if (row->provider != sender.account) {
    return fail(Refusal{RefusalCode::NotNodeOwner, "provider " + row->provider.text()});
  }
  if (row->status == NodeStatus::Left) return fail(Refusal{RefusalCode::WrongNodeStatus, "the node has left"});
  const auto region = find_region(op->offer.region);
  if (!region) return fail(Refusal{RefusalCode::UnknownRegion, "region " + op->offer.region});
  const bool floor_changes = op->offer.offer.floor_32nds != row->offer.floor_32nds;
  if (floor_changes && row->floor_epoch == context.epoch + 1) {
    return fail(Refusal{RefusalCode::FloorChangeTooSoon,
                        fmt::format("floor {}/32 of the anchor since epoch {}, which lasts {} s",
                                    row->offer.floor_32nds, context.epoch, params_.get(Parameter::EpochMs) / 1000)});
  }
  if (!op->ratings.empty()) {
    if (const auto ratings = check_ratings(row->hardware_class, op->ratings); !ratings) return fail(ratings.error());
  }
  if (row->reserve != ReserveStanding::None) {
    if (const auto narrowed = what_narrows(*row, *op, *region); !narrowed.empty()) {
      return fail(Refusal{RefusalCode::NodeInReserve, std::string(narrowed)});
    }
  }
  return Checked<NodeUpdate>(op, {*region});
}

void Registry::apply(const Checked<NodeUpdate>& op, const Sender& /*sender*/, const BlockContext& context) {
  NodeRow row = nodes_.get(op->node);
  Offer offer = resolve(op->offer, op.evidence().region);
  offer.energy.verified = row.offer.energy.verified && same_energy(offer.energy, row.offer.energy);
  offer.site_tier_verified = row.offer.site_tier_verified && offer.site_tier == row.offer.site_tier;
  offer.region_verified =
      row.offer.region_verified && offer.region == row.offer.region && offer.country == row.offer.country;
  if (offer.floor_32nds != row.offer.floor_32nds) row.floor_epoch = context.epoch + 1;
  row.offer = std::move(offer);
  if (!op->ratings.empty()) {
    row.ratings = ratings_of(op->ratings);
    // A doubt ends by a benchmark that the protocol asked for, never by another claim.
    if (!row.rating_in_doubt && ratings_in_doubt(row)) {
      row.rating_in_doubt = true;
      ask_benchmark(op->node, row, BenchmarkReason::Doubt, context);
    }
  }
  put_node(op->node, std::move(row), context);
}

}  // namespace starminer::protocol
