#include "storage/chain_store.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>

#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/test_chain.h"
#include "storage/replay.h"

namespace starminer::storage {
namespace {

using protocol::chain_test::account_of_name;
using protocol::chain_test::Block;
using protocol::chain_test::Chain;
using protocol::chain_test::genesis_of;
using protocol::chain_test::transfer;

StoredBlock stored(const Block& block) {
  StoredBlock out;
  out.height = block.header.height;
  out.time = block.header.time;
  out.previous_app_hash = block.header.previous_app_hash;
  out.order_rule = block.header.order_rule;
  out.proposer = block.step.proposer();
  out.preamble = block.step.preamble_bytes();
  out.seed = block.step.seed();
  for (const auto& transaction : block.transactions) out.transactions.push_back(transaction.bytes());
  out.state_root = block.result.state_root;
  out.history_root = block.result.history_root;
  out.history_size = block.result.history_size;
  out.app_hash = block.result.app_hash;
  return out;
}

class ChainStoreTest : public ::testing::Test {
 protected:
  ChainStoreTest() {
    std::filesystem::remove_all(folder_);
    options_.log.segment_bytes = 64U << 10;
    chain_.on_block([this](const Block& block) { blocks_.push_back(block); });
  }
  ~ChainStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    store_.reset();
    auto store = ChainStore::open(folder_, options_);
    ASSERT_TRUE(store.has_value()) << store.error().text;
    store_ = std::move(*store);
  }
  [[nodiscard]] StorageError open_error() {
    store_.reset();
    auto store = ChainStore::open(folder_, options_);
    if (!store) return store.error();
    protocol::Machine machine;
    const auto loaded = (*store)->load(machine);
    return loaded ? StorageError{} : loaded.error();
  }
  void write_genesis() {
    protocol::Machine machine;
    const auto result = machine.start(genesis_);
    ASSERT_TRUE(result.has_value());
    StoredBlock block;
    block.time = genesis_.time;
    block.seed = result->seed;
    block.state_root = result->state_root;
    block.history_root = result->history_root;
    block.history_size = result->history_size;
    block.app_hash = result->app_hash;
    ASSERT_TRUE(store_->write(block, *result).has_value());
  }
  /// Blocks of one transfer each, made and written.
  void write_blocks(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      chain_.stand_still({1});
      ASSERT_TRUE(chain_.send("ada", transfer(account_of_name("bob"), 1 + i)).has_value());
      const auto written = store_->write(stored(blocks_.back()), blocks_.back().result);
      ASSERT_TRUE(written.has_value()) << written.error().text;
    }
  }
  void expect_loads() const {
    protocol::Machine machine;
    const auto loaded = store_->load(machine);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().text;
    EXPECT_EQ(machine.app_hash(), chain_.machine().app_hash());
    EXPECT_EQ(machine.state_root(), chain_.machine().state_root());
  }
  void expect_complete() const {
    ASSERT_EQ(store_->tip()->height, blocks_.size());
    for (const Block& block : blocks_) {
      const auto found = store_->find_block(block.header.height);
      ASSERT_TRUE(found && *found) << block.header.height;
      EXPECT_EQ(encode(**found), encode(stored(block)));
      for (const protocol::Receipt& receipt : block.result.receipts) {
        const auto found_receipt = store_->find_receipt(receipt.core.transaction);
        ASSERT_TRUE(found_receipt && *found_receipt);
        const auto& kept = *found_receipt;
        EXPECT_EQ(encode(kept->core), encode(receipt.core));
        EXPECT_EQ(kept->history_index, receipt.history_index);
        EXPECT_EQ(kept->time, block.header.time);
      }
      for (const protocol::HistoryLeaf& leaf : block.result.leaves)
        EXPECT_EQ(store_->find_leaf(leaf.index).value(), leaf.bytes);
    }
    EXPECT_FALSE(store_->find_block(blocks_.size() + 1).value());
    EXPECT_FALSE(store_->find_leaf(store_->tip()->history_size).value());
    EXPECT_FALSE(store_->find_receipt({}).value());
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("chain-store-" + std::to_string(::getpid()));
  StoreOptions options_;
  protocol::Genesis genesis_ = genesis_of(protocol::Preset::Main, {"ada", "bob", "operator"});
  Chain chain_{genesis_};
  std::vector<Block> blocks_;
  std::unique_ptr<ChainStore> store_;
};

TEST_F(ChainStoreTest, StartsEmptyAndRefusesToLoadNothing) {
  open();
  EXPECT_FALSE(store_->tip().has_value());
  EXPECT_EQ(open_error().fault, StorageFault::Corrupt);
}

TEST_F(ChainStoreTest, GivesBackEveryBlockFromTheLogAloneAfterARestart) {
  open();
  write_genesis();
  write_blocks(30);
  expect_complete();
  open();
  EXPECT_EQ(store_->recovery().blocks, 30U);
  expect_complete();
  expect_loads();
  const auto report = replay(*store_, genesis_, {});
  ASSERT_TRUE(report.has_value()) << report.error();
  EXPECT_EQ(report->app_hash, chain_.machine().app_hash());
}

TEST_F(ChainStoreTest, CheckpointsChangeNoAnswer) {
  options_.checkpoint_bytes = 4'000;
  open();
  write_genesis();
  for (int round = 0; round < 4; ++round) {
    write_blocks(40);
    expect_complete();
    open();
    EXPECT_LT(store_->recovery().blocks, 40U * 3) << "the database has most of them";
    expect_complete();
    expect_loads();
  }
}

// A row that was erased must not come back from the database under it.
// A crash while checkpoints were late leaves more in the log than may wait for one.
TEST_F(ChainStoreTest, GoesOnBehindALogThatIsLongerThanMayWait) {
  open();
  write_genesis();
  write_blocks(20);
  options_.checkpoint_bytes = 100;
  open();
  EXPECT_EQ(store_->recovery().blocks, 20U);
  expect_loads();
  write_blocks(3);
  expect_complete();
}

TEST_F(ChainStoreTest, ErasedRowsStayErased) {
  options_.checkpoint_bytes = 1;
  open();
  write_genesis();
  chain_.on_block([this](const Block& block) {
    blocks_.push_back(block);
    ASSERT_TRUE(store_->write(stored(block), block.result).has_value());
  });
  chain_.pass({600'000});
  bool erased = false;
  for (const Block& block : blocks_) {
    for (const protocol::state::Change& change : block.result.changes) erased = erased || !change.row;
  }
  ASSERT_TRUE(erased) << "timers that are over are erased rows";
  options_.checkpoint_bytes = 32U << 20;
  open();
  expect_loads();
  chain_.pass({600'000});
  open();
  expect_loads();
}

TEST_F(ChainStoreTest, AnotherProcessIsKeptOut) {
  open();
  const auto second = ChainStore::open(folder_, options_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().fault, StorageFault::Open);
  EXPECT_NE(second.error().text.find("another process"), std::string::npos) << second.error().text;
}

TEST_F(ChainStoreTest, ADamagedLogIsRefusedWithWhereAndWhatToDo) {
  open();
  write_genesis();
  write_blocks(5);
  store_.reset();
  std::fstream file(folder_ / "log" / "00000000000000000001.log", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 + 200);
  file.put('!');
  file.close();
  const StorageError error = open_error();
  EXPECT_EQ(error.fault, StorageFault::Corrupt);
  EXPECT_NE(error.text.find("offset 4096"), std::string::npos) << error.text;
  EXPECT_NE(error.text.find("Restore"), std::string::npos) << error.text;
}

TEST_F(ChainStoreTest, ADamagedDatabaseIsRefused) {
  options_.checkpoint_bytes = 1;
  open();
  write_genesis();
  write_blocks(20);
  store_.reset();
  std::size_t damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(20);
    const int byte = file.get();
    file.seekp(20);
    file.put(static_cast<char>(byte ^ 0x55));
    ++damaged;
  }
  ASSERT_GT(damaged, 0U);
  const StorageError error = open_error();
  EXPECT_FALSE(error.text.empty());
  EXPECT_TRUE(error.fault == StorageFault::Corrupt || error.fault == StorageFault::Open) << error.text;
}

// Damage in a row is not "there is none".
TEST_F(ChainStoreTest, DamagedRowsAreErrorsAndNotAbsent) {
  open();
  write_genesis();
  write_blocks(30);
  ASSERT_TRUE(store_->copy_to(folder_ / "copy"));
  open();  // nothing is cached
  std::size_t damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(60);
    const int byte = file.get();
    file.seekp(60);
    file.put(static_cast<char>(byte ^ 0x55));
    ++damaged;
  }
  ASSERT_GT(damaged, 4U);
  std::size_t refused = 0;
  for (const Block& block : blocks_) {
    const auto found = store_->find_block(block.header.height);
    if (!found) {
      EXPECT_EQ(found.error().fault, StorageFault::Corrupt) << found.error().text;
      ++refused;
    } else {
      ASSERT_TRUE(*found) << "damage must not look like absence";
      EXPECT_EQ(encode(**found), encode(stored(block)));
    }
    for (const protocol::Receipt& receipt : block.result.receipts) {
      const auto kept = store_->find_receipt(receipt.core.transaction);
      if (!kept) {
        EXPECT_EQ(kept.error().fault, StorageFault::Corrupt) << kept.error().text;
        ++refused;
      } else {
        ASSERT_TRUE(*kept) << "damage must not look like absence";
      }
    }
  }
  EXPECT_GT(refused, 2U);
}

// A kill between taking a file in and removing its other name leaves both: the next checkpoint must not write over it.
TEST_F(ChainStoreTest, AFileThatWasTakenInIsNeverWrittenOver) {
  open();
  write_genesis();
  write_blocks(20);
  ASSERT_TRUE(store_->copy_to(folder_ / "first"));
  store_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().extension() != ".sst") continue;
    for (const char* family : {"state", "blocks", "leaves", "receipts", "default"}) {
      const std::filesystem::path left = folder_ / "checkpoint" / (std::string(family) + ".sst");
      std::filesystem::remove(left);
      std::filesystem::create_hard_link(entry.path(), left);
    }
    open();
    write_blocks(2);
    ASSERT_TRUE(store_->copy_to(folder_ / "again"));
    std::filesystem::remove_all(folder_ / "again");
    open();
    expect_complete();
    expect_loads();
    break;
  }
}

// B9: without space no block is begun, and with space all goes on.
TEST_F(ChainStoreTest, AFullDiskIsToldBeforeABlockAndGoesAway) {
  std::atomic<bool> full = false;
  options_.log.fault = [&full](LogStep step) { return full && step == LogStep::Create ? ENOSPC : 0; };
  open();
  write_genesis();
  full = true;
  int taken = 0;
  while (store_->make_room() && taken < 200) write_blocks(1), ++taken;
  ASSERT_LT(taken, 200) << "the segments that are there must end";
  for (int i = 0; i < 3; ++i) {
    const auto room = store_->make_room();
    ASSERT_FALSE(room.has_value());
    EXPECT_EQ(room.error().fault, StorageFault::Full) << room.error().text;
  }
  expect_complete();
  full = false;
  ASSERT_TRUE(store_->make_room().has_value());
  write_blocks(30);
  options_.log.fault = {};
  options_.reserve_bytes = UINT64_MAX;
  open();
  expect_complete();
  const auto room = store_->make_room();
  ASSERT_FALSE(room.has_value());
  EXPECT_EQ(room.error().fault, StorageFault::Full) << room.error().text;
}

// B8: after a failed fsync no later acknowledgement.
// What a node does that must take a block back: from the database, a checkpoint that waits, and what came since.
TEST_F(ChainStoreTest, LoadsTheLastDurableBlockAtAnyTime) {
  options_.checkpoint_bytes = 4'000;
  open();
  write_genesis();
  for (int i = 0; i < 40; ++i) {
    write_blocks(1 + i % 3);
    expect_loads();
  }
}

TEST_F(ChainStoreTest, AfterAFailedSyncNothingIsWritten) {
  std::atomic<bool> fails = false;
  options_.log.fault = [&fails](LogStep step) { return fails && step == LogStep::Sync ? EIO : 0; };
  open();
  write_genesis();
  write_blocks(3);
  fails = true;
  ASSERT_TRUE(chain_.send("ada", transfer(account_of_name("bob"), 9)).has_value());
  auto written = store_->write(stored(blocks_.back()), blocks_.back().result);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().fault, StorageFault::Write);
  EXPECT_EQ(store_->tip()->height, 3U) << "what is not durable is not shown";
  fails = false;
  written = store_->write(stored(blocks_.back()), blocks_.back().result);
  ASSERT_FALSE(written.has_value());
  options_.log.fault = {};  // the next store outlives this function's flag
  open();
  EXPECT_GE(store_->tip()->height, 3U);
}

}  // namespace
}  // namespace starminer::storage
