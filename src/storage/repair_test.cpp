#include "storage/repair.h"

#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/test_chain.h"
#include "storage/chain_store.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;
using protocol::chain_test::account_of_name;
using protocol::chain_test::Block;
using protocol::chain_test::Chain;
using protocol::chain_test::genesis_of;
using protocol::chain_test::transfer;

/// A chain on disk, of one transfer a block.
class Stored {
 public:
  explicit Stored(fs::path folder) : folder_(std::move(folder)) {
    chain_.on_block([this](const Block& block) { write(block); });
    open();
    protocol::Machine machine;
    const auto first = machine.start(genesis());
    StoredBlock block;
    block.time = genesis().time;
    take_roots(block, *first);
    EXPECT_TRUE(store_->write(std::move(block), *first).has_value());
  }
  static protocol::Genesis genesis() { return genesis_of(protocol::Preset::Main, {"ada", "bob"}); }

  void add(std::size_t blocks, std::uint64_t amount = 1'000) {
    for (std::size_t i = 0; i < blocks; ++i) {
      chain_.stand_still({1});
      ASSERT_TRUE(chain_.send("ada", transfer(account_of_name("bob"), amount)).has_value());
    }
  }
  /// Brings the log into the database.
  void checkpoint() {
    const fs::path copy = folder_.string() + ".copy";
    ASSERT_TRUE(store_->copy_to(copy).has_value());
    fs::remove_all(copy);
  }
  void open() {
    StoreOptions options;
    options.log.segment_bytes = 64U << 10;
    auto store = ChainStore::open(folder_, options);
    ASSERT_TRUE(store.has_value()) << store.error().text;
    store_ = std::move(*store);
  }
  void close() { store_.reset(); }
  [[nodiscard]] Hash32 app_hash() const { return chain_.machine().app_hash(); }
  [[nodiscard]] std::uint64_t height() const { return chain_.machine().chain().height; }

 private:
  static void take_roots(StoredBlock& block, const protocol::BlockResult& result) {
    block.seed = result.seed;
    block.state_root = result.state_root;
    block.history_root = result.history_root;
    block.history_size = result.history_size;
    block.app_hash = result.app_hash;
  }
  void write(const Block& made) {
    StoredBlock block;
    block.height = made.header.height;
    block.time = made.header.time;
    block.previous_app_hash = made.header.previous_app_hash;
    block.order_rule = made.header.order_rule;
    block.proposer = made.step.proposer();
    block.preamble = made.step.preamble_bytes();
    for (const auto& transaction : made.transactions) block.transactions.push_back(transaction.bytes());
    take_roots(block, made.result);
    ASSERT_TRUE(store_->write(std::move(block), made.result).has_value());
  }

  fs::path folder_;
  std::unique_ptr<ChainStore> store_;
  Chain chain_{genesis()};
};

class RepairTest : public ::testing::Test {
 protected:
  RepairTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~RepairTest() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path at(const char* name) const { return folder_ / name; }
  [[nodiscard]] RepairRequest request() const {
    RepairRequest request;
    request.chain = at("chain");
    request.genesis = Stored::genesis();
    return request;
  }
  static void flip(const fs::path& file, std::uint64_t offset) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 0x20));
    ASSERT_TRUE(stream.good());
  }
  /// Damages every table of the database.
  void damage_database() const {
    int damaged = 0;
    for (const auto& entry : fs::directory_iterator(at("chain"))) {
      if (entry.path().extension() != ".sst") continue;
      flip(entry.path(), 20);
      ++damaged;
    }
    ASSERT_GT(damaged, 0);
  }
  [[nodiscard]] std::vector<fs::path> segments() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(at("chain") / "log")) {
      if (entry.path().extension() == ".log") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  void expect_stands(const Stored& stored) const {
    const auto store = ChainStore::open(at("chain"));
    ASSERT_TRUE(store.has_value()) << store.error().text;
    protocol::Machine machine;
    const auto loaded = (*store)->load(machine);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().text;
    EXPECT_EQ(machine.app_hash(), stored.app_hash());
    for (std::uint64_t height = 0; height <= stored.height(); ++height) {
      const auto block = (*store)->find_block(height);
      EXPECT_TRUE(block && *block && (*block)->height == height) << height;
    }
  }
  static std::string text_of(const RepairFailure& failure) {
    std::string text = failure.text;
    for (const auto& tried : failure.tried) text += "\n" + tried;
    return text;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("repair-" + std::to_string(::getpid()));
};

TEST_F(RepairTest, AWholeChainIsLeftAlone) {
  Stored stored(at("chain"));
  stored.add(10);
  stored.checkpoint();
  stored.add(5);
  stored.close();
  const auto report = repair_chain(request());
  ASSERT_TRUE(report.has_value()) << text_of(report.error());
  EXPECT_TRUE(report->damage.empty()) << report->damage.front();
  EXPECT_FALSE(report->repaired);
  EXPECT_EQ(report->height, 15U);
  EXPECT_EQ(report->app_hash, stored.app_hash());
  EXPECT_FALSE(fs::exists(at("chain.repairing")));
  expect_stands(stored);
}

// B7: the database is gone, and the log reaches back to the genesis.
TEST_F(RepairTest, TheLogAloneGivesAYoungChainBack) {
  Stored stored(at("chain"));
  stored.add(12);
  stored.close();
  damage_database();
  auto asked = request();
  asked.examine_only = true;
  const auto examined = repair_chain(asked);
  ASSERT_TRUE(examined.has_value()) << text_of(examined.error());
  EXPECT_FALSE(examined->damage.empty() || examined->repaired);
  const auto report = repair_chain(request());
  ASSERT_TRUE(report.has_value()) << text_of(report.error());
  EXPECT_TRUE(report->repaired);
  EXPECT_EQ(report->from_logs, 12U);
  EXPECT_TRUE(fs::exists(report->kept / "log"));
  expect_stands(stored);
}

// B7: what no source has is named, and only who accepts the loss goes on without it.
TEST_F(RepairTest, WhatIsMissingIsNamedAndNeverLostInSilence) {
  Stored stored(at("chain"));
  stored.add(20);
  stored.close();
  fs::copy(at("chain"), at("backup"), fs::copy_options::recursive);
  stored.open();
  stored.add(30);  // several segments
  stored.checkpoint();
  stored.add(20);
  stored.close();
  ASSERT_GT(segments().size(), 1U);
  // The log of the newest blocks is left: those between the backup and it are in the database alone.
  damage_database();
  auto asked = request();
  asked.copies = {at("backup")};
  const auto before = segments();
  auto report = repair_chain(asked);
  ASSERT_FALSE(report.has_value());
  EXPECT_FALSE(report.error().damage.empty());
  EXPECT_NE(text_of(report.error()).find("to 70 would be lost"), std::string::npos) << text_of(report.error());
  EXPECT_EQ(segments(), before);
  EXPECT_FALSE(fs::exists(at("chain.repairing")));
  asked.accept_loss = true;
  report = repair_chain(asked);
  ASSERT_TRUE(report.has_value()) << text_of(report.error());
  EXPECT_TRUE(report->repaired && !report->lost.empty());
  EXPECT_GE(report->height, 20U);
  EXPECT_LT(report->height, 70U);
}

// B7: one block in the middle of the log is damaged; another copy has it.
TEST_F(RepairTest, ABlockOfTheLogComesFromAnotherCopy) {
  Stored stored(at("chain"));
  stored.add(10);
  stored.checkpoint();
  stored.add(10);
  stored.close();
  fs::copy(at("chain"), at("backup"), fs::copy_options::recursive);
  stored.open();
  stored.add(5);
  stored.close();
  // Of the log's last 15 records the fifth: past the middle of its only or last segments.
  const fs::path segment = segments().back();
  std::ifstream stream(segment, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::size_t> records;
  for (std::size_t at = 0; at < bytes.size(); at += 4096) {
    if (bytes.compare(at, 8, "SMLOG001") == 0) records.push_back(at);
  }
  ASSERT_GT(records.size(), 8U);
  flip(segment, records[records.size() - 8] + 100);
  EXPECT_FALSE(ChainStore::open(at("chain")).has_value());
  auto report = repair_chain(request());
  ASSERT_FALSE(report.has_value());
  ASSERT_EQ(report.error().damage.size(), 1U);
  EXPECT_NE(report.error().damage.front().find("block 18 is damaged"), std::string::npos)
      << report.error().damage.front();
  auto asked = request();
  asked.copies = {at("backup")};
  report = repair_chain(asked);
  ASSERT_TRUE(report.has_value()) << text_of(report.error());
  EXPECT_TRUE(report->repaired);
  expect_stands(stored);
}

TEST_F(RepairTest, ADamagedSaltIsThatOfACopy) {
  Stored stored(at("chain"));
  stored.add(6);
  stored.close();
  fs::copy(at("chain"), at("backup"), fs::copy_options::recursive);
  stored.open();
  stored.add(4);
  stored.close();
  flip(at("chain") / "log" / "salt", 3);
  auto asked = request();
  asked.copies = {at("backup")};
  const auto report = repair_chain(asked);
  ASSERT_TRUE(report.has_value()) << text_of(report.error());
  EXPECT_TRUE(report->repaired);
  expect_stands(stored);
}

// A copy of another chain of the same genesis would put other blocks in the place of acknowledged ones.
TEST_F(RepairTest, ACopyOfAForkIsRefused) {
  Stored stored(at("chain"));
  stored.add(8);
  stored.close();
  Stored other(at("fork"));
  other.add(12, 7);
  other.checkpoint();
  other.close();
  damage_database();
  flip(segments().front(), 100);  // block 1: without it the own log leads nowhere
  auto asked = request();
  asked.copies = {at("fork")};
  asked.accept_loss = true;
  const auto report = repair_chain(asked);
  // The genesis is a whole beginning, too; what may never be is a chain of the fork's blocks.
  if (report) {
    EXPECT_EQ(report->height, 0U);
    EXPECT_FALSE(report->lost.empty());
  } else {
    EXPECT_NE(text_of(report.error()).find("is not the one"), std::string::npos) << text_of(report.error());
  }
}

}  // namespace
}  // namespace starminer::storage
