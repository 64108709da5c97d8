// Random campaigns over all operations: after every block all invariants hold and the money, counted a second time,
// agrees; the same seed gives the same hashes, also when the machine is restarted from its rows on the way.
// STARMINER_SEEDS, STARMINER_FIRST_SEED and STARMINER_STEPS set how many seeds, from which, with how many transactions.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include <gtest/gtest.h>

#include "protocol/operation_registry.h"
#include "scenario/driver.h"

namespace starminer::scenario {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

std::string repeat_with(std::uint64_t seed, std::uint64_t steps) {
  return "repeat with STARMINER_FIRST_SEED=" + std::to_string(seed) +
         " STARMINER_SEEDS=1 STARMINER_STEPS=" + std::to_string(steps);
}

// REQ: TOK-3, CSC-2, REG-4
TEST(Campaign, KeepsEveryInvariantAndEveryBalance) {
  const std::uint64_t first = setting("STARMINER_FIRST_SEED", 1);
  const std::uint64_t seeds = setting("STARMINER_SEEDS", 6);
  const std::uint64_t steps = setting("STARMINER_STEPS", 500);
  Tally total;
  const std::clock_t begin = std::clock();
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE(repeat_with(seed, steps));
    Driver driver(seed);
    driver.run(steps);
    total.add(driver.tally());
    // What differs once goes on differing.
    if (!driver.differences().empty()) ADD_FAILURE() << driver.differences().front();
    EXPECT_EQ(static_cast<std::uint64_t>(driver.money().paid_by_requesters()),
              static_cast<std::uint64_t>(driver.money().paid_for_contracts()));
    if (::testing::Test::HasFailure()) break;
  }
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::cout << "seeds " << first << " to " << first + seeds - 1 << ", "
            << static_cast<std::uint64_t>(static_cast<double>(total.sent) / std::max(seconds, 0.001))
            << " transactions/s with all checks: " << total.text();
  EXPECT_GT(total.applied * 100, total.sent * 35) << "a campaign of refusals proves little";
  EXPECT_GT(total.charged + total.not_admitted, total.sent / 10) << "nor does one of good behaviour";
  if (seeds * steps < 3000) return;
  for (const char* end : {"requeued_by_provider_late", "requeued_by_provider_lost", "settled_by_accepted"}) {
    EXPECT_GT(total.gang_ends[end], 0U) << "no gang was " << end;
  }
  for (const auto& info : protocol::operation_registry()) {
    if (info.proposer_only) continue;
    EXPECT_GT(total.applied_by_operation[std::string(info.name)], 0U) << info.name << " was never applied";
  }
}

// REQ: DEC-2
TEST(Campaign, TheSameSeedGivesTheSameHashesAlsoOverARestart) {
  const std::uint64_t seeds = setting("STARMINER_SEEDS", 6) / 3;
  const std::uint64_t steps = setting("STARMINER_STEPS", 500) / 2;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(repeat_with(seed, steps));
    Driver once(seed);
    once.run(steps / 2);
    once.run(steps / 2);
    Driver again(seed);
    again.run(steps / 2);
    again.restart();
    again.run(steps / 2);
    ASSERT_EQ(once.app_hashes().size(), again.app_hashes().size());
    for (std::size_t i = 0; i < once.app_hashes().size(); ++i) {
      ASSERT_EQ(once.app_hashes()[i], again.app_hashes()[i]) << "block " << i + 1;
    }
  }
}

// REQ: DEC-2
TEST(Campaign, TheStoredRowsAreTheState) {
  Driver driver(3);
  for (int part = 0; part < 10; ++part) {
    driver.run(30);
    const protocol::chain_test::Disk& disk = driver.chain().disk();
    const protocol::state::Store& store = driver.chain().machine().store();
    for (const auto& [place, row] : disk.rows) {
      ASSERT_EQ(store.find_encoded(place.first, place.second), row) << "table " << static_cast<int>(place.first);
    }
    protocol::Machine loaded;
    ASSERT_TRUE(disk.load(loaded));
    ASSERT_EQ(loaded.app_hash(), driver.chain().machine().app_hash());
  }
}

}  // namespace
}  // namespace starminer::scenario
