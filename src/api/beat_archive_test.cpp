#include "api/beat_archive.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace starminer::api {
namespace {

namespace fs = std::filesystem;

class BeatArchiveTest : public ::testing::Test {
 protected:
  ~BeatArchiveTest() override { fs::remove_all(folder_); }
  std::unique_ptr<BeatArchive> open(const BeatArchiveLimits& limits = {}) {
    auto opened = BeatArchive::open(folder_, limits);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }

  fs::path folder_ = fs::temp_directory_path() / ("starminer-beats-" + std::to_string(::getpid()));
};

// REQ: REG-7
TEST_F(BeatArchiveTest, KeepsTheLinesOfEachEpochAlsoOverARestart) {
  open()->append(7, "one\n");
  const auto archive = open();
  archive->append(7, "two\n");
  archive->append(8, "three\n");
  EXPECT_EQ(archive->close(7), "one\ntwo\n");
  archive->append(7, "too late\n");
  EXPECT_EQ(archive->close(7), "one\ntwo\n") << "what was reported does not change any more";
  EXPECT_EQ(archive->close(8), "three\n");
  EXPECT_EQ(archive->close(9), "") << "an epoch without beats";
  ASSERT_TRUE(archive->find(7).has_value());
  EXPECT_EQ(fs::file_size(*archive->find(7)), 8U);
  EXPECT_FALSE(archive->find(6).has_value());
}

TEST_F(BeatArchiveTest, AnEpochIsBoundedAndSoIsTheirNumber) {
  const auto archive = open({.epoch_bytes_max = 10, .epochs_kept = 2});
  for (int i = 0; i < 5; ++i) archive->append(1, "four\n");
  EXPECT_EQ(archive->close(1), "four\nfour\n");
  for (std::uint64_t epoch = 2; epoch <= 5; ++epoch) EXPECT_EQ(archive->close(epoch), "");
  EXPECT_FALSE(archive->find(2).has_value());
  EXPECT_TRUE(archive->find(3).has_value());
}

TEST_F(BeatArchiveTest, HalfALineIsCutOff) {
  const auto archive = open();
  archive->append(1, "whole\n");
  std::ofstream(folder_ / "1.beats", std::ios::app) << "hal";
  EXPECT_EQ(archive->close(1), "whole\n");
  EXPECT_EQ(fs::file_size(*archive->find(1)), 6U) << "the file has the hash of what was counted";
}

TEST_F(BeatArchiveTest, AFolderThatCannotBeIsSaid) {
  std::ofstream(folder_) << "a file";
  const auto opened = BeatArchive::open(folder_ / "below", {});
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().find("the folder of raw beats cannot be used"), std::string::npos);
}

}  // namespace
}  // namespace starminer::api
