#include "base/ids.h"

#include <set>
#include <type_traits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"

namespace starminer {
namespace {

static_assert(!std::is_convertible_v<JobId, ContractId> && !std::is_constructible_v<AccountId, NodeId>);

template <class AnyId>
AnyId start_of(const Hash32& hash) {
  return *AnyId::from_view(hash.view().first(20));
}

Bytes concatenate(std::initializer_list<ByteView> parts) {
  Bytes whole;
  for (const ByteView part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

TEST(Ids, AreTheStartOfAHashOverLengthTagAndContent) {
  PublicKey key;
  key.bytes.fill(7);
  const AccountId account = account_of(key);
  EXPECT_EQ(account, start_of<AccountId>(sha256(concatenate({as_bytes("\x13starminer/account/1"), key.view()}))));
  const JobId job = job_id_of(account, 5);
  EXPECT_EQ(job, start_of<JobId>(
                     sha256(concatenate({as_bytes("\x0fstarminer/job/1"), account.view(), encode(std::uint64_t{5})}))));
  EXPECT_EQ(contract_id_of(job, 2), start_of<ContractId>(sha256(concatenate({as_bytes("\x14starminer/contract/1"),
                                                                             job.view(), encode(std::uint64_t{2})}))));
  EXPECT_EQ(node_id_of(account, 5), start_of<NodeId>(sha256(concatenate({as_bytes("\x10starminer/node/1"),
                                                                         account.view(), encode(std::uint64_t{5})}))));
}

TEST(Ids, DifferByOwnerAndSequence) {
  std::set<JobId> seen;
  for (std::uint8_t owner = 0; owner < 10; ++owner) {
    AccountId account;
    account.bytes.fill(owner);
    for (std::uint64_t sequence = 0; sequence < 100; ++sequence) seen.insert(job_id_of(account, sequence));
  }
  EXPECT_EQ(seen.size(), 1'000U);
}

TEST(Ids, TextNamesTheKind) {
  EXPECT_EQ(AccountId{}.text().substr(0, 3), "sm1");
  EXPECT_EQ(JobId{}.text().substr(0, 2), "j1");
  EXPECT_EQ(ContractId{}.text().substr(0, 2), "c1");
  EXPECT_EQ(NodeId{}.text().substr(0, 2), "n1");
  EXPECT_FALSE(ContractId::parse(JobId{}.text()));
  EXPECT_FALSE(AccountId::parse(NodeId{}.text()));
}

RC_GTEST_PROP(Ids, TextRoundTripAndEveryTypoIsCaught, ()) {
  const auto bytes = *rc::gen::container<Bytes>(20, rc::gen::arbitrary<std::uint8_t>());
  const AccountId id = *AccountId::from_view(bytes);
  const std::string text = id.text();
  RC_ASSERT(AccountId::parse(text) == id);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string typo = text;
    typo[i] = typo[i] == 'q' ? 'p' : 'q';
    RC_ASSERT(!AccountId::parse(typo));
    RC_ASSERT(!AccountId::parse(text.substr(0, i)));
  }
}

TEST(Ids, RefuseOtherLengths) {
  EXPECT_FALSE(AccountId::from_view(Bytes(19)));
  EXPECT_FALSE(AccountId::from_view(Bytes(21)));
  EXPECT_FALSE(PublicKey::from_view(Bytes(31)));
  EXPECT_TRUE(PublicKey::from_view(Bytes(32)));
}

}  // namespace
}  // namespace starminer
