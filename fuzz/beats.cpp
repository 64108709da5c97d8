// Bytes as the raw beats of an operator: reading is total, and what is counted was counted for nodes of the window
// only.
#include "beats/beat_log.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const std::string_view text = fuzz::text_of(data, size);
  static_cast<void>(beats::parse_beat_body(text));
  static_cast<void>(beats::read_beat(text));
  const beats::Window window = {{NodeId{{1}}, AccountId{{2}}}};
  const auto counted = beats::count_beats(text, window);
  if (counted) fuzz::expect(counted->size() <= window.size(), "nobody out of the window is counted");
  return 0;
}
