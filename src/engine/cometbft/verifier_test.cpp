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
