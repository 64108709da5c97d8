#include "attestation/sev_snp/verify.h"

#include <cstdlib>
#include <initializer_list>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attestation/sev_snp/policy.h"
#include "attestation/sev_snp/test_chip.h"
#include "attestation/x509/pem.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::sev_snp {
namespace {

using evidence::StepId;
using evidence::StepOutcome;
using evidence::Verdict;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<StepId> failed(const evidence::Steps& steps) {
  std::vector<StepId> list;
  for (const auto& step : steps.list()) {
    if (step.outcome == StepOutcome::Failed) list.push_back(step.id);
  }
  return list;
}

struct RealChip {
  Bytes report;
  Bytes endorsement;
  std::vector<Bytes> chain;
  std::vector<Bytes> anchors;

  explicit RealChip(const std::string& name)
      : report(vector_file("sev-snp/" + name + ".report.bin")),
        endorsement(vector_file("sev-snp/" + name + ".vcek.der")),
        chain(x509::certificates_of_pem(vector_text("roots/amd_milan_ask_ark.pem")).value()),
        anchors({chain[1]}) {}

  [[nodiscard]] evidence::Steps steps() const { return verify(report, {endorsement, chain, anchors}, kTestTime).steps; }
};

/// Our own chips are costly to make (RSA keys): one of each kind serves all tests.
const TestChip& chip_of(Product product) {
  static const std::map<Product, TestChip> chips = [] {
    std::map<Product, TestChip> made;
    made.emplace(Product::Genoa, TestChip(Product::Genoa, {0, 9, 0, 22, 219}));
    made.emplace(Product::Turin, TestChip(Product::Turin, {1, 2, 3, 4, 72}));
    return made;
  }();
  return chips.at(product);
}

// REQ: VER-2
TEST(Snp, EveryVersionOfAReportIsAccepted) {
  for (const Product product : {Product::Genoa, Product::Turin}) {
    const TestChip& chip = chip_of(product);
    for (const std::uint8_t version : std::initializer_list<std::uint8_t>{3, 4, 5}) {
      auto verification = verify(chip.sign(chip.report(version)), chip.input(), kTestTime);
      EXPECT_THAT(failed(verification.steps), IsEmpty()) << name_of(product) << " version " << int{version};
      EXPECT_EQ(verification.steps.cryptography(), Verdict::Valid);
      EXPECT_THAT(failed(judge(*verification.report, verification.endorsement->fields, {})), IsEmpty());
    }
  }
}

TEST(Snp, RootsThatAreNotTrustedAreRefused) {
  const TestChip& chip = chip_of(Product::Genoa);
  const RealChip real("milan_v2");
  EndorsementInput input = chip.input();
  input.anchors = real.anchors;
  EXPECT_THAT(failed(verify(chip.sign(chip.report(3)), input, kTestTime).steps), ElementsAre(StepId::SnpRoot));
}

TEST(Snp, AReportOfAnotherTcbChipOrProductIsRefused) {
  const TestChip& chip = chip_of(Product::Genoa);
  Bytes report = chip.report(3);
  report[0x180] ^= 1;
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), ElementsAre(StepId::SnpTcb));
  report = chip.report(3);
  report[0x1a0] ^= 1;
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), ElementsAre(StepId::SnpHwid));
  report = chip.report(3);
  report[0x189] = 0x01;  // Milan's model
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), ElementsAre(StepId::SnpProduct));
  // The current TCB may be ahead of the reported one.
  report = chip.report(3);
  report[0x03f] = 0xff;
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), IsEmpty());
}

TEST(Snp, ProviderKeysNameNoChip) {
  const TestChip chip(Product::Genoa, {0, 9, 0, 22, 72}, {true, "", false});
  EXPECT_THAT(failed(verify(chip.sign(chip.report(3)), chip.input(), kTestTime).steps), IsEmpty());
  Bytes claims_vcek = chip.report(3);
  claims_vcek[0x048] = 0;
  EXPECT_THAT(failed(verify(chip.sign(claims_vcek), chip.input(), kTestTime).steps), ElementsAre(StepId::SnpHwid));
  const TestChip& other = chip_of(Product::Genoa);
  Bytes claims_vlek = other.report(3);
  claims_vlek[0x048] = 0x04;
  EXPECT_THAT(failed(verify(other.sign(claims_vlek), other.input(), kTestTime).steps), ElementsAre(StepId::SnpHwid));
  Bytes unsigned_by_any = other.report(3);
  unsigned_by_any[0x048] = 0x1c;
  EXPECT_THAT(failed(verify(other.sign(unsigned_by_any), other.input(), kTestTime).steps),
              ElementsAre(StepId::SnpHwid));
}

TEST(Snp, AProviderKeyTakesNoChipOffTheList) {
  const TestChip vlek(Product::Turin, {1, 2, 3, 4, 72}, {true, "", false});
  const auto judged = [&](bool shown, const Policy& policy) {
    Bytes report = vlek.report(3);
    if (shown) std::copy(vlek.hwid().begin(), vlek.hwid().end(), report.begin() + 0x1a0);
    const auto verification = verify(vlek.sign(report), vlek.input(), kTestTime);
    EXPECT_THAT(failed(verification.steps), IsEmpty());
    return failed(judge(*verification.report, verification.endorsement->fields, policy));
  };
  Policy policy;
  EXPECT_THAT(judged(false, policy), IsEmpty());
  policy.denied_chips = {Bytes(8, 0x77)};
  EXPECT_THAT(judged(true, policy), IsEmpty());
  EXPECT_THAT(judged(false, policy), ElementsAre(StepId::SnpChipAllowed)) << "nobody knows which chip it is";
  policy.denied_chips = {vlek.hwid()};
  EXPECT_THAT(judged(true, policy), ElementsAre(StepId::SnpChipAllowed));
  policy = {};
  policy.providers = {"csp"};
  EXPECT_THAT(judged(false, policy), IsEmpty());
  policy.providers = {"another"};
  EXPECT_THAT(judged(false, policy), ElementsAre(StepId::SnpProviderAllowed));
}

TEST(Snp, HostsMayHideTheChipIdButNotTheKey) {
  const TestChip& chip = chip_of(Product::Genoa);
  Bytes report = chip.report(3);
  report[0x048] = 0x02;  // MASK_CHIP_KEY: no firmware signs this
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), ElementsAre(StepId::SnpHwid));
  std::fill_n(report.begin() + 0x1a0, 64, std::uint8_t{0});
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), ElementsAre(StepId::SnpHwid));
  report[0x048] = 0;
  auto hidden = verify(chip.sign(report), chip.input(), kTestTime);
  EXPECT_THAT(failed(hidden.steps), IsEmpty());
  // The certificate names the chip all the same.
  Policy policy;
  policy.denied_chips = {chip.hwid()};
  EXPECT_THAT(failed(judge(*hidden.report, hidden.endorsement->fields, policy)), ElementsAre(StepId::SnpChipAllowed));
}

TEST(Snp, BergamoAndSienaAreGenoa) {
  const TestChip& chip = chip_of(Product::Genoa);
  Bytes report = chip.report(3);
  report[0x189] = 0xa0;
  EXPECT_THAT(failed(verify(chip.sign(report), chip.input(), kTestTime).steps), IsEmpty());
}

TEST(Snp, CertificatesThatDoNotFitAreRefused) {
  const TestChip no_chip(Product::Genoa, {0, 9, 0, 22, 72}, {false, "", true});
  EXPECT_THAT(failed(verify(no_chip.sign(no_chip.report(3)), no_chip.input(), kTestTime).steps),
              ElementsAre(StepId::SnpHwid));
  const TestChip misnamed(Product::Genoa, {0, 9, 0, 22, 72}, {false, "Milan-B0", false});
  EXPECT_THAT(failed(verify(misnamed.sign(misnamed.report(3)), misnamed.input(), kTestTime).steps),
              ElementsAre(StepId::SnpChain, StepId::SnpProduct));
  const TestChip unknown(Product::Genoa, {0, 9, 0, 22, 72}, {false, "Venice", false});
  EXPECT_THAT(failed(verify(unknown.sign(unknown.report(3)), unknown.input(), kTestTime).steps),
              ElementsAre(StepId::SnpChain, StepId::SnpTcb, StepId::SnpProduct));
}

TEST(Snp, WithoutACertificateOrAChainNothingIsValid) {
  const RealChip real("milan_v2");
  const Bytes nonsense(100, 1);
  EXPECT_EQ(verify(real.report, {nonsense, real.chain, real.anchors}, kTestTime).steps.cryptography(),
            Verdict::Invalid);
  EXPECT_EQ(verify(real.report, {real.endorsement, {}, real.anchors}, kTestTime).steps.cryptography(),
            Verdict::Invalid);
  const std::vector<Bytes> swapped = {real.chain[1], real.chain[0]};
  EXPECT_EQ(verify(real.report, {real.endorsement, swapped, real.anchors}, kTestTime).steps.cryptography(),
            Verdict::Invalid);
}

/// Every `stride`-th bit of report, endorsement and chain.
void expect_no_flip_accepted(const std::string& name, std::size_t quick_first, std::size_t stride) {
  const std::size_t first = stride == 1 ? 0 : quick_first;
  const RealChip real(name);
  ASSERT_EQ(real.steps().cryptography(), Verdict::Valid);
  RealChip changed = real;
  const auto refuses = [&](const char* what, std::size_t bit) {
    const auto steps = changed.steps();
    EXPECT_FALSE(steps.accepted()) << name << " " << what << " bit " << bit;
  };
  for_each_flip(real.report, first, stride, [&](const Bytes& bytes, std::size_t bit) {
    changed.report = bytes;
    refuses("report", bit);
  });
  changed.report = real.report;
  for_each_flip(real.endorsement, first, stride, [&](const Bytes& bytes, std::size_t bit) {
    changed.endorsement = bytes;
    refuses("endorsement", bit);
  });
  changed.endorsement = real.endorsement;
  for (std::size_t i = 0; i < real.chain.size(); ++i) {
    for_each_flip(real.chain[i], first, stride, [&](const Bytes& bytes, std::size_t bit) {
      changed.chain[i] = bytes;
      refuses("chain", bit);
    });
    changed.chain[i] = real.chain[i];
  }
}

/// Every how many bits one is flipped: some for a quick answer, each for a long one.
std::size_t flip_stride(std::size_t quick) { return std::getenv("STARMINER_EVERY_FLIP") != nullptr ? 1 : quick; }

// REQ: VER-2
TEST(Snp, NoFlippedBitIsAccepted) {
  for (const char* name : {"milan_v2", "milan_v2_debug", "milan_v2_coco", "milan_v3_azure"}) {
    expect_no_flip_accepted(name, 3, flip_stride(397));
  }
}

// REQ: VER-2
TEST(Snp, NoFlippedBitOfABuiltReportIsAccepted) {
  for (const Product product : {Product::Genoa, Product::Turin}) {
    const TestChip& chip = chip_of(product);
    const auto endorsed = check_endorsement(chip.input(), kTestTime);
    for (const std::uint8_t version : std::initializer_list<std::uint8_t>{3, 4, 5}) {
      for_each_flip(chip.sign(chip.report(version)), 0, flip_stride(61), [&](const Bytes& bytes, std::size_t bit) {
        EXPECT_FALSE(check_report(bytes, *endorsed.endorsement).steps.accepted()) << int{version} << " bit " << bit;
      });
    }
  }
}

TEST(Snp, AnEndorsementServesManyReports) {
  const RealChip real("milan_v2");
  const auto endorsed = check_endorsement({real.endorsement, real.chain, real.anchors}, kTestTime);
  ASSERT_EQ(endorsed.steps.cryptography(), Verdict::Valid);
  EXPECT_EQ(check_report(real.report, *endorsed.endorsement).steps.cryptography(), Verdict::Valid);
  Bytes other = real.report;
  other[0x50] ^= 1;
  EXPECT_THAT(failed(check_report(other, *endorsed.endorsement).steps), ElementsAre(StepId::SnpSignature));
}

}  // namespace
}  // namespace starminer::attestation::sev_snp
