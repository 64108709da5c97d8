#include "engine/cometbft/verifier.h"

#include <thread>

#include "engine/cometbft/validators.h"

namespace starminer::engine::cometbft {
namespace {

using namespace validators_test;

TEST(VerifierTest, RemembersWithinBoundsAndOnlyWhatIsSound) {
  VerifierOptions options;
  options.threads = 3;
  options.kept_max = 20;
  Verifier verifier{std::string(kChainId), options};
  std::vector<Bytes> transactions;
  for (std::uint64_t i = 0; i < 100; ++i) transactions.push_back(payment("ada", i));
  transactions[50].back() ^= 1U;
  const std::vector<ByteView> views(transactions.begin(), transactions.end());
  const auto outcomes = verifier.verify(views);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_EQ(outcomes[i].has_value(), i != 50);
    EXPECT_TRUE(i == 50 || outcomes[i]->body().sequence() == i) << "each in its place";
  }
  EXPECT_EQ(verifier.checks(), 100U);
  EXPECT_LE(verifier.kept(), 20U);
  static_cast<void>(verifier.verify(std::span(views).subspan(50, 1)));
  EXPECT_EQ(verifier.checks(), 101U) << "refused bytes take no memory";
}

/// Signed by anybody: thirty thousand empty entries of two bytes each, of which each takes fifty in memory.
Bytes inflated(std::uint64_t sequence) {
  return sign("nobody", sequence, [](v1::TransactionBody& body) {
    for (int i = 0; i < 30'000; ++i) body.mutable_contract_progress()->add_entries();
  });
}

TEST(VerifierTest, MemoryIsCountedAsItIsUsed) {
  VerifierOptions options;
  options.kept_bytes_max = 4U << 20U;
  Verifier verifier{std::string(kChainId), options};
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Bytes transaction = inflated(i);
    ASSERT_LT(transaction.size(), protocol::kTransactionBytesMax);
    const ByteView view(transaction);
    ASSERT_TRUE(verifier.verify({&view, 1}).front().has_value());
    EXPECT_LE(verifier.kept_bytes(), 4U << 20U);
  }
  EXPECT_GE(verifier.kept(), 1U);
  EXPECT_LE(verifier.kept(), 3U) << "each takes more than a mebibyte";
  EXPECT_GT(verifier.kept_bytes(), 1U << 20U);
}

TEST(VerifierTest, WhatIsOnlyLookedAtIsNotRemembered) {
  VerifierOptions options;
  options.kept_max = 3;
  Verifier verifier{std::string(kChainId), options};
  std::vector<Bytes> transactions;
  for (std::uint64_t i = 0; i < 6; ++i) transactions.push_back(payment("ada", i));
  const std::vector<ByteView> views(transactions.begin(), transactions.end());
  const auto outcomes = verifier.look(views);
  EXPECT_EQ(verifier.kept(), 0U);
  for (std::size_t i = 0; i < 3; ++i) verifier.keep(*outcomes[i], Keep::IfThereIsRoom);
  verifier.keep(*outcomes[3], Keep::IfThereIsRoom);
  EXPECT_EQ(verifier.checks(), 6U);
  static_cast<void>(verifier.look(std::span(views).first(3)));
  EXPECT_EQ(verifier.checks(), 6U) << "the first three are there still";
  static_cast<void>(verifier.look(std::span(views).subspan(3, 1)));
  EXPECT_EQ(verifier.checks(), 7U) << "the fourth had no room";
  verifier.keep(*outcomes[3], Keep::PushingOut);
  EXPECT_EQ(verifier.kept(), 3U);
  static_cast<void>(verifier.look(std::span(views).subspan(3, 1)));
  EXPECT_EQ(verifier.checks(), 7U);
  static_cast<void>(verifier.look(std::span(views).first(1)));
  EXPECT_EQ(verifier.checks(), 8U) << "the oldest went";
}

TEST(VerifierTest, TwoThatComeAtTheSameTimeWaitForOneCheck) {
  Verifier verifier{std::string(kChainId), {}};
  std::vector<Bytes> transactions;
  for (std::uint64_t i = 0; i < 200; ++i) transactions.push_back(payment("ada", i));
  const std::vector<ByteView> views(transactions.begin(), transactions.end());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_EQ(verifier.verify(views).size(), 200U); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(verifier.checks(), 200U);
}

}  // namespace
}  // namespace starminer::engine::cometbft
