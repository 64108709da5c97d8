// Bytes as a signed transaction, and as a body that somebody has signed: verify, then all checks before a block.
#include "fuzz/expect.h"
#include "protocol/test_chain.h"

namespace {

using namespace starminer;
using protocol::chain_test::Chain;
using protocol::chain_test::kChainId;

void check(const Chain& chain, ByteView bytes) {
  const auto verified = protocol::verify_transaction(bytes, kChainId);
  if (!verified) {
    fuzz::expect(verified.error().code != protocol::RefusalCode::None, "a refusal has a code");
    return;
  }
  fuzz::expect(ByteView(verified->bytes()).size() == bytes.size(), "what was verified is what came");
  static_cast<void>(chain.machine().admit(*verified, chain.now(), 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Chain chain({"ada", "bob"});
  static const SigningKey key = protocol::chain_test::key_of("ada");
  check(chain, ByteView(data, size));
  v1::SignedTransaction envelope;
  envelope.set_body(data, size);
  envelope.set_public_key(to_text(key.public_key().view()));
  envelope.set_signature(to_text(key.sign(protocol::kTransactionDomain, as_bytes(envelope.body())).view()));
  const std::string bytes = envelope.SerializeAsString();
  check(chain, as_bytes(bytes));
  return 0;
}
