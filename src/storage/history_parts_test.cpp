#include "storage/history_parts.h"

#include <unistd.h>

#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "base/codec.h"
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

}  // namespace
}  // namespace starminer::storage
