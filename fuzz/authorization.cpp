// Bytes as the Authorization header of a signed request.
#include "fuzz/expect.h"
#include "signing/request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const auto request = signing::parse_authorization(fuzz::text_of(data, size));
  if (!request) return 0;
  fuzz::expect(request->nonce.size() == 32, "a nonce has 32 characters");
  static_cast<void>(signing::verify_request(*request, "GET", "/v1/status"));
  return 0;
}
