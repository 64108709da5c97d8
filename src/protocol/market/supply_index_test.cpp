// The index of supply against a look at every row of the registry, while nodes come, change places and attributes, and
// go, also by rollback.
#include "protocol/market/supply_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/eligibility.h"
#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

std::uint32_t upto(std::uint32_t most) { return draw(rc::gen::inRange<std::uint32_t>(0, most + 1)); }

/// Rows under a test's own hand, and the index that hears of their changes.
struct Supply {
  void put(std::uint32_t dense_id, const NodeRow& row) {
    NodeId id;
    id.bytes.fill(static_cast<std::uint8_t>(dense_id));
    id.bytes[0] = static_cast<std::uint8_t>(dense_id >> 8);
    NodeRow after = row;
    after.dense_id = dense_id;
    const auto at = rows.find(id);
    const std::optional<NodeRow> before = at != rows.end() ? std::optional<NodeRow>(at->second) : std::nullopt;
    NodeRow& stored = rows[id] = after;
    index.change(id, before ? &*before : nullptr, &stored);
  }
  void erase(const NodeId& id) {
    const NodeRow before = rows.at(id);
    rows.erase(id);
    index.change(id, &before, nullptr);
  }
  std::map<NodeId, NodeRow> rows;
  SupplyIndex index;
};

NodeRow draw_row() {
  NodeRow row;
  row.hardware_class = static_cast<ClassId>(upto(2));
  row.offer.region = static_cast<RegionId>(upto(2));
  row.status = draw(rc::gen::element(NodeStatus::Active, NodeStatus::Active, NodeStatus::Draining, NodeStatus::Left));
  row.leaving = upto(9) == 0;
  row.hardware.devices = 1U << upto(3);
  row.hardware.device_memory_bytes = (24 + 56 * std::uint64_t{upto(1)}) * kGiB;
  row.hardware.interconnect = static_cast<std::uint8_t>(upto(1));
  row.hardware.cpu_threads = 16 + 16 * upto(3);
  row.hardware.ram_bytes = (16 + 64 * std::uint64_t{upto(3)}) * kGiB;
  row.hardware.disk_bytes = (100 + 400 * std::uint64_t{upto(2)}) * kGiB;
  row.offer.country = draw(rc::gen::element<std::string>("DE", "FR"));
  row.offer.site_tier = static_cast<std::uint8_t>(upto(4));
  row.offer.site_tier_verified = upto(3) > 0;
  row.offer.sandbox_tier = static_cast<std::uint8_t>(upto(3));
  if (upto(1) == 0) row.offer.runtimes = {tag_of("debian/pytorch-1.13")};
  for (Rating& rating : row.ratings) rating.cu_x1000 = upto(3) == 0 ? 0 : 1'000;
  return row;
}

JobSpec draw_spec() {
  const auto one_in = [](std::uint32_t n) { return upto(n - 1) == 0; };
  JobSpec s = JobOf().any_class().spec();
  if (one_in(2)) s.resources.classes = {draw(rc::gen::element<std::string>("A100", "H100"))};
  s.resources.gpus = draw(rc::gen::element<std::uint32_t>(0, 1, 1, 2, 8, 16));
  if (one_in(3)) s.resources.cpu_milli = 1000 * (1 + upto(70));
  if (one_in(3)) s.resources.ram_bytes = draw(rc::gen::element<std::uint64_t>(10, 100, 300)) * kGiB;
  if (one_in(3)) s.resources.disk_bytes = draw(rc::gen::element<std::uint64_t>(50, 700, 1'000)) * kGiB;
  if (one_in(3)) s.resources.gpu_memory_bytes = draw(rc::gen::element<std::uint64_t>(20, 60)) * kGiB;
  if (one_in(3)) s.resources.interconnect = 1;
  if (one_in(4)) s.dedicated = true;
  if (one_in(4)) s.kind = draw(rc::gen::element(JobKind::Rendering, JobKind::Inference));
  if (one_in(3)) s.runtime = draw(rc::gen::element<std::string>("debian/pytorch-1.13", "debian/none"));
  if (one_in(4)) s.where.allow = {"eu-central"};
  if (one_in(4)) s.where.residency = draw(rc::gen::element<std::string>("DE", "US"));
  if (one_in(4)) s.where.site_tier_min = static_cast<std::uint8_t>(1 + upto(3));
  if (one_in(4)) s.where.sandbox_tier_min = static_cast<std::uint8_t>(1 + upto(2));
  return s;
}

// REQ: MAT-3. Where a job could ever run, and whether it could, is what a look at every row says.
RC_GTEST_PROP(SupplyIndex, FindsThePlacesThatALookAtEveryNodeFinds, ()) {
  World world;
  const MarketView view{world.params,     world.ledger,       world.registry,      world.pricing,
                        world.reputation, world.staking,      world.market.jobs(), world.market.assignments(),
                        world.shares,     world.class_demand, world.market.index()};
  Supply supply;
  std::uint32_t next = draw(rc::gen::element(0U, 5U, 200U));
  for (std::uint32_t id = 0; id < next; ++id) supply.put(id, draw_row());
  for (int step = 0; step < 20; ++step) {
    if (supply.rows.empty() || upto(3) == 0) {
      supply.put(next++, draw_row());
    } else {
      auto at = supply.rows.begin();
      std::advance(at, upto(static_cast<std::uint32_t>(supply.rows.size()) - 1));
      if (upto(2) == 0) {
        supply.erase(at->first);
      } else {
        supply.put(at->second.dense_id, draw_row());
      }
    }
    RC_ASSERT(supply.index.is_consistent());
    const JobSpec spec = draw_spec();
    const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, world.context.time);
    const auto passes = [&demand](const NodeView& node) { return could_ever_run(demand, node); };
    std::set<std::pair<ClassId, RegionId>> expected;
    for (const auto& [id, row] : supply.rows) {
      if (row.status == NodeStatus::Left || !passes({id, &row, nullptr, false, {}})) continue;
      expected.emplace(row.hardware_class, row.offer.region);
    }
    const auto found = supply.index.places_where(demand, passes);
    RC_ASSERT((std::set<std::pair<ClassId, RegionId>>(found.begin(), found.end()) == expected));
    RC_ASSERT(supply.index.any_node(demand, passes) == !expected.empty());
  }
}

}  // namespace
}  // namespace starminer::protocol
