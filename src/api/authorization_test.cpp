#include "api/authorization.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "signing/request.h"

namespace starminer::api {
namespace {

using http::Method;
using http::Request;

const SigningKey kKey = SigningKey::from_seed(sha256("ada").bytes);

class AuthorizationTest : public ::testing::Test {
 protected:
  Authorizer make(std::size_t nonces_max = 1000) {
    return Authorizer({.clock = [this] { return now_; }, .nonces_max = nonces_max});
  }
  std::string nonce() { return to_hex(ByteView(sha256(std::to_string(++nonces_)).bytes).first(16)); }

  /// A request with a header of its own; `text_` keeps what the views point to.
  Request request(std::string header, std::string body = {}) {
    texts_.push_back(std::make_unique<std::string>(std::move(header)));
    Request made;
    made.method = Method::Post;
    made.target = "/v1/beats?x=1";
    made.body = std::move(body);
    if (!texts_.back()->empty()) made.headers.push_back({"authorization", *texts_.back()});
    return made;
  }
  std::string header(const std::string& body, TimeMs time) {
    return signing::make_authorization(kKey, "POST", "/v1/beats?x=1", sha256(body), time, nonce());
  }
  static std::string code(const Result<AccountId, http::Response>& result) {
    return result ? "ok" : std::get<http::Problem>(result.error().body).code;
  }

  TimeMs now_{1'800'000'000'000};
  int nonces_ = 0;
  std::vector<std::unique_ptr<std::string>> texts_;
};

TEST_F(AuthorizationTest, NamesTheAccountThatSigned) {
  Authorizer authorizer = make();
  const auto account = authorizer.check(request(header("{}", now_), "{}"));
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(*account, kKey.account());
}

TEST_F(AuthorizationTest, AcceptsARequestOnceAndItsBodyOnly) {
  Authorizer authorizer = make();
  const std::string good = header("{}", now_);
  EXPECT_EQ(code(authorizer.check(request(good, "{ }"))), "bad_signature");
  EXPECT_EQ(code(authorizer.check(request(good, "{}"))), "ok");
  EXPECT_EQ(code(authorizer.check(request(good, "{}"))), "replayed_request");
  EXPECT_EQ(code(authorizer.check(request("", "{}"))), "unsigned");
}

TEST_F(AuthorizationTest, RefusesARepeatForAsLongAsItsTimeIsNear) {
  Authorizer authorizer = make();
  const TimeMs begin = now_;
  // Signed by a clock that runs ahead: valid for nearly twice the slack.
  const std::string good = header("{}", {begin.ms + kRequestTimeSlack.ms});
  EXPECT_EQ(code(authorizer.check(request(good, "{}"))), "ok");
  for (std::uint64_t step = 0; step <= 61'000; step += 1'000) {
    now_ = {begin.ms + step};
    // Other requests make the memory turn.
    EXPECT_EQ(code(authorizer.check(request(header("x", now_), "x"))), "ok");
    EXPECT_EQ(code(authorizer.check(request(good, "{}"))), step <= 60'000 ? "replayed_request" : "stale_request")
        << step;
  }
}

TEST_F(AuthorizationTest, RefusesRatherThanForgets) {
  Authorizer authorizer = make(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code(authorizer.check(request(header("", now_)))), "ok");
  EXPECT_EQ(code(authorizer.check(request(header("", now_)))), "overloaded");
  now_ = {now_.ms + 61'000};
  EXPECT_EQ(code(authorizer.check(request(header("", now_)))), "ok");
}

TEST_F(AuthorizationTest, StreamedBodiesAreForUploadsAndUploadsAreStreamed) {
  Authorizer authorizer = make();
  const auto streamed = [&] { return signing::make_authorization(kKey, "POST", "/v1/beats?x=1", {}, now_, nonce()); };
  EXPECT_EQ(code(authorizer.check(request(streamed()))), "bad_signature");
  EXPECT_EQ(code(authorizer.check_streamed(request(streamed()))), "ok");
  EXPECT_EQ(code(authorizer.check_streamed(request(header("", now_)))), "bad_signature");
}

TEST_F(AuthorizationTest, ARepeatDoesNotUseUpTheRateOfItsAuthor) {
  Authorizer authorizer = make();
  const std::string good = header("{}", now_);
  EXPECT_EQ(authorizer.rate_key(request(good, "{}")), kKey.account().text());
  EXPECT_EQ(code(authorizer.check(request(good, "{}"))), "ok");
  EXPECT_EQ(authorizer.rate_key(request(good, "{}")), "");
  EXPECT_EQ(authorizer.rate_key(request("", "{}")), "");
  std::string forged = header("{}", now_);
  forged.back() = forged.back() == '0' ? '1' : '0';
  EXPECT_EQ(authorizer.rate_key(request(forged, "{}")), "");
  EXPECT_EQ(authorizer.rate_key(request(header("{}", {now_.ms - 31'000}), "{}")), "");
}

}  // namespace
}  // namespace starminer::api
