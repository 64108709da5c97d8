// REQ: WRK-3 (a job is submitted once, whatever is killed)
#include "cli/run_record.h"

#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

namespace starminer::cli {
namespace {

namespace fs = std::filesystem;

class RunStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "starminer-runs-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static RunRecord a_run(std::uint64_t started_ms = 7) {
    RunRecord record;
    record.chain_id = "chain";
    record.account = "sm1a";
    record.fingerprint = "f";
    record.name = "job";
    record.spec = std::string("\0\xff", 2);
    record.started_ms = started_ms;
    record.quote = {{"cap", "5"}};
    return record;
  }

  fs::path folder_;
};

TEST_F(RunStoreTest, WhatWasSavedIsFoundAfterACrash) {
  const RunStore store(folder_);
  std::string id;
  {
    auto run = store.create(a_run());
    ASSERT_TRUE(run);
    id = (*run)->record.client_id;
    EXPECT_EQ(id.size(), 32U);
    ASSERT_TRUE((*run)->save());
  }
  const auto again = store.find_unfinished(a_run());
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->record.client_id, id);
  EXPECT_EQ(again->record.spec, a_run().spec);
  EXPECT_EQ(again->record.quote, a_run().quote);
  EXPECT_EQ(again->record.phase, RunPhase::Submitting);
}

TEST_F(RunStoreTest, ARunThatIsFollowedIsNotFound) {
  const RunStore store(folder_);
  auto run = store.create(a_run());
  ASSERT_TRUE(run && (*run)->save());
  EXPECT_EQ(store.find_unfinished(a_run()), nullptr) << "another program follows it";
  EXPECT_FALSE(store.create((*run)->record)) << "nor is its id given twice";
  run->reset();
  EXPECT_NE(store.find_unfinished(a_run()), nullptr);
}

TEST_F(RunStoreTest, AClosedRunIsGone) {
  const RunStore store(folder_);
  auto run = store.create(a_run());
  ASSERT_TRUE(run && (*run)->save());
  (*run)->close();
  run->reset();
  EXPECT_EQ(store.find_unfinished(a_run()), nullptr);
  EXPECT_TRUE(fs::is_empty(folder_ / "jobs"));
}

TEST_F(RunStoreTest, OnlyTheSameChainAccountAndJobMatch) {
  const RunStore store(folder_);
  {
    auto run = store.create(a_run());
    ASSERT_TRUE(run && (*run)->save());
  }
  for (const auto change : {&RunRecord::chain_id, &RunRecord::account, &RunRecord::fingerprint}) {
    RunRecord other = a_run();
    other.*change = "other";
    EXPECT_EQ(store.find_unfinished(other), nullptr);
  }
  EXPECT_NE(store.find_unfinished(a_run()), nullptr);
}

TEST_F(RunStoreTest, TheOldestRunIsTakenUpFirst) {
  const RunStore store(folder_);
  for (const std::uint64_t started : {30U, 10U, 20U}) {
    RunRecord record = a_run(started);
    record.client_id = "id-" + std::to_string(started);
    auto run = store.create(record);
    ASSERT_TRUE(run && (*run)->save());
  }
  const auto first = store.find_unfinished(a_run());
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->record.client_id, "id-10");
  const auto second = store.find_unfinished(a_run());
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->record.client_id, "id-20");
}

TEST_F(RunStoreTest, FindsByJobAndClientIdOfAnyCharacters) {
  const RunStore store(folder_);
  RunRecord record = a_run();
  record.client_id = "../../odd id";
  record.job = "j1xyz";
  {
    auto run = store.create(record);
    ASSERT_TRUE(run && (*run)->save());
  }
  EXPECT_NE(store.find_by_job("j1xyz"), nullptr);
  EXPECT_EQ(store.find_by_job("j1other"), nullptr);
  EXPECT_NE(store.find_by_client_id("../../odd id"), nullptr);
  EXPECT_FALSE(fs::exists(folder_.parent_path() / "odd id.json"));
}

TEST_F(RunStoreTest, DamagedFilesAreNoRuns) {
  const RunStore store(folder_);
  fs::create_directories(folder_ / "jobs");
  for (const char* const text : {"", "{", "[]", R"({"version":1})", R"({"version":1,"client_id":"a","spec":"zz"})"}) {
    std::ofstream(folder_ / "jobs" / "a.json") << text;
    EXPECT_EQ(store.find_unfinished(a_run()), nullptr) << text;
    EXPECT_EQ(store.find_by_client_id("a"), nullptr) << text;
  }
}

}  // namespace
}  // namespace starminer::cli
