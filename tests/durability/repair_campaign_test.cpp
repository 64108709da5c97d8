// B7: a random market on disk, any of its files damaged, and repaired from what is left and from other copies. What is
// called whole or repaired holds every acknowledged block; what cannot be had is refused, with the damage named and the
// folder as it was. With a whole second copy nothing is ever refused.
// STARMINER_REPAIR_CASES and STARMINER_FIRST_SEED set how much.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include <gtest/gtest.h>

#include "durability/stored_market.h"
#include "scenario/driver.h"
#include "storage/chain_store.h"
#include "storage/repair.h"
#include "storage/snapshot.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;
using protocol::chain_test::Block;
using scenario::Dice;
using scenario::Driver;

constexpr std::uint64_t kTransactions = 150;
constexpr std::uint64_t kCasesOfMarket = 20;
constexpr std::size_t kSegment = 256U << 10;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::unique_ptr<ChainStore> open(const fs::path& folder) {
  StoreOptions options;
  options.log.segment_bytes = kSegment;
  auto store = ChainStore::open(folder, options);
  return store ? std::move(*store) : nullptr;
}

/// Sizes and contents of a folder's files, but for what any opening writes.
std::map<std::string, Hash32> contents(const fs::path& folder) {
  std::map<std::string, Hash32> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename() == "LOCK") continue;
    files.emplace(entry.path().string(), sha256(read(entry.path())));
  }
  return files;
}

/// One market with its sources: a backup and a snapshot from the way, and a whole second copy.
class Market {
 public:
  Market(fs::path folder, std::uint64_t seed) : folder_(std::move(folder)), seed_(seed) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    auto store = open(chain());
    write_genesis(Driver::genesis(seed), *store);
    Dice dice(seed * 104'729);
    const std::uint64_t backed_up = 10 + dice.below(30), saved = 10 + dice.below(50), checkpoint = 5 + dice.below(100);
    Driver driver(seed, {}, [&](const Block& block, const std::vector<Bytes>&) {
      ASSERT_TRUE(store->write(stored(block), block.result));
      hashes_.push_back(block.result.app_hash);
      const std::uint64_t height = block.header.height;
      if (height == saved) save(*store);
      if (height == checkpoint || height == saved) {
        fs::remove_all(folder_ / "copy");
        ASSERT_TRUE(store->copy_to(folder_ / "copy"));
      }
      if (height != backed_up) return;
      store.reset();
      fs::copy(chain(), folder_ / "backup", fs::copy_options::recursive);
      store = open(chain());
    });
    driver.run(kTransactions);
    store.reset();
    fs::copy(chain(), folder_ / "twin", fs::copy_options::recursive);
  }

  [[nodiscard]] fs::path chain() const { return folder_ / "chain"; }
  [[nodiscard]] fs::path source(const char* name) const { return folder_ / name; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] std::uint64_t height() const { return hashes_.size(); }

  /// Whether a folder holds this chain up to a height.
  [[nodiscard]] ::testing::AssertionResult holds(const fs::path& folder, std::uint64_t height) const {
    const auto store = open(folder);
    if (store == nullptr || !store->tip()) return ::testing::AssertionFailure() << "does not open";
    if (store->tip()->height != height) {
      return ::testing::AssertionFailure() << "stands at " << store->tip()->height << ", not at " << height;
    }
    protocol::Machine machine;
    if (const auto loaded = store->load(machine); !loaded) return ::testing::AssertionFailure() << loaded.error().text;
    for (std::uint64_t number = 1; number <= height; ++number) {
      const auto block = store->find_block(number);
      if (!block || !*block || (*block)->app_hash != hashes_[number - 1]) {
        return ::testing::AssertionFailure() << "block " << number << " is another or missing";
      }
    }
    return ::testing::AssertionSuccess();
  }

 private:
  void save(const ChainStore& store) const {
    const fs::path copy = folder_ / "to-save";
    ASSERT_TRUE(store.copy_to(copy));
    const auto database = Database::open(copy);
    ASSERT_TRUE(database && create_snapshot(**database, folder_ / "snapshot", "the genesis"));
  }

  fs::path folder_;
  std::uint64_t seed_;
  std::vector<Hash32> hashes_;  // of the blocks from height 1 on
};

/// Damages one file, and says how.
std::string damage(Dice& dice, const fs::path& chain) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(chain)) {
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  const fs::path file = files[dice.below(files.size())];
  std::string bytes = read(file);
  // Most of a segment is empty: places are drawn among what was written.
  const std::size_t used = bytes.find_last_not_of('\0') == std::string::npos ? 1 : bytes.find_last_not_of('\0') + 1;
  const std::size_t at = dice.below(used);
  std::string how;
  switch (dice.below(5)) {
    case 0: fs::remove(file); return file.string() + " removed";
    case 1:
      bytes.resize(at);
      how = " cut to ";
      break;
    case 2:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::min<std::size_t>(4'096, bytes.size() - at),
                  '\0');
      how = " zeroes from ";
      break;
    default:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << dice.below(8)));
      how = " bit of byte ";
      break;
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  return file.string() + how + std::to_string(at);
}

TEST(RepairCampaign, IsWholeOrRepairedOrRefused) {
  const std::uint64_t wanted = setting("STARMINER_REPAIR_CASES", 60);
  std::map<std::string, std::uint64_t> outcomes;
  const fs::path folder = fs::path(::testing::TempDir()) / ("repair-campaign-" + std::to_string(::getpid()));
  std::unique_ptr<Market> market;
  std::uint64_t seed = setting("STARMINER_FIRST_SEED", 1);
  Dice dice(seed);
  for (std::uint64_t number = 0; number < wanted && !::testing::Test::HasFailure(); ++number) {
    if (number % kCasesOfMarket == 0) {
      market = std::make_unique<Market>(folder / "market", seed);
      dice = Dice(seed++);
    }
    const fs::path chain = folder / "run";
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename() != "market") fs::remove_all(entry.path());
    }
    fs::copy(market->chain(), chain, fs::copy_options::recursive);
    std::string what;
    for (std::uint64_t i = 0; i <= dice.below(3); ++i) what += damage(dice, chain) + "; ";
    RepairRequest request;
    request.chain = chain;
    request.genesis = Driver::genesis(market->seed());
    const bool has_twin = dice.below(3) == 0;
    if (dice.below(2) == 0) request.copies.push_back(market->source("backup"));
    if (dice.below(2) == 0) request.snapshots.push_back(market->source("snapshot"));
    if (has_twin) request.copies.push_back(market->source("twin"));
    SCOPED_TRACE("repeat with STARMINER_FIRST_SEED=" + std::to_string(market->seed()) +
                 " STARMINER_REPAIR_CASES=20, case " + std::to_string(number % kCasesOfMarket) + ": " + what);
    const auto before = contents(chain);
    const auto report = repair_chain(request);
    if (!report) {
      ASSERT_FALSE(has_twin) << report.error().text;
      ASSERT_FALSE(report.error().damage.empty());
      ASSERT_FALSE(report.error().text.empty());
      ASSERT_EQ(contents(chain), before) << "a refused repair has changed the folder";
      ++outcomes["refused"];
      continue;
    }
    ASSERT_TRUE(report->lost.empty());
    if (report->repaired) {
      ASSERT_TRUE(fs::exists(report->kept));
    }
    if (!report->repaired) {
      ASSERT_TRUE(report->damage.empty()) << report->damage.front();
    }
    ASSERT_TRUE(market->holds(chain, report->height));
    // The end of the newest log may be lost as by a power cut: nothing behind it tells that it was whole.
    const bool end_lost = report->height < market->height();
    if (end_lost) {
      ASSERT_NE(what.find("/log/"), std::string::npos) << "block " << report->height << " is the last";
    }
    if (has_twin && report->repaired) {
      ASSERT_FALSE(end_lost);
    }
    ++outcomes[std::string(report->repaired ? "repaired" : "whole") + (end_lost ? ", without the end of the log" : "")];
  }
  std::cout << wanted << " damages:\n";
  for (const auto& [outcome, count] : outcomes) std::cout << "  " << outcome << ": " << count << '\n';
  EXPECT_GT(outcomes["repaired"], 0U) << "nothing was ever repaired: the rig is dead";
  EXPECT_GT(outcomes["refused"], 0U) << "nothing was ever refused: the rig is dead";
  fs::remove_all(folder);
}

}  // namespace
}  // namespace starminer::storage
