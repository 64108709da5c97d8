#include "signing/request.h"

#include <gtest/gtest.h>

namespace starminer::signing {
namespace {

constexpr std::string_view kNonce = "00112233445566778899aabbccddeeff";

SigningKey key_of(std::uint8_t seed) { return SigningKey::from_seed({seed}); }

std::string header(const BodyHash& body = sha256("body")) {
  return make_authorization(key_of(1), "GET", "/v1/jobs?limit=2", body, {1'700'000'000'000}, kNonce);
}

TEST(SignedRequest, RoundTripKeepsWhoWhenAndWhat) {
  const auto parsed = parse_authorization(header());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->account(), key_of(1).account());
  EXPECT_EQ(parsed->time.ms, 1'700'000'000'000U);
  EXPECT_EQ(parsed->nonce, kNonce);
  EXPECT_EQ(parsed->body, sha256("body"));
  EXPECT_EQ(verify_request(*parsed, "GET", "/v1/jobs?limit=2"), SignatureFault::None);
}

TEST(SignedRequest, AStreamedBodyHasNoHash) {
  const auto parsed = parse_authorization(header(std::nullopt));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_FALSE(parsed->body.has_value());
  EXPECT_EQ(verify_request(*parsed, "GET", "/v1/jobs?limit=2"), SignatureFault::None);
}

TEST(SignedRequest, EveryPartIsCovered) {
  const auto parsed = parse_authorization(header());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(verify_request(*parsed, "PUT", "/v1/jobs?limit=2"), SignatureFault::Mismatch);
  EXPECT_EQ(verify_request(*parsed, "GET", "/v1/jobs?limit=3"), SignatureFault::Mismatch);
  auto other = *parsed;
  other.time.ms += 1;
  EXPECT_EQ(verify_request(other, "GET", "/v1/jobs?limit=2"), SignatureFault::Mismatch);
  other = *parsed;
  other.nonce[0] = 'f';
  EXPECT_EQ(verify_request(other, "GET", "/v1/jobs?limit=2"), SignatureFault::Mismatch);
  other = *parsed;
  other.body = sha256("other");
  EXPECT_EQ(verify_request(other, "GET", "/v1/jobs?limit=2"), SignatureFault::Mismatch);
  other = *parsed;
  other.key = key_of(2).public_key();
  EXPECT_EQ(verify_request(other, "GET", "/v1/jobs?limit=2"), SignatureFault::Mismatch);
}

TEST(SignedRequest, EveryCutAndEveryChangedCharacterOfTheHeaderIsRefused) {
  const std::string good = header();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_authorization(std::string_view(good).substr(0, size)).has_value()) << size;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = bad[at] == '1' ? '2' : '1';
    const auto parsed = parse_authorization(bad);
    EXPECT_TRUE(!parsed || verify_request(*parsed, "GET", "/v1/jobs?limit=2") != SignatureFault::None) << at;
  }
}

}  // namespace
}  // namespace starminer::signing
