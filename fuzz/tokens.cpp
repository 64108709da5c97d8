// Bytes as lists of tokens: the text of what was read is what was read.
#include "verification/comparison/tokens.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::verification;
  const auto list = parse_tokens({data, size});
  fuzz::expect(list || !list.error().empty(), "a refusal has a reason");
  if (!list) return 0;
  std::string text;
  for (std::size_t s = 0; s < list->size(); ++s) {
    const auto sequence = list->sequence(s);
    for (std::size_t i = 0; i < sequence.size(); ++i) text += (i == 0 ? "" : " ") + std::to_string(sequence[i]);
    text += "\n";
  }
  fuzz::expect(text == fuzz::text_of(data, size), "a list has one text");
  return 0;
}
