#include "client/evidence/given.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "attestation/json/json.h"
#include "attestation/sev_snp/report.h"
#include "attestation/x509/certificate.h"
#include "attestation/x509/crl.h"
#include "client/evidence/files.h"
#include "client/evidence/quote.h"
#include "client/evidence/snp.h"

namespace starminer::client::evidence {
namespace {

using attestation::evidence::row_of;
using attestation::evidence::StepId;
using attestation::evidence::StepKind;
using attestation::evidence::StepOutcome;
using attestation::evidence::Verdict;
using attestation::x509::Certificate;
using attestation::x509::UnixTime;

struct Parts {
  std::optional<GivenFile> snp_report;
  std::optional<GivenFile> quote;
  std::optional<GivenFile> gpu_report;
  std::optional<GivenFile> gpu_evidence;
  std::optional<GivenFile> token;
  std::optional<GivenFile> token_keys;
  std::optional<GivenFile> collateral;
  std::optional<GivenFile> tcb_info;
  std::optional<GivenFile> qe_identity;
  std::vector<Bytes> revocation_lists;
  std::vector<GivenFile> manifests;
  /// DER, those of a file together.
  std::vector<std::vector<Bytes>> chains;
};

/// Version 3 to 5, then an attestation key of type 2.
bool looks_like_quote(const Bytes& bytes) {
  return bytes.size() > 48 && bytes[0] >= 3 && bytes[0] <= 5 && bytes[1] == 0 && bytes[2] == 2 && bytes[3] == 0;
}

bool is_root(const Certificate& certificate) {
  return std::equal(certificate.issuer().begin(), certificate.issuer().end(), certificate.subject().begin(),
                    certificate.subject().end());
}

/// Keeps the file as the one of its kind.
Result<void, std::string> set_once(std::optional<GivenFile>& part, GivenFile file, const char* what) {
  if (part) return fail(file.name + " and " + part->name + " are both " + what + "; give one");
  part = std::move(file);
  return {};
}

/// A request of SPDM 1.1 for measurements.
bool looks_like_gpu_report(const Bytes& bytes) {
  return bytes.size() > 37 && bytes[0] == 0x11 && bytes[1] == 0xe0 && bytes[2] == 0x01 && bytes[3] == 0xff;
}

/// Text of JSON by how it begins, as each form has one spelling.
Result<bool, std::string> sort_text(Parts& parts, const GivenFile& file) {
  const std::string_view text = as_text(file.bytes);
  const auto keep = [&](std::optional<GivenFile>& part, const char* what) -> Result<bool, std::string> {
    const auto kept = set_once(part, file, what);
    if (!kept) return fail(kept.error());
    return true;
  };
  if (text.starts_with("{\"tcbInfo\":")) return keep(parts.tcb_info, "TCB info");
  if (text.starts_with("{\"enclaveIdentity\":")) return keep(parts.qe_identity, "QE identities");
  const auto document = attestation::json::parse(text);
  if (document && document->find("keys") != nullptr) return keep(parts.token_keys, "keys of tokens");
  if (text.starts_with('{')) return keep(parts.collateral, "collateral");
  if (document && !document->items.empty() && document->items[0].find("evidence") != nullptr) {
    return keep(parts.gpu_evidence, "evidence of GPUs");
  }
  if (text.starts_with('[')) return keep(parts.token, "tokens");
  return false;
}

Result<void, std::string> sort_file(Parts& parts, const GivenFile& file) {
  if (auto certificates = certificates_of(file.bytes)) {
    parts.chains.push_back(std::move(*certificates));
    return {};
  }
  if (as_text(file.bytes).starts_with("<SoftwareIdentity")) {
    parts.manifests.push_back(file);
    return {};
  }
  const auto text = sort_text(parts, file);
  if (!text) return fail(text.error());
  if (*text) return {};
  Bytes bytes = binary_of(file.bytes);
  if (bytes.size() == attestation::sev_snp::kReportBytes) {
    return set_once(parts.snp_report, {file.name, std::move(bytes)}, "SEV-SNP reports");
  }
  if (looks_like_gpu_report(bytes)) return set_once(parts.gpu_report, {file.name, std::move(bytes)}, "GPU reports");
  if (looks_like_quote(bytes)) return set_once(parts.quote, {file.name, std::move(bytes)}, "quotes");
  if (attestation::x509::RevocationList::parse(bytes)) {
    parts.revocation_lists.push_back(std::move(bytes));
    return {};
  }
  return fail(file.name +
              " is not understood: no SEV-SNP report (1184 bytes), no SGX or TDX quote, no collateral of Intel, no "
              "report or token of an NVIDIA device, no certificates or revocation list in PEM or DER; text forms are "
              "lower-case hex or padded base64 on one "
              "line");
}

Result<Parts, std::string> sort_out(const std::vector<GivenFile>& files) {
  Parts parts;
  for (const GivenFile& file : files) {
    const auto sorted = sort_file(parts, file);
    if (!sorted) return fail(sorted.error());
  }
  return parts;
}

Result<Judgement, std::string> judge_snp_parts(Parts parts, const Roots& roots, UnixTime time, const Demands& demands) {
  SnpFiles files;
  std::optional<Bytes> root;
  std::vector<Bytes> certificates;
  for (auto& chain : parts.chains) std::move(chain.begin(), chain.end(), std::back_inserter(certificates));
  for (Bytes& bytes : certificates) {
    const auto certificate = Certificate::parse(bytes);
    const bool endorses = certificate && certificate->key().type == attestation::x509::KeyType::EcP384;
    if (endorses && files.endorsement.empty()) {
      files.endorsement = std::move(bytes);
    } else if (certificate && is_root(*certificate)) {
      root = std::move(bytes);
    } else {
      files.chain.push_back(std::move(bytes));
    }
  }
  if (files.endorsement.empty()) {
    return fail(std::string("the VCEK or VLEK is missing: give the certificate that endorses the report"));
  }
  if (root) files.chain.push_back(std::move(*root));
  if (parts.snp_report) files.report = std::move(parts.snp_report->bytes);
  return judge_snp(files, roots, time, demands.snp);
}

/// Certificates and lists of a quote, each to what its name says it is for.
void add_chains(Parts& parts, const Roots& roots, QuoteFiles& files) {
  for (auto& chain : parts.chains) {
    const auto leaf = Certificate::parse(chain.front());
    if (leaf && leaf->common_name() == "Intel SGX TCB Signing") {
      files.collateral.tcb_signer = files.collateral.qe_signer = std::move(chain);
    } else {
      std::move(chain.begin(), chain.end(), std::back_inserter(files.pck_chain));
    }
  }
  for (Bytes& bytes : parts.revocation_lists) {
    const auto list = attestation::x509::RevocationList::parse(bytes);
    const bool of_root = list && std::any_of(roots.intel.begin(), roots.intel.end(), [&](const Bytes& der) {
                           const auto root = Certificate::parse(der);
                           return root && std::equal(list->issuer().begin(), list->issuer().end(),
                                                     root->subject().begin(), root->subject().end());
                         });
    (of_root ? files.collateral.root_crl : files.collateral.pck_crl) = std::move(bytes);
  }
}

Result<Judgement, std::string> judge_quote_parts(Parts parts, const Roots& roots, UnixTime time,
                                                 const Demands& demands) {
  QuoteFiles files;
  files.quote = std::move(parts.quote->bytes);
  if (parts.collateral) {
    auto collateral = parse_collateral(as_text(parts.collateral->bytes));
    if (!collateral) {
      return fail(parts.collateral->name +
                  " is no collateral: one object with tcb_info, qe_identity, their signatures and issuer chains, "
                  "pck_crl, root_ca_crl and pck_crl_issuer_chain, all strings");
    }
    files.collateral = std::move(*collateral);
  }
  const auto read = [](const std::optional<GivenFile>& file, std::string_view name,
                       attestation::dcap::SignedText& into) -> Result<void, std::string> {
    if (!file) return {};
    auto text = attestation::dcap::parse_service_form(as_text(file->bytes), name);
    if (!text)
      return fail(file->name + " is not as Intel's service sends it: {\"" + std::string(name) +
                  "\":...,\"signature\":\"...\"}");
    into = std::move(*text);
    return {};
  };
  if (const auto done = read(parts.tcb_info, "tcbInfo", files.collateral.tcb_info); !done) return fail(done.error());
  if (const auto done = read(parts.qe_identity, "enclaveIdentity", files.collateral.qe_identity); !done) {
    return fail(done.error());
  }
  if (files.collateral.tcb_info.text.empty() || files.collateral.qe_identity.text.empty()) {
    return fail(std::string("the TCB info or the QE identity of the platform is missing: give Intel's collateral"));
  }
  add_chains(parts, roots, files);
  return judge_quote(files, roots, time, demands.dcap);
}

Result<Judgement, std::string> judge_gpu_parts(Parts parts, const Roots& roots, UnixTime time, GpuDemands demands) {
  if (parts.token_keys) {
    auto keys = attestation::nvidia::parse_token_keys(as_text(parts.token_keys->bytes));
    if (!keys) return fail(parts.token_keys->name + " is no set of P-384 keys (JWK)");
    demands.token_keys = std::move(*keys);
  }
  if (parts.token) return judge_token(as_text(parts.token->bytes), time, demands);
  GpuFiles files;
  if (parts.gpu_evidence) {
    auto evidence = parse_gpu_evidence(as_text(parts.gpu_evidence->bytes));
    if (!evidence) {
      return fail(parts.gpu_evidence->name +
                  " is no list of one device with \"evidence\" and \"certificate\" in base64");
    }
    files = std::move(*evidence);
  } else {
    files.report = std::move(parts.gpu_report->bytes);
    for (auto& chain : parts.chains) std::move(chain.begin(), chain.end(), std::back_inserter(files.chain));
    if (files.chain.empty()) return fail(std::string("the certificate chain of the device is missing"));
  }
  for (GivenFile& manifest : parts.manifests) {
    files.manifests.push_back({std::move(manifest.name), std::move(manifest.bytes)});
  }
  return judge_gpu(files, roots, time, demands);
}

}  // namespace

namespace {

Result<Judgement, std::string> judge_evidence(const std::vector<GivenFile>& files, const Roots& roots, UnixTime time,
                                              const Demands& demands) {
  auto parts = sort_out(files);
  if (!parts) return fail(parts.error());
  std::vector<const GivenFile*> evidence;
  for (const auto* part :
       {&parts->snp_report, &parts->quote, &parts->gpu_report, &parts->gpu_evidence, &parts->token}) {
    if (*part) evidence.push_back(&**part);
  }
  if (evidence.size() > 1) {
    return fail(evidence[0]->name + " and " + evidence[1]->name + " are evidence of two kinds; give one");
  }
  if (parts->gpu_report || parts->gpu_evidence || parts->token) {
    return judge_gpu_parts(std::move(*parts), roots, time, demands.gpu);
  }
  if (evidence.empty() && parts->manifests.size() == 1) {
    return judge_manifest(as_text(parts->manifests.front().bytes), roots, time);
  }
  if (!parts->manifests.empty()) {
    return fail(parts->manifests.front().name +
                " is a manifest of measurements: give it alone or with the report of a GPU");
  }
  if (parts->quote) return judge_quote_parts(std::move(*parts), roots, time, demands);
  if (parts->snp_report || !parts->chains.empty()) return judge_snp_parts(std::move(*parts), roots, time, demands);
  return fail(std::string("no evidence is given"));
}

/// What the steps do not answer though it was asked; empty if there is nothing.
std::string unanswered(const Judgement& judgement, const std::vector<Asked>& asked) {
  for (const Asked& one : asked) {
    std::string why;
    const bool answered = std::any_of(one.steps.begin(), one.steps.end(), [&](StepId id) {
      const auto* const step = judgement.steps.find(id);
      if (step != nullptr && step->outcome == StepOutcome::Skipped) why = ": " + step->reason;
      return step != nullptr && step->outcome != StepOutcome::Skipped;
    });
    if (!answered) return one.name + " says nothing about this " + judgement.kind + " evidence" + why;
  }
  return {};
}

}  // namespace

Result<Judgement, std::string> judge_files(const std::vector<GivenFile>& files, const Roots& roots, UnixTime time,
                                           const Demands& demands) {
  auto judgement = judge_evidence(files, roots, time, demands);
  if (!judgement || judgement->verdict == Verdict::Invalid) return judgement;
  std::string question = unanswered(*judgement, demands.asked);
  if (!question.empty()) return fail(std::move(question));
  return judgement;
}

Result<std::vector<StepId>, std::string> waivable_steps(const std::string& name) {
  std::vector<StepId> steps;
  std::vector<std::string_view> names;
  for (const auto& row : attestation::evidence::step_rows()) {
    if (row.kind == StepKind::Cryptography || row.id == StepId::TcbLevelFound) continue;
    if (row.name == name) steps.push_back(row.id);
    if (std::find(names.begin(), names.end(), row.name) == names.end()) names.push_back(row.name);
  }
  if (!steps.empty()) return steps;
  std::string known;
  for (const std::string_view one : names) known += (known.empty() ? "" : ", ") + std::string(one);
  return fail("\"" + name + "\" is no step that can be allowed to fail; those are " + known);
}

void waive(Judgement& judgement, const std::vector<StepId>& waived) {
  const auto& steps = judgement.steps.list();
  judgement.accepted =
      judgement.verdict == Verdict::Valid && std::none_of(steps.begin(), steps.end(), [&](const auto& step) {
        return step.outcome == StepOutcome::Failed && std::find(waived.begin(), waived.end(), step.id) == waived.end();
      });
}

}  // namespace starminer::client::evidence
