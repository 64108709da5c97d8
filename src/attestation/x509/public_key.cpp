#include "attestation/x509/public_key.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <string_view>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "attestation/x509/der.h"
#include "base/check.h"

namespace starminer::attestation::x509 {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Key = std::shared_ptr<EVP_PKEY>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;

constexpr std::array<std::uint8_t, 32> kOrderP256 = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                                     0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
constexpr std::array<std::uint8_t, 48> kOrderP384 = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};

constexpr std::size_t kRsaBytesMin = 256;
constexpr std::size_t kRsaBytesMax = 512;
constexpr std::size_t kRsaExponentBytesMax = 4;
constexpr int kPssSaltBytes = 48;

ByteView order_of(KeyType type) { return type == KeyType::EcP256 ? ByteView(kOrderP256) : ByteView(kOrderP384); }

ByteView without_leading_zeros(ByteView number) {
  const auto first = std::find_if(number.begin(), number.end(), [](std::uint8_t byte) { return byte != 0; });
  return {first, number.end()};
}

bool is_between_zero_and(ByteView order, ByteView number) {
  const ByteView value = without_leading_zeros(number);
  if (value.empty() || value.size() != order.size()) return !value.empty() && value.size() < order.size();
  return std::lexicographical_compare(value.begin(), value.end(), order.begin(), order.end());
}

void append_integer(Bytes& bytes, ByteView number) {
  const ByteView value = without_leading_zeros(number);
  const bool sign = (value[0] & 0x80) != 0;
  bytes.push_back(der::kInteger);
  bytes.push_back(static_cast<std::uint8_t>(value.size() + (sign ? 1 : 0)));
  if (sign) bytes.push_back(0);
  bytes.insert(bytes.end(), value.begin(), value.end());
}

/// What OpenSSL reads. Two numbers of 48 bytes at most, so every length is one byte. Requires both non-zero.
Bytes encode(const EcdsaSignature& signature) {
  Bytes body;
  append_integer(body, signature.r);
  append_integer(body, signature.s);
  Bytes bytes = {der::kSequence, static_cast<std::uint8_t>(body.size())};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

/// Not what openssl.cnf sets as default: another provider may refuse what all other machines accept.
constexpr const char* kProperties = "provider=default,-fips";

KeyContext make_context(const char* type) {
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, kProperties));
  if (!context) {
    // A configuration that names providers leaves this one out unless it names it, too.
    STARMINER_CHECK(OSSL_PROVIDER_load(nullptr, "default") != nullptr);
    context.reset(EVP_PKEY_CTX_new_from_name(nullptr, type, kProperties));
  }
  STARMINER_CHECK(context != nullptr);
  return context;
}

/// Null for a point that is not on its curve.
Key make_key(const char* type, OSSL_PARAM* parameters) {
  const KeyContext context = make_context(type);
  STARMINER_CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  const bool made = EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
  ERR_clear_error();
  return made ? Key(key, EVP_PKEY_free) : nullptr;
}

class Verification {
 public:
  Verification(const Key& key, Digest digest) : context_(EVP_MD_CTX_new()) {
    const char* const name = digest == Digest::Sha256 ? "SHA256" : "SHA384";
    STARMINER_CHECK(context_ != nullptr);
    STARMINER_CHECK(
        EVP_DigestVerifyInit_ex(context_.get(), &parameters_, name, nullptr, kProperties, key.get(), nullptr) == 1);
  }

  void use_pss() {
    STARMINER_CHECK(EVP_PKEY_CTX_set_rsa_padding(parameters_, RSA_PKCS1_PSS_PADDING) == 1);
    STARMINER_CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters_, kPssSaltBytes) == 1);
    STARMINER_CHECK(EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters_, "SHA384", kProperties) == 1);
  }

  [[nodiscard]] bool holds(ByteView message, ByteView signature) {
    const bool right =
        EVP_DigestVerify(context_.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
    ERR_clear_error();
    return right;
  }

 private:
  DigestContext context_;
  EVP_PKEY_CTX* parameters_ = nullptr;  // owned by the context
};

Key make_ec_key(const PublicKey& key) {
  std::array<char, 16> group{};
  const std::string_view name = key.type == KeyType::EcP256 ? "prime256v1" : "secp384r1";
  std::copy(name.begin(), name.end(), group.begin());
  Bytes point = {0x04};
  point.insert(point.end(), key.point.begin(), key.point.end());
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  return make_key("EC", parameters.data());
}

Key make_rsa_key(const PublicKey& key) {
  // OpenSSL takes integers in the machine's order: little-endian on every machine that this builds for.
  static_assert(std::endian::native == std::endian::little);
  Bytes modulus(key.modulus.rbegin(), key.modulus.rend());
  Bytes exponent(key.exponent.rbegin(), key.exponent.rend());
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus.data(), modulus.size()),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, exponent.data(), exponent.size()), OSSL_PARAM_construct_end()};
  return make_key("RSA", parameters.data());
}

std::optional<PublicKey> parse_ec(der::Reader parameters, ByteView bits) {
  const auto curve = der::oid_text(parameters.expect(der::kOid));
  if (!curve || !parameters.done()) return std::nullopt;
  PublicKey key;
  if (*curve == "1.2.840.10045.3.1.7") {
    key.type = KeyType::EcP256;
  } else if (*curve == "1.3.132.0.34") {
    key.type = KeyType::EcP384;
  } else {
    return std::nullopt;
  }
  if (bits.size() != 1 + 2 * order_of(key.type).size() || bits[0] != 0x04) return std::nullopt;
  key.point = bits.subspan(1);
  return key;
}

std::optional<PublicKey> parse_rsa(der::Reader parameters, ByteView bits) {
  constexpr std::uint8_t kNull = 0x05;
  if (!parameters.expect(kNull).content.empty() || !parameters.done()) return std::nullopt;
  der::Reader outer(bits);
  der::Reader pair = outer.enter(der::kSequence);
  const auto modulus = der::magnitude(pair.expect(der::kInteger));
  const auto exponent = der::magnitude(pair.expect(der::kInteger));
  if (!modulus || !exponent || !pair.done() || !outer.done()) return std::nullopt;
  if (modulus->size() < kRsaBytesMin || modulus->size() > kRsaBytesMax || exponent->size() > kRsaExponentBytesMax ||
      (exponent->back() & 1) == 0 || (modulus->back() & 1) == 0) {
    return std::nullopt;
  }
  if (exponent->size() == 1 && exponent->front() == 1) return std::nullopt;  // every message would sign itself
  PublicKey key;
  key.type = KeyType::Rsa;
  key.modulus = *modulus;
  key.exponent = *exponent;
  return key;
}

}  // namespace

void prepare(PublicKey& key) {
  if (!key.prepared) key.prepared = key.type == KeyType::Rsa ? make_rsa_key(key) : make_ec_key(key);
}

std::optional<PublicKey> parse_public_key(ByteView spki) {
  der::Reader outer(spki);
  der::Reader info = outer.enter(der::kSequence);
  der::Reader parameters = info.enter(der::kSequence);
  const auto algorithm_name = der::oid_text(parameters.expect(der::kOid));
  const auto bits = der::whole_bits(info.expect(der::kBitString));
  if (!algorithm_name || !bits || !info.done() || !outer.done()) return std::nullopt;
  if (*algorithm_name == "1.2.840.10045.2.1") return parse_ec(parameters, *bits);
  if (*algorithm_name == "1.2.840.113549.1.1.1") return parse_rsa(parameters, *bits);
  return std::nullopt;
}

std::optional<EcdsaSignature> parse_ecdsa_signature(ByteView bytes) {
  der::Reader outer(bytes);
  der::Reader pair = outer.enter(der::kSequence);
  const auto r = der::magnitude(pair.expect(der::kInteger));
  const auto s = der::magnitude(pair.expect(der::kInteger));
  if (!r || !s || !pair.done() || !outer.done()) return std::nullopt;
  return EcdsaSignature{*r, *s};
}

EcdsaSignature split_ecdsa_signature(ByteView raw) {
  const std::size_t half = raw.size() / 2;
  return {raw.first(half), raw.subspan(half)};
}

bool verify_ecdsa(const PublicKey& key, Digest digest, ByteView message, const EcdsaSignature& signature) {
  if (key.type == KeyType::Rsa) return false;
  const ByteView order = order_of(key.type);
  if (!is_between_zero_and(order, signature.r) || !is_between_zero_and(order, signature.s)) return false;
  const Key made = key.prepared ? key.prepared : make_ec_key(key);
  return made && Verification(made, digest).holds(message, encode(signature));
}

bool verify_rsa_pss_sha384(const PublicKey& key, ByteView message, ByteView signature) {
  if (key.type != KeyType::Rsa || signature.size() != key.modulus.size()) return false;
  const Key made = key.prepared ? key.prepared : make_rsa_key(key);
  if (!made) return false;
  Verification verification(made, Digest::Sha384);
  verification.use_pss();
  return verification.holds(message, signature);
}

Bytes sha384(ByteView bytes) {
  Bytes digest(48);
  unsigned length = 0;
  STARMINER_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha384(), nullptr) == 1);
  STARMINER_CHECK(length == digest.size());
  return digest;
}

}  // namespace starminer::attestation::x509
