#include "attestation/x509/der.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::attestation::x509::der {
namespace {

Bytes bytes(std::string_view hex) { return from_hex(hex).value(); }

Element only(const Bytes& from) {
  Reader reader(from);
  const Element element = reader.next();
  EXPECT_TRUE(reader.done());
  return element;
}

TEST(Der, ReadsNestedElements) {
  const Bytes data = bytes("300702010504020102");
  Reader outer(data);
  Reader inner = outer.enter(kSequence);
  EXPECT_TRUE(inner.next_is(kInteger));
  EXPECT_EQ(small_integer(inner.expect(kInteger)), 5U);
  EXPECT_EQ(to_hex(inner.expect(kOctetString).content), "0102");
  EXPECT_TRUE(inner.done() && outer.done());
}

// REQ: VER-2
TEST(Der, RefusesWhatIsNotDer) {
  for (const char* hex : {"", "30", "3080020105 0000", "308107", "30810301", "1f0100", "0203", "308200050201050000",
                          "3084000000020500", "30ff"}) {
    std::string compact(hex);
    std::erase(compact, ' ');
    const Bytes data = bytes(compact);
    Reader reader(data);
    static_cast<void>(reader.next());
    EXPECT_TRUE(reader.failed()) << hex;
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(reader.next().tag, 0) << "a reader that failed gives nothing more";
  }
}

TEST(Der, LongFormStartsAt128) {
  Bytes data = {kOctetString, 0x81, 0x80};
  data.resize(3 + 128);
  EXPECT_EQ(only(data).content.size(), 128U);
}

TEST(Der, AnotherTagFailsTheReader) {
  const Bytes data = bytes("020105");
  Reader reader(data);
  static_cast<void>(reader.expect(kSequence));
  EXPECT_TRUE(reader.failed());
  Reader entered(data);
  EXPECT_TRUE(entered.enter(kSequence).failed());
}

TEST(Der, IntegersAreMinimalAndNotNegative) {
  EXPECT_EQ(small_integer(only(bytes("020100"))), 0U);
  EXPECT_EQ(small_integer(only(bytes("020200db"))), 219U);
  EXPECT_EQ(small_integer(only(bytes("020500ffffffff"))), 0xffffffffU);
  for (const char* hex : {"0200", "020180", "02020001", "020601ffffffff00", "040101"}) {
    EXPECT_FALSE(small_integer(only(bytes(hex)))) << hex;
  }
}

TEST(Der, BitStringsHaveNoUnusedBits) {
  EXPECT_EQ(to_hex(whole_bits(only(bytes("030300abcd"))).value()), "abcd");
  for (const char* hex : {"0300", "030201a0", "0402abcd"}) EXPECT_FALSE(whole_bits(only(bytes(hex)))) << hex;
}

TEST(Der, BooleansAreTwoBytes) {
  EXPECT_EQ(boolean(only(bytes("0101ff"))), true);
  EXPECT_EQ(boolean(only(bytes("010100"))), false);
  for (const char* hex : {"010101", "0100", "0102ffff"}) EXPECT_FALSE(boolean(only(bytes(hex)))) << hex;
}

TEST(Der, ObjectIdentifiersAreMinimal) {
  EXPECT_EQ(oid_text(only(bytes("06072a8648ce3d0201"))), "1.2.840.10045.2.1");
  EXPECT_EQ(oid_text(only(bytes("0603550403"))), "2.5.4.3");
  EXPECT_EQ(oid_text(only(bytes("06028837"))), "2.999");
  for (const char* hex : {"0600", "06022a80", "0603808001", "06032a8001", "06072a8fffffffff7f"}) {
    EXPECT_FALSE(oid_text(only(bytes(hex)))) << hex;
  }
}

RC_GTEST_PROP(Der, NeverReadsBehindItsBytes, (const std::vector<std::uint8_t>& data)) {
  Reader reader(data);
  std::size_t read = 0;
  while (!reader.at_end()) {
    const Element element = reader.next();
    if (reader.failed()) break;
    RC_ASSERT(element.whole.data() == data.data() + read);
    read += element.whole.size();
    RC_ASSERT(read <= data.size());
    RC_ASSERT(element.content.size() < element.whole.size());
  }
}

}  // namespace
}  // namespace starminer::attestation::x509::der
