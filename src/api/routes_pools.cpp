// Reserve pools: what stands by for surges in each class and region, what was drawn of it, and how far it would reach.
#include <nlohmann/json.hpp>

#include "api/json_text.h"
#include "api/parts.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "engine/engine.h"
#include "protocol/market/market_view.h"
#include "protocol/market/reserve_view.h"

namespace starminer::api {
namespace {

using http::Method;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::Machine;
using protocol::Parameter;

/// What of a pool is there now.
struct Capacity {
  std::uint64_t nodes = 0;
  std::uint64_t standing_by = 0;  // with the stake they agreed to, active or not
  std::uint64_t gpus = 0;         // of active nodes that stand by
  std::uint64_t free_milli = 0;   // of these
  u128 stake = 0;                 // of all its nodes
};

Capacity capacity_of(const Machine& machine, const protocol::ReserveKey& pool) {
  Capacity sum;
  const auto* members = machine.reserve().nodes_of(pool);
  if (members == nullptr) return sum;
  for (const NodeId& id : *members) {
    const protocol::ReserveNodeRow& row = *machine.reserve().find(id);
    const protocol::NodeRow& node = machine.registry().nodes().get(id);
    ++sum.nodes;
    sum.stake += row.stake.base;
    if (!row.stands_by()) continue;
    ++sum.standing_by;
    if (node.status != protocol::NodeStatus::Active) continue;
    sum.gpus += node.hardware.devices;
    for (const std::uint16_t free : machine.registry().capacity().get(id).device_free_milli) sum.free_milli += free;
  }
  return sum;
}

json render_pool(const Machine& machine, const protocol::ReserveKey& key, const protocol::ReservePoolRow& row,
                 const protocol::ReserveDemand& asked) {
  const Capacity there = capacity_of(machine, key);
  const auto* demand = machine.market().class_demand().find(key.hardware_class);
  const std::uint32_t load = demand != nullptr ? demand->load_ppm : 0;
  json cover;
  if (asked.gpu_milli != 0) cover = mul_div(there.free_milli, kPpm, asked.gpu_milli, Rounding::Floor).value_or(0);
  return {{"class", machine.registry().classes().get(key.hardware_class).name},
          {"region", machine.registry().regions().get(key.region).name},
          {"load_ppm", load},
          {"open", load > machine.params().get(Parameter::ReserveLoadPpm)},
          {"nodes", there.nodes},
          {"standing_by", there.standing_by},
          {"gpus", there.gpus},
          {"free_milli", there.free_milli},
          {"stake", decimal(there.stake)},
          {"asking_jobs", asked.jobs},
          {"asking_milli", asked.gpu_milli},
          {"cover_ppm", std::move(cover)},
          {"draws", row.draws},
          {"declines", row.declines},
          {"burned", decimal(row.burned.base)},
          {"compensated", decimal(row.compensated.base)}};
}

json render_pools(const Machine& machine) {
  std::vector<protocol::ReservePlace> places;
  for (const auto& [key, row] : machine.reserve().pools()) places.emplace_back(key.hardware_class, key.region);
  const auto asked =
      waiting_to_draw(machine.market().view(), machine.query_context(engine::Engine::wall_clock()).time, places);
  json pools = json::array();
  for (const auto& [key, row] : machine.reserve().pools()) {
    const auto found = asked.find({key.hardware_class, key.region});
    pools.push_back(render_pool(machine, key, row, found != asked.end() ? found->second : protocol::ReserveDemand{}));
  }
  const protocol::Params& params = machine.params();
  // What of AMAX is worth the level, rounded up.
  const u128 level = u128{params.get(Parameter::ReserveLevelU)} * kPpm * kBasePerToken;
  const std::uint64_t value = params.get(Parameter::AmaxValueMicro);
  return {{"pools", std::move(pools)},
          {"load_ppm", params.get(Parameter::ReserveLoadPpm)},
          {"level_u", params.get(Parameter::ReserveLevelU)},
          {"level_amax", decimal((level + value - 1) / value)},
          {"weight", params.get(Parameter::ReserveWeight)},
          {"stake_per_gpu", decimal(params.get(Parameter::ReserveStakePerGpu))},
          {"window_min_ms", params.get(Parameter::ReserveWindowMinMs)},
          {"window_max_ms", params.get(Parameter::ReserveWindowMaxMs)},
          {"decline_stake_ppm", params.get(Parameter::DeclineStakePpm)},
          {"decline_price_ppm", params.get(Parameter::DeclinePricePpm)},
          {"declines_per_epoch", params.get(Parameter::DeclinesPerEpoch)}};
}

}  // namespace

void add_pool_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/v1/pools", [&parts](const Request&) { return json_response(parts.engine.read(render_pools)); },
      reads("Reserve pools: capacity, draws, cover"));
}

}  // namespace starminer::api
