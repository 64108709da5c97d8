#include "attestation/zk/sp1.h"

#include <algorithm>
#include <string>

#include "attestation/zk/words.h"

namespace starminer::attestation::zk {

using evidence::StepId;
using evidence::Steps;

namespace {

/// Exit code, root and nonce.
std::size_t words_before_proof(Sp1Form form) { return form == Sp1Form::WithRoot ? 3 : 0; }

}  // namespace

Number sp1_values_signal(ByteView public_values) {
  Number signal = number_of_word(sha256(public_values).view());
  signal[3] &= ~std::uint64_t{0} >> 3;
  return signal;
}

std::vector<Number> sp1_signals(const Sp1Receipt& receipt, Sp1Form form) {
  std::vector<Number> signals = {number_of_word(receipt.program_key.view()), sp1_values_signal(receipt.public_values)};
  const ByteView bytes = receipt.proof;
  for (std::size_t i = 0; i < words_before_proof(form); ++i) {
    const std::size_t at = Selector().size() + i * kWordBytes;
    if (bytes.size() >= at + kWordBytes) signals.push_back(number_of_word(bytes.subspan(at, kWordBytes)));
  }
  return signals;
}

Steps verify(const PreparedKey& key, const Sp1Receipt& receipt, const Sp1Release& release) {
  Steps steps;
  const std::size_t before_proof = release.prefix.size() + words_before_proof(release.form) * kWordBytes;
  const ByteView bytes = receipt.proof;
  const bool sized = bytes.size() == before_proof + kProofBytes;
  steps.judge(
      StepId::ZkReceiptForm,
      sized ? std::string() : "a proof of this release has " + std::to_string(before_proof + kProofBytes) + " bytes");
  if (!sized) return steps;
  steps.check(StepId::ZkSelector, std::equal(release.prefix.begin(), release.prefix.end(), bytes.begin()),
              "the proof's first bytes are not those of this release");
  const std::vector<Number> signals = sp1_signals(receipt, release.form);
  if (release.form == Sp1Form::WithRoot) {
    steps.check(StepId::ZkExitCode, signals[2] == Number{}, "the program ended with another exit code than 0");
    steps.check(StepId::ZkRecursionRoot, signals[3] == number_of_word(release.recursion_root.view()),
                "the proof was made by other recursion programs than those of this release");
  }
  steps.append(verify(key, *decode_proof(bytes.subspan(before_proof)), signals));
  return steps;
}

}  // namespace starminer::attestation::zk
