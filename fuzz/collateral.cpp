// Bytes as TCB info, as QE identity, and as both in the form of Intel's service.
#include "attestation/dcap/collateral.h"

#include "attestation/dcap/status.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace dcap = attestation::dcap;
  const std::string_view text = fuzz::text_of(data, size);
  for (const char* const name : {"tcbInfo", "enclaveIdentity"}) {
    const auto document = dcap::parse_service_form(text, name);
    if (!document) continue;
    fuzz::expect(document->signature.size() == 64, "a signature has 64 bytes");
    fuzz::expect(text.find(document->text) != std::string_view::npos, "the text is kept as it came");
  }
  const auto inner = dcap::parse_service_form(text, "tcbInfo");
  const auto info = dcap::parse_tcb_info(inner ? std::string_view(inner->text) : text);
  if (info) {
    dcap::Quote quote;
    quote.domain.emplace();
    const auto status = dcap::judge_platform(quote, {{}, {}, 0, info->pce_id, info->fmspc}, *info, {});
    fuzz::expect(status.status.has_value() == status.error.empty(), "there is a status or a reason");
  }
  static_cast<void>(dcap::parse_qe_identity(text));
  return 0;
}
