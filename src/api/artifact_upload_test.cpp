#include "api/artifact_upload.h"

#include <stdlib.h>

#include <gtest/gtest.h>

namespace starminer::api {
namespace {

constexpr std::string_view kContent = "a secret";
const AccountId kAda{{1}};
const AccountId kBen{{2}};

/// Two accounts at one artifact, step by step, as no two clients could be made to meet.
class ArtifactUploadTest : public ::testing::Test {
 protected:
  ArtifactUploadTest() {
    char pattern[] = "/tmp/artifact_upload_test_XXXXXX";
    folder_ = mkdtemp(pattern);
    artifacts::StoreLimits limits;
    limits.disk_reserve_bytes = 0;
    store_ = std::move(*artifacts::Store::open(folder_, limits));
    gate_ = std::make_unique<UploadGate>(*store_, 1'000'000, [] { return TimeMs{1}; });
  }
  ~ArtifactUploadTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<http::BodySink> open(const AccountId& account, std::uint64_t first, std::uint64_t length) {
    auto sink = gate_->open({hash_, account, {{first, length}, kContent.size()}});
    return sink ? std::move(*sink) : nullptr;
  }
  static bool write(http::BodySink& sink, std::string_view bytes) { return !sink.write(as_bytes(bytes)); }
  static std::string code(const http::Response& response) {
    const auto* problem = std::get_if<http::Problem>(&response.body);
    return problem == nullptr ? std::to_string(response.status) : problem->code;
  }
  std::vector<std::string> uploaders() { return store_->find(hash_)->uploaders; }

  std::filesystem::path folder_;
  std::unique_ptr<artifacts::Store> store_;
  std::unique_ptr<UploadGate> gate_;
  Hash32 hash_ = sha256(kContent);
};

TEST_F(ArtifactUploadTest, BytesOfAnotherInTheMiddleOfAResumedUploadDoNotCount) {
  auto begun = open(kAda, 0, 1);
  ASSERT_TRUE(write(*begun, "a"));
  EXPECT_EQ(code(begun->finish()), "202");
  ASSERT_TRUE(gate_->state_of(hash_, kAda).has_value());
  EXPECT_FALSE(gate_->state_of(hash_, kBen).has_value());
  auto resumed = open(kAda, 1, 7);
  auto whole = open(kBen, 0, 8);
  ASSERT_TRUE(resumed && whole);
  ASSERT_TRUE(write(*whole, kContent));
  // Ada claims the rest without having it.
  ASSERT_TRUE(write(*resumed, "???????"));
  EXPECT_EQ(code(resumed->finish()), "offset_mismatch");
  EXPECT_EQ(code(whole->finish()), "201");
  EXPECT_EQ(uploaders(), std::vector<std::string>{kBen.text()});
  // Who has it all is an uploader in the end.
  auto again = open(kAda, 0, 8);
  ASSERT_TRUE(write(*again, kContent));
  EXPECT_EQ(code(again->finish()), "201");
  EXPECT_EQ(uploaders().size(), 2U);
}

TEST_F(ArtifactUploadTest, TwoWholeUploadsAtOnceBothCount) {
  auto one = open(kAda, 0, 8);
  auto two = open(kBen, 0, 8);
  ASSERT_TRUE(write(*one, "a se"));
  ASSERT_TRUE(write(*two, "a sec"));
  ASSERT_TRUE(write(*one, "cret"));
  EXPECT_EQ(code(one->finish()), "201");
  ASSERT_TRUE(write(*two, "ret"));
  EXPECT_EQ(code(two->finish()), "201");
  EXPECT_EQ(uploaders(), (std::vector<std::string>{kAda.text(), kBen.text()}));
}

TEST_F(ArtifactUploadTest, AnOwnUploadInPartsCounts) {
  auto first = open(kAda, 0, 3);
  ASSERT_TRUE(write(*first, "a s"));
  EXPECT_EQ(code(first->finish()), "202");
  EXPECT_EQ(open(kBen, 3, 5), nullptr) << "another cannot go on with it";
  auto rest = open(kAda, 3, 5);
  ASSERT_TRUE(write(*rest, "ecret"));
  EXPECT_EQ(code(rest->finish()), "201");
  EXPECT_EQ(uploaders(), std::vector<std::string>{kAda.text()});
}

}  // namespace
}  // namespace starminer::api
