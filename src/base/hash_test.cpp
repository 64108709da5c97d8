#include "base/hash.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer {
namespace {

// FIPS 180-4 examples and the long message of the NIST test suite.
TEST(Sha256, Vectors) {
  EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

RC_GTEST_PROP(Sha256, StreamEqualsOneCall, (const std::vector<Bytes>& parts)) {
  Sha256 stream;
  Bytes whole;
  for (const Bytes& part : parts) {
    stream.update(part);
    whole.insert(whole.end(), part.begin(), part.end());
  }
  Sha256 moved = std::move(stream);
  RC_ASSERT(moved.finish() == sha256(whole));
}

TEST(TaggedHash, IsTheHashOfLengthTagAndBytes) {
  EXPECT_EQ(tagged_hash("tag", as_bytes("bytes")), sha256("\x03tagbytes"));
  // Where the tag ends is part of what is hashed.
  EXPECT_NE(tagged_hash("a", as_bytes("bc")), tagged_hash("ab", as_bytes("c")));
}

RC_GTEST_PROP(Hash32, HexRoundTrip, (Bytes bytes)) {
  const Hash32 hash = sha256(bytes);
  RC_ASSERT(Hash32::from_hex(hash.hex()) == hash);
  RC_ASSERT(Hash32::from_view(hash.view()) == hash);
}

TEST(Hash32, RefusesOtherLengthsAndCases) {
  EXPECT_FALSE(Hash32::from_hex(std::string(62, '0')));
  EXPECT_FALSE(Hash32::from_hex(std::string(66, '0')));
  EXPECT_FALSE(Hash32::from_hex(std::string(64, 'A')));
  EXPECT_TRUE(Hash32::from_hex(std::string(64, '0'))->is_zero());
  EXPECT_FALSE(Hash32::from_view(Bytes(31)));
}

}  // namespace
}  // namespace starminer
