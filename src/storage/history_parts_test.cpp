#include "storage/history_parts.h"

#include <unistd.h>

#include <filesystem>
#include <vector>

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "base/codec.h"
#include "protocol/test_chain.h"
#include "storage/chain_store.h"
#include "storage/database.h"

namespace starminer::storage {
namespace {

using protocol::audit::HistoryTree;

/// A database of blocks that have leaves and nothing else, and the tree of these leaves.
struct Leaves {
  Leaves() { std::filesystem::remove_all(folder); }
  ~Leaves() {
    database.reset();
    std::filesystem::remove_all(folder);
  }
  Leaves(const Leaves&) = delete;
  Leaves& operator=(const Leaves&) = delete;

  void open() {
    database.reset();
    auto opened = Database::open(folder);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    database = std::move(*opened);
  }
  static Bytes leaf(std::uint64_t index) { return encode("leaf " + std::to_string(index)); }
  /// Brings a block of so many leaves in.
  void add(std::uint64_t count) {
    LogRecord record;
    record.block.height = height++;
    for (std::uint64_t i = 0; i < count; ++i) {
      record.leaves.push_back(leaf(tree.size()));
      tree.append(record.leaves.back());
    }
    record.block.history_size = tree.size();
    RecentBlocks blocks;
    blocks.add(std::move(record), 0);
    ASSERT_TRUE(database->checkpoint(blocks).has_value());
  }
  void expect_parts() const {
    const auto parts = database->history_parts();
    ASSERT_TRUE(parts.has_value()) << parts.error().text;
    ASSERT_EQ(parts->size(), tree.size() / HistoryTree::kPartLeaves);
    for (std::uint64_t i = 0; i < parts->size(); ++i) EXPECT_EQ((*parts)[i], tree.part_hash(i)) << i;
  }

  std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / ("history-parts-" + std::to_string(::getpid()));
  std::unique_ptr<Database> database;
  HistoryTree tree;
  std::uint64_t height = 0;
};

// Whatever the checkpoints and restarts were, every whole part has its hash, and leaves are read from any index on.
TEST(HistoryParts, AreThoseOfTheTreeAfterAnyCheckpointsAndRestarts) {
  const std::vector<std::vector<std::uint64_t>> runs{
      {0, 256, 0, 1}, {1, 254, 1, 1, 600}, {255, 257, 0, 511, 513}, {700, 3, 3, 62, 1'000}, {12'345, 1, 66'000, 200}};
  for (const auto& run : runs) {
    Leaves stored;
    stored.open();
    for (std::size_t i = 0; i < run.size(); ++i) {
      stored.add(run[i]);
      stored.expect_parts();
      if (i % 2 == 1) stored.open();
    }
    const std::uint64_t size = stored.tree.size();
    for (const std::uint64_t from : {std::uint64_t{0}, std::uint64_t{1}, size / 2, size / 2 + 37, size - 1, size}) {
      std::uint64_t index = from;
      const auto read = stored.database->for_each_leaf(
          [&](ByteView leaf) {
            ASSERT_EQ(as_text(leaf), as_text(Leaves::leaf(index)));
            ++index;
          },
          from);
      ASSERT_TRUE(read.has_value()) << read.error().text;
      EXPECT_EQ(index, size);
    }
  }
}

/// A chain that stands idle and has a long history, in a store.
struct LongChain : Leaves {
  explicit LongChain(std::uint64_t leaves_wanted) {
    open();
    const auto genesis = protocol::chain_test::genesis_of(protocol::Preset::Main, {"ada"});
    const auto first = machine.start(genesis);
    EXPECT_TRUE(first.has_value());
    protocol::LoggedBlock block;
    block.time = genesis.time;
    write(std::move(block), *first, 0);
    while (tree.size() < leaves_wanted) {
      const protocol::BlockHeader header{machine.chain().height + 1, genesis.time, machine.app_hash(),
                                         protocol::OrderRule::Arrival};
      machine.begin_block(header,
                          protocol::chain_test::proposer().prove(machine.randomness().last().seed, header.height));
      protocol::LoggedBlock next;
      next.height = header.height;
      const auto result = machine.finish_block();
      write(std::move(next), result, 3'333);
    }
    database.reset();
  }
  void write(protocol::LoggedBlock block, const protocol::BlockResult& result, std::uint64_t leaves) {
    LogRecord record = make_record(std::move(block), result);
    for (std::uint64_t i = 0; i < leaves; ++i) {
      record.leaves.push_back(leaf(tree.size()));
      tree.append(record.leaves.back());
    }
    record.block.history_size = tree.size();
    record.block.app_hash = protocol::make_app_hash({record.block.height, result.state_root, tree.root(), tree.size()});
    RecentBlocks blocks;
    blocks.add(std::move(record), 0);
    ASSERT_TRUE(database->checkpoint(blocks).has_value());
  }
  /// Puts another hash of a part into the closed database.
  void forge(std::uint64_t part) const {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, folder.string(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, folder.string(), families, &handles, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    const Bytes number = encode(part), hash = encode(sha256("another"));
    const rocksdb::Slice value(reinterpret_cast<const char*>(hash.data()), hash.size());
    EXPECT_TRUE(db->Put({}, "part" + std::string(as_text(number)), value).ok());
    for (rocksdb::ColumnFamilyHandle* handle : handles) EXPECT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  }

  protocol::Machine machine;
};

// REQ: AUD-1
TEST(HistoryParts, AStartFromThemIsTheSameTreeAndAForgedOneIsRefused) {
  LongChain chain(HistoryTree::kPartLeaves * (HistoryTree::kPartsKept + 9));
  const auto load = [&](protocol::Machine& machine) -> Result<void, StorageError> {
    const auto store = ChainStore::open(chain.folder);
    if (!store) return fail(store.error());
    return (*store)->load(machine);
  };
  {
    protocol::Machine machine;
    const auto loaded = load(machine);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().text;
    EXPECT_EQ(machine.history().root(), chain.tree.root());
    const std::uint64_t size = chain.tree.size();
    EXPECT_FALSE(machine.history().inclusion_proof(300, size)) << "its leaves were not read";
    EXPECT_TRUE(machine.history().inclusion_proof(size - HistoryTree::kPartLeaves * 40, size));
  }
  chain.forge(3);
  protocol::Machine machine;
  const auto loaded = load(machine);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().fault, StorageFault::Corrupt);
}

}  // namespace
}  // namespace starminer::storage
