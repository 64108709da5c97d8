#include "attestation/vrf/dleq.h"

#include <algorithm>
#include <string>

#include <sodium.h>

#include "base/check.h"

namespace starminer::attestation::vrf {
namespace {

using namespace std::string_view_literals;

using Digest = std::array<std::uint8_t, crypto_hash_sha512_BYTES>;

// "OPRFV1-" || mode || "-" || suite, mode 1 being the verifiable one (section 3.1).
constexpr std::string_view kContext = "OPRFV1-\x01-ristretto255-SHA512"sv;
constexpr std::size_t kBlockBytes = 128;  // input block of SHA-512

/// SHA-512 over pieces; two-byte lengths are those of the RFC's I2OSP(len, 2).
class Transcript {
 public:
  Transcript() { crypto_hash_sha512_init(&state_); }
  Transcript& raw(ByteView bytes) {
    crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  Transcript& raw(std::string_view text) { return raw(as_bytes(text)); }
  Transcript& byte(std::uint8_t value) { return raw(ByteView(&value, 1)); }
  Transcript& number(std::size_t value) {
    return byte(static_cast<std::uint8_t>(value >> 8U)).byte(static_cast<std::uint8_t>(value));
  }
  Digest finish() {
    Digest digest{};
    crypto_hash_sha512_final(&state_, digest.data());
    return digest;
  }

 private:
  crypto_hash_sha512_state state_{};
};

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void append_number(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}

void append_sized(Bytes& out, ByteView bytes) {
  append_number(out, bytes.size());
  append(out, bytes);
}

/// expand_message_xmd of RFC 9380 section 5.3.1 with SHA-512, for the 64 bytes that one block gives.
Digest expand_message(ByteView message, std::string_view tag, std::string_view context) {
  static constexpr std::array<std::uint8_t, kBlockBytes> kPad{};
  const auto tag_size = static_cast<std::uint8_t>(tag.size() + context.size());
  const Digest first =
      Transcript().raw(kPad).raw(message).number(sizeof(Digest)).byte(0).raw(tag).raw(context).byte(tag_size).finish();
  return Transcript().raw(first).byte(1).raw(tag).raw(context).byte(tag_size).finish();
}

Scalar reduce(const Digest& digest) {
  Scalar scalar;
  crypto_core_ristretto255_scalar_reduce(scalar.bytes.data(), digest.data());
  return scalar;
}

Element add(const Element& a, const Element& b) {
  Element sum;
  STARMINER_CHECK(crypto_core_ristretto255_add(sum.bytes.data(), a.bytes.data(), b.bytes.data()) == 0);
  return sum;
}

/// The weights of ComputeComposites: one random-looking scalar per pair, so that no fault cancels another.
Scalar weight_of(const Digest& seed, std::size_t index, const Element& input, const Element& evaluated) {
  Bytes transcript;
  append_sized(transcript, seed);
  append_number(transcript, index);
  append_sized(transcript, input.view());
  append_sized(transcript, evaluated.view());
  append(transcript, as_bytes("Composite"));
  return hash_to_scalar(transcript);
}

Digest composite_seed(const Element& key) {
  return Transcript()
      .number(key.bytes.size())
      .raw(key.view())
      .number("Seed-"sv.size() + kContext.size())
      .raw("Seed-")
      .raw(kContext)
      .finish();
}

struct Composites {
  Element input;      // M
  Element evaluated;  // Z
};

Composites compute_composites(const Element& key, std::span<const Element> inputs, std::span<const Element> evaluated) {
  const Digest seed = composite_seed(key);
  Composites sums;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Scalar weight = weight_of(seed, i, inputs[i], evaluated[i]);
    sums.input = add(sums.input, multiply(weight, inputs[i]));
    sums.evaluated = add(sums.evaluated, multiply(weight, evaluated[i]));
  }
  return sums;
}

/// ComputeCompositesFast: who holds the secret needs no second sum.
Composites compute_composites(const Scalar& secret, const Element& key, std::span<const Element> inputs,
                              std::span<const Element> evaluated) {
  const Digest seed = composite_seed(key);
  Element sum;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    sum = add(sum, multiply(weight_of(seed, i, inputs[i], evaluated[i]), inputs[i]));
  }
  return {sum, multiply(secret, sum)};
}

Scalar challenge_of(const Element& key, const Composites& sums, const Element& t2, const Element& t3) {
  Bytes transcript;
  for (const Element* element : {&key, &sums.input, &sums.evaluated, &t2, &t3}) {
    append_sized(transcript, element->view());
  }
  append(transcript, as_bytes("Challenge"));
  return hash_to_scalar(transcript);
}

}  // namespace

std::optional<Element> Element::from_view(ByteView view) {
  Element element;
  if (view.size() != element.bytes.size()) return std::nullopt;
  std::copy(view.begin(), view.end(), element.bytes.begin());
  return element;
}

bool is_valid(const Element& element) {
  return element != Element{} && crypto_core_ristretto255_is_valid_point(element.bytes.data()) == 1;
}

bool is_canonical(const Scalar& scalar) {
  // Reducing leaves exactly the canonical scalars as they are.
  Digest wide{};
  std::copy(scalar.bytes.begin(), scalar.bytes.end(), wide.begin());
  return reduce(wide) == scalar;
}

Element hash_to_group(ByteView input) {
  Element element;
  crypto_core_ristretto255_from_hash(element.bytes.data(), expand_message(input, "HashToGroup-", kContext).data());
  return element;
}

Scalar hash_to_scalar(ByteView input, std::string_view tag) { return reduce(expand_message(input, tag, kContext)); }

Scalar derive_secret(ByteView seed, std::string_view info) {
  Bytes input;
  append(input, seed);
  append_sized(input, as_bytes(info));
  input.push_back(0);
  Scalar secret = hash_to_scalar(input, "DeriveKeyPair");
  while (secret == Scalar{}) {
    ++input.back();
    secret = hash_to_scalar(input, "DeriveKeyPair");
  }
  sodium_memzero(input.data(), input.size());
  return secret;
}

Element multiply(const Scalar& scalar, const Element& element) {
  Element product;
  // Fails for the identity as a result, too: zeros are its encoding.
  if (crypto_scalarmult_ristretto255(product.bytes.data(), scalar.bytes.data(), element.bytes.data()) != 0) return {};
  return product;
}

Element multiply_generator(const Scalar& scalar) {
  Element product;
  if (crypto_scalarmult_ristretto255_base(product.bytes.data(), scalar.bytes.data()) != 0) return {};
  return product;
}

DleqProof generate_proof(const Scalar& secret, const Element& key, std::span<const Element> inputs,
                         std::span<const Element> evaluated, const Scalar& nonce) {
  STARMINER_CHECK(inputs.size() == evaluated.size());
  const Composites sums = compute_composites(secret, key, inputs, evaluated);
  DleqProof proof;
  proof.challenge = challenge_of(key, sums, multiply_generator(nonce), multiply(nonce, sums.input));
  Scalar product;
  crypto_core_ristretto255_scalar_mul(product.bytes.data(), proof.challenge.bytes.data(), secret.bytes.data());
  crypto_core_ristretto255_scalar_sub(proof.response.bytes.data(), nonce.bytes.data(), product.bytes.data());
  sodium_memzero(product.bytes.data(), product.bytes.size());
  return proof;
}

DleqFault verify_proof(const Element& key, std::span<const Element> inputs, std::span<const Element> evaluated,
                       const DleqProof& proof) {
  if (!is_valid(key)) return DleqFault::BadKey;
  if (inputs.size() != evaluated.size() || !std::all_of(inputs.begin(), inputs.end(), is_valid) ||
      !std::all_of(evaluated.begin(), evaluated.end(), is_valid)) {
    return DleqFault::BadElement;
  }
  if (!is_canonical(proof.challenge) || !is_canonical(proof.response)) return DleqFault::BadScalar;
  const Composites sums = compute_composites(key, inputs, evaluated);
  const Element t2 = add(multiply_generator(proof.response), multiply(proof.challenge, key));
  const Element t3 = add(multiply(proof.response, sums.input), multiply(proof.challenge, sums.evaluated));
  return challenge_of(key, sums, t2, t3) == proof.challenge ? DleqFault::None : DleqFault::Mismatch;
}

}  // namespace starminer::attestation::vrf
