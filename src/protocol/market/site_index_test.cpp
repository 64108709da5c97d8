// Sites: which hosts lie together, and how many of them have room.
#include "protocol/market/site_index.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

NodeOf host_of(const std::string& site, std::uint32_t devices) {
  return NodeOf().devices(devices).set([&](NodeRegister& op) { op.offer.offer.site = site; });
}

/// Sites that have so many hosts with so many devices, each by the dense ids of all of its hosts.
using Sites = std::vector<std::vector<std::uint32_t>>;
Sites found(const SiteIndex& index, std::uint32_t nodes, std::uint32_t devices, std::uint32_t hosts,
            SiteIndex::Room room) {
  Sites sites;
  for (std::uint32_t dense_id = 0; dense_id < nodes; ++dense_id) {
    const auto site = index.site_of(dense_id, room, devices, hosts);
    if (!site || *site != dense_id) continue;
    std::vector<std::uint32_t> ids;
    for (const auto& [id, host] : index.hosts_of(dense_id)) ids.push_back(id);
    sites.push_back(std::move(ids));
  }
  return sites;
}

struct WatchedWorld : World {
  SiteIndex index;

  NodeId add(const std::string& site, std::uint32_t devices, const AccountId& provider = kFarm) {
    const NodeId id = add_node(host_of(site, devices), provider);
    index.change(id, nullptr, &registry.nodes().get(id), devices);
    return id;
  }
};

TEST(SiteIndex, FindsSitesWithEnoughHosts) {
  WatchedWorld world;
  world.add("hall", 8);
  world.add("hall", 4);
  world.add("barn", 8);
  world.add("", 8);
  world.add("", 8);
  const auto sites = [&](std::uint32_t devices, std::uint32_t hosts) {
    return found(world.index, 7, devices, hosts, SiteIndex::Room::Installed);
  };
  EXPECT_EQ(sites(4, 2), (Sites{{0, 1}}));
  EXPECT_EQ(sites(8, 2), Sites{}) << "one of them is too small";
  EXPECT_EQ(sites(4, 3), Sites{});
  world.add("barn", 8);
  world.add("barn", 2);
  EXPECT_EQ(sites(2, 2), (Sites{{0, 1}, {2, 5, 6}}));
  EXPECT_EQ(sites(2, 3), (Sites{{2, 5, 6}}));
  const ClassSet here = ClassSet().set(world.class_id("A100"));
  const ClassSet elsewhere = ClassSet().set(world.class_id("H100"));
  EXPECT_TRUE(world.index.any(here, SiteIndex::Room::Free, 2, 3));
  EXPECT_FALSE(world.index.any(here, SiteIndex::Room::Free, 2, 4));
  EXPECT_FALSE(world.index.any(elsewhere, SiteIndex::Room::Free, 1, 2));
}

// A name is the provider's own: who calls a site like another's does not get into it.
TEST(SiteIndex, ASiteIsOfOneProviderClassAndRegion) {
  WatchedWorld world;
  world.add("hall", 8);
  world.add("hall", 8, kBarn);
  const NodeId elsewhere = world.add_node(host_of("hall", 8).region("us-east"));
  world.index.change(elsewhere, nullptr, &world.registry.nodes().get(elsewhere), 8);
  NodeOf other = NodeOf("H100").devices(8).set([](NodeRegister& op) { op.offer.offer.site = "hall"; });
  const NodeId of_another_class = world.add_node(other);
  world.index.change(of_another_class, nullptr, &world.registry.nodes().get(of_another_class), 8);
  EXPECT_EQ(found(world.index, 4, 8, 2, SiteIndex::Room::Installed), Sites{});
}

TEST(SiteIndex, CountsWhatIsFree) {
  WatchedWorld world;
  world.add("hall", 8);
  world.add("hall", 8);
  EXPECT_EQ(found(world.index, 2, 6, 2, SiteIndex::Room::Free), (Sites{{0, 1}}));
  world.index.change_free(1, 5);
  EXPECT_EQ(found(world.index, 2, 6, 2, SiteIndex::Room::Free), Sites{});
  EXPECT_EQ(found(world.index, 2, 5, 2, SiteIndex::Room::Free), (Sites{{0, 1}}));
  EXPECT_EQ(found(world.index, 2, 6, 2, SiteIndex::Room::Installed), (Sites{{0, 1}})) << "free or not";
  world.index.change_free(77, 5);
  EXPECT_TRUE(world.index.is_consistent());
}

// Whatever comes, changes its site and goes, sums and orders are those of a fresh look, and every site is found that a
// look at all of them finds.
RC_GTEST_PROP(SiteIndex, IsThatOfAFreshLook, ()) {
  SiteIndex index;
  std::map<std::uint32_t, std::pair<NodeRow, NodeId>> rows;  // by dense id
  std::map<std::uint32_t, std::uint32_t> free;
  const std::vector<std::string> names = {"", "a", "b", "c"};
  const std::vector<AccountId> providers = {kFarm, kBarn};
  const auto steps = *rc::gen::inRange(1, 60);
  std::uint32_t next = 0;
  for (int step = 0; step < steps; ++step) {
    const auto what = *rc::gen::inRange(0, 4);
    if (what == 0 || rows.empty()) {
      NodeRow row;
      row.dense_id = next++;
      row.provider = *rc::gen::elementOf(providers);
      row.hardware_class = static_cast<ClassId>(*rc::gen::inRange(0, 2));
      row.offer.site = *rc::gen::elementOf(names);
      row.hardware.devices = *rc::gen::inRange(1U, 12U);
      row.status = NodeStatus::Active;
      NodeId id;
      id.bytes[0] = static_cast<std::uint8_t>(row.dense_id);
      const auto at = rows.emplace(row.dense_id, std::pair(row, id)).first;
      free[row.dense_id] = row.hardware.devices;
      index.change(id, nullptr, &at->second.first, row.hardware.devices);
      continue;
    }
    auto at = rows.begin();
    std::advance(at, *rc::gen::inRange<std::size_t>(0, rows.size()));
    auto& [row, id] = at->second;
    if (what == 1) {
      free[row.dense_id] = *rc::gen::inRange(0U, row.hardware.devices + 1);
      index.change_free(row.dense_id, free[row.dense_id]);
    } else if (what == 2) {
      const NodeRow before = row;
      row.offer.site = *rc::gen::elementOf(names);
      row.leaving = *rc::gen::arbitrary<bool>();
      row.status = *rc::gen::elementOf(std::vector{NodeStatus::Active, NodeStatus::Suspect, NodeStatus::Left});
      index.change(id, &before, &row, free[row.dense_id]);
    } else {
      const NodeRow before = row;
      free.erase(row.dense_id);
      index.change(id, &before, nullptr, 0);
      rows.erase(at);
    }
    RC_ASSERT(index.is_consistent());
  }
  const auto gpus = *rc::gen::inRange(1U, 9U);
  const auto hosts = *rc::gen::inRange(2U, 4U);
  const auto room = *rc::gen::element(SiteIndex::Room::Installed, SiteIndex::Room::Free);
  std::map<SiteKey, std::pair<std::uint32_t, std::vector<std::uint32_t>>> sites;
  for (const auto& [dense_id, entry] : rows) {
    const NodeRow& row = entry.first;
    if (row.offer.site.empty() || row.leaving || row.status == NodeStatus::Left) continue;
    auto& [able, all] = sites[{row.hardware_class, row.offer.region, row.provider, row.offer.site}];
    all.push_back(dense_id);
    if ((room == SiteIndex::Room::Free ? free.at(dense_id) : row.hardware.devices) >= gpus) ++able;
  }
  Sites expected;
  ClassSet classes;
  for (const auto& [key, of_site] : sites) {
    if (of_site.first < hosts) continue;
    expected.push_back(of_site.second);
    classes.set(key.hardware_class);
  }
  Sites got = found(index, next, gpus, hosts, room);
  std::sort(expected.begin(), expected.end());
  std::sort(got.begin(), got.end());
  RC_ASSERT(got == expected);
  for (std::size_t id = 0; id < 2; ++id) {
    RC_ASSERT(index.any(ClassSet().set(id), room, gpus, hosts) == classes.test(id));
  }
}

}  // namespace
}  // namespace starminer::protocol
