// Bytes as they arrive on a connection: the scanner, the parser, the chunks behind the header. Arriving in two parts
// must not change what is seen.
#include "api/http/header_scanner.h"
#include "api/http/request_parser.h"
#include "fuzz/expect.h"

namespace {

using namespace starminer;
using namespace starminer::api::http;

constexpr HeaderLimits kLimits{2048, 8192, 64};
constexpr std::uint64_t kBodyMost = 4096;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  HeaderScanner scanner(kLimits);
  const HeaderScan whole = scanner.scan(text);
  HeaderScanner in_parts(kLimits);
  HeaderScan parts = HeaderScan::NeedMore;
  for (std::size_t end = size / 2; parts == HeaderScan::NeedMore; end = size) {
    parts = in_parts.scan(text.substr(0, end));
    if (end == size) break;
  }
  fuzz::expect((whole == HeaderScan::Complete) == (parts == HeaderScan::Complete), "parts are seen as the whole");
  if (whole != HeaderScan::Complete) return 0;
  fuzz::expect(scanner.size() <= size && scanner.size() == in_parts.size(), "the header lies in what arrived");
  Request request;
  RequestParser parser(request);
  if (parser.parse_head(text.substr(0, scanner.size()))) return 0;
  fuzz::expect(!request.path.empty(), "a request has a path");
  if (!parser.framing().chunked) return 0;
  std::string body;
  std::size_t used = 0;
  const std::string_view rest = text.substr(scanner.size());
  static_cast<void>(parser.feed_chunks(rest, used, body, kBodyMost));
  fuzz::expect(used <= rest.size() && body.size() <= kBodyMost, "chunks stay within what arrived and the limit");
  return 0;
}
