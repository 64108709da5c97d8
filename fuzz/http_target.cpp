// Bytes as path and query of a request.
#include "api/http/target.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::api::http;
  const std::string_view text = fuzz::text_of(data, size);
  static_cast<void>(percent_decode(text));
  static_cast<void>(parse_query(text));
  if (const auto segments = split_path(text)) {
    for (const std::string& segment : *segments) {
      fuzz::expect(segment != "." && segment != "..", "a path does not climb");
    }
  }
  fuzz::expect(percent_decode(percent_encode(text)).value_or("") == text || !is_valid_utf8(text),
               "text survives its percent encoding");
  return 0;
}
