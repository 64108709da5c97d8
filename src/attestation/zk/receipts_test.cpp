// Real receipts are judged by client/evidence; here are those that only a key with known secrets can make.
#include <gtest/gtest.h>

#include "attestation/zk/risc0.h"
#include "attestation/zk/sp1.h"
#include "attestation/zk/test_curve.h"
#include "attestation/zk/words.h"

namespace starminer::attestation::zk {
namespace {

using evidence::StepId;

Hash32 hash_of(const char* hex) { return *Hash32::from_hex(hex); }

// Of the receipt that RISC Zero 3.0's contract is tested with.
TEST(Risc0, DigestsAreThoseOfItsContracts) {
  const Hash32 image = hash_of("11d264ed8dfdee222b820f0278e4d7f55d4b69a5472253a471c102265a91ea1a");
  EXPECT_EQ(risc0_claim(image, as_bytes("just a simple receipt")).hex(),
            "196cb48d86169e90c105e595a02aef4cbc6e2c9e5a9caa1a74c2ebbd29211480");
  const Risc0Release release{hash_of("a54dc85ac99f851c92d7c96d7318af41dbe7c0194edfcc37eb4d422a998c1f56"),
                             hash_of("04446e66d300eb7fb45c9726bb53c793dda407a62e9601618bb43c5c14657ac0")};
  EXPECT_EQ(risc0_selector(release, hash_of("21c5fdd9b4d576b17581f50b755482ba7a2134a3b5186e8e454acfa1f69511ab")),
            (Selector{0x73, 0xc4, 0x57, 0xba}));
  const auto signals = risc0_signals(release, risc0_claim(image, as_bytes("just a simple receipt")));
  ASSERT_EQ(signals.size(), 5U);
  EXPECT_EQ(format_decimal(signals[0]), "87308967599310181518572122949978443173");
  EXPECT_EQ(format_decimal(signals[1]), "114477420512449248120330787787984922587");
  EXPECT_EQ(format_decimal(signals[2]), "102263151212942923454906923205686225945");
  EXPECT_EQ(format_decimal(signals[3]), "170245702024289194578904910447623564988");
  EXPECT_EQ(format_decimal(signals[4]), "1930158958971974673407180959543112854198801264531668442085542093806106933952");
}

// REQ: VER-3
TEST(Risc0, AReceiptHoldsUnderItsReleaseOnly) {
  const Ceremony ceremony(5);
  const PreparedKey key(*check_key(ceremony.key()).key);
  const Risc0Release release{sha256("root"), {{7}}};
  Risc0Receipt receipt{{}, {1, 2, 3}, sha256("image")};
  const Selector selector = risc0_selector(release, risc0_key_digest(ceremony.key()));
  const Bytes proof =
      encode_proof(ceremony.prove(risc0_signals(release, risc0_claim(receipt.image_id, receipt.journal))));
  receipt.seal.assign(selector.begin(), selector.end());
  receipt.seal.insert(receipt.seal.end(), proof.begin(), proof.end());
  EXPECT_TRUE(verify(key, receipt, release).accepted());

  Risc0Receipt changed = receipt;
  changed.journal.push_back(0);
  EXPECT_FALSE(verify(key, changed, release).passed(StepId::ZkEquation));
  changed = receipt;
  changed.image_id.bytes[31] ^= 1;
  EXPECT_FALSE(verify(key, changed, release).passed(StepId::ZkEquation));
  changed = receipt;
  changed.seal[0] ^= 1;
  EXPECT_FALSE(verify(key, changed, release).accepted());
  EXPECT_TRUE(verify(key, changed, release).passed(StepId::ZkEquation));
  for (const std::size_t size : {0U, 3U, 4U, 259U, 261U}) {
    changed.seal.resize(size);
    EXPECT_FALSE(verify(key, changed, release).passed(StepId::ZkReceiptForm)) << size;
  }
  const Risc0Release other{sha256("another root"), release.control_id};
  EXPECT_FALSE(verify(key, receipt, other).passed(StepId::ZkSelector));
  EXPECT_FALSE(verify(key, receipt, other).passed(StepId::ZkEquation));
  Risc0Release large = release;
  large.control_id.bytes.fill(0xff);
  EXPECT_FALSE(verify(key, receipt, large).passed(StepId::ZkSignals));
}

TEST(Sp1, ValuesAreHashedToAFieldElement) {
  // SHA-256 of nothing begins with e3, whose three highest bits are set.
  Bytes word;
  append_word(sp1_values_signal({}), word);
  EXPECT_EQ(to_hex(word), "03b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/// A receipt with a root, under a key whose secrets are known.
Sp1Receipt with_root(const Ceremony& ceremony, const Sp1Release& release, std::uint64_t exit_code) {
  Sp1Receipt receipt{sha256("program"), {4, 5, 6}, {release.prefix.begin(), release.prefix.end()}};
  receipt.program_key.bytes[0] = 0;
  append_word({exit_code, 0, 0, 0}, receipt.proof);
  append_word(number_of_word(release.recursion_root.view()), receipt.proof);
  append_word({99, 0, 0, 0}, receipt.proof);
  const Bytes proof = encode_proof(ceremony.prove(sp1_signals(receipt, release.form)));
  receipt.proof.insert(receipt.proof.end(), proof.begin(), proof.end());
  return receipt;
}

// REQ: VER-3
TEST(Sp1, ExitCodeAndRootOfLaterReleasesAreChecked) {
  const Ceremony ceremony(5);
  const PreparedKey key(*check_key(ceremony.key()).key);
  Sp1Release release{{1, 2, 3, 4}, Sp1Form::WithRoot, sha256("recursion")};
  release.recursion_root.bytes[0] = 0;
  const Sp1Receipt receipt = with_root(ceremony, release, 0);
  EXPECT_EQ(receipt.proof.size(), 356U);
  EXPECT_TRUE(verify(key, receipt, release).accepted());

  const auto failed = verify(key, with_root(ceremony, release, 1), release);
  EXPECT_FALSE(failed.passed(StepId::ZkExitCode));
  EXPECT_TRUE(failed.passed(StepId::ZkEquation));
  Sp1Release other = release;
  other.recursion_root.bytes[31] ^= 1;
  EXPECT_FALSE(verify(key, receipt, other).passed(StepId::ZkRecursionRoot));
  other = release;
  other.prefix[3] ^= 1;
  EXPECT_FALSE(verify(key, receipt, other).passed(StepId::ZkSelector));
  other = release;
  other.form = Sp1Form::Plain;
  EXPECT_FALSE(verify(key, receipt, other).passed(StepId::ZkReceiptForm));
  for (const std::size_t at : {4U, 67U, 99U}) {
    Sp1Receipt changed = receipt;
    changed.proof[at] ^= 1;
    EXPECT_FALSE(verify(key, changed, release).accepted()) << at;
  }
  Sp1Receipt changed = receipt;
  changed.public_values[0] ^= 1;
  EXPECT_FALSE(verify(key, changed, release).passed(StepId::ZkEquation));
  for (const std::size_t size : {0U, 3U, 50U, 260U, 355U}) {
    changed.proof.resize(size);
    EXPECT_FALSE(verify(key, changed, release).passed(StepId::ZkReceiptForm)) << size;
    EXPECT_GE(sp1_signals(changed, Sp1Form::WithRoot).size(), 2U);
  }
}

TEST(Sp1, EarlierReleasesHaveTwoSignals) {
  const Ceremony ceremony(2);
  const PreparedKey key(*check_key(ceremony.key()).key);
  const Sp1Release release{{9, 9, 9, 9}, Sp1Form::Plain, {}};
  Sp1Receipt receipt{{{0, 1}}, {7}, {9, 9, 9, 9}};
  const Bytes proof = encode_proof(ceremony.prove(sp1_signals(receipt, release.form)));
  receipt.proof.insert(receipt.proof.end(), proof.begin(), proof.end());
  EXPECT_TRUE(verify(key, receipt, release).accepted());
  receipt.program_key.bytes[5] = 1;
  EXPECT_FALSE(verify(key, receipt, release).accepted());
}

}  // namespace
}  // namespace starminer::attestation::zk
