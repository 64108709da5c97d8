#include "storage/snapshot.h"

#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/test_chain.h"
#include "storage/chain_store.h"
#include "storage/replay.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;
using protocol::chain_test::a100_node;
using protocol::chain_test::account_of_name;
using protocol::chain_test::Block;
using protocol::chain_test::Chain;
using protocol::chain_test::genesis_of;
using protocol::chain_test::register_provider;
using protocol::chain_test::transfer;
using ::testing::HasSubstr;

constexpr std::uint64_t kSmallChunks = 300;
constexpr const char* kGenesisText = "the genesis";

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

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void overwrite(const fs::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

/// Every row of every part, leaves one by one.
std::vector<std::pair<Bytes, Bytes>> content_of(const fs::path& folder) {
  const auto database = Database::open(folder);
  EXPECT_TRUE(database.has_value());
  std::vector<std::pair<Bytes, Bytes>> rows;
  for (std::uint8_t part = 0; part < kPartCount; ++part) {
    if (static_cast<Part>(part) == Part::Leaves) continue;
    EXPECT_TRUE((*database)->for_each(static_cast<Part>(part), [&](ByteView key, ByteView value) {
      rows.emplace_back(Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end()));
      return true;
    }));
  }
  EXPECT_TRUE(
      (*database)->for_each_leaf([&](ByteView leaf) { rows.emplace_back(Bytes(leaf.begin(), leaf.end()), Bytes()); }));
  return rows;
}

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    options_.log.segment_bytes = 64U << 10;
    chain_.on_block([this](const Block& block) {
      const auto written = store_->write(stored(block), block.result);
      ASSERT_TRUE(written.has_value()) << written.error().text;
    });
    store_ = open(folder_ / "chain");
    protocol::Machine machine;
    const auto result = machine.start(genesis_);
    StoredBlock first;
    first.time = genesis_.time;
    first.seed = result->seed;
    first.state_root = result->state_root;
    first.history_root = result->history_root;
    first.history_size = result->history_size;
    first.app_hash = result->app_hash;
    EXPECT_TRUE(store_->write(first, *result));
    // Rows of many tables, refusals with figures, erased timers.
    EXPECT_TRUE(chain_.send("ben", register_provider("ben")));
    EXPECT_TRUE(chain_.send("ben", [](v1::TransactionBody& body) { *body.mutable_node_register() = a100_node(); }));
    pay(80);
    chain_.pass({400'000});
    const auto refused = chain_.send("ada", transfer(account_of_name("ben"), UINT64_MAX / 4));
    EXPECT_TRUE(refused && refused->core.code != 0);
  }
  ~SnapshotTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  [[nodiscard]] std::unique_ptr<ChainStore> open(const fs::path& folder) const {
    auto store = ChainStore::open(folder, options_);
    EXPECT_TRUE(store.has_value()) << store.error().text;
    return std::move(*store);
  }
  void pay(int count) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(chain_.send("ada", transfer(account_of_name("ben"), 9)));
  }
  [[nodiscard]] Hash32 app_hash() const { return chain_.machine().app_hash(); }
  /// Of the chain as it stands.
  Result<SnapshotReport, std::string> create(const fs::path& out, std::uint64_t chunk_bytes = kSmallChunks) const {
    const fs::path copy = folder_ / "copy";
    fs::remove_all(copy);
    if (const auto copied = store_->copy_to(copy); !copied) return fail(copied.error().text);
    const auto database = Database::open(copy);
    EXPECT_TRUE(database.has_value());
    return create_snapshot(**database, out, kGenesisText, chunk_bytes);
  }
  /// Made once.
  [[nodiscard]] fs::path snapshot() const {
    const fs::path out = folder_ / "snapshot";
    if (!fs::exists(out)) {
      const auto made = create(out);
      EXPECT_TRUE(made.has_value()) << made.error();
    }
    return out;
  }
  [[nodiscard]] std::string error_of_verify(const std::optional<Hash32>& trusted = std::nullopt) const {
    const auto report = verify_snapshot(snapshot(), trusted);
    return report ? "" : report.error();
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("snapshot-" + std::to_string(::getpid()));
  StoreOptions options_;
  protocol::Genesis genesis_ = genesis_of(protocol::Preset::Main, {"ada", "ben", "operator"});
  Chain chain_{genesis_};
  std::unique_ptr<ChainStore> store_;
};

// REQ: DEC-2
TEST_F(SnapshotTest, ARestoredChainIsTheOneThatWasSavedAndGoesOn) {
  const auto report = restore_snapshot(snapshot(), folder_ / "restored", app_hash());
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->app_hash, app_hash());
  EXPECT_GT(report->chunks, 20U);
  EXPECT_EQ(content_of(folder_ / "restored"), content_of(folder_ / "copy"));

  auto restored = open(folder_ / "restored");
  protocol::Machine machine;
  const auto loaded = restored->load(machine);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(machine.app_hash(), app_hash());
  EXPECT_EQ(machine.randomness().last().seed, chain_.machine().randomness().last().seed);
  ASSERT_TRUE(replay(*restored, genesis_, {}));

  // Both get the next blocks, and stay one chain.
  std::vector<Block> blocks;
  chain_.on_block([&](const Block& block) {
    ASSERT_TRUE(store_->write(stored(block), block.result));
    blocks.push_back(block);
  });
  pay(70);
  for (const Block& block : blocks) {
    machine.begin_block(block.header, block.step);
    for (const auto& transaction : block.transactions) ASSERT_TRUE(machine.execute(transaction));
    const auto result = machine.finish_block();
    ASSERT_EQ(result.app_hash, block.result.app_hash);
    ASSERT_TRUE(restored->write(stored(block), result));
  }
  restored.reset();
  restored = open(folder_ / "restored");
  const auto again = replay(*restored, genesis_, {});
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again->app_hash, app_hash());
  for (std::uint64_t index = 0; index < chain_.machine().history().size(); ++index) {
    EXPECT_EQ(restored->find_leaf(index).value(), store_->find_leaf(index).value());
  }
  EXPECT_FALSE(restored->find_leaf(chain_.machine().history().size()).value());
}

// Where its checkpoints lay and how often it was restarted leave no trace in a snapshot.
TEST_F(SnapshotTest, OneHeightOfAChainHasOneSnapshot) {
  const auto first = create(folder_ / "first");
  ASSERT_TRUE(first) << first.error();
  ASSERT_TRUE(restore_snapshot(folder_ / "first", folder_ / "restored", app_hash()));
  store_.reset();
  options_.checkpoint_bytes = 2'000;
  store_ = open(folder_ / "restored");
  pay(33);
  ASSERT_TRUE(create(folder_ / "second"));
  store_.reset();
  options_.checkpoint_bytes = 32U << 20;
  store_ = open(folder_ / "restored");
  ASSERT_TRUE(create(folder_ / "third"));
  const auto files = files_of(folder_ / "second");
  for (const fs::path& file : files) EXPECT_EQ(read(file), read(folder_ / "third" / file.filename())) << file;
  EXPECT_EQ(files.size(), files_of(folder_ / "third").size());
}

TEST_F(SnapshotTest, ACopyIsOfWhatWasDurableAndBlocksGoOn) {
  const fs::path copy = folder_ / "copy";
  ASSERT_TRUE(store_->copy_to(copy));
  const std::uint64_t height = chain_.machine().chain().height;
  pay(10);
  const auto database = Database::open(copy);
  ASSERT_TRUE(database);
  ASSERT_TRUE((*database)->tip());
  EXPECT_EQ((*database)->tip()->height, height);
  EXPECT_EQ(store_->tip()->height, height + 10);
  EXPECT_FALSE(store_->copy_to(copy)) << "the folder exists";
}

// B5 for snapshots; tests/durability has every bit and every length.
TEST_F(SnapshotTest, EveryFlippedBitAndEveryCutIsRefusedByName) {
  ASSERT_TRUE(create(folder_ / "snapshot", 16U << 10));
  std::uint64_t cases = 0;
  for (const fs::path& file : files_of(snapshot())) {
    const std::string name = file.filename().string();
    const std::string good = read(file);
    ASSERT_FALSE(good.empty());
    const auto refused = [&](std::string_view bad, std::string_view what, std::size_t at) {
      overwrite(file, bad);
      const std::string error = error_of_verify();
      ASSERT_THAT(error, HasSubstr(name)) << what << " " << at;
      ++cases;
    };
    std::string bad = good;
    for (std::size_t bit = 0; bit < good.size() * 8; bit += 61) {
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      refused(bad, "bit", bit);
      bad[bit / 8] = good[bit / 8];
    }
    for (std::size_t length = 0; length < good.size(); length += 97) refused({good.data(), length}, "cut to", length);
    refused(good + good, "doubled", 0);
    fs::remove(file);
    EXPECT_THAT(error_of_verify(), HasSubstr(name));
    overwrite(file, good);
  }
  EXPECT_GT(cases, 1'000U);
  EXPECT_EQ(error_of_verify(app_hash()), "");
}

/// What a forger can do: alter a row and write hashes into the manifest that fit.
TEST_F(SnapshotTest, AForgedManifestDoesNotMakeAForgedChainTrue) {
  const fs::path from = snapshot();
  const std::string manifest_text = read(from / kManifestFile);
  const auto manifest = decode_manifest(as_bytes(manifest_text));
  ASSERT_TRUE(manifest);
  std::map<Part, std::pair<int, int>> seen;  // tried, refused
  for (std::size_t i = 0; i < manifest->chunks.size(); ++i) {
    const fs::path file = from / chunk_file(i);
    const std::string packed = read(file);
    const ByteView packed_view = as_bytes(packed);
    const Bytes good = *unpack_chunk(manifest->chunks[i], Bytes(packed_view.begin(), packed_view.end()));
    for (std::size_t at = 3; at < good.size(); at += 149) {
      Bytes bad = good;
      bad[at] ^= 1U;
      auto forged = *manifest;
      forged.chunks[i].bytes = bad.size();
      forged.chunks[i].sha256 = sha256(ByteView(bad));
      overwrite(file, as_text(bad));
      overwrite(from / kManifestFile, as_text(encode_manifest(forged)));
      auto& [tried, refused] = seen[manifest->chunks[i].part];
      ++tried;
      if (!verify_snapshot(from, app_hash())) ++refused;
    }
    overwrite(file, packed);
  }
  for (const Part part : {Part::State, Part::Leaves, Part::Ended}) {
    EXPECT_EQ(seen[part].first, seen[part].second) << part_name(part);
  }
  // The time and the figures of a refusal stand beside a receipt, and a block's time, seed and proof beside its roots:
  // no root covers them (docs/formats/snapshot.md); replay checks the latter.
  EXPECT_GT(seen[Part::Receipts].second, seen[Part::Receipts].first / 4);
  EXPECT_GT(seen[Part::Blocks].second, seen[Part::Blocks].first / 4);

  const auto refuse = [&](const SnapshotManifest& lies, std::string_view why) {
    overwrite(from / kManifestFile, as_text(encode_manifest(lies)));
    EXPECT_THAT(error_of_verify(), HasSubstr(std::string(why)));
  };
  auto lies = *manifest;
  ++lies.height;
  refuse(lies, "do not give its app hash");
  lies.app_hash = make_app_hash(commitment_of(lies));
  refuse(lies, "is missing or another");
  overwrite(from / kManifestFile, as_text(encode_manifest(lies)));
  EXPECT_THAT(error_of_verify(app_hash()), HasSubstr("not of the trusted"));
  lies = *manifest;
  lies.chain_id = "another";
  refuse(lies, "another chain");
  lies = *manifest;
  lies.chunks.erase(lies.chunks.begin() + 1);
  refuse(lies, "chunk-000001");
  lies = *manifest;
  lies.chunks.pop_back();
  refuse(lies, "is missing or another");
  lies = *manifest;
  lies.chunks.front().raw_bytes = 1ULL << 60;
  refuse(lies, "cannot be");
  overwrite(from / kManifestFile, manifest_text);
  EXPECT_EQ(error_of_verify(app_hash()), "");
}

TEST_F(SnapshotTest, WhatIsThereIsNeverOverwrittenAndWhatFailsLeavesNothing) {
  EXPECT_THAT(create(snapshot()).error(), HasSubstr("exists"));
  EXPECT_THAT(restore_snapshot(snapshot(), folder_ / "chain", app_hash()).error(), HasSubstr("exists"));
  overwrite(snapshot() / kGenesisFile, "another");
  EXPECT_THAT(snapshot_genesis(snapshot()).error(), HasSubstr("altered"));
  overwrite(snapshot() / kGenesisFile, kGenesisText);
  EXPECT_EQ(snapshot_genesis(snapshot()), kGenesisText);
  const std::string last = chunk_file(files_of(snapshot()).size() - 3);
  overwrite(snapshot() / last, "short");
  const fs::path target = folder_ / "restored";
  const auto refused = restore_snapshot(snapshot(), target, std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr(last));
  EXPECT_FALSE(fs::exists(target) || fs::exists(restoring_folder(target)));
  EXPECT_THAT(verify_snapshot(folder_ / "nothing", std::nullopt).error(), HasSubstr("manifest"));
}

// While the folder of a restore stands, nothing of the name of a chain does; a second one starts anew.
TEST_F(SnapshotTest, ARestoreThatBreaksOffLeavesNoChain) {
  const fs::path target = folder_ / "restored";
  const auto broken_off = restore_snapshot(snapshot(), target, std::nullopt, {}, [&]() -> Result<void, std::string> {
    EXPECT_TRUE(fs::exists(restoring_folder(target)));
    EXPECT_FALSE(fs::exists(target));
    fs::copy(restoring_folder(target), folder_ / "kept", fs::copy_options::recursive);
    return fail(std::string("as if killed"));
  });
  EXPECT_THAT(broken_off.error(), HasSubstr("as if killed"));
  fs::rename(folder_ / "kept", restoring_folder(target));
  ASSERT_TRUE(restore_snapshot(snapshot(), target, app_hash()));
  EXPECT_FALSE(fs::exists(restoring_folder(target)));
  protocol::Machine machine;
  EXPECT_TRUE(open(target)->load(machine));
}

TEST_F(SnapshotTest, AnEmptyDatabaseHasNoSnapshot) {
  const auto database = Database::open(folder_ / "empty");
  ASSERT_TRUE(database);
  EXPECT_THAT(create_snapshot(**database, folder_ / "out", kGenesisText).error(), HasSubstr("empty"));
  EXPECT_FALSE(fs::exists(folder_ / "out") || fs::exists(folder_ / "out.making"));
}

}  // namespace
}  // namespace starminer::storage
