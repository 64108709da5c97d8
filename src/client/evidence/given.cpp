#include "client/evidence/given.h"

#include <algorithm>
#include <utility>

#include "attestation/sev_snp/report.h"
#include "attestation/x509/certificate.h"
#include "client/evidence/files.h"
#include "client/evidence/snp.h"

namespace starminer::client::evidence {
namespace {

using attestation::evidence::row_of;
using attestation::evidence::StepId;
using attestation::evidence::StepKind;
using attestation::evidence::Verdict;
using attestation::x509::Certificate;
using attestation::x509::UnixTime;

struct Parts {
  std::optional<GivenFile> snp_report;
  /// DER, in the order of the files.
  std::vector<Bytes> certificates;
};

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

Result<Parts, std::string> sort_out(const std::vector<GivenFile>& files) {
  Parts parts;
  for (const GivenFile& file : files) {
    if (auto certificates = certificates_of(file.bytes)) {
      for (Bytes& certificate : *certificates) parts.certificates.push_back(std::move(certificate));
      continue;
    }
    Bytes bytes = binary_of(file.bytes);
    if (bytes.size() == attestation::sev_snp::kReportBytes) {
      auto kept = set_once(parts.snp_report, {file.name, std::move(bytes)}, "SEV-SNP reports");
      if (!kept) return fail(kept.error());
    } else {
      return fail(
          file.name +
          " is not understood: no SEV-SNP report (1184 bytes) and no certificates in PEM or DER; text forms are "
          "lower-case hex or padded base64 on one line");
    }
  }
  return parts;
}

Result<Judgement, std::string> judge_snp_parts(Parts parts, const Roots& roots, UnixTime time, const Demands& demands) {
  SnpFiles files;
  std::optional<Bytes> root;
  for (Bytes& bytes : parts.certificates) {
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

}  // namespace

Result<Judgement, std::string> judge_files(const std::vector<GivenFile>& files, const Roots& roots, UnixTime time,
                                           const Demands& demands) {
  auto parts = sort_out(files);
  if (!parts) return fail(parts.error());
  if (parts->snp_report || !parts->certificates.empty()) {
    return judge_snp_parts(std::move(*parts), roots, time, demands);
  }
  return fail(std::string("no evidence is given"));
}

Result<StepId, std::string> waivable_step(const std::string& name) {
  std::string names;
  for (const auto& row : attestation::evidence::step_rows()) {
    if (row.kind == StepKind::Cryptography) continue;
    if (row.name == name) return row.id;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return fail("\"" + name + "\" is no step that can be allowed to fail; those are " + names);
}

void waive(Judgement& judgement, const std::vector<StepId>& waived) {
  const auto& steps = judgement.steps.list();
  judgement.accepted =
      judgement.verdict == Verdict::Valid && std::none_of(steps.begin(), steps.end(), [&](const auto& step) {
        return step.outcome == attestation::evidence::StepOutcome::Failed &&
               std::find(waived.begin(), waived.end(), step.id) == waived.end();
      });
}

}  // namespace starminer::client::evidence
