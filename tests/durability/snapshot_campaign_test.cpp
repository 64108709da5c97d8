// A6: random markets, a snapshot at random heights, restored, and every later block on the restored machine: the same
// hash as the machine that never stopped. B5 for snapshots: every bit and every length of a small one. Part of B7: the
// database is lost, a snapshot and the log are left.
// STARMINER_SNAPSHOT_HEIGHTS, STARMINER_FIRST_SEED and STARMINER_SNAPSHOT_BIT_STEP set how much.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "durability/stored_market.h"
#include "scenario/driver.h"
#include "storage/chain_store.h"
#include "storage/snapshot.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;
using protocol::chain_test::Block;
using scenario::Dice;
using scenario::Driver;

constexpr std::uint64_t kTransactions = 120;  // of one market
constexpr std::uint64_t kHeightsOfMarket = 5;
constexpr const char* kGenesisText = "the genesis";

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

std::unique_ptr<ChainStore> open(const fs::path& folder) {
  StoreOptions options;
  options.log.segment_bytes = 1U << 20;
  auto store = ChainStore::open(folder, options);
  EXPECT_TRUE(store.has_value()) << store.error().text;
  return store ? std::move(*store) : nullptr;
}

class SnapshotCampaign : public ::testing::Test {
 protected:
  SnapshotCampaign() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~SnapshotCampaign() override { fs::remove_all(folder_); }

  /// Of a store as it stands.
  [[nodiscard]] fs::path snapshot(const ChainStore& store, std::uint64_t chunk_bytes) {
    const fs::path copy = folder_ / "copy";
    const fs::path out = folder_ / "snapshot";
    fs::remove_all(copy);
    fs::remove_all(out);
    const auto copied = store.copy_to(copy);
    EXPECT_TRUE(copied.has_value()) << copied.error().text;
    const auto database = Database::open(copy);
    EXPECT_TRUE(database.has_value());
    const auto made = create_snapshot(**database, out, kGenesisText, chunk_bytes);
    EXPECT_TRUE(made.has_value()) << made.error();
    return out;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("snapshot-campaign-" + std::to_string(::getpid()));
};

/// A machine that came out of a snapshot and lives on.
struct Restored {
  std::uint64_t height = 0;
  std::unique_ptr<ChainStore> store;
  std::unique_ptr<protocol::Machine> machine = std::make_unique<protocol::Machine>();
};

// REQ: DEC-2, AUD-1
TEST_F(SnapshotCampaign, WhatIsRestoredGoesOnWithTheSameHashes) {
  const std::uint64_t wanted = setting("STARMINER_SNAPSHOT_HEIGHTS", 20);
  const std::uint64_t first_seed = setting("STARMINER_FIRST_SEED", 1);
  std::uint64_t heights = 0, later = 0, seed = first_seed;
  for (; heights < wanted && !HasFailure(); ++seed) {
    SCOPED_TRACE("repeat with STARMINER_FIRST_SEED=" + std::to_string(seed) + " STARMINER_SNAPSHOT_HEIGHTS=1");
    fs::remove_all(folder_ / "chain");
    const auto store = open(folder_ / "chain");
    write_genesis(Driver::genesis(seed), *store);
    Dice dice(seed * 7919);
    std::vector<Restored> restored;
    Driver driver(seed, {}, [&](const Block& block, const std::vector<Bytes>&) {
      if (HasFailure()) return;
      ASSERT_TRUE(store->write(stored(block), block.result));
      for (Restored& other : restored) {
        other.machine->begin_block(block.header, block.step);
        for (const auto& transaction : block.transactions) ASSERT_TRUE(other.machine->execute(transaction));
        const auto result = other.machine->finish_block();
        ASSERT_EQ(result.app_hash, block.result.app_hash)
            << "snapshot of " << other.height << ", block " << block.header.height;
        ASSERT_TRUE(other.store->write(stored(block), result));
        ++later;
      }
      if (restored.size() == kHeightsOfMarket || heights == wanted || !dice.chance(6)) return;
      const fs::path target = folder_ / ("restored-" + std::to_string(restored.size()));
      fs::remove_all(target);
      const auto report =
          restore_snapshot(snapshot(*store, 512 + dice.below(64U << 10)), target, block.result.app_hash);
      ASSERT_TRUE(report.has_value()) << report.error();
      Restored& made = restored.emplace_back();
      made.height = block.header.height;
      made.store = open(target);
      const auto loaded = made.store->load(*made.machine);
      ASSERT_TRUE(loaded.has_value()) << loaded.error().text;
      ++heights;
    });
    driver.run(kTransactions);
    for (Restored& other : restored) {
      EXPECT_EQ(other.machine->app_hash(), driver.chain().machine().app_hash());
      // And from its own disk once more.
      other.store.reset();
      other.store = open(folder_ / ("restored-" + std::to_string(&other - restored.data())));
      protocol::Machine again;
      EXPECT_TRUE(other.store->load(again));
      EXPECT_EQ(again.app_hash(), driver.chain().machine().app_hash());
    }
  }
  std::cout << "seeds " << first_seed << " to " << seed - 1 << ": " << heights << " snapshots restored, " << later
            << " later blocks with equal hashes\n";
  EXPECT_GE(heights, wanted);
  EXPECT_GT(later, heights) << "snapshots at the end prove little";
}

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void overwrite(const fs::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

TEST_F(SnapshotCampaign, EveryBitAndEveryLengthIsRefused) {
  const std::uint64_t step = std::max<std::uint64_t>(1, setting("STARMINER_SNAPSHOT_BIT_STEP", 997));
  const auto store = open(folder_ / "chain");
  write_genesis(Driver::genesis(1), *store);
  Driver driver(1, {}, [&](const Block& block, const std::vector<Bytes>&) {
    ASSERT_TRUE(store->write(stored(block), block.result));
  });
  driver.run(150);
  const fs::path whole = snapshot(*store, 8U << 10);
  std::uint64_t bytes = 0, bits = 0, cuts = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(whole)) files.push_back(entry.path());
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const std::string good = read(file);
    bytes += good.size();
    const auto is_refused = [&](std::string_view bad) {
      overwrite(file, bad);
      const auto report = verify_snapshot(whole, std::nullopt);
      return !report && report.error().find(name) != std::string::npos;
    };
    std::string bad = good;
    for (std::uint64_t bit = 0; bit < good.size() * 8; bit += step, ++bits) {
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      ASSERT_TRUE(is_refused(bad)) << name << " bit " << bit;
      bad[bit / 8] = good[bit / 8];
    }
    for (std::uint64_t length = 0; length < good.size(); length += step, ++cuts) {
      ASSERT_TRUE(is_refused({good.data(), length})) << name << " cut to " << length;
    }
    overwrite(file, good);
  }
  // Chunks in each other's place, and one twice.
  const fs::path one = whole / chunk_file(0), two = whole / chunk_file(1);
  const std::string first = read(one), second = read(two);
  overwrite(one, second);
  overwrite(two, first);
  EXPECT_FALSE(verify_snapshot(whole, std::nullopt));
  overwrite(two, second);
  EXPECT_FALSE(verify_snapshot(whole, std::nullopt));
  overwrite(one, first);
  const auto report = verify_snapshot(whole, driver.chain().machine().app_hash());
  EXPECT_TRUE(report.has_value()) << report.error();
  std::cout << files.size() << " files of " << bytes << " bytes: " << bits << " bits and " << cuts
            << " lengths, each refused by name\n";
}

// The database is lost; a snapshot and the log behind it are left. Where the log reaches back to the snapshot, nothing
// that was acknowledged is missing; where it does not, the node says which blocks are.
TEST_F(SnapshotCampaign, ASnapshotAndTheLogGiveTheWholeChainBack) {
  auto store = open(folder_ / "chain");
  write_genesis(Driver::genesis(3), *store);
  fs::path whole;
  Driver driver(3, {}, [&](const Block& block, const std::vector<Bytes>&) {
    ASSERT_TRUE(store->write(stored(block), block.result));
    if (block.header.height == 20) whole = snapshot(*store, 8U << 10);
  });
  driver.run(150);
  const std::uint64_t height = store->tip()->height;
  ASSERT_GT(height, 30U);
  store.reset();
  ASSERT_TRUE(restore_snapshot(whole, folder_ / "restored", std::nullopt));
  fs::copy(folder_ / "chain" / "log", folder_ / "restored" / "log", fs::copy_options::recursive);
  store = open(folder_ / "restored");
  EXPECT_EQ(store->tip()->height, height);
  EXPECT_EQ(store->recovery().blocks, height - 20);
  protocol::Machine machine;
  ASSERT_TRUE(store->load(machine));
  EXPECT_EQ(machine.app_hash(), driver.chain().machine().app_hash());
  // A log that begins later leaves a gap, which is told.
  ASSERT_TRUE(store->copy_to(folder_ / "brought-in"));
  store.reset();
  fs::remove_all(folder_ / "restored");
  ASSERT_TRUE(restore_snapshot(whole, folder_ / "restored", std::nullopt));
  fs::create_directories(folder_ / "restored" / "log");
  fs::copy(folder_ / "chain" / "log" / "salt", folder_ / "restored" / "log" / "salt");
  fs::copy(folder_ / "chain" / "log" / "00000000000000000001.log",
           folder_ / "restored" / "log" / "00000000000000000031.log");
  const auto refused = ChainStore::open(folder_ / "restored");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("missing"));
}

}  // namespace
}  // namespace starminer::storage
