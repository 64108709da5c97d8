#include "client/evidence/cases.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "attestation/dcap/collateral.h"
#include "attestation/nvidia_rim/manifest.h"
#include "attestation/x509/time.h"
#include "client/evidence/case_files.h"
#include "client/evidence/files.h"
#include "client/evidence/gpu.h"
#include "client/evidence/proof_cases.h"
#include "client/evidence/quote.h"
#include "client/evidence/snp.h"

namespace starminer::client::evidence {
namespace {

using attestation::evidence::row_of;
using attestation::evidence::Step;
using attestation::evidence::StepOutcome;
using attestation::evidence::Verdict;
using attestation::x509::UnixTime;
using nlohmann::json;
namespace fs = std::filesystem;

using JudgeResult = Result<Judgement, std::string>;

Result<json, std::string> read_document(const fs::path& path) {
  const auto bytes = read_evidence_file(path);
  if (!bytes) return fail(bytes.error());
  return json::parse(as_text(*bytes), nullptr, false);
}

Result<json, std::string> read_json(const fs::path& path) {
  auto value = read_document(path);
  if (value && !value->is_object()) return fail(path.string() + " is no JSON object");
  return value;
}

Result<UnixTime, std::string> time_of_case(const json& row) {
  const auto time = attestation::x509::parse_time(row.value("time", ""));
  if (!time) return fail(std::string("\"time\" is not like 2025-06-15T00:00:00Z"));
  return *time;
}

JudgeResult judge_snp_case(const json& row, const CaseFiles& files, const Roots& roots) {
  const auto time = time_of_case(row);
  if (!time) return fail(time.error());
  SnpFiles input;
  if (row.contains("report")) {
    auto report = files.read(row, "report");
    if (!report) return fail(report.error());
    input.report = std::move(*report);
  }
  auto endorsement = files.read(row, "endorsement_cert");
  if (!endorsement) return fail(endorsement.error());
  const auto chain = files.read(row, "chain");
  if (!chain) return fail(chain.error());
  // What is no certificate, or no chain, is for the steps to say.
  const auto leaf = certificates_of(*endorsement);
  input.endorsement = leaf && leaf->size() == 1 ? leaf->front() : std::move(*endorsement);
  input.chain = certificates_of(*chain).value_or(std::vector<Bytes>{*chain});
  attestation::sev_snp::Policy policy;
  policy.report_needed = row.contains("report");  // "sev-snp-chain" is of a chain alone
  return judge_snp(input, roots, *time, policy);
}

/// Reads a document that the service signed.
Result<attestation::dcap::SignedText, std::string> read_signed(const json& row, const std::string& member,
                                                               std::string_view name, const CaseFiles& files) {
  const auto bytes = files.read(row, member);
  if (!bytes) return fail(bytes.error());
  // What is not of the form is for the steps to say.
  return attestation::dcap::parse_service_form(as_text(*bytes), name).value_or(attestation::dcap::SignedText{});
}

/// {"file"} in one, or {"tcb_info", "qe_identity", "pck_crl", "root_crl"} each alone.
Result<attestation::dcap::Collateral, std::string> collateral_of(const json& row, const CaseFiles& files) {
  attestation::dcap::Collateral collateral;
  if (row.contains("file")) {
    const auto bytes = files.read(row, "file");
    if (!bytes) return fail(bytes.error());
    return parse_collateral(as_text(*bytes)).value_or(collateral);
  }
  const auto tcb_info = read_signed(row, "tcb_info", "tcbInfo", files);
  if (!tcb_info) return fail(tcb_info.error());
  const auto qe_identity = read_signed(row, "qe_identity", "enclaveIdentity", files);
  if (!qe_identity) return fail(qe_identity.error());
  collateral.tcb_info = *tcb_info;
  collateral.qe_identity = *qe_identity;
  if (row.contains("pck_crl")) {
    const auto pck_crl = files.read(row, "pck_crl");
    if (!pck_crl) return fail(pck_crl.error());
    const auto root_crl = files.read(row, "root_crl");
    if (!root_crl) return fail(root_crl.error());
    collateral.pck_crl = binary_of(*pck_crl);
    collateral.root_crl = binary_of(*root_crl);
  }
  return collateral;
}

/// A quote without a certificate in it, as Intel's sample: everything else lies beside it under the names of the
/// sample.
Result<void, std::string> add_files_beside(const json& row, const CaseFiles& files, QuoteFiles& input) {
  const std::string folder = fs::path(row.value("quote", "")).parent_path().string() + "/";
  const json names = {{"tcb_info", folder + "tcbInfo.json"},
                      {"qe_identity", folder + "qeIdentity.json"},
                      {"pck_crl", folder + "intermediateCaCrl.der"},
                      {"root_crl", folder + "rootCaCrl.der"}};
  auto collateral = collateral_of(names, files);
  if (!collateral) return fail(collateral.error());
  input.collateral = std::move(*collateral);
  for (const char* const name : {"pckCert.pem", "pckSignChain.pem"}) {
    const auto bytes = files.read_path(folder + name);
    if (!bytes) return fail(bytes.error());
    for (Bytes& der : certificates_of(*bytes).value_or(std::vector<Bytes>{})) input.pck_chain.push_back(std::move(der));
  }
  const auto signer = files.read_path(folder + "tcbSignChain.pem");
  if (!signer) return fail(signer.error());
  input.collateral.tcb_signer = input.collateral.qe_signer = certificates_of(*signer).value_or(std::vector<Bytes>{});
  return {};
}

JudgeResult judge_quote_case(const json& row, const CaseFiles& files, Roots roots) {
  const auto time = time_of_case(row);
  if (!time) return fail(time.error());
  QuoteFiles input;
  auto quote = files.read(row, "quote");
  if (!quote) return fail(quote.error());
  input.quote = std::move(*quote);
  if (row.contains("collateral")) {
    auto collateral = collateral_of(row["collateral"], files);
    if (!collateral) return fail(collateral.error());
    input.collateral = std::move(*collateral);
  } else if (const auto added = add_files_beside(row, files, input); !added) {
    return fail(added.error());
  }
  if (row.contains("trusted_root")) {
    const auto root = files.read(row, "trusted_root");
    if (!root) return fail(root.error());
    roots.intel = certificates_of(*root).value_or(std::vector<Bytes>{});
  }
  attestation::dcap::Policy policy;
  policy.crls_needed = false;  // the folders' strict policy judges what collateral they have
  return judge_quote(input, roots, *time, policy);
}

/// Where a case names one; else its certificates and tokens are not held against any.
Result<std::optional<UnixTime>, std::string> find_time(const json& row) {
  if (!row.contains("time") || row["time"].is_null()) return std::optional<UnixTime>();
  const auto time = time_of_case(row);
  if (!time) return fail(time.error());
  return std::optional(*time);
}

/// What "rim_checks" of a report's case expects: how many values a manifest has, and which the report has not.
Result<json, std::string> compare_with_manifests(const json& row, const CaseFiles& files) {
  const auto bytes = files.read(row, "report");
  if (!bytes) return fail(bytes.error());
  const Bytes binary = binary_of(*bytes);
  const auto report = attestation::nvidia::parse_report(binary);
  json found = json::array();
  for (const json& check : row["rim_checks"]) {
    const auto text = files.read(check, "rim");
    if (!text) return fail(text.error());
    const auto manifest = attestation::nvidia_rim::check_manifest(as_text(*text), {}, {}).manifest;
    if (!report || !manifest) return fail(check.value("rim", "") + " is no manifest");
    found.push_back({{"rim", check["rim"]},
                     {"active", manifest->values.size()},
                     {"mismatching_indexes", attestation::nvidia::mismatching_indexes(*report, manifest->values)}});
  }
  return found;
}

JudgeResult judge_gpu_case(const json& row, const CaseFiles& files, Roots roots) {
  const auto time = find_time(row);
  if (!time) return fail(time.error());
  auto report = files.read(row, "report");
  if (!report) return fail(report.error());
  const auto chain = files.read(row, "chain");
  if (!chain) return fail(chain.error());
  if (row.contains("root")) {
    const auto root = files.read(row, "root");
    if (!root) return fail(root.error());
    roots.nvidia_device = certificates_of(*root).value_or(std::vector<Bytes>{});
  }
  GpuDemands demands;
  if (row.contains("expected_nonce")) {
    const auto nonce = from_hex(row["expected_nonce"].get<std::string>());
    if (!nonce || nonce->size() != demands.nonce.emplace().size())
      return fail(std::string("\"expected_nonce\" is not 32 bytes of hex"));
    std::copy(nonce->begin(), nonce->end(), demands.nonce->begin());
  }
  // What is no chain is for the steps to say.
  const GpuFiles input{binary_of(*report), certificates_of(*chain).value_or(std::vector<Bytes>{*chain}), {}};
  Judgement judgement = judge_gpu(input, roots, *time, demands);
  if (row.contains("rim_checks")) {
    auto checks = compare_with_manifests(row, files);
    if (!checks) return fail(checks.error());
    judgement.fields["rim_checks"] = std::move(*checks);
  }
  return judgement;
}

JudgeResult judge_manifest_case(const json& row, const CaseFiles& files, Roots roots) {
  const auto time = time_of_case(row);
  if (!time) return fail(time.error());
  const auto text = files.read(row, "rim");
  if (!text) return fail(text.error());
  if (row.contains("root")) {
    const auto root = files.read(row, "root");
    if (!root) return fail(root.error());
    roots.nvidia_rim = certificates_of(*root).value_or(std::vector<Bytes>{});
  }
  return judge_manifest(as_text(*text), roots, *time);
}

JudgeResult judge_token_case(const json& row, const CaseFiles& files) {
  const auto time = find_time(row);
  if (!time) return fail(time.error());
  const auto token = files.read(row, "token");
  if (!token) return fail(token.error());
  return judge_token(as_text(*token), *time, {});
}

/// Of the kind "kind" of a case, or the "system" of a proof.
JudgeResult judge_case(const json& row, const CaseFiles& files, const Roots& roots) {
  const std::string kind = row.value("kind", row.value("system", ""));
  if (kind == "sev-snp" || kind == "sev-snp-chain") return judge_snp_case(row, files, roots);
  if (kind == "tdx-quote" || kind == "sgx-quote") return judge_quote_case(row, files, roots);
  if (kind == "nvidia-spdm") return judge_gpu_case(row, files, roots);
  if (kind == "nvidia-rim") return judge_manifest_case(row, files, roots);
  if (kind == "nvidia-eat") return judge_token_case(row, files);
  if (kind == "groth16-bn254") return judge_proof_case(row, files);
  return unsupported(kind);
}

/// Evidence that contracts may name (verification.md 2 and 3): an answer of UNSUPPORTED is right for any other only.
bool protocol_accepts(const std::string& kind) {
  static constexpr std::array<std::string_view, 8> kAccepted = {
      "sev-snp", "sev-snp-chain", "sgx-quote", "tdx-quote", "nvidia-spdm", "nvidia-rim", "nvidia-eat", "groth16-bn254"};
  return std::find(kAccepted.begin(), kAccepted.end(), kind) != kAccepted.end();
}

bool same_verdict(Verdict verdict, const std::string& expected) {
  switch (verdict) {
    case Verdict::Valid: return expected == "valid";
    case Verdict::Invalid: return expected == "invalid";
    case Verdict::Unverifiable: return expected.starts_with("unverifiable");
    case Verdict::Unsupported: return false;
  }
  return false;
}

void compare_steps(const json& row, JudgedCase& judged) {
  std::map<std::string, bool, std::less<>> wanted;
  const json steps = row.value("steps", json::object());
  for (const auto& [name, passed] : steps.items()) {
    if (passed.is_boolean()) wanted[name] = passed.get<bool>();
  }
  for (const json& name : row.value("failed_steps", json::array())) wanted[name.get<std::string>()] = false;
  for (const auto& [name, passed] : wanted) {
    const auto& list = judged.judgement.steps.list();
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&name = name](const Step& step) { return row_of(step.id).name == name; });
    const StepOutcome outcome = passed ? StepOutcome::Passed : StepOutcome::Failed;
    if (found == list.end()) {
      judged.differences.push_back("step " + name + " is not judged");
    } else if (found->outcome != outcome) {
      judged.differences.push_back("step " + name + " is expected to " + (passed ? "pass" : "fail"));
    }
  }
}

void compare_members(const json& expected, const json& found, const std::string& what, JudgedCase& judged) {
  for (const auto& [name, value] : expected.items()) {
    const auto member = found.is_object() ? found.find(name) : found.end();
    if (!found.is_object() || member == found.end()) {
      if (!value.is_null()) judged.differences.push_back(what + " " + name + " is not decoded");
    } else if (*member != value) {
      judged.differences.push_back(what + " " + name + " is " +
                                   member->dump(-1, ' ', false, json::error_handler_t::replace) + ", expected " +
                                   value.dump());
    }
  }
}

void compare_status(const json& row, JudgedCase& judged) {
  const Judgement& judgement = judged.judgement;
  const std::string status = row.value("tcb_status", "");
  const bool same =
      status.starts_with("error") ? judgement.tcb_status.starts_with("error") : judgement.tcb_status == status;
  if (!status.empty() && !same) {
    judged.differences.push_back("TCB status is " + judgement.tcb_status + ", expected " + status);
  }
  const std::string policy = row.value("strict_production_policy", "");
  if (!policy.empty() && judgement.accepted != (policy == "accept")) {
    judged.differences.push_back("a strict policy is expected to " + policy);
  }
}

void compare(const json& row, JudgedCase& judged) {
  const Judgement& judgement = judged.judgement;
  if (judgement.verdict == Verdict::Unsupported) {
    if (protocol_accepts(judgement.kind)) judged.differences.push_back("there is no verifier of " + judgement.kind);
    return;
  }
  if (!same_verdict(judgement.verdict, judged.expected)) {
    judged.differences.push_back("expected " + judged.expected + ", found " + std::string(name_of(judgement.verdict)));
  }
  compare_steps(row, judged);
  compare_members(row.value("fields", json::object()), judgement.fields, "field", judged);
  compare_members(row.value("cert", json::object()), judgement.certificate, "certificate's", judged);
  for (const char* const name : {"header", "overall", "submod_digest_ok"}) {
    compare_members(row.value(name, json::object()), judgement.fields.value(name, json::object()), name, judged);
  }
  if (row.contains("rim_checks") && judgement.fields.value("rim_checks", json()) != row["rim_checks"]) {
    judged.differences.push_back("manifests: found " + judgement.fields.value("rim_checks", json()).dump());
  }
  const json tcb = row.value("tcb", json::object());
  if (!tcb.contains("error")) compare_members(tcb, judgement.fields.value("tcb", json::object()), "TCB's", judged);
  compare_status(row, judged);
}

Result<JudgedCase, std::string> judge_row(const json& row, const CaseFiles& files, const CaseOptions& options) {
  JudgedCase judged;
  judged.id = row.value("id", "");
  judged.expected = row.value("cryptography", row.value("expect", ""));
  auto judgement = judge_case(row, files, options.roots);
  if (!judgement) return fail("case " + judged.id + ": " + judgement.error());
  judged.judgement = std::move(*judgement);
  return judged;
}

struct Folder {
  fs::path path;
  json cases = json::array();
  json mutations = json::array();
};

Result<Folder, std::string> read_folder(const fs::path& file) {
  auto given = read_json(file);
  if (!given) return fail(given.error());
  Folder folder;
  folder.path = file.parent_path();
  const bool only_mutations = given->contains("mutations");
  const auto other = read_json(folder.path / (only_mutations ? "cases.json" : "mutations.json"));
  std::error_code error;
  if (!other && (only_mutations || fs::exists(folder.path / "mutations.json", error))) return fail(other.error());
  const json& cases = only_mutations ? *other : *given;
  if (!cases.contains("cases") || !cases["cases"].is_array()) return fail(file.string() + " has no list of \"cases\"");
  folder.cases = cases["cases"];
  if (only_mutations) {
    folder.mutations = (*given)["mutations"];
  } else if (other) {
    folder.mutations = other->value("mutations", json::array());
  }
  return folder;
}

Result<JudgedCase, std::string> judge_mutation(const json& row, const Folder& folder, const CaseOptions& options) {
  const std::string id = row.value("id", "");
  const std::string base = row.value("base", "");
  const auto found = std::find_if(folder.cases.begin(), folder.cases.end(),
                                  [&](const json& candidate) { return candidate.value("id", "") == base; });
  if (found == folder.cases.end()) return fail("mutation " + id + ": there is no case " + base);
  auto mutation = parse_mutation(row);
  if (!mutation) return fail("mutation " + id + ": " + mutation.error());
  CaseFiles files(folder.path, options);
  files.set_mutation(std::move(*mutation));
  auto judged = judge_row(*found, files, options);
  if (!judged) return fail("mutation " + id + ": " + judged.error());
  judged->id = id;
  judged->expected = row.value("expect", "");
  compare(json::object(), *judged);
  return judged;
}

/// Of a file that holds its vectors itself, as lists of proofs do.
Result<std::vector<JudgedCase>, std::string> judge_list(const json& document, const fs::path& file,
                                                        const CaseOptions& options) {
  auto rows = judge_proof_list(document, file, options);
  if (!rows) return fail(rows.error());
  std::vector<JudgedCase> judged;
  for (ProofRow& row : *rows) {
    JudgedCase one{row.expectation["id"], std::move(row.judgement), row.expectation["expect"], {}};
    compare(row.expectation, one);
    judged.push_back(std::move(one));
  }
  return judged;
}

}  // namespace

Result<std::vector<JudgedCase>, std::string> judge_cases(const fs::path& file, const CaseOptions& options) {
  std::vector<JudgedCase> judged;
  try {
    const auto document = read_document(file);
    if (document && (document->contains("entries") || (document->is_array() && !document->empty()))) {
      return judge_list(*document, file, options);
    }
    const auto folder = read_folder(file);
    if (!folder) return fail(folder.error());
    for (const json& row : folder->cases) {
      auto one = judge_row(row, CaseFiles(folder->path, options), options);
      if (!one) return fail(one.error());
      compare(row, *one);
      judged.push_back(std::move(*one));
    }
    for (const json& row : folder->mutations) {
      auto one = judge_mutation(row, *folder, options);
      if (!one) return fail(one.error());
      judged.push_back(std::move(*one));
    }
  } catch (const json::exception&) {
    return fail(file.string() + " is not of the format of cases.json: a member has another type");
  }
  return judged;
}

json report_of(const std::vector<JudgedCase>& cases) {
  json list = json::array();
  for (const JudgedCase& judged : cases) {
    json reasons = json::object();
    for (const Step& step : judged.judgement.steps.list()) {
      if (step.reason.empty()) continue;
      json& reason = reasons[std::string(row_of(step.id).name)];
      reason = reason.is_null() ? step.reason : reason.get<std::string>() + "; " + step.reason;
    }
    list.push_back({{"id", judged.id},
                    {"kind", judged.judgement.kind},
                    {"verdict", name_of(judged.judgement.verdict)},
                    {"expected", judged.expected},
                    {"agrees", judged.agrees()},
                    {"accepted", judged.judgement.accepted},
                    {"tcb_status", judged.judgement.tcb_status},
                    {"steps", steps_by_name(judged.judgement.steps)},
                    {"reasons", std::move(reasons)},
                    {"differences", judged.differences}});
  }
  return {{"cases", std::move(list)}};
}

}  // namespace starminer::client::evidence
