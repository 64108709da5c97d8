#include "client/evidence/proof_files.h"

#include <algorithm>
#include <optional>

namespace starminer::client::evidence {

bool is_proof(const std::vector<GivenFile>& files) {
  return std::any_of(files.begin(), files.end(), [](const GivenFile& file) {
    const ProofPart part = proof_part_of(file.bytes);
    return part == ProofPart::Key || part == ProofPart::Proof || part == ProofPart::Receipt;
  });
}

Result<Judgement, std::string> judge_proof_files(const std::vector<GivenFile>& files, const ProofDemands& demands) {
  const GivenFile* key = nullptr;
  const GivenFile* proof = nullptr;
  const GivenFile* signals = nullptr;
  const GivenFile* receipt = nullptr;
  for (const GivenFile& file : files) {
    const ProofPart part = proof_part_of(file.bytes);
    const GivenFile*& place = part == ProofPart::Key       ? key
                              : part == ProofPart::Signals ? signals
                              : part == ProofPart::Receipt ? receipt
                                                           : proof;
    if (place != nullptr) return fail(file.name + " and " + place->name + " are both of one kind; give one");
    place = &file;
  }
  if (key == nullptr) return fail(std::string("the verifying key is missing: JSON of snarkjs, or words"));
  if (proof == nullptr && receipt == nullptr) {
    return fail(std::string("the proof is missing: JSON of snarkjs, words, or a receipt"));
  }
  const auto bytes_of = [](const GivenFile* file) {
    return file == nullptr ? std::nullopt : std::optional(file->bytes);
  };
  return judge_proof({key->bytes, bytes_of(proof), bytes_of(signals), bytes_of(receipt)}, demands);
}

}  // namespace starminer::client::evidence
