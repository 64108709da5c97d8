// Bytes as a certificate in DER and as a chain in PEM: what is read is inside of the bytes and has one text.
#include "attestation/x509/certificate.h"

#include "attestation/x509/pem.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace x509 = attestation::x509;
  const auto certificate = x509::Certificate::parse(Bytes(data, data + size));
  if (certificate) {
    fuzz::expect(certificate->der().size() == size, "a certificate is all of its bytes");
    fuzz::expect(!certificate->serial().empty(), "a certificate has a serial number");
    fuzz::expect(
        x509::parse_time(x509::format_time(certificate->validity().not_after)) == certificate->validity().not_after,
        "a time survives its text");
    const auto again = x509::certificates_of_pem(x509::pem_of_certificate(certificate->der()));
    fuzz::expect(again && again->size() == 1 && again->front() == Bytes(data, data + size), "PEM keeps the bytes");
    static_cast<void>(certificate->has_signed(*certificate));
    static_cast<void>(x509::authority_fault(*certificate, 1));
    fuzz::expect(certificate->common_name().size() <= size, "a name is inside of the certificate");
  }
  const auto chain = x509::certificates_of_pem(fuzz::text_of(data, size));
  if (chain) fuzz::expect(!chain->empty() && chain->size() <= x509::kPemBlocksMax, "a chain has certificates");
  return 0;
}
