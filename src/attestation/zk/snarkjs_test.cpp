#include "attestation/zk/snarkjs.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/zk/test_curve.h"

namespace starminer::attestation::zk {
namespace {

std::string quoted(const Number& number) { return "\"" + format_decimal(number) + "\""; }
std::string text_of(const G1Numbers& point) { return "[" + quoted(point.x) + "," + quoted(point.y) + ",\"1\"]"; }
std::string text_of(const G2Numbers& point) {
  return "[[" + quoted(point.x_real) + "," + quoted(point.x_imaginary) + "],[" + quoted(point.y_real) + "," +
         quoted(point.y_imaginary) + "],[\"1\",\"0\"]]";
}

const std::string kOf = R"("protocol":"groth16","curve":"bn128")";

std::string text_of(const KeyNumbers& key) {
  std::string ic;
  for (const G1Numbers& point : key.ic) ic += (ic.empty() ? "" : ",") + text_of(point);
  return "{" + kOf + ",\"nPublic\":" + std::to_string(key.ic.size() - 1) + ",\"vk_alpha_1\":" + text_of(key.alpha) +
         ",\"vk_beta_2\":" + text_of(key.beta) + ",\"vk_gamma_2\":" + text_of(key.gamma) +
         ",\"vk_delta_2\":" + text_of(key.delta) + ",\"IC\":[" + ic + "]}";
}

std::string text_of(const ProofNumbers& proof) {
  return "{" + kOf + ",\"pi_a\":" + text_of(proof.a) + ",\"pi_b\":" + text_of(proof.b) +
         ",\"pi_c\":" + text_of(proof.c) + "}";
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  STARMINER_CHECK(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

RC_GTEST_PROP(Snarkjs, NumbersAreReadAsTheyAreWritten, ()) {
  const auto g1 = rc::gen::construct<G1Numbers>(any_number(), any_number());
  const auto g2 = rc::gen::construct<G2Numbers>(any_number(), any_number(), any_number(), any_number());
  const ProofNumbers proof{*g1, *g2, *g1};
  RC_ASSERT(parse_proof(text_of(proof))->proof == proof);
  const auto count = *rc::gen::inRange<std::size_t>(1, kSignalsMax + 2);
  const KeyNumbers key{*g1, *g2, *g2, *g2, *rc::gen::container<std::vector<G1Numbers>>(count, g1)};
  RC_ASSERT(*parse_key(text_of(key)) == key);
}

TEST(Snarkjs, ProofsAreOfOneSpelling) {
  const std::string good = text_of(Ceremony(1).prove({Number{33, 0, 0, 0}}));
  ASSERT_TRUE(parse_proof(good));
  EXPECT_FALSE(parse_proof(good)->signals);
  EXPECT_TRUE(parse_proof(replaced(good, "bn128", "bn254")));
  const auto with_signals = parse_proof(replaced(good, "\"pi_a\"", R"("publicSignals":["33"],"pi_a")"));
  EXPECT_EQ(with_signals->signals, (std::vector<Number>{{33, 0, 0, 0}}));
  for (const auto& [what, with] :
       std::initializer_list<std::pair<std::string, std::string>>{{"\"pi_a\":[\"", "\"pi_a\":[\"0"},
                                                                  {"\"pi_a\":[\"", "\"pi_a\":[\"0x"},
                                                                  {"\"pi_a\":[\"", "\"pi_a\":[\"-"},
                                                                  {"\"pi_a\":[\"", "\"pi_a\":[\" "},
                                                                  {"\"pi_a\":[", "\"pi_a\":[1,"},
                                                                  {"\"1\"],\"pi_b\"", "\"0\"],\"pi_b\""},
                                                                  {"\"1\"],\"pi_b\"", "\"2\"],\"pi_b\""},
                                                                  {"\"1\"],\"pi_b\"", "1],\"pi_b\""},
                                                                  {"\"1\"],\"pi_b\"", "\"\\u0031\"],\"pi_b\""},
                                                                  {"[\"1\",\"0\"]", "[\"1\",\"1\"]"},
                                                                  {"[\"1\",\"0\"]", "[\"0\",\"1\"]"},
                                                                  {",[\"1\",\"0\"]", ""},
                                                                  {"\"pi_c\"", "\"pi_d\""},
                                                                  {"groth16", "plonk"},
                                                                  {"bn128", "bls12381"},
                                                                  {"\"pi_a\"", R"("extra":1,"pi_a")"},
                                                                  {"\"pi_a\"", R"("pi_a":[],"pi_a")"},
                                                                  {"\"pi_a\"", R"("publicSignals":[33],"pi_a")"}}) {
    const auto parsed = parse_proof(replaced(good, what, with));
    EXPECT_FALSE(parsed) << what << " -> " << with;
    EXPECT_TRUE(parsed || !parsed.error().empty());
  }
}

TEST(Snarkjs, KeysAreOfOneSpelling) {
  const std::string good = text_of(Ceremony(2).key());
  ASSERT_TRUE(parse_key(good));
  EXPECT_TRUE(parse_key(replaced(good, "\"IC\"", R"("vk_alphabeta_12":[],"IC")")));
  for (const auto& [what, with] :
       std::initializer_list<std::pair<std::string, std::string>>{{"\"nPublic\":2", "\"nPublic\":1"},
                                                                  {"\"nPublic\":2", "\"nPublic\":3"},
                                                                  {"\"nPublic\":2", "\"nPublic\":\"2\""},
                                                                  {"\"nPublic\":2", "\"nPublic\":18446744073709551615"},
                                                                  {"\"IC\":[[", "\"IC\":[[],["},
                                                                  {"\"vk_gamma_2\"", "\"vk_epsilon_2\""},
                                                                  {"\"vk_alpha_1\":[\"", "\"vk_alpha_1\":[\"0"},
                                                                  {"\"vk_delta_2\":[[\"", "\"vk_delta_2\":[[\"+"}}) {
    EXPECT_FALSE(parse_key(replaced(good, what, with))) << what << " -> " << with;
  }
}

TEST(Snarkjs, SignalsAreAListOfDecimalStrings) {
  EXPECT_EQ(*parse_signals(R"(["33","0"])"), (std::vector<Number>{{33, 0, 0, 0}, {}}));
  EXPECT_TRUE(parse_signals("[]")->empty());
  for (const char* const text :
       {"", "{}", "33", "[33]", R"(["033"])", R"(["0x21"])", R"(["-33"])", R"([["33"]])", R"(["33",])"}) {
    EXPECT_FALSE(parse_signals(text)) << text;
  }
  std::string many = "[\"1\"";
  for (std::size_t i = 0; i < kSignalsMax; ++i) many += ",\"1\"";
  EXPECT_EQ(parse_signals(many + "]").error(), "65 public signals are given; 64 are allowed");
}

TEST(Snarkjs, FilesSayOfWhichSystemTheyAre) {
  EXPECT_EQ(system_of(R"({"protocol":"groth16","curve":"bn128"})"), "groth16-bn254");
  EXPECT_EQ(system_of(R"({"protocol":"plonk","curve":"bn254"})"), "plonk-bn254");
  EXPECT_EQ(system_of(R"({"protocol":"groth16","curve":"bls12381"})"), "groth16-bls12-381");
  for (const char* const text : {"", "[]", "{}", R"({"protocol":"groth16"})", R"({"protocol":1,"curve":"bn128"})"}) {
    EXPECT_EQ(system_of(text), "") << text;
  }
}

}  // namespace
}  // namespace starminer::attestation::zk
