// Bytes as keys and proofs in words, and as calls to the EVM's contracts: what is read is written the same, and what
// passes as a point is one.
#include "attestation/zk/evm.h"
#include "attestation/zk/words.h"
#include "fuzz/expect.h"

namespace {

using namespace starminer;
namespace zk = attestation::zk;

/// The result of a call is a point or infinity, so it can be added to infinity.
void check_call(const std::optional<Bytes>& result) {
  if (!result) return;
  fuzz::expect(result->size() == 64, "a point has two words");
  fuzz::expect(zk::evm_add(*result) == result, "a result is a point");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const Bytes copy(bytes.begin(), bytes.end());
  if (const auto key = zk::decode_key(bytes)) {
    fuzz::expect(zk::encode_key(*key) == copy, "a key is written as it was read");
    const auto check = zk::check_key(*key);
    fuzz::expect(check.key.has_value() == check.steps.accepted(), "a key is there where every step passed");
  }
  if (const auto proof = zk::decode_proof(bytes)) {
    fuzz::expect(zk::encode_proof(*proof) == copy, "a proof is written as it was read");
    const auto b = zk::point_of(proof->b);
    fuzz::expect(!b || b->is_on_twist(), "a point is on its curve");
  }
  check_call(zk::evm_add(bytes));
  check_call(zk::evm_multiply(bytes));
  if (zk::evm_pairing(bytes)) fuzz::expect(size % 192 == 0, "pairs are whole");
  return 0;
}
