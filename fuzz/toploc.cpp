// Bytes as proofs of TOPLOC and, behind them, as the activations of another run.
#include "verification/comparison/toploc.h"

#include "fuzz/expect.h"
#include "verification/comparison/compare.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::verification;
  constexpr std::size_t kHeader = 4;
  if (size < kHeader) return 0;
  const std::size_t width = data[0];
  const std::size_t prefill = data[1];
  const std::size_t split = kHeader + (std::size_t{data[2]} << 8 | data[3]) % (size - kHeader + 1);
  const ByteView proofs_file(data + kHeader, split - kHeader);
  const ByteView file(data + split, size - split);
  const auto proofs = parse_toploc_proofs(proofs_file);
  fuzz::expect(proofs || !proofs.error().empty(), "a refusal has a reason");
  const std::size_t tokens = width == 0 ? 0 : file.size() / (2 * width);
  const auto activations = parse_activations(file, tokens, width, prefill);
  fuzz::expect(activations || !activations.error().empty(), "a refusal has a reason");
  const Sides sides{{proofs_file, ProofsForm{}, {}}, {file, ActivationsForm{tokens, width, prefill}, {}}};
  const Judgement judgement = judge(Toploc{127, 12'700, 12'700}, sides);
  if (!activations) {
    fuzz::expect(judgement.reason == Reason::RecomputedMalformed, "activations have their form");
  } else if (!proofs) {
    fuzz::expect(judgement.reason == Reason::ClaimedMalformed, "proofs have their form");
  } else if (judgement.reason != Reason::LengthDiffers) {
    fuzz::expect(judgement.findings.compared == kToplocPoints * activations->chunks(), "every chunk is looked at");
    fuzz::expect(row_of(judgement.reason).outcome == Outcome::Agree || judgement.findings.largest == kToplocPoints,
                 "only a chunk without one equal exponent breaks bounds as wide as these");
  }
  return 0;
}
