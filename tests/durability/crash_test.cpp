// B4: runs of the block log and of the whole chain store are recorded by a disk that remembers, and the power fails at
// every moment of them, with every piece of 512 bytes that was not synced there or not. What was acknowledged must
// stand, nothing else may, and what was found must be able to go on.
// STARMINER_LOG_CRASHES, STARMINER_STORE_CRASHES and STARMINER_FIRST_SEED set how many crashes, and of which runs.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "durability/crash_disk.h"
#include "durability/stored_market.h"
#include "storage/block_log.h"
#include "storage/chain_store.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;
using protocol::chain_test::Block;
using scenario::Dice;
using scenario::Driver;

constexpr std::uint64_t kSegment = 64U << 10;
// What a mark says: a height, and what is true of it from there on.
constexpr std::uint64_t kAcknowledged = std::uint64_t{1} << 56U;
constexpr std::uint64_t kElsewhere = std::uint64_t{2} << 56U;  // the database has everything up to it

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

/// What a test knows at a moment of a run.
struct Known {
  std::optional<std::uint64_t> acknowledged;
  std::uint64_t elsewhere = 0;

  void hear(const DiskEvent& event) {
    if (event.kind != DiskEvent::Kind::Mark) return;
    const std::uint64_t height = event.at & (kAcknowledged - 1);
    (event.at >= kElsewhere ? elsewhere : acknowledged.emplace()) = height;
  }
};

/// Whether an image holds what it must: nothing, or what is wrong.
using Judge = std::function<std::string(const fs::path& image, const Known& known)>;

struct Crashes {
  std::uint64_t count = 0;
  std::uint64_t with_losses = 0;  // something was not synced
  std::uint64_t wrong = 0;
  std::string first;
};

class CrashTest : public ::testing::Test {
 protected:
  CrashTest() {
    std::error_code ignored;
    const fs::path memory = "/dev/shm";
    const fs::path base = fs::is_directory(memory, ignored) && ::access(memory.c_str(), W_OK) == 0
                              ? memory
                              : fs::path(::testing::TempDir());
    folder_ = base / ("starminer-crash-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~CrashTest() override { fs::remove_all(folder_); }

  /// So many images of each moment of a run, until there were `most`.
  void crash(const std::vector<DiskEvent>& events, std::uint64_t images, std::uint64_t most, const Judge& judge,
             Dice& dice, Crashes& crashes, Forgotten forgotten = {}) const {
    CrashDisk disk(forgotten);
    Known known;
    for (std::size_t moment = 0; moment < events.size() && crashes.count < most; ++moment) {
      disk.apply(events[moment]);
      known.hear(events[moment]);
      const std::uint64_t tries = disk.unsynced() > 0 ? images : 1;
      for (std::uint64_t i = 0; i < tries && crashes.count < most; ++i) {
        disk.write_image(folder_ / "image", dice);
        const std::string wrong = judge(folder_ / "image", known);
        ++crashes.count;
        crashes.with_losses += disk.unsynced() > 0 ? 1 : 0;
        if (wrong.empty()) continue;
        ++crashes.wrong;
        if (crashes.first.empty()) crashes.first = "moment " + std::to_string(moment) + ": " + wrong;
      }
    }
  }

  fs::path folder_;
};

// The log alone

Bytes payload_of(std::uint64_t seed, std::uint64_t height) {
  Dice dice(seed * 1'000'003 + height);
  Bytes bytes(1 + dice.below(dice.chance(3) ? 2 * kSegment : 6'000));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice.roll());
  return bytes;
}

Result<std::unique_ptr<BlockLog>, StorageError> open_log(const fs::path& folder, std::uint64_t height,
                                                         std::map<std::uint64_t, Bytes>& records) {
  return BlockLog::open(folder, {kSegment, {}}, height, [&records](std::uint64_t number, ByteView payload) {
    records.emplace(number, Bytes(payload.begin(), payload.end()));
    return true;
  });
}

/// Appends, drops segments that a database would have, makes spares, and starts again on the way.
std::vector<DiskEvent> run_log(const fs::path& folder, std::uint64_t seed) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  Recorder& recorder = Recorder::get();
  recorder.start(folder);
  Dice dice(seed);
  std::uint64_t height = 0, elsewhere = 0;
  for (int start = 0; start < 3; ++start) {
    std::map<std::uint64_t, Bytes> records;
    auto log = open_log(folder / "log", elsewhere, records);
    EXPECT_TRUE(log.has_value()) << log.error().text;
    EXPECT_EQ(records.size(), height - elsewhere);
    for (std::uint64_t i = 0; log && i < 15; ++i) {
      ++height;
      EXPECT_TRUE((*log)->append(height, payload_of(seed, height)));
      recorder.mark(kAcknowledged | height);
      if (dice.chance(15)) {
        EXPECT_TRUE((*log)->prepare_spare());
      }
      if (dice.chance(10)) {
        elsewhere += dice.below(height - elsewhere + 1);
        recorder.mark(kElsewhere | elsewhere);
        (*log)->drop_through(elsewhere);
      }
    }
  }
  return recorder.stop();
}

/// The records behind what the database has: all that were acknowledged, perhaps the one that was on its way.
std::string judge_log(const fs::path& image, const Known& known, std::uint64_t seed) {
  std::map<std::uint64_t, Bytes> records;
  auto log = open_log(image / "log", known.elsewhere, records);
  if (!log) return "refused: " + log.error().text;
  const std::uint64_t acknowledged = std::max(known.acknowledged.value_or(0), known.elsewhere);
  std::uint64_t height = known.elsewhere;
  for (const auto& [number, payload] : records) {
    if (number != ++height) return "record " + std::to_string(number) + " where " + std::to_string(height) + " belongs";
    if (payload != payload_of(seed, number)) return "record " + std::to_string(number) + " has other bytes";
  }
  if (height < acknowledged) {
    return std::to_string(height) + " records, " + std::to_string(acknowledged) + " acknowledged";
  }
  if (height > acknowledged + 1) return "more records than were begun";
  if (!(*log)->append(height + 1, payload_of(seed, height + 1))) return "it cannot go on";
  records.clear();
  log->reset();
  auto again = open_log(image / "log", known.elsewhere, records);
  if (!again) return "after going on: " + again.error().text;
  return records.size() == height + 1 - known.elsewhere ? "" : "what was appended afterwards is not there";
}

// REQ: DEC-2
TEST_F(CrashTest, TheLogKeepsWhatItAcknowledged) {
  const std::uint64_t wanted = setting("STARMINER_LOG_CRASHES", 3'000);
  const std::uint64_t first_seed = setting("STARMINER_FIRST_SEED", 1);
  Crashes crashes;
  std::uint64_t seed = first_seed, moments = 0;
  for (; crashes.count < wanted && !HasFailure(); ++seed) {
    SCOPED_TRACE("repeat with STARMINER_FIRST_SEED=" + std::to_string(seed));
    const std::vector<DiskEvent> events = run_log(folder_ / "run", seed);
    moments += events.size();
    Dice dice(seed * 31);
    crash(
        events, 5, wanted, [seed](const auto& image, const Known& known) { return judge_log(image, known, seed); },
        dice, crashes);
    EXPECT_EQ(crashes.first, "");
  }
  std::cout << "block log, seeds " << first_seed << " to " << seed - 1 << ": " << crashes.count << " crashes at "
            << moments << " moments, " << crashes.with_losses << " with something not synced\n";
  EXPECT_GT(crashes.with_losses, crashes.count / 2);
}

// A log that did not sync its records, or its folder, would be caught; so would one that answered too early.
TEST_F(CrashTest, ALogThatForgetsASyncIsSeen) {
  constexpr std::uint64_t kSeed = 7;
  const std::vector<DiskEvent> events = run_log(folder_ / "run", kSeed);
  const Judge judge = [](const auto& image, const Known& known) { return judge_log(image, known, kSeed); };
  for (const Forgotten forgotten : {Forgotten{true, false}, Forgotten{false, true}}) {
    Dice dice(1);
    Crashes crashes;
    crash(events, 1, 2'000, judge, dice, crashes, forgotten);
    EXPECT_GT(crashes.wrong, 0U) << "file syncs " << forgotten.file_syncs << ", folder syncs "
                                 << forgotten.folder_syncs;
  }
  // Acknowledged before the sync.
  std::vector<DiskEvent> early = events;
  for (std::size_t i = 1; i < early.size(); ++i) {
    if (early[i].kind == DiskEvent::Kind::Mark && early[i - 1].kind == DiskEvent::Kind::Sync) {
      std::swap(early[i], early[i - 1]);
    }
  }
  Dice dice(1);
  Crashes crashes;
  crash(early, 3, 4'000, judge, dice, crashes);
  EXPECT_GT(crashes.wrong, 0U) << "acknowledged too early";
}

// The whole store

/// A market's blocks, in memory.
struct Played {
  protocol::Genesis genesis;
  std::vector<Block> blocks;  // of heights 1, 2, ...
};

std::unique_ptr<Played> play(std::uint64_t seed) {
  auto played = std::make_unique<Played>();
  played->genesis = Driver::genesis(seed);
  Driver driver(seed, {}, [&](const Block& block, const std::vector<Bytes>&) { played->blocks.push_back(block); });
  driver.run(40);
  return played;
}

StoreOptions small_store() {
  StoreOptions options;
  options.log.segment_bytes = kSegment;
  options.checkpoint_bytes = 48U << 10;
  options.reserve_bytes = 0;
  return options;
}

std::vector<DiskEvent> run_store(const fs::path& folder, const Played& played) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  Recorder& recorder = Recorder::get();
  recorder.start(folder);
  for (std::size_t next = 0; next < played.blocks.size() && !::testing::Test::HasFailure();) {
    auto store = ChainStore::open(folder / "chain", small_store());
    EXPECT_TRUE(store.has_value()) << store.error().text;
    if (!store) break;
    if (next == 0) {
      write_genesis(played.genesis, **store);
      recorder.mark(kAcknowledged);
    }
    const std::size_t until = std::min(played.blocks.size(), next + played.blocks.size() / 2 + 1);
    for (; next < until; ++next) {
      EXPECT_TRUE((*store)->make_room());
      EXPECT_TRUE((*store)->write(stored(played.blocks[next]), played.blocks[next].result));
      recorder.mark(kAcknowledged | played.blocks[next].header.height);
    }
  }
  return recorder.stop();
}

std::string judge_store(const fs::path& image, const Known& known, const Played& played) {
  auto store = ChainStore::open(image / "chain", small_store());
  if (!store) return "refused: " + store.error().text;
  const auto tip = (*store)->tip();
  if (!tip) return known.acknowledged ? "the chain is gone" : "";
  if (known.acknowledged && tip->height < *known.acknowledged) {
    return "height " + std::to_string(tip->height) + ", " + std::to_string(*known.acknowledged) + " acknowledged";
  }
  if (known.acknowledged && tip->height > *known.acknowledged + 1) return "higher than any block that was begun";
  protocol::Machine machine;
  if (auto loaded = (*store)->load(machine); !loaded) return "not loaded: " + loaded.error().text;
  if (tip->height > 0 && machine.app_hash() != played.blocks[tip->height - 1].result.app_hash) return "another state";
  if (tip->height == played.blocks.size()) return "";
  const Block& next = played.blocks[tip->height];
  if (!(*store)->write(stored(next), next.result)) return "it cannot go on";
  store->reset();
  store = ChainStore::open(image / "chain", small_store());
  if (!store) return "after going on: " + store.error().text;
  return (*store)->tip()->height == next.header.height ? "" : "what was written afterwards is not there";
}

// REQ: DEC-2, AUD-1
TEST_F(CrashTest, TheStoreKeepsWhatItAcknowledged) {
  const std::uint64_t wanted = setting("STARMINER_STORE_CRASHES", 60);
  const std::uint64_t first_seed = setting("STARMINER_FIRST_SEED", 1);
  Crashes crashes;
  std::uint64_t seed = first_seed, moments = 0;
  for (; crashes.count < wanted && !HasFailure(); ++seed) {
    SCOPED_TRACE("repeat with STARMINER_FIRST_SEED=" + std::to_string(seed));
    const auto played = play(seed);
    std::vector<DiskEvent> events = run_store(folder_ / "run", *played);
    ASSERT_FALSE(HasFailure());
    moments += events.size();
    Dice dice(seed * 31);
    // A run has thousands of moments: a share of them, spread over all runs.
    const Judge judge = [&](const auto& image, const Known& known) { return judge_store(image, known, *played); };
    CrashDisk disk;
    Known known;
    const std::uint64_t step = std::max<std::uint64_t>(1, events.size() / std::min<std::uint64_t>(wanted, 400));
    const std::uint64_t from = dice.below(step);
    for (std::size_t moment = 0; moment < events.size() && crashes.count < wanted; ++moment) {
      disk.apply(events[moment]);
      known.hear(events[moment]);
      if (moment % step != from) continue;
      disk.write_image(folder_ / "image", dice);
      const std::string wrong = judge(folder_ / "image", known);
      ++crashes.count;
      crashes.with_losses += disk.unsynced() > 0 ? 1 : 0;
      EXPECT_EQ(wrong, "") << "moment " << moment;
      if (HasFailure()) break;
    }
  }
  std::cout << "chain store, seeds " << first_seed << " to " << seed - 1 << ": " << crashes.count
            << " crashes in runs of " << moments << " moments, " << crashes.with_losses
            << " with something not synced\n";
  EXPECT_GT(crashes.with_losses, crashes.count / 4);
}

}  // namespace
}  // namespace starminer::storage
