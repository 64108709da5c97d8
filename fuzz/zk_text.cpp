// Bytes as key, proof and public signals in JSON: what is read has one encoding in words, and is read from it again.
#include "attestation/zk/snarkjs.h"
#include "attestation/zk/words.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace zk = attestation::zk;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto key = zk::parse_key(text)) {
    fuzz::expect(zk::system_of(text) == "groth16-bn254", "a key is of our system");
    if (!key->ic.empty()) fuzz::expect(zk::decode_key(zk::encode_key(*key)) == *key, "a key has one encoding");
    const auto check = zk::check_key(*key);
    fuzz::expect(check.key.has_value() == check.steps.accepted(), "a key is there where every step passed");
  } else {
    fuzz::expect(!key.error().empty(), "a refusal has a reason");
  }
  if (const auto proof = zk::parse_proof(text)) {
    fuzz::expect(zk::decode_proof(zk::encode_proof(proof->proof)) == proof->proof, "a proof has one encoding");
  }
  if (const auto signals = zk::parse_signals(text)) {
    fuzz::expect(signals->size() <= zk::kSignalsMax, "signals are bounded");
    for (const zk::Number& signal : *signals) {
      fuzz::expect(zk::parse_decimal(zk::format_decimal(signal)) == signal, "a number has one text");
    }
  }
  return 0;
}
