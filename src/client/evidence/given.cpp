#include "client/evidence/given.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "attestation/dcap/quote.h"
#include "attestation/json/json.h"
#include "attestation/sev_snp/report.h"
#include "attestation/x509/certificate.h"
#include "attestation/x509/crl.h"
#include "attestation/x509/pem.h"
#include "client/evidence/files.h"
#include "client/evidence/proof_files.h"
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

/// The certificates of a file, as DER.
struct GivenChain {
  std::string name;
  std::vector<Bytes> certificates;
};

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
  std::vector<GivenFile> revocation_lists;
  std::vector<GivenFile> manifests;
  std::vector<GivenChain> chains;
};

/// Version 3 to 5, then an attestation key of type 2.
bool looks_like_quote(const Bytes& bytes) {
  return bytes.size() > 48 && bytes[0] >= 3 && bytes[0] <= 5 && bytes[1] == 0 && bytes[2] == 2 && bytes[3] == 0;
}

bool equal(ByteView left, ByteView right) { return std::equal(left.begin(), left.end(), right.begin(), right.end()); }

bool is_root(const Certificate& certificate) { return equal(certificate.issuer(), certificate.subject()); }

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
    parts.chains.push_back({file.name, std::move(*certificates)});
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
    parts.revocation_lists.push_back({file.name, std::move(bytes)});
    return {};
  }
  return fail(
      file.name +
      " is not understood: no SEV-SNP report (1184 bytes), no SGX or TDX quote, no collateral of Intel, no "
      "report, token or manifest of an NVIDIA device, no certificates or revocation list in PEM or DER; text forms are "
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
  std::optional<GivenFile> endorsement;
  std::optional<GivenFile> authority;
  std::optional<GivenFile> root;
  for (GivenChain& chain : parts.chains) {
    for (Bytes& bytes : chain.certificates) {
      const auto certificate = Certificate::parse(bytes);
      const bool endorses = certificate && certificate->key().type == attestation::x509::KeyType::EcP384;
      const bool ends = certificate && is_root(*certificate);
      const auto kept = set_once(endorses ? endorsement
                                 : ends   ? root
                                          : authority,
                                 {chain.name, std::move(bytes)},
                                 endorses ? "endorsements"
                                 : ends   ? "roots"
                                          : "authorities");
      if (!kept) return fail(kept.error());
    }
  }
  if (!endorsement) {
    return fail(std::string("the VCEK or VLEK is missing: give the certificate that endorses the report"));
  }
  files.endorsement = std::move(endorsement->bytes);
  for (auto* const part : {&authority, &root}) {
    if (*part) files.chain.push_back(std::move((*part)->bytes));
  }
  if (parts.snp_report) files.report = std::move(parts.snp_report->bytes);
  return judge_snp(files, roots, time, demands.snp);
}

/// Collateral as the service sends it, which may also lie in one file with all the rest.
Result<void, std::string> add_documents(const Parts& parts, QuoteFiles& files) {
  if (parts.collateral) {
    auto collateral = parse_collateral(as_text(parts.collateral->bytes));
    if (!collateral) {
      return fail(parts.collateral->name +
                  " is no collateral: one object with tcb_info, qe_identity, their signatures and issuer chains, "
                  "pck_crl, root_ca_crl and pck_crl_issuer_chain, all strings");
    }
    files.collateral = std::move(*collateral);
  }
  struct Document {
    const std::optional<GivenFile>& file;
    std::string_view name;
    attestation::dcap::SignedText& into;
  };
  for (const Document& document : {Document{parts.tcb_info, "tcbInfo", files.collateral.tcb_info},
                                   Document{parts.qe_identity, "enclaveIdentity", files.collateral.qe_identity}}) {
    if (!document.file) continue;
    auto text = attestation::dcap::parse_service_form(as_text(document.file->bytes), document.name);
    if (!text) {
      return fail(document.file->name + " is not as Intel's service sends it: {\"" + std::string(document.name) +
                  "\":...,\"signature\":\"...\"}");
    }
    document.into = std::move(*text);
  }
  if (files.collateral.tcb_info.text.empty() || files.collateral.qe_identity.text.empty()) {
    return fail(std::string("the TCB info or the QE identity of the platform is missing: give Intel's collateral"));
  }
  return {};
}

/// The chain that the quote carries; empty for one that carries none, or is no quote.
std::vector<Bytes> chain_in(const Bytes& bytes) {
  const auto quote = attestation::dcap::parse_quote(bytes);
  if (!quote || quote->certification_type != attestation::dcap::kPckCertificateChain) return {};
  std::string_view text = as_text(quote->certification_data);
  if (text.ends_with('\0')) text.remove_suffix(1);
  return attestation::x509::certificates_of_pem(text).value_or(std::vector<Bytes>{});
}

/// Certificates of a quote, each to what its name says it is for.
Result<void, std::string> add_chains(std::vector<GivenChain> chains, bool carries_chain, QuoteFiles& files) {
  std::string signer;
  std::string list_issuer;
  for (GivenChain& chain : chains) {
    const auto leaf = Certificate::parse(chain.certificates.front());
    const std::string name = leaf ? leaf->common_name() : std::string();
    const bool signs_documents = name == "Intel SGX TCB Signing";
    if (!signs_documents && !carries_chain) {
      std::move(chain.certificates.begin(), chain.certificates.end(), std::back_inserter(files.pck_chain));
      continue;
    }
    // Who issues the PCK list is in the answer of the service that has the list.
    if (!signs_documents && !name.starts_with("Intel SGX PCK P")) {
      return fail(chain.name + " is of no use: the quote carries the certificates of its platform");
    }
    std::string& first = signs_documents ? signer : list_issuer;
    if (!first.empty()) return fail(chain.name + " and " + first + " are both certificates of one signer; give one");
    first = chain.name;
    if (signs_documents) {
      files.collateral.tcb_signer = files.collateral.qe_signer = std::move(chain.certificates);
    } else {
      files.collateral.pck_crl_issuer = std::move(chain.certificates);
    }
  }
  return {};
}

/// The two lists of a quote. Of several that are not the root's, the one of who issued its PCK certificate.
Result<void, std::string> add_lists(std::vector<GivenFile> lists, const std::vector<Bytes>& pck_chain,
                                    const Roots& roots, QuoteFiles& files) {
  std::optional<GivenFile> root_list;
  std::optional<GivenFile> pck_list;
  const auto pck = pck_chain.empty() ? std::nullopt : Certificate::parse(pck_chain.front());
  for (GivenFile& file : lists) {
    const auto list = attestation::x509::RevocationList::parse(file.bytes);
    const bool of_root = list && std::any_of(roots.intel.begin(), roots.intel.end(), [&](const Bytes& der) {
                           const auto root = Certificate::parse(der);
                           return root && equal(list->issuer(), root->subject());
                         });
    const bool fits = list && pck && equal(list->issuer(), pck->issuer());
    if (!of_root && !fits && lists.size() > 2) {
      return fail(file.name + " is a list of another authority than that of the platform; leave it out");
    }
    const auto kept = set_once(of_root ? root_list : pck_list, std::move(file),
                               of_root ? "lists of the root" : "lists of an authority of platforms");
    if (!kept) return fail(kept.error());
  }
  if (root_list) files.collateral.root_crl = std::move(root_list->bytes);
  if (pck_list) files.collateral.pck_crl = std::move(pck_list->bytes);
  return {};
}

/// A file that has what is in the one with all collateral, too.
Result<void, std::string> refuse_doubles(const Parts& parts) {
  if (!parts.collateral) return {};
  const auto both = [&](const std::string& name) -> Result<void, std::string> {
    return fail(name + " and " + parts.collateral->name + " are both collateral; give one");
  };
  if (parts.tcb_info) return both(parts.tcb_info->name);
  if (parts.qe_identity) return both(parts.qe_identity->name);
  if (!parts.revocation_lists.empty()) return both(parts.revocation_lists.front().name);
  for (const GivenChain& chain : parts.chains) {
    const auto leaf = Certificate::parse(chain.certificates.front());
    if (leaf && leaf->common_name() == "Intel SGX TCB Signing") return both(chain.name);
  }
  return {};
}

Result<Judgement, std::string> judge_quote_parts(Parts parts, const Roots& roots, UnixTime time,
                                                 const Demands& demands) {
  QuoteFiles files;
  files.quote = std::move(parts.quote->bytes);
  const std::vector<Bytes> carried = chain_in(files.quote);
  if (const auto done = refuse_doubles(parts); !done) return fail(done.error());
  if (const auto done = add_documents(parts, files); !done) return fail(done.error());
  if (const auto done = add_chains(std::move(parts.chains), !carried.empty(), files); !done) return fail(done.error());
  const auto done =
      add_lists(std::move(parts.revocation_lists), carried.empty() ? files.pck_chain : carried, roots, files);
  if (!done) return fail(done.error());
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
    for (GivenChain& chain : parts.chains) {
      std::move(chain.certificates.begin(), chain.certificates.end(), std::back_inserter(files.chain));
    }
    if (files.chain.empty()) return fail(std::string("the certificate chain of the device is missing"));
  }
  for (GivenFile& manifest : parts.manifests) {
    files.manifests.push_back({std::move(manifest.name), std::move(manifest.bytes)});
  }
  return judge_gpu(files, roots, time, demands);
}

/// The name of a file that is of no use to this kind of evidence; empty if there is none.
std::string useless_file(const Parts& parts) {
  const bool of_snp = !parts.quote && !parts.gpu_report && !parts.gpu_evidence && !parts.token;
  const auto one = [](const std::optional<GivenFile>& file, bool used) {
    return file && !used ? file->name : std::string();
  };
  const auto first = [](const auto& files, bool used) {
    return !files.empty() && !used ? files.front().name : std::string();
  };
  for (const std::string& name :
       {one(parts.collateral, parts.quote.has_value()), one(parts.tcb_info, parts.quote.has_value()),
        one(parts.qe_identity, parts.quote.has_value()), one(parts.token_keys, parts.token.has_value()),
        first(parts.revocation_lists, parts.quote.has_value()),
        first(parts.manifests, parts.gpu_report || parts.gpu_evidence || of_snp),
        first(parts.chains, parts.quote || parts.gpu_report || of_snp)}) {
    if (!name.empty()) return name;
  }
  return {};
}

Result<Judgement, std::string> judge_evidence(const std::vector<GivenFile>& files, const Roots& roots,
                                              std::optional<UnixTime> at, const Demands& demands) {
  if (is_proof(files)) return judge_proof_files(files, demands.proof);
  if (!at) {
    return fail(std::string("it is judged at a time that you name: give --time, such as 2025-06-15T00:00:00Z"));
  }
  const UnixTime time = *at;
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
  const bool alone = evidence.empty() && parts->chains.empty() && parts->manifests.empty();
  if (const std::string name = useless_file(*parts); !name.empty() && !alone) {
    return fail(name + " says nothing about " + (evidence.empty() ? "that" : evidence.front()->name) +
                "; leave it out");
  }
  if (parts->gpu_report || parts->gpu_evidence || parts->token) {
    return judge_gpu_parts(std::move(*parts), roots, time, demands.gpu);
  }
  if (evidence.empty() && parts->chains.empty() && parts->manifests.size() == 1) {
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

Result<Judgement, std::string> judge_files(const std::vector<GivenFile>& files, const Roots& roots,
                                           std::optional<UnixTime> time, const Demands& demands) {
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
