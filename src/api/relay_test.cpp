#include "api/relay.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starminer::api {
namespace {

using ::testing::ElementsAre;

const ContractId kOne{{1}};
const ContractId kTwo{{2}};

class RelayTest : public ::testing::Test {
 protected:
  RelayTest() {
    char pattern[] = "/tmp/relay_test_XXXXXX";
    folder_ = mkdtemp(pattern);
    open();
  }
  ~RelayTest() override { std::filesystem::remove_all(folder_); }
  void open() {
    relay_.reset();
    relay_ = std::move(*Relay::open(folder_, {.stream_bytes_max = 10, .total_bytes_max = 25}));
  }

  std::filesystem::path folder_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, AppendsOnlyAtTheEnd) {
  EXPECT_EQ(relay_->append_log(kOne, LogStream::Stdout, 0, "abc"), 3U);
  EXPECT_EQ(relay_->append_log(kOne, LogStream::Stdout, 3, "de"), 5U);
  for (const std::uint64_t offset : {0ULL, 4ULL, 6ULL, ~0ULL}) {
    const auto refused = relay_->append_log(kOne, LogStream::Stdout, offset, "x");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().fault, RelayFault::OffsetMismatch);
    EXPECT_EQ(refused.error().expected, 5U);
  }
  EXPECT_EQ(relay_->append_log(kOne, LogStream::Stderr, 0, "!"), 1U);
  EXPECT_EQ(relay_->log_sizes(kOne), (LogSizes{5, 1}));
  EXPECT_EQ(relay_->read_log(kOne, LogStream::Stdout, 1, 3), "bcd");
  EXPECT_EQ(relay_->read_log(kOne, LogStream::Stdout, 5, 3), "");
  EXPECT_EQ(relay_->read_log(kTwo, LogStream::Stdout, 0, 3), "");
}

TEST_F(RelayTest, ProgressThatThePowerCutOffIsNone) {
  ASSERT_TRUE(relay_->set_progress(kOne, R"({"run_ms":2})"));
  const auto file = folder_ / kOne.text() / "progress.json";
  for (const std::string& text : {std::string(), std::string(12, '\0'), std::string(R"({"run_)"), std::string("5")}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    open();
    EXPECT_EQ(relay_->progress(kOne), std::nullopt) << text;
  }
  ASSERT_TRUE(relay_->set_progress(kOne, R"({"run_ms":3})"));
  open();
  EXPECT_EQ(relay_->progress(kOne), R"({"run_ms":3})");
}

TEST_F(RelayTest, TakesWhatFitsAndSaysWhenItIsFull) {
  EXPECT_EQ(relay_->append_log(kOne, LogStream::Stdout, 0, "0123456789abc"), 10U);
  const auto full = relay_->append_log(kOne, LogStream::Stdout, 10, "x");
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().fault, RelayFault::StreamFull);
  EXPECT_EQ(relay_->append_log(kOne, LogStream::Stderr, 0, "0123456789"), 10U);
  const auto crowded = relay_->append_log(kTwo, LogStream::Stdout, 0, "0123456");
  ASSERT_FALSE(crowded.has_value());
  EXPECT_EQ(crowded.error().fault, RelayFault::RelayFull);
  relay_->remove(kOne);
  EXPECT_EQ(relay_->bytes(), 0U);
  EXPECT_EQ(relay_->append_log(kTwo, LogStream::Stdout, 0, "0123456"), 7U);
}

TEST_F(RelayTest, OutlivesARestart) {
  ASSERT_TRUE(relay_->append_log(kOne, LogStream::Stdout, 0, "abc").has_value());
  ASSERT_TRUE(relay_->set_progress(kTwo, R"({"run_ms":1})"));
  ASSERT_TRUE(relay_->set_progress(kTwo, R"({"run_ms":2})"));
  open();
  EXPECT_THAT(relay_->contracts(), ElementsAre(kOne, kTwo));
  EXPECT_EQ(relay_->append_log(kOne, LogStream::Stdout, 3, "d"), 4U);
  EXPECT_EQ(relay_->bytes(), 4U);
  EXPECT_EQ(relay_->progress(kTwo), R"({"run_ms":2})");
  EXPECT_EQ(relay_->progress(kOne), std::nullopt);
  relay_->remove(kOne);
  relay_->remove(kTwo);
  open();
  EXPECT_THAT(relay_->contracts(), ElementsAre());
}

}  // namespace
}  // namespace starminer::api
