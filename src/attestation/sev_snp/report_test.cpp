#include "attestation/sev_snp/report.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attestation/sev_snp/tcb.h"
#include "attestation/sev_snp/test_chip.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::sev_snp {
namespace {

const TestChip& chip() {
  static const TestChip made(Product::Genoa, {0, 9, 0, 22, 72});
  return made;
}

std::string error_of(const Bytes& bytes) {
  const auto report = parse_report(bytes);
  return report ? "" : report.error();
}

TEST(SnpReport, ReadsARealOne) {
  const auto report = parse_report(vector_file("sev-snp/milan_v3_azure.report.bin"));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->version, 3U);
  EXPECT_EQ(report->cpuid_family, 25);
  EXPECT_TRUE(report->alias_check_complete());
  EXPECT_FALSE(report->debug_allowed());
  EXPECT_EQ(report->signer(), Signer::Vcek);
  EXPECT_TRUE(report->unsigned_bytes_zero);
}

// REQ: VER-2
TEST(SnpReport, EveryVersionHasItsOwnReservedBytes) {
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{2, 3, 4, 5}) {
    const Bytes good = chip().report(version);
    EXPECT_EQ(error_of(good), "") << int{version};
    for (const std::size_t at : {0x04cU, 0x18bU, 0x19fU, 0x1ebU, 0x1efU, 0x208U, 0x29fU}) {
      Bytes bad = good;
      bad[at] = 1;
      EXPECT_NE(error_of(bad), "") << int{version} << " at " << at;
    }
    Bytes cpuid = good;
    cpuid[0x18a] = 1;
    EXPECT_EQ(error_of(cpuid).empty(), version >= 3);
    Bytes mitigations = good;
    mitigations[0x207] = 1;
    EXPECT_EQ(error_of(mitigations).empty(), version >= 5);
  }
}

TEST(SnpReport, SaysWhatIsWrong) {
  Bytes bytes = chip().report(3);
  bytes.pop_back();
  EXPECT_EQ(error_of(bytes), "a report has 1184 bytes, this has 1183");
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{0, 1, 6}) {
    bytes = chip().report(3);
    bytes[0] = version;
    EXPECT_EQ(error_of(bytes), "version " + std::to_string(version) + " is none of 2 to 5");
  }
  struct Row {
    std::size_t at;
    std::uint8_t value;
    const char* says;
  };
  for (const Row& row :
       {Row{0x034, 2, "signature algorithm 2"}, Row{0x00a, 0, "bit 17"}, Row{0x00b, 4, "guest policy"},
        Row{0x041, 1, "platform info"}, Row{0x040, 0x40, "platform info"}, Row{0x048, 0x20, "signer info"},
        Row{0x048, 0x08, "reserved key"}, Row{0x048, 0x18, "reserved key"}}) {
    bytes = chip().report(3);
    bytes[row.at] = row.value;
    EXPECT_NE(error_of(bytes).find(row.says), std::string::npos) << error_of(bytes);
  }
}

TEST(SnpReport, SeesBytesThatNobodySigns) {
  for (const std::size_t at : {720U, 743U, 792U, 815U, 816U, 1183U}) {
    Bytes bytes = chip().sign(chip().report(3));
    ASSERT_TRUE(parse_report(bytes)->unsigned_bytes_zero);
    bytes[at] = 1;
    EXPECT_FALSE(parse_report(bytes)->unsigned_bytes_zero) << at;
  }
}

RC_GTEST_PROP(SnpReport, TakesAnyBytes, (std::vector<std::uint8_t> bytes)) {
  bytes.resize(kReportBytes);
  const auto report = parse_report(bytes);
  RC_ASSERT(report.has_value() || !report.error().empty());
}

TEST(SnpTcb, PartsDependOnTheProduct) {
  const Bytes bytes = from_hex("0102030000000748").value();
  EXPECT_FALSE(parse_tcb(bytes, Product::Milan));  // byte 2 is reserved
  EXPECT_FALSE(parse_tcb(bytes, Product::Turin));  // byte 6 is
  EXPECT_EQ(parse_tcb(from_hex("0102000000000748").value(), Product::Genoa), (Tcb{0, 1, 2, 7, 0x48}));
  EXPECT_EQ(parse_tcb(from_hex("0102030400000048").value(), Product::Turin), (Tcb{1, 2, 3, 4, 0x48}));
}

TEST(SnpTcb, IsComparedPartByPart) {
  const Tcb minimum{0, 3, 0, 8, 115};
  EXPECT_EQ(below_minimum({0, 3, 0, 8, 115}, minimum), "");
  EXPECT_EQ(below_minimum({0, 9, 9, 9, 114}, minimum), "microcode is 114, at least 115 is needed");
  EXPECT_EQ(below_minimum({0, 2, 9, 9, 255}, minimum), "bootloader is 2, at least 3 is needed");
  EXPECT_EQ(below_minimum({0, 3, 0, 8, 115}, {1, 0, 0, 0, 0}), "fmc is 0, at least 1 is needed");
}

TEST(SnpTcb, ProductsByNameAndProcessor) {
  EXPECT_EQ(product_of_name("Milan-B0"), Product::Milan);
  EXPECT_EQ(product_of_name("Turin"), Product::Turin);
  EXPECT_FALSE(product_of_name("Milano"));
  EXPECT_FALSE(product_of_name(""));
  EXPECT_EQ(product_of_cpuid(0x19, 0x01), Product::Milan);
  EXPECT_EQ(product_of_cpuid(0x19, 0x11), Product::Genoa);
  EXPECT_EQ(product_of_cpuid(0x1a, 0x02), Product::Turin);
  EXPECT_EQ(product_of_cpuid(0x19, 0xa0), Product::Genoa);
  EXPECT_EQ(product_of_cpuid(0x19, 0xaf), Product::Genoa);
  EXPECT_FALSE(product_of_cpuid(0x19, 0x20));
  EXPECT_FALSE(product_of_cpuid(0x19, 0x9f));
  EXPECT_FALSE(product_of_cpuid(0x19, 0xb0));
  EXPECT_FALSE(product_of_cpuid(0x17, 0x31));
}

}  // namespace
}  // namespace starminer::attestation::sev_snp
