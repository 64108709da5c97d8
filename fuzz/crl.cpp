// Bytes as a list of revoked certificates.
#include "attestation/x509/crl.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace x509 = attestation::x509;
  const auto list = x509::RevocationList::parse(Bytes(data, data + size));
  if (!list) return 0;
  fuzz::expect(list->issuer().size() < size, "the issuer is inside of the list");
  fuzz::expect(x509::parse_time(x509::format_time(list->validity().not_before)) == list->validity().not_before,
               "a time survives its text");
  return 0;
}
