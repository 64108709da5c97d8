// Damage that a library answers with an assertion is told in words, too.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/codec.h"
#include "storage/chain_store.h"
#include "storage/database.h"

namespace starminer::storage {
namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / ("damaged-table-" + std::to_string(::getpid()));
  Folder() {
    std::filesystem::remove_all(path);
    auto database = Database::open(path);
    LogRecord record;
    for (int i = 0; i < 10; ++i) record.leaves.push_back(encode("leaf " + std::to_string(i)));
    record.block.history_size = record.leaves.size();
    RecentBlocks blocks;
    blocks.add(std::move(record), 0);
    EXPECT_TRUE(database.has_value() && (*database)->checkpoint(blocks).has_value());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::vector<std::filesystem::path> tables() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".sst") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
};

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] void open_with_a_flipped_bit(const Folder& folder, std::size_t table, std::size_t byte) {
  const std::filesystem::path path = folder.tables().at(table);
  std::string bytes = read(path);
  bytes.at(byte) = static_cast<char>(bytes.at(byte) ^ '\x80');
  std::ofstream(path, std::ios::binary) << bytes;
  const auto database = Database::open(folder.path);
  if (!database) std::cerr << database.error().text;
  ::_exit(database ? EXIT_SUCCESS : EXIT_FAILURE);
}

bool ended_by_itself(int status) { return WIFEXITED(status); }

// The top bit of a block's number of restarts says that a hash index follows: without one RocksDB asserts.
TEST(DamagedTable, NeverEndsTheProcessByASignal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string one_restart("\x01\0\0\0", 4);
  const Folder folder;
  std::size_t damages = 0;
  const std::size_t tables = folder.tables().size();
  for (std::size_t table = 0; table < tables; ++table) {
    const std::string bytes = read(folder.tables()[table]);
    for (std::size_t at = bytes.find(one_restart); at != std::string::npos; at = bytes.find(one_restart, at + 1)) {
      EXPECT_EXIT(open_with_a_flipped_bit(folder, table, at + 3), ended_by_itself, "") << table << ", byte " << at;
      ++damages;
    }
  }
  EXPECT_GT(damages, tables);
}

}  // namespace
}  // namespace starminer::storage
