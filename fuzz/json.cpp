// Bytes as the JSON body of a request.
#include "api/http/json.h"

#include <nlohmann/json.hpp>

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const auto value = api::http::parse_json(fuzz::text_of(data, size));
  if (!value) {
    fuzz::expect(value.error().status >= 400 && value.error().status < 500, "bad input is the client's error");
    return 0;
  }
  const auto again = api::http::parse_json(value->dump());
  fuzz::expect(again && *again == *value, "a value survives its text");
  return 0;
}
