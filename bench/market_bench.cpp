// One routing decision of the plain matcher, which looks at every node, against reading as many bytes of node rows.
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "protocol/market/test_world.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

using protocol::market_test::JobOf;
using protocol::market_test::kFarm;
using protocol::market_test::NodeOf;
using protocol::market_test::World;

constexpr std::size_t kNodesOfProvider = 4'000;

/// Nodes of one to eight A100, rated from 900 to 1,100, of as many providers as the limit per provider asks for.
std::unique_ptr<World> make_world(std::size_t nodes) {
  auto world = std::make_unique<World>();
  std::mt19937_64 random(1);
  AccountId provider = kFarm;
  for (std::size_t i = 0; i < nodes; ++i) {
    if (i > 0 && i % kNodesOfProvider == 0) {
      provider.bytes[19] = static_cast<std::uint8_t>(i / kNodesOfProvider);
      STARMINER_CHECK(world->ledger.mint_at_genesis(provider, Asset::Agpu, 100'000 * kBasePerToken));
    }
    const auto devices = static_cast<std::uint32_t>(1U << random() % 4);
    world->add_node(NodeOf().devices(devices).rating(900 + static_cast<std::uint32_t>(random() % 201)), provider);
  }
  world->store.commit();
  return world;
}

void decide(benchmark::State& state, std::size_t nodes) {
  const auto world = make_world(nodes);
  const protocol::JobSpec spec = JobOf().spec();
  const protocol::MarketView view = world->view();
  std::uint64_t number = 0;
  for (auto unused : state) {
    protocol::DispatchPass pass(view, world->context, &spec);
    const protocol::Demand demand(view, spec, {protocol::kStandard, {}, {}, nullptr, {}}, world->context.time);
    JobId job;
    ++number;
    std::memcpy(job.bytes.data(), &number, sizeof(number));
    const auto match = pass.choose(demand, job);
    if (!match || match->considered == 0) state.SkipWithError("no node was chosen");
    benchmark::DoNotOptimize(match);
  }
}

void read_rows(benchmark::State& state, std::size_t nodes) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kRow = sizeof(protocol::NodeRow) + sizeof(protocol::CapacityRow);
  std::vector<std::uint8_t> memory(nodes * kRow, 1);
  for (auto unused : state) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < memory.size(); i += kLine) sum += memory[i];
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  }
}

void add(std::size_t nodes) {
  const std::string count = std::to_string(nodes);
  compare({"match_scan_over_memory_scan_" + count,
           "reading each cache line of " + count + " rows of node and capacity, laid out in one piece",
           count + " free nodes of 1, 2, 4 or 8 A100; a job of one A100; list of nodes, constraints, all score terms",
           {[nodes](benchmark::State& state) { decide(state, nodes); }},
           {[nodes](benchmark::State& state) { read_rows(state, nodes); }}});
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  starminer::bench::add(1'000);
  starminer::bench::add(8'000);
  return starminer::bench::run_comparisons(argc, argv);
}
