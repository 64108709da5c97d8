// Bytes as the receipt of a zkVM: it is read or refused with a reason, and what its seal is worth is for a key to say.
#include "client/evidence/receipt.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace zk = attestation::zk;
  const auto file = client::evidence::parse_receipt(fuzz::text_of(data, size));
  if (!file) {
    fuzz::expect(!file.error().empty(), "a refusal has a reason");
    return 0;
  }
  if (const auto* risc0 = std::get_if<client::evidence::Risc0File>(&*file)) {
    const Hash32 claim = zk::risc0_claim(risc0->receipt.image_id, risc0->receipt.journal);
    fuzz::expect(zk::risc0_signals(risc0->release, claim).size() == 5, "a receipt comes to five signals");
  }
  if (const auto* sp1 = std::get_if<client::evidence::Sp1File>(&*file)) {
    fuzz::expect(zk::sp1_signals(sp1->receipt, zk::Sp1Form::WithRoot).size() <= 5, "a receipt comes to five signals");
  }
  return 0;
}
