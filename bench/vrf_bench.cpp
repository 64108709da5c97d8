// Proof and check of a block's seed against the bare check of a signature: what a block costs its proposer's proving
// thread, and every other replica and every replay.
#include <array>

#include <sodium.h>

#include "attestation/vrf/vrf.h"
#include "base/check.h"
#include "base/hash.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

namespace vrf = attestation::vrf;

constexpr std::size_t kInputBytes = 40;  // a seed and a height

vrf::SecretKey key() { return vrf::SecretKey::from_seed(sha256("proposer").bytes); }

void prove_seed(benchmark::State& state) {
  const vrf::SecretKey secret = key();
  Bytes input(kInputBytes);
  for (auto unused : state) {
    ++input.back();
    benchmark::DoNotOptimize(secret.prove(input));
  }
}

void verify_seed(benchmark::State& state) {
  const vrf::SecretKey secret = key();
  const Bytes input(kInputBytes);
  const vrf::Evaluation evaluation = secret.prove(input);
  for (auto unused : state) {
    if (vrf::verify(secret.public_key(), input, evaluation) != vrf::DleqFault::None) {
      state.SkipWithError("the proof is refused");
    }
  }
}

void verify_signature(benchmark::State& state) {
  const Bytes message(kInputBytes);
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_key{};
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
  std::array<std::uint8_t, crypto_sign_BYTES> signature{};
  crypto_sign_keypair(public_key.data(), secret.data());
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret.data());
  for (auto unused : state) {
    if (crypto_sign_verify_detached(signature.data(), message.data(), message.size(), public_key.data()) != 0) {
      state.SkipWithError("libsodium refuses its own signature");
    }
  }
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  using namespace starminer::bench;  // NOLINT(google-build-using-namespace): the program's own names
  STARMINER_CHECK(sodium_init() >= 0);
  const std::string reference = "crypto_sign_verify_detached over 40 bytes";
  compare({"vrf_prove_over_signature_check",
           reference,
           "output and proof for a seed and a height, 40 bytes",
           {prove_seed},
           {verify_signature}});
  compare(
      {"vrf_verify_over_signature_check", reference, "the check of such a proof", {verify_seed}, {verify_signature}});
  return run_comparisons(argc, argv);
}
