#include "attestation/nvidia/eat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attestation/x509/pem.h"
#include "attestation/x509/test_authority.h"
#include "attestation/x509/test_vectors.h"
#include "base/hash.h"

namespace starminer::attestation::nvidia {
namespace {

using evidence::StepId;
using evidence::StepOutcome;
using evidence::Verdict;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr x509::UnixTime kIssued{1'749'601'858};
const std::string kNonce(64, 'a');

std::string base64url(ByteView bytes) {
  std::string text = to_base64(bytes);
  std::erase(text, '=');
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// A service with a key of its own.
struct Service {
  x509::TestKey key = x509::make_test_key(x509::KeyType::EcP384);
  TokenKeys keys;

  Service() {
    Bytes point(97);
    std::size_t size = 0;
    STARMINER_CHECK(EVP_PKEY_get_octet_string_param(key.get(), "pub", point.data(), point.size(), &size) == 1);
    keys["k1"] = Bytes(point.begin() + 1, point.end());
  }

  [[nodiscard]] std::string token(const std::string& claims,
                                  const std::string& header = R"({"kid":"k1","alg":"ES384"})") const {
    const std::string text = base64url(as_bytes(header)) + "." + base64url(as_bytes(claims));
    return text + "." + base64url(x509::sign_raw(key, as_bytes(text), 48));
  }

  /// Overall and one submodule.
  [[nodiscard]] std::string detached(const std::string& result = "true", const std::string& digest_of = "") const {
    return detached_of({.result = result, .digest_of = digest_of});
  }

  struct Words {
    std::string result = "true";
    std::string digest_of{};
    std::string issuer = "https://nras.attestation.nvidia.com";
    std::string subject = "NVIDIA-PLATFORM-ATTESTATION";
    std::string name = "GPU-0";
    std::string claims = R"({"measres":"success","ueid":"258"})";
  };

  [[nodiscard]] std::string detached_of(const Words& words) const {
    const std::string gpu = token(words.claims);
    const std::string digest = sha256(words.digest_of.empty() ? gpu : words.digest_of).hex();
    const std::string overall =
        token(R"({"iss":")" + words.issuer + R"(","sub":")" + words.subject +
              R"(","x-nvidia-ver":"3.0","x-nvidia-overall-att-result":)" + words.result + R"(,"eat_nonce":")" + kNonce +
              R"(","iat":1749601858,"nbf":1749601858,"exp":1749605458,"submods":{")" + words.name +
              R"(":["DIGEST",["SHA-256",")" + digest + R"("]]}})");
    return R"([["JWT",")" + overall + R"("],{")" + words.name + R"(":")" + gpu + R"("}])";
  }
};

const Service& service() {
  static const Service made;
  return made;
}

TokenCheck check(const std::string& text, x509::UnixTime time = kIssued) {
  return check_token({text, service().keys, time, kNonce});
}

std::vector<StepId> failed(const evidence::Steps& steps) {
  std::vector<StepId> list;
  for (const auto& step : steps.list()) {
    if (step.outcome == StepOutcome::Failed) list.push_back(step.id);
  }
  return list;
}

// REQ: VER-2
TEST(Eat, WithoutItsKeyATokenIsUnverifiable) {
  const std::string text = vector_text("nvidia/nras_eat_hopper_v3.json");
  const TokenKeys none;
  const auto found = check_token({text, none, std::nullopt, std::nullopt});
  EXPECT_EQ(found.steps.cryptography(), Verdict::Unverifiable);
  EXPECT_FALSE(found.steps.accepted());
  EXPECT_TRUE(found.digests.at("GPU-0"));
  EXPECT_THAT(failed(found.steps), IsEmpty());
  // Another key under the same name has not signed it.
  const TokenKeys forged = {{found.key_id, service().keys.at("k1")}};
  EXPECT_THAT(failed(check_token({text, forged, std::nullopt, std::nullopt}).steps), ElementsAre(StepId::EatSignature));
}

TEST(Eat, WithItsKeyATokenIsVerified) {
  const auto found = check(service().detached());
  EXPECT_THAT(failed(found.steps), IsEmpty());
  EXPECT_TRUE(found.steps.accepted());
  EXPECT_EQ(found.overall.issuer, kTokenIssuer);
  EXPECT_EQ(found.devices.at("GPU-0").ueid, "258");
}

TEST(Eat, EachStepFailsAlone) {
  EXPECT_THAT(failed(check(service().detached("false")).steps), ElementsAre(StepId::EatResult));
  EXPECT_THAT(failed(check(service().detached("true", "another")).steps), ElementsAre(StepId::EatDigests));
  EXPECT_THAT(failed(check(service().detached(), {kIssued.seconds - 1}).steps), ElementsAre(StepId::EatTime));
  EXPECT_THAT(failed(check(service().detached(), {kIssued.seconds + 3601}).steps), ElementsAre(StepId::EatTime));
  EXPECT_THAT(failed(check(service().detached(), {-1}).steps), ElementsAre(StepId::EatTime));
  EXPECT_THAT(failed(check_token({service().detached(), service().keys, kIssued, std::string(64, 'b')}).steps),
              ElementsAre(StepId::EatNonce));
}

TEST(Eat, TokensAreOfOneIssuerAndAgree) {
  const auto failures = [](const Service::Words& words, std::int64_t later = 0) {
    return failed(check(service().detached_of(words), {kIssued.seconds + later}).steps);
  };
  const std::string nonce(64, 'b');
  EXPECT_THAT(failures({.issuer = "https://nras.example"}), ElementsAre(StepId::EatIssuer));
  EXPECT_THAT(failures({.subject = "NVIDIA-SWITCH"}), ElementsAre(StepId::EatIssuer));
  EXPECT_THAT(failures({.claims = R"({"iss":"https://nras.example"})"}), ElementsAre(StepId::EatSubmodules));
  EXPECT_THAT(failures({.claims = R"({"eat_nonce":")" + nonce + "\"}"}), ElementsAre(StepId::EatSubmodules));
  EXPECT_THAT(failures({.claims = R"({"eat_nonce":")" + kNonce + "\"}"}), IsEmpty());
  const Service::Words brief = {.claims = R"({"nbf":1749601858,"exp":1749601868})"};
  EXPECT_THAT(failures(brief), IsEmpty());
  EXPECT_THAT(failures(brief, 11), ElementsAre(StepId::EatTime));
  EXPECT_THAT(failures({.claims = R"({"nbf":1749601859})"}), ElementsAre(StepId::EatTime));
  EXPECT_THAT(failures({.claims = "[]"}), ElementsAre(StepId::EatForm));
}

TEST(Eat, ThePolicyIsThatOfReports) {
  const auto token = check(service().detached());
  EXPECT_THAT(failed(judge(token, true, {})), IsEmpty());
  EXPECT_THAT(failed(judge(token, false, {})), ElementsAre(StepId::NvNonceGiven));
  Policy policy;
  policy.denied_devices = {{0x01, 0x02}};  // 258
  EXPECT_THAT(failed(judge(token, true, policy)), ElementsAre(StepId::NvDeviceAllowed));
  policy.denied_devices = {{0x02, 0x01}};
  EXPECT_THAT(failed(judge(token, true, policy)), IsEmpty());
  const auto other = check(service().detached_of({.name = "SWITCH-0"}));
  EXPECT_THAT(failed(judge(other, true, {})), ElementsAre(StepId::EatDevices));
  policy.switches_allowed = true;
  EXPECT_THAT(failed(judge(other, true, policy)), IsEmpty());
}

TEST(Eat, AServedTokenNamesItsDeviceByTheLeafsSerial) {
  const auto token = check_token({vector_text("nvidia/nras_eat_hopper_v3.json"), service().keys, std::nullopt, {}});
  Policy policy;
  policy.denied_devices = {from_hex("53c22ba1").value()};
  EXPECT_TRUE(judge(token, true, policy).passed(StepId::NvDeviceAllowed));
  const auto chain = x509::certificates_of_pem(vector_text("nvidia/hopper_550.chain.pem")).value();
  const auto certificate = x509::Certificate::parse(chain.front());
  const ByteView leaf = certificate->serial();
  policy.denied_devices = {Bytes(leaf.begin(), leaf.end())};
  EXPECT_FALSE(judge(token, true, policy).passed(StepId::NvDeviceAllowed));
}

TEST(Eat, TokensThatNobodyNamesAreRefused) {
  std::string text = service().detached();
  const std::string more = R"(,"GPU-1":")" + service().token("{}") + "\"}]";
  text.replace(text.size() - 2, 2, more);
  EXPECT_THAT(failed(check(text).steps), ElementsAre(StepId::EatDigests));
}

TEST(Eat, OtherFormsAreRefused) {
  const std::string good = service().detached();
  const std::string token = service().token("{}");
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("[]"), std::string("{}"), good.substr(1), good + "x",
           R"([["JWT",")" + token + R"("],{}])", R"([["JOT",")" + token + R"("],{}])", R"([["JWT","a.b"],{}])",
           R"([["JWT","a.b.c.d"],{}])",
           R"([["JWT",")" + service().token("{}", R"({"kid":"k1","alg":"none"})") + R"("],{}])",
           R"([["JWT",")" + service().token("{}", R"({"kid":"k1","alg":"ES384","jku":"x"})") + R"("],{}])"}) {
    EXPECT_EQ(check(bad).steps.cryptography(), Verdict::Invalid) << bad;
    EXPECT_FALSE(check(bad).steps.passed(StepId::EatForm));
  }
}

TEST(Eat, NoFlippedBitIsAccepted) {
  const std::string text = service().detached();
  for_each_flip(Bytes(text.begin(), text.end()), 0, 13, [&](const Bytes& bytes, std::size_t bit) {
    EXPECT_NE(check_token({as_text(bytes), service().keys, kIssued, kNonce}).steps.cryptography(), Verdict::Valid)
        << bit;
  });
}

TEST(Eat, Base64UrlHasOneForm) {
  EXPECT_EQ(to_hex(from_base64url("-_8").value()), "fbff");
  EXPECT_EQ(from_base64url("")->size(), 0U);
  for (const char* bad : {"+/8", "-_8=", "-_9", "a", "-_ 8"}) EXPECT_FALSE(from_base64url(bad)) << bad;
}

TEST(Eat, KeysAreOfP384) {
  const std::string x = base64url(Bytes(48, 1));
  const auto row = [&](const std::string& curve, const std::string& kid) {
    return R"({"kty":"EC","crv":")" + curve + R"(","kid":")" + kid + R"(","x":")" + x + R"(","y":")" + x + "\"}";
  };
  const auto keys = parse_token_keys("{\"keys\":[" + row("P-384", "a") + "," + row("P-384", "b") + "]}");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->at("b").size(), 96U);
  EXPECT_FALSE(parse_token_keys("{\"keys\":[" + row("P-256", "a") + "]}"));
  EXPECT_FALSE(parse_token_keys("{\"keys\":[" + row("P-384", "a") + "," + row("P-384", "a") + "]}"));
  EXPECT_FALSE(parse_token_keys("{\"keys\":{}}"));
  EXPECT_FALSE(parse_token_keys("[]"));
}

}  // namespace
}  // namespace starminer::attestation::nvidia
