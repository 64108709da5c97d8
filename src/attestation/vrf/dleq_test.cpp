#include "attestation/vrf/dleq.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <sodium.h>

namespace starminer::attestation::vrf {
namespace {

Element element_of(std::string_view hex) { return *Element::from_view(*from_hex(hex)); }

Scalar scalar_of(std::string_view hex) {
  Scalar scalar;
  const Bytes bytes = *from_hex(hex);
  std::copy(bytes.begin(), bytes.end(), scalar.bytes.begin());
  return scalar;
}

// RFC 9497 appendix A.1.2: suite ristretto255-SHA512, mode VOPRF.
constexpr std::string_view kSeed = "a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3";
constexpr std::string_view kInfo = "test key";
constexpr std::string_view kSecret = "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909";
constexpr std::string_view kKey = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e";
constexpr std::string_view kOutput1 =
    "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7da4d8527693914139caee5bd03903af43a491351d23b430948d"
    "d50cde10d32b3c";
constexpr std::string_view kOutput2 =
    "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60356f4610bf816f27afdd84f47719e480906d27ecd994985890"
    "e5f539e7ea74b6";

struct Item {
  std::string_view input, blind, blinded, evaluated, output;
};

struct Vector {
  std::vector<Item> items;
  std::string_view challenge, response, nonce;
};

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {{{"00", "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
         "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
         "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e", kOutput1}},
       "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06",
       "6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
       "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e"},
      {{{"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
         "cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c",
         "60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468", kOutput2}},
       "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a",
       "67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02",
       "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e"},
      {{{"00", "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
         "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
         "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e", kOutput1},
        {"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
         "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
         "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a", kOutput2}},
       "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a",
       "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
       "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c"}};
  return all;
}

struct Statement {
  Element key = element_of(kKey);
  std::vector<Element> inputs;
  std::vector<Element> evaluated;
  DleqProof proof;

  [[nodiscard]] DleqFault verify() const { return verify_proof(key, inputs, evaluated, proof); }
};

Statement statement_of(const Vector& vector) {
  Statement statement;
  for (const Item& item : vector.items) {
    statement.inputs.push_back(element_of(item.blinded));
    statement.evaluated.push_back(element_of(item.evaluated));
  }
  statement.proof = {scalar_of(vector.challenge), scalar_of(vector.response)};
  return statement;
}

/// Finalize of RFC 9497 section 3.3.1, but for unblinding.
std::string output_of(ByteView input, const Element& evaluated) {
  Bytes bytes = {0, static_cast<std::uint8_t>(input.size())};
  bytes.insert(bytes.end(), input.begin(), input.end());
  bytes.insert(bytes.end(), {0, 32});
  bytes.insert(bytes.end(), evaluated.bytes.begin(), evaluated.bytes.end());
  for (const char c : std::string_view("Finalize")) bytes.push_back(static_cast<std::uint8_t>(c));
  std::array<std::uint8_t, crypto_hash_sha512_BYTES> digest{};
  crypto_hash_sha512(digest.data(), bytes.data(), bytes.size());
  return to_hex(digest);
}

Scalar scalar_from(const std::array<std::uint8_t, 8>& chance) { return hash_to_scalar(ByteView(chance)); }

TEST(Rfc9497, DerivesTheKey) {
  const Scalar secret = derive_secret(*from_hex(kSeed), kInfo);
  EXPECT_EQ(to_hex(secret.bytes), kSecret);
  EXPECT_EQ(to_hex(multiply_generator(secret).bytes), kKey);
}

TEST(Rfc9497, HashesToTheGroupAndBlinds) {
  for (const Vector& vector : vectors()) {
    for (const Item& item : vector.items) {
      const Element point = hash_to_group(*from_hex(item.input));
      EXPECT_EQ(to_hex(multiply(scalar_of(item.blind), point).bytes), item.blinded);
    }
  }
}

TEST(Rfc9497, EvaluatesAsTheFinalOutputSays) {
  for (const Vector& vector : vectors()) {
    for (const Item& item : vector.items) {
      EXPECT_EQ(to_hex(multiply(scalar_of(kSecret), element_of(item.blinded)).bytes), item.evaluated);
      // Without blinding the same output comes out: this is the value of the function.
      const Bytes input = *from_hex(item.input);
      EXPECT_EQ(output_of(input, multiply(scalar_of(kSecret), hash_to_group(input))), item.output);
    }
  }
}

TEST(Rfc9497, GeneratesTheProofs) {
  for (const Vector& vector : vectors()) {
    const Statement statement = statement_of(vector);
    const DleqProof proof = generate_proof(scalar_of(kSecret), statement.key, statement.inputs, statement.evaluated,
                                           scalar_of(vector.nonce));
    EXPECT_EQ(to_hex(proof.challenge.bytes), vector.challenge);
    EXPECT_EQ(to_hex(proof.response.bytes), vector.response);
  }
}

TEST(Rfc9497, VerifiesTheProofs) {
  for (const Vector& vector : vectors()) EXPECT_EQ(statement_of(vector).verify(), DleqFault::None);
}

TEST(Dleq, EveryFlippedBitIsRefused) {
  const Statement whole = statement_of(vectors().front());
  const auto flip = [](auto& bytes, std::size_t bit) { bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8)); };
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Statement wrong = whole;
    flip(wrong.proof.challenge.bytes, bit);
    EXPECT_NE(wrong.verify(), DleqFault::None) << "challenge " << bit;
    wrong = whole;
    flip(wrong.proof.response.bytes, bit);
    EXPECT_NE(wrong.verify(), DleqFault::None) << "response " << bit;
    wrong = whole;
    flip(wrong.key.bytes, bit);
    EXPECT_NE(wrong.verify(), DleqFault::None) << "key " << bit;
    wrong = whole;
    flip(wrong.inputs[0].bytes, bit);
    EXPECT_NE(wrong.verify(), DleqFault::None) << "input " << bit;
    wrong = whole;
    flip(wrong.evaluated[0].bytes, bit);
    EXPECT_NE(wrong.verify(), DleqFault::None) << "output " << bit;
  }
}

TEST(Dleq, ABatchIsOneStatement) {
  const Statement whole = statement_of(vectors().back());
  Statement wrong = whole;
  std::swap(wrong.inputs[0], wrong.inputs[1]);
  EXPECT_EQ(wrong.verify(), DleqFault::Mismatch);
  wrong = whole;
  std::swap(wrong.evaluated[0], wrong.evaluated[1]);
  EXPECT_EQ(wrong.verify(), DleqFault::Mismatch);
  wrong = whole;
  wrong.inputs.pop_back();
  EXPECT_EQ(wrong.verify(), DleqFault::BadElement) << "as many inputs as outputs";
}

// Two errors that cancel in a plain sum must not cancel under the weights.
TEST(Dleq, ErrorsDoNotCancel) {
  Statement wrong = statement_of(vectors().back());
  const Element shift = hash_to_group(as_bytes("shift"));
  crypto_core_ristretto255_add(wrong.evaluated[0].bytes.data(), wrong.evaluated[0].bytes.data(), shift.bytes.data());
  crypto_core_ristretto255_sub(wrong.evaluated[1].bytes.data(), wrong.evaluated[1].bytes.data(), shift.bytes.data());
  wrong.proof = generate_proof(scalar_of(kSecret), wrong.key, wrong.inputs, wrong.evaluated, hash_to_scalar({}));
  EXPECT_EQ(wrong.verify(), DleqFault::Mismatch);
}

TEST(Dleq, TheIdentityIsNoKeyInputOrOutput) {
  Statement wrong = statement_of(vectors().front());
  wrong.key = {};
  EXPECT_EQ(wrong.verify(), DleqFault::BadKey);
  wrong = statement_of(vectors().front());
  wrong.inputs[0] = {};
  EXPECT_EQ(wrong.verify(), DleqFault::BadElement);
  wrong = statement_of(vectors().front());
  wrong.evaluated[0] = {};
  EXPECT_EQ(wrong.verify(), DleqFault::BadElement);
  // The trivial forgery that the identity would allow: 0 = 0 * anything.
  wrong.key = {};
  wrong.proof = generate_proof({}, {}, wrong.inputs, wrong.evaluated, hash_to_scalar({}));
  EXPECT_EQ(wrong.verify(), DleqFault::BadKey);
}

// Encodings that RFC 9496 appendix A.3 demands to be refused: not below the field's prime, negative, no square root.
TEST(Dleq, EncodingsOutsideTheGroupAreRefused) {
  for (const std::string_view hex : {"00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                                     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "0100000000000000000000000000000000000000000000000000000000000000",
                                     "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
                                     "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
                                     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_FALSE(is_valid(element_of(hex))) << hex;
    Statement wrong = statement_of(vectors().front());
    wrong.evaluated[0] = element_of(hex);
    EXPECT_EQ(wrong.verify(), DleqFault::BadElement) << hex;
  }
}

TEST(Dleq, ScalarsAreBelowTheOrder) {
  const Scalar order = scalar_of("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const Scalar last = scalar_of("ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  EXPECT_FALSE(is_canonical(order));
  EXPECT_TRUE(is_canonical(last));
  EXPECT_TRUE(is_canonical({}));
  // The same number in another encoding: an accepted one would make a second proof of one statement.
  Statement wrong = statement_of(vectors().front());
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += wrong.proof.response.bytes[i] + unsigned{order.bytes[i]};
    wrong.proof.response.bytes[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8U;
  }
  EXPECT_EQ(carry, 0U);
  EXPECT_EQ(wrong.verify(), DleqFault::BadScalar);
}

RC_GTEST_PROP(Dleq, TrueStatementsVerifyAndFalseOnesDoNot,
              (const std::array<std::uint8_t, 8>& chance, const std::array<std::uint8_t, 8>& nonce)) {
  const Scalar secret = scalar_from(chance);
  Statement statement;
  statement.key = multiply_generator(secret);
  statement.inputs = {hash_to_group(chance), hash_to_group(nonce)};
  for (const Element& input : statement.inputs) statement.evaluated.push_back(multiply(secret, input));
  const auto count = *rc::gen::inRange<std::size_t>(1, 3);
  statement.inputs.resize(count);
  statement.evaluated.resize(count);
  statement.proof =
      generate_proof(secret, statement.key, statement.inputs, statement.evaluated, hash_to_scalar(nonce, "nonce"));
  RC_ASSERT(statement.verify() == DleqFault::None);
  // A prover who lies about one output with its own key, following every other step.
  statement.evaluated.back() = hash_to_group(as_bytes("a better one"));
  statement.proof =
      generate_proof(secret, statement.key, statement.inputs, statement.evaluated, hash_to_scalar(nonce, "nonce"));
  RC_ASSERT(statement.verify() == DleqFault::Mismatch);
}

}  // namespace
}  // namespace starminer::attestation::vrf
