// Bytes as a picture of Netpbm.
#include "verification/comparison/pnm.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::verification;
  const auto picture = parse_pnm({data, size});
  fuzz::expect(picture || !picture.error().empty(), "a refusal has a reason");
  if (!picture) return 0;
  fuzz::expect(element_count(picture->shape) == picture->size(), "the samples take the shape");
  fuzz::expect(picture->data.size() < size, "there is a header");
  return 0;
}
