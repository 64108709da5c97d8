// Bytes as an .npy file: what is read has its shape, and compares as the same with itself by every comparator of
// arrays.
#include "verification/comparison/npy.h"

#include "fuzz/expect.h"
#include "verification/comparison/compare.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::verification;
  const ByteView bytes(data, size);
  const auto tensor = parse_npy(bytes);
  fuzz::expect(tensor || !tensor.error().empty(), "a refusal has a reason");
  if (!tensor) return 0;
  fuzz::expect(element_count(tensor->shape) == tensor->size(), "the data takes the shape");
  const Sides sides{{bytes, NpyForm{}, {}}, {bytes, NpyForm{}, {}}};
  fuzz::expect(judge(Exact{}, sides).reason == Reason::Identical, "a file is exactly itself");
  fuzz::expect(judge(Ulp{0}, sides).reason == Reason::Identical, "no element is away from itself");
  const Reason squares = judge(MseMax{0}, sides).reason;
  fuzz::expect(squares == Reason::Identical || squares == Reason::ComparatorUnfit, "no sample differs from itself");
  const Reason tokens = judge(TokenWise{}, sides).reason;
  fuzz::expect(tokens == Reason::Identical || tokens == Reason::RecomputedMalformed, "tokens are the same or none");
  return 0;
}
