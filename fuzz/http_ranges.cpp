// Bytes as Range and Content-Range headers.
#include "api/http/range.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const std::string_view text = fuzz::text_of(data, size);
  for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    static_cast<void>(api::http::choose_range(text, total));
  }
  static_cast<void>(api::http::parse_content_range(text));
  return 0;
}
