// Bytes as the error document of a server, as a client reads it.
#include "api/http/problem.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  static_cast<void>(api::http::parse_problem(500, fuzz::text_of(data, size)));
  return 0;
}
