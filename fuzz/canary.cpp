// Not a parser but a planted bug: whoever runs this and sees no failure has no working fuzzer.
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  starminer::fuzz::expect(starminer::fuzz::text_of(data, size).substr(0, 4) != "BUG!", "the canary lives");
  return 0;
}
