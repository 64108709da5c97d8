#include "attestation/dcap/quote.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attestation/dcap/test_platform.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::dcap {
namespace {

std::string error_of(const Bytes& bytes) {
  const auto quote = parse_quote(bytes);
  return quote ? "" : quote.error();
}

const Bytes& real() {
  static const Bytes bytes = vector_file("tdx/v4_phala.quote.bin");
  return bytes;
}

TEST(Quote, ReadsRealOnes) {
  const auto v4 = parse_quote(real());
  ASSERT_TRUE(v4) << v4.error();
  EXPECT_EQ(v4->trailing.size(), 70U);
  EXPECT_EQ(v4->signed_part.size(), 632U);
  EXPECT_TRUE(v4->is_tdx() && v4->domain->sept_ve_disabled() && !v4->domain->debug());
  const Bytes v5_bytes = vector_file("tdx/v5_alibaba.quote.bin");
  const auto v5 = parse_quote(v5_bytes);
  ASSERT_TRUE(v5);
  EXPECT_EQ(v5->body_size, 648U);
  const Bytes v3_bytes = vector_file("sgx/v3_phala.quote.bin");
  const auto v3 = parse_quote(v3_bytes);
  ASSERT_TRUE(v3);
  EXPECT_FALSE(v3->is_tdx());
  EXPECT_EQ(as_text(ByteView(v3->report_data()).first(13)), "Hello, world!");
}

// REQ: VER-2
TEST(Quote, EveryLengthButItsOwnIsRefused) {
  const std::size_t end = real().size() - 70;
  for (std::size_t size = 0; size < end; ++size) {
    EXPECT_NE(error_of(Bytes(real().begin(), real().begin() + static_cast<std::ptrdiff_t>(size))), "") << size;
  }
  EXPECT_EQ(error_of(Bytes(real().begin(), real().begin() + static_cast<std::ptrdiff_t>(end))), "");
}

TEST(Quote, SaysWhatDoesNotFit) {
  struct Row {
    std::size_t at;
    std::uint8_t value;
    const char* says;
  };
  for (const Row& row :
       {Row{0, 2, "version 2"}, Row{0, 6, "version 6"}, Row{2, 3, "type 2"}, Row{4, 1, "neither SGX nor TDX"},
        Row{8, 1, "reserved"}, Row{12, 0, "not Intel's"}, Row{635, 1, "ends early"}, Row{632, 0, "certification data"},
        Row{764, 5, "certification data"}, Row{1218, 33, "ends early"}, Row{1255, 0x7f, "ends early"},
        Row{1254, 0, "longer"}}) {
    Bytes bytes = real();
    bytes[row.at] = row.value;
    EXPECT_NE(error_of(bytes).find(row.says), std::string::npos) << row.at << ": " << error_of(bytes);
  }
}

TEST(Quote, Version5NamesItsBody) {
  const TestPlatform platform;
  for (const bool tdx15 : {false, true}) {
    const Bytes good = platform.quote({5, true, tdx15});
    EXPECT_EQ(error_of(good), "");
    for (const std::size_t at : {48U, 49U, 50U, 53U}) {
      Bytes bad = good;
      bad[at] ^= 1;
      EXPECT_NE(error_of(bad), "") << at;
    }
  }
  Bytes sgx = platform.quote({5, false, false});
  EXPECT_EQ(error_of(sgx), "");
  sgx[4] = 0x81;  // a body of an enclave under TDX
  EXPECT_NE(error_of(sgx), "");
  EXPECT_NE(error_of(platform.quote({3, true, false})), "");
}

RC_GTEST_PROP(Quote, TakesAnyBytes, (std::vector<std::uint8_t> tail)) {
  Bytes bytes = real();
  const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes.resize(cut);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  const auto quote = parse_quote(bytes);
  RC_ASSERT(quote.has_value() || !quote.error().empty());
}

}  // namespace
}  // namespace starminer::attestation::dcap
