#include "attestation/dcap/verify.h"

#include <cstdlib>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attestation/dcap/policy.h"
#include "attestation/dcap/test_platform.h"
#include "attestation/x509/pem.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::dcap {
namespace {

using evidence::StepId;
using evidence::StepOutcome;
using evidence::Verdict;
using testing::ElementsAre;
using testing::IsEmpty;

const TestPlatform& platform() {
  static const TestPlatform made;
  return made;
}

std::vector<StepId> failed(const evidence::Steps& steps) {
  std::vector<StepId> list;
  for (const auto& step : steps.list()) {
    if (step.outcome == StepOutcome::Failed) list.push_back(step.id);
  }
  return list;
}

/// Of the quote under the collateral and its policy.
evidence::Steps check(const Bytes& quote, const Collateral& collateral, const Policy& policy = {},
                      x509::UnixTime time = kTestTime) {
  auto verification = verify({quote, {}, platform().anchors()}, collateral, time);
  if (verification.quote) verification.steps.append(judge(verification, policy));
  return std::move(verification.steps);
}

// REQ: VER-2
TEST(Dcap, EveryFormOfAQuoteIsAccepted) {
  for (const TestQuoteForm form :
       {TestQuoteForm{3, false, false}, TestQuoteForm{4, false, false}, TestQuoteForm{4, true, false},
        TestQuoteForm{5, false, false}, TestQuoteForm{5, true, false}, TestQuoteForm{5, true, true}}) {
    TestPlatform::Words words;
    words.tdx = form.tdx;
    const auto steps = check(platform().quote(form), platform().collateral(words));
    EXPECT_THAT(failed(steps), IsEmpty()) << form.version << (form.tdx ? " TDX" : " SGX");
    EXPECT_EQ(steps.cryptography(), Verdict::Valid);
    EXPECT_TRUE(steps.accepted());
  }
}

TEST(Dcap, EachStepFailsAlone) {
  const Bytes good = platform().quote({});
  const Collateral collateral = platform().collateral();
  Bytes bytes = good;
  bytes[640] ^= 1;
  EXPECT_THAT(failed(check(bytes, collateral)), ElementsAre(StepId::QuoteSignature));
  bytes = good;
  bytes.push_back(1);
  EXPECT_THAT(failed(check(bytes, collateral)), ElementsAre(StepId::QuoteTrailingBytes));
  bytes.back() = 0;
  EXPECT_THAT(failed(check(bytes, collateral)), IsEmpty());
  bytes = good;
  bytes[1220] ^= 1;  // authentication data
  EXPECT_THAT(failed(check(bytes, collateral)), ElementsAre(StepId::QuoteKeyBound));
  bytes = good;
  bytes[1154] ^= 1;
  EXPECT_THAT(failed(check(bytes, collateral)), ElementsAre(StepId::QeReportSignature));
  const auto other_root = verify({good, {}, {}}, collateral, kTestTime);
  EXPECT_THAT(failed(other_root.steps), ElementsAre(StepId::PckRoot, StepId::TcbSigningChain));
}

TEST(Dcap, CollateralIsOfItsSignerAndTime) {
  const Bytes quote = platform().quote({});
  const Collateral good = platform().collateral();
  Collateral bad = good;
  bad.tcb_info.text.insert(bad.tcb_info.text.size() - 1, " ");
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::TcbInfoSignature));
  bad = good;
  bad.qe_identity.signature.back() ^= 1;
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::QeIdentitySignature));
  bad = good;
  bad.tcb_info.signature.clear();
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::TcbInfoSignature));
  bad = good;  // the same two numbers in 66 bytes
  bad.tcb_info.signature.insert(bad.tcb_info.signature.begin() + 32, 0);
  bad.tcb_info.signature.insert(bad.tcb_info.signature.begin(), 0);
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::TcbInfoSignature));
  // A PCK has a certificate of the same root, but it signs no collateral.
  bad = good;
  bad.tcb_info = platform().sign_by_pck(good.tcb_info.text);
  bad.tcb_signer = platform().pck_chain();
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::TcbSigningChain));
  const auto later = *x509::parse_time("2025-07-01T00:00:01Z");
  EXPECT_THAT(failed(check(quote, good, {}, later)), ElementsAre(StepId::CollateralTime, StepId::CrlTime));
  bad = good;
  bad.tcb_info.text = "{}";
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::TcbInfoSignature, StepId::TcbLevelFound));
  const auto after_all = *x509::parse_time("2041-01-01T00:00:00Z");
  EXPECT_THAT(failed(check(quote, good, {}, after_all)),
              ElementsAre(StepId::PckTime, StepId::CollateralTime, StepId::TcbSignerTime, StepId::CrlTime));
}

TEST(Dcap, RevocationListsAreChecked) {
  const Bytes quote = platform().quote({});
  const auto reason = [&](const TestPlatform::Words& words) {
    const auto steps = check(quote, platform().collateral(words));
    EXPECT_THAT(failed(steps), ElementsAre(StepId::PckNotRevoked));
    return steps.find(StepId::PckNotRevoked)->reason;
  };
  TestPlatform::Words words;
  words.pck_revoked = {"01", TestPlatform::kPckSerial};
  EXPECT_EQ(reason(words), "the PCK certificate is revoked");
  words.pck_revoked = {TestPlatform::kAuthoritySerial, TestPlatform::kSignerSerial};  // of another authority's
  EXPECT_THAT(failed(check(quote, platform().collateral(words))), IsEmpty());
  words = {};
  words.root_revoked = {TestPlatform::kAuthoritySerial};
  EXPECT_EQ(reason(words), "the PCK authority is revoked");
  words.root_revoked = {TestPlatform::kSignerSerial};
  EXPECT_EQ(reason(words), "the signer of the collateral is revoked");
  words.root_revoked = {TestPlatform::kPckSerial};
  EXPECT_THAT(failed(check(quote, platform().collateral(words))), IsEmpty());
  const Collateral good = platform().collateral();
  Collateral bad = good;
  std::swap(bad.pck_crl, bad.root_crl);
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlIssuer, StepId::CrlSignature));
  bad = good;
  bad.root_crl.reset();
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlSignature));
  bad = good;
  bad.pck_crl->push_back(0);
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlSignature));
  bad = good;
  bad.pck_crl_issuer = {good.tcb_signer[0], good.tcb_signer[1]};  // a certificate of the root, but no authority
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlSignature));
  // A list of the other authority is signed right, but this PCK is not on any list of it.
  bad = good;
  std::tie(bad.pck_crl, bad.pck_crl_issuer) = platform().list_of_another_authority();
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlIssuer));
  bad = good;
  bad.pck_crl_issuer = platform().renewed_authority();  // the right key under a certificate that has run out
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlTime));
  words.root_revoked = {TestPlatform::kRenewedSerial};
  bad.root_crl = platform().collateral(words).root_crl;
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::CrlTime, StepId::PckNotRevoked));
  bad = good;
  bad.pck_crl.reset();
  bad.root_crl.reset();
  EXPECT_THAT(failed(check(quote, bad)), ElementsAre(StepId::QuoteCrls));
  Policy lenient;
  lenient.crls_needed = false;
  EXPECT_TRUE(check(quote, bad, lenient).accepted());
}

TEST(Dcap, TheStatusDecidesAsThePolicySays) {
  const Bytes quote = platform().quote({});
  TestPlatform::Words words;
  words.tcb_status = "SWHardeningNeeded";
  const auto steps = check(quote, platform().collateral(words));
  EXPECT_THAT(failed(steps), ElementsAre(StepId::TcbStatus));
  EXPECT_EQ(steps.find(StepId::TcbStatus)->reason, "TCB status SWHardeningNeeded, INTEL-SA-00001");
  Policy policy;
  policy.statuses.insert(TcbStatus::SWHardeningNeeded);
  EXPECT_TRUE(check(quote, platform().collateral(words), policy).accepted());
  words.module_status = "OutOfDate";
  EXPECT_THAT(failed(check(quote, platform().collateral(words), policy)), ElementsAre(StepId::TcbStatus));
  words = {};
  words.fmspc = "00606A000001";
  EXPECT_THAT(failed(check(quote, platform().collateral(words))), ElementsAre(StepId::TcbLevelFound));
}

/// The owner of a machine can have the PCK certify an enclave of his own, whose keys he has.
TEST(Dcap, AnEnclaveThatIsNotIntelsCertifiesNothing) {
  const auto verdict = [](const TestQuoteForm& form, const TestPlatform::Words& words) {
    const auto steps = check(platform().quote(form), platform().collateral(words));
    return std::pair(steps.cryptography(), failed(steps));
  };
  const auto with_enclave = [](std::uint16_t version, bool tdx, void (*change)(Bytes&)) {
    TestQuoteForm form{version, tdx, false};
    form.change_qe = change;
    return form;
  };
  const auto with_body = [](void (*change)(Bytes&)) {
    TestQuoteForm form;
    form.change_body = change;
    return form;
  };
  const auto forged = [](StepId step) {
    return std::pair(Verdict::Invalid, std::vector<StepId>{step, StepId::TcbLevelFound});
  };
  for (const auto change : std::initializer_list<void (*)(Bytes&)>{[](Bytes& qe) { qe[128] ^= 1; },  // MRSIGNER
                                                                   [](Bytes& qe) { qe[48] |= 2; },   // debugging
                                                                   [](Bytes& qe) { qe[256] ^= 1; },  // product
                                                                   [](Bytes& qe) { qe[16] ^= 1; }}) {
    TestPlatform::Words words;
    EXPECT_EQ(verdict(with_enclave(4, true, change), words), forged(StepId::QeIdentityMatches));
    words.fmspc = "00606A000001";  // nor can another problem of the status hide it
    EXPECT_EQ(verdict(with_enclave(4, true, change), words), forged(StepId::QeIdentityMatches));
    words = {};
    words.tdx = false;
    EXPECT_EQ(verdict(with_enclave(3, false, change), words), forged(StepId::QeIdentityMatches));
  }
  for (const auto change :
       std::initializer_list<void (*)(Bytes&)>{[](Bytes& body) { body[64] ^= 1; },      // signer of the module
                                               [](Bytes& body) { body[112] ^= 1; }}) {  // its attributes
    EXPECT_EQ(verdict(with_body(change), {}), forged(StepId::TdxModuleMatches));
  }
  TestPlatform::Words sgx;
  sgx.tdx = false;
  EXPECT_EQ(verdict({4, true, false}, sgx).first, Verdict::Invalid) << "identities of another TEE";
}

TEST(Dcap, EachDemandIsAStepOfItsOwn) {
  const Bytes quote = platform().quote({});
  const Collateral collateral = platform().collateral();
  Policy policy;
  policy.denied_platforms = {
      {0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99}};
  EXPECT_THAT(failed(check(quote, collateral, policy)), ElementsAre(StepId::QuotePlatform));
  policy = {};
  policy.evaluation_min = 18;
  EXPECT_THAT(failed(check(quote, collateral, policy)), ElementsAre(StepId::QuoteEvaluation));
  policy = {};
  policy.measurements = {Measurement{}};
  EXPECT_THAT(failed(check(quote, collateral, policy)), ElementsAre(StepId::QuoteMeasurement));
  policy = {};
  policy.report_data.emplace();
  EXPECT_THAT(failed(check(quote, collateral, policy)), ElementsAre(StepId::QuoteBinding));
  policy.evaluation_min = 17;
  policy.report_data->front() = 0x77;
  Measurement known;
  known.image[0] = 0xaa;
  known.rtmr[2].emplace();
  policy.measurements = {Measurement{}, known};
  EXPECT_TRUE(check(quote, collateral, policy).accepted());
  policy.measurements->back().rtmr[2]->back() = 1;
  EXPECT_THAT(failed(check(quote, collateral, policy)), ElementsAre(StepId::QuoteMeasurement));
  Verification verification = verify({quote, {}, platform().anchors()}, collateral, kTestTime);
  verification.quote->domain->td_attributes = {1};
  EXPECT_THAT(failed(judge(verification, {})), ElementsAre(StepId::QuoteDebug, StepId::QuoteSeptVe));
  verification.quote->domain->td_attributes = {0, 0, 0, 0x30};
  EXPECT_THAT(failed(judge(verification, {})), ElementsAre(StepId::QuoteMigration));
  policy = {};
  policy.migration_allowed = true;
  EXPECT_THAT(failed(judge(verification, policy)), IsEmpty());
}

TEST(Dcap, WhatOfADomainWasComparedIsSaid) {
  const auto judged = [](const TestQuoteForm& form, const Measurement& measurement) {
    Policy policy;
    policy.measurements = {Measurement{}, measurement};
    TestPlatform::Words words;
    words.tdx = form.tdx;
    return check(platform().quote(form), platform().collateral(words), policy);
  };
  Measurement known;
  known.image[0] = 0xaa;
  const auto firmware = judged({5, true, true}, known);
  EXPECT_TRUE(firmware.accepted());
  EXPECT_EQ(firmware.find(StepId::QuoteRegisters)->outcome, StepOutcome::Skipped);
  known.rtmr[1].emplace();
  known.service_td.emplace();
  EXPECT_TRUE(judged({5, true, true}, known).passed(StepId::QuoteRegisters));
  known.service_td->front() = 1;
  EXPECT_THAT(failed(judged({5, true, true}, known)), ElementsAre(StepId::QuoteMeasurement));
  // An enclave has no registers, so a measurement with some is not its.
  EXPECT_THAT(failed(judged({3, false, false}, known)), ElementsAre(StepId::QuoteMeasurement));
  known = {};
  known.image[0] = 0xaa;
  EXPECT_EQ(judged({3, false, false}, known).find(StepId::QuoteRegisters), nullptr);
}

TEST(Dcap, OldCollateralIsRefusedWhereThatIsAsked) {
  const Bytes quote = platform().quote({});
  Policy policy;
  policy.issued_min = x509::parse_time("2025-06-01T00:00:00Z");
  EXPECT_TRUE(check(quote, platform().collateral(), policy).passed(StepId::QuoteCollateralIssued));
  Collateral without = platform().collateral();
  without.root_crl.reset();
  EXPECT_THAT(failed(check(quote, without, policy)), ElementsAre(StepId::CrlSignature, StepId::QuoteCollateralIssued));
  without.pck_crl.reset();
  policy.crls_needed = false;
  EXPECT_THAT(failed(check(quote, without, policy)), ElementsAre(StepId::QuoteCollateralIssued));
  ++policy.issued_min->seconds;
  EXPECT_THAT(failed(check(quote, platform().collateral(), policy)), ElementsAre(StepId::QuoteCollateralIssued));
}

TEST(Dcap, APckFromOutsideNeedsDataThatNamesAPlatform) {
  struct Row {
    std::uint16_t type;
    std::size_t bytes;
    bool fits;
  };
  for (const Row& row : {Row{1, 34, true}, Row{1, 36, true}, Row{2, 274, true}, Row{3, 404, true}, Row{1, 35, false},
                         Row{2, 34, false}, Row{4, 36, false}, Row{0, 0, false}, Row{9, 36, false}}) {
    TestQuoteForm form;
    form.certification_type = row.type;
    form.certification_bytes = row.bytes;
    const std::vector<Bytes> chain = platform().pck_chain();
    const Bytes quote = platform().quote(form);
    const auto steps = verify({quote, chain, platform().anchors()}, platform().collateral(), kTestTime).steps;
    EXPECT_EQ(steps.cryptography() == Verdict::Valid, row.fits) << row.type << " with " << row.bytes;
    EXPECT_EQ(steps.passed(StepId::PckChain), row.fits);
  }
}

TEST(Dcap, ServiceFormsAreStrict) {
  const std::string hex(128, 'a');
  const std::string good = "{\"tcbInfo\":{},\"signature\":\"" + hex + "\"}";
  EXPECT_TRUE(parse_service_form(good, "tcbInfo"));
  EXPECT_TRUE(parse_service_form(good + "\n", "tcbInfo"));
  EXPECT_EQ(parse_service_form(good, "tcbInfo")->text, "{}");
  const std::string upper = "{\"tcbInfo\":{},\"signature\":\"" + std::string(128, 'A') + "\"}";
  for (const std::string& bad :
       {good + "\n\n", " " + good, good.substr(1), upper, "{\"tcbInfo\": {},\"signature\":\"" + hex + "\"} ",
        std::string(), "{\"tcbInfo\":,\"signature\":\"" + hex.substr(1) + "\"}"}) {
    EXPECT_FALSE(parse_service_form(bad, "tcbInfo")) << bad;
  }
  EXPECT_FALSE(parse_service_form(good, "enclaveIdentity"));
}

/// A real quote with documents of the service and lists, all of which count.
struct RealQuote {
  Bytes quote = vector_file("tdx/v4_spr_google.quote.bin");
  std::string tcb_info = vector_text("tdx/tcbinfo_50806f000000_2023-06.json");
  std::string qe_identity = vector_text("tdx/qeidentity_2023-06.json");
  Bytes pck_crl = vector_file("tdx/pck_platform_crl_2023-06.der");
  Bytes root_crl = vector_file("tdx/root_crl_2023-04.der");
  std::string signer = vector_text("roots/intel_tcb_signing_chain.pem");

  [[nodiscard]] Verdict verdict() const {
    static const std::vector<Bytes> anchors = {vector_file("roots/intel_sgx_root_ca.der")};
    Collateral collateral;
    collateral.tcb_info = parse_service_form(tcb_info, "tcbInfo").value_or(SignedText{});
    collateral.qe_identity = parse_service_form(qe_identity, "enclaveIdentity").value_or(SignedText{});
    collateral.tcb_signer = x509::certificates_of_pem(signer).value_or(std::vector<Bytes>{});
    collateral.qe_signer = collateral.tcb_signer;
    collateral.pck_crl = pck_crl;
    collateral.root_crl = root_crl;
    const auto steps = verify({quote, {}, anchors}, collateral, *x509::parse_time("2023-07-01T00:00:00Z")).steps;
    return steps.any_failed(evidence::StepKind::Form) ? Verdict::Invalid : steps.cryptography();
  }
};

// REQ: VER-2
TEST(Dcap, NoFlippedBitIsAccepted) {
  RealQuote real;
  real.quote.resize(4935);  // without the text that its origin put behind it
  ASSERT_EQ(real.verdict(), Verdict::Valid);
  const std::size_t stride = std::getenv("STARMINER_EVERY_FLIP") != nullptr ? 1 : 499;
  const auto flip = [&](const char* what, auto& part) {
    const auto good = part;
    for_each_flip(Bytes(good.begin(), good.end()), stride == 1 ? 0 : 5, stride,
                  [&](const Bytes& bytes, std::size_t bit) {
                    part.assign(bytes.begin(), bytes.end());
                    EXPECT_EQ(real.verdict(), Verdict::Invalid) << what << " bit " << bit;
                  });
    part = good;
  };
  flip("quote", real.quote);
  flip("TCB info", real.tcb_info);
  flip("QE identity", real.qe_identity);
  flip("PCK list", real.pck_crl);
  flip("root list", real.root_crl);
  flip("signer", real.signer);
}

}  // namespace
}  // namespace starminer::attestation::dcap
