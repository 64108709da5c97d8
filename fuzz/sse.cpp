// Bytes as a stream of server-sent events, as a client reads it, in one piece and byte by byte.
#include <algorithm>
#include <string>
#include <vector>

#include "api/http/sse_parser.h"
#include "fuzz/expect.h"

namespace {

using namespace starminer::api::http;

struct Seen {
  std::vector<std::string> events;
  SseParser::Status status = SseParser::Status::More;
};

Seen feed(std::string_view text, std::size_t step) {
  constexpr std::size_t kEventMost = 4096;
  Seen seen;
  SseParser parser("", kEventMost);
  const auto note = [&seen](const SseEvent& event) {
    seen.events.push_back(event.id + '\0' + event.name + '\0' + event.data);
    return true;
  };
  for (std::size_t at = 0; at < text.size() && seen.status == SseParser::Status::More; at += step) {
    seen.status = parser.feed(text.substr(at, step), note);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = starminer::fuzz::text_of(data, size);
  const Seen whole = feed(text, std::max<std::size_t>(size, 1));
  const Seen bytes = feed(text, 1);
  starminer::fuzz::expect(whole.events == bytes.events && whole.status == bytes.status, "pieces are seen as the whole");
  return 0;
}
