#include "base/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer {
namespace {

struct Row {
  std::string_view plain;
  std::string_view coded;
};

// RFC 4648 section 10.
TEST(Base64, Vectors) {
  const Row rows[] = {{"", ""},
                      {"f", "Zg=="},
                      {"fo", "Zm8="},
                      {"foo", "Zm9v"},
                      {"foob", "Zm9vYg=="},
                      {"fooba", "Zm9vYmE="},
                      {"foobar", "Zm9vYmFy"},
                      {"\xfb\xff", "+/8="}};
  for (const Row& row : rows) {
    EXPECT_EQ(to_base64(as_bytes(row.plain)), row.coded);
    const auto decoded = from_base64(row.coded);
    ASSERT_TRUE(decoded) << row.coded;
    EXPECT_EQ(as_text(*decoded), row.plain);
  }
}

TEST(Base64, RefusesEverythingButTheOneText) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"Zg"sv, "Zg="sv, "Zh=="sv, "Zm9="sv, "Zg==Zg=="sv, "Zg==\n"sv, " Zg=="sv, "===="sv, "Z==="sv, "=Zg="sv,
        "Zm=v"sv, "Zm9v="sv, "-_8="sv, "Zm9\0"sv, "Zm9vZ"sv}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(Hex, Vectors) {
  EXPECT_EQ(to_hex(as_bytes("foobar")), "666f6f626172");
  EXPECT_EQ(to_hex({}), "");
  EXPECT_EQ(from_hex("00ff7a"), (Bytes{0x00, 0xff, 0x7a}));
  EXPECT_EQ(from_hex(""), Bytes{});
  for (const std::string_view text : {"0", "0g", "FF", "fF", " 00", "0x00", "00 "})
    EXPECT_FALSE(from_hex(text)) << text;
}

RC_GTEST_PROP(Texts, RoundTrip, (Bytes bytes)) {
  RC_ASSERT(from_hex(to_hex(bytes)) == bytes);
  RC_ASSERT(from_base64(to_base64(bytes)) == bytes);
  RC_ASSERT(to_text(bytes).size() == bytes.size());
}

RC_GTEST_PROP(Texts, AcceptedTextIsTheTextOfItsValue, ()) {
  const auto base64 = *rc::gen::container<std::string>(rc::gen::element('A', 'Q', 'g', '/', '8', '='));
  if (const auto bytes = from_base64(base64)) RC_ASSERT(to_base64(*bytes) == base64);
  const auto hex = *rc::gen::container<std::string>(rc::gen::element('0', '9', 'a', 'f', 'F', 'g'));
  if (const auto bytes = from_hex(hex)) RC_ASSERT(to_hex(*bytes) == hex);
}

}  // namespace
}  // namespace starminer
