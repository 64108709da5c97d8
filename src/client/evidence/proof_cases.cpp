#include "client/evidence/proof_cases.h"

#include <optional>
#include <utility>

#include "attestation/zk/evm.h"
#include "client/evidence/proof.h"

namespace starminer::client::evidence {
namespace {

using attestation::evidence::Verdict;
using nlohmann::json;
namespace fs = std::filesystem;
namespace zk = attestation::zk;

Bytes text_of(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return {text.begin(), text.end()};
}

Result<std::vector<ProofRow>, std::string> judge_entries(const json& document, const CaseFiles& files) {
  std::vector<ProofRow> rows;
  for (const json& entry : document["entries"]) {
    ProofFiles input;
    if (entry.value("vk", json()).is_null()) {
      auto key = files.read(document, "vk_when_null");
      if (!key) return fail(key.error());
      input.key = std::move(*key);
    } else {
      input.key = text_of(entry["vk"]);
    }
    input.proof = text_of(entry.value("proof", json()));
    input.signals = text_of(entry.value("public", json()));
    rows.push_back({{{"id", entry.value("id", "")}, {"expect", entry.value("expect", "")}}, judge_proof(input, {})});
  }
  return rows;
}

/// What a precompiled contract gives back, nothing where the call fails.
std::optional<Bytes> call(const std::string& contract, ByteView input) {
  if (contract == "bn256Add") return zk::evm_add(input);
  if (contract == "bn256ScalarMul") return zk::evm_multiply(input);
  const auto holds = zk::evm_pairing(input);
  if (!holds) return std::nullopt;
  Bytes word(32);
  word.back() = *holds ? 1 : 0;
  return word;
}

Result<ProofRow, std::string> judge_call(const json& row, const std::string& contract) {
  const std::string name = row.value("Name", "");
  const bool fails = row.value("ExpectedError", json()) != json();
  json expectation = {{"id", name}, {"expect", fails ? "invalid" : "valid"}};
  if (!fails) expectation["fields"] = {{"result", row.value("Expected", "")}};
  if (contract != "bn256Add" && contract != "bn256ScalarMul" && contract != "bn256Pairing") {
    return ProofRow{std::move(expectation), unsupported("evm-" + contract)};
  }
  const auto input = from_hex(row.value("Input", ""));
  if (!input) return fail("\"Input\" of " + name + " is no lower-case hex");
  Judgement judgement;
  judgement.kind = "evm-" + contract;
  const auto result = call(contract, *input);
  judgement.verdict = result ? Verdict::Valid : Verdict::Invalid;
  if (result) judgement.fields["result"] = to_hex(*result);
  return ProofRow{std::move(expectation), std::move(judgement)};
}

}  // namespace

Result<Judgement, std::string> judge_proof_case(const json& row, const CaseFiles& files) {
  ProofFiles input;
  auto key = files.read(row, "vk");
  if (!key) return fail(key.error());
  input.key = std::move(*key);
  auto proof = files.read(row, "proof");
  if (!proof) return fail(proof.error());
  input.proof = std::move(*proof);
  auto signals = files.read(row, "public");
  if (!signals) return fail(signals.error());
  input.signals = std::move(*signals);
  if (row.contains("receipt")) {
    auto receipt = files.read(row, "receipt");
    if (!receipt) return fail(receipt.error());
    input.receipt = std::move(*receipt);
  }
  return judge_proof(input, {});
}

Result<std::vector<ProofRow>, std::string> judge_proof_list(const json& document, const fs::path& file,
                                                            const CaseOptions& options) {
  CaseOptions with_parent = options;
  if (with_parent.more_files.empty()) with_parent.more_files = file.parent_path() / "..";
  if (document.is_object()) return judge_entries(document, CaseFiles(file.parent_path(), with_parent));
  const std::string stem = file.stem().string();
  const std::string contract = stem.substr(0, stem.find('-'));
  std::vector<ProofRow> rows;
  for (const json& row : document) {
    auto judged = judge_call(row, contract);
    if (!judged) return fail(judged.error());
    rows.push_back(std::move(*judged));
  }
  return rows;
}

}  // namespace starminer::client::evidence
