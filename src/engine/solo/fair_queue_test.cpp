#include "engine/solo/fair_queue.h"

#include <deque>
#include <map>
#include <numeric>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/hash.h"

namespace starminer::engine::solo {
namespace {

AccountId account(std::uint64_t number) {
  const Hash32 hash = sha256("account " + std::to_string(number));
  return *AccountId::from_view(hash.view().first(20));
}

using Queue = FairQueue<int>;

QueueVerdict add(Queue& queue, std::uint64_t of, int item, std::vector<int>* displaced = nullptr) {
  std::vector<int> unused;
  return queue.add(account(of), 100, item, displaced != nullptr ? *displaced : unused);
}

TEST(FairQueue, AccountsTakeTurnsAndKeepTheirOwnOrder) {
  Queue queue({}, 7);
  for (const int item : {10, 11, 12, 13}) EXPECT_EQ(add(queue, 1, item), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 2, 20), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 3, 30), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 3, 31), QueueVerdict::Taken);
  EXPECT_EQ(queue.take(4, UINT64_MAX), (std::vector<int>{10, 20, 30, 11}));
  EXPECT_EQ(queue.take(9, UINT64_MAX), (std::vector<int>{31, 12, 13}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(FairQueue, ABlockHasItsBytesButAlwaysOneItem) {
  Queue queue({}, 7);
  for (const int item : {1, 2, 3}) EXPECT_EQ(add(queue, 1, item), QueueVerdict::Taken);
  EXPECT_EQ(queue.take(9, 10).size(), 1U);
  EXPECT_EQ(queue.take(9, 250).size(), 2U);
}

TEST(FairQueue, AnAccountHasItsShareAndNoMore) {
  Queue queue({.items_max = 10, .items_per_account_max = 3, .bytes_max = 10'000, .bytes_per_account_max = 250}, 7);
  EXPECT_EQ(add(queue, 1, 1), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 1, 2), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 1, 3), QueueVerdict::AccountFull) << "250 bytes are its share";
  Queue items({.items_max = 10, .items_per_account_max = 3}, 7);
  for (const int item : {1, 2, 3}) EXPECT_EQ(add(items, 1, item), QueueVerdict::Taken);
  EXPECT_EQ(add(items, 1, 4), QueueVerdict::AccountFull);
  EXPECT_EQ(add(items, 2, 4), QueueVerdict::Taken);
}

TEST(FairQueue, WhenFullTheLongestAccountGivesWay) {
  Queue queue({.items_max = 4}, 7);
  for (const int item : {10, 11, 12}) EXPECT_EQ(add(queue, 1, item), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 2, 20), QueueVerdict::Taken);
  std::vector<int> displaced;
  EXPECT_EQ(add(queue, 3, 30, &displaced), QueueVerdict::Taken);
  EXPECT_EQ(displaced, (std::vector<int>{12})) << "its newest goes, so that no gap is left in its sequence";
  EXPECT_EQ(add(queue, 4, 40, &displaced), QueueVerdict::Taken);
  EXPECT_EQ(add(queue, 5, 50, &displaced), QueueVerdict::Full) << "each account has one";
  EXPECT_EQ(add(queue, 1, 13, &displaced), QueueVerdict::Full);
  EXPECT_EQ(queue.take(9, UINT64_MAX), (std::vector<int>{10, 20, 30, 40}));
}

TEST(FairQueue, BytesAreBoundedToo) {
  Queue queue({.items_max = 1'000, .bytes_max = 450}, 7);
  for (int item = 0; item < 3; ++item) EXPECT_EQ(add(queue, 1, item), QueueVerdict::Taken);
  std::vector<int> displaced;
  int large = 9;
  EXPECT_EQ(queue.add(account(2), 300, large, displaced), QueueVerdict::Taken);
  EXPECT_EQ(displaced, (std::vector<int>{2, 1}));
  EXPECT_EQ(queue.bytes(), 400U);
}

/// The same rules over plain containers, slow and obvious.
struct Model {
  FairQueueLimits limits;
  std::deque<std::uint64_t> turns;
  std::map<std::uint64_t, std::deque<std::pair<int, std::uint64_t>>> items;

  [[nodiscard]] std::size_t size() const {
    return std::accumulate(items.begin(), items.end(), std::size_t{0},
                           [](std::size_t sum, const auto& entry) { return sum + entry.second.size(); });
  }
  [[nodiscard]] std::uint64_t bytes_of(std::uint64_t of) const {
    std::uint64_t bytes = 0;
    if (const auto found = items.find(of); found != items.end()) {
      for (const auto& [item, size] : found->second) bytes += size;
    }
    return bytes;
  }
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [of, entries] : items) sum += bytes_of(of);
    return sum;
  }
  QueueVerdict add(std::uint64_t of, int item, std::uint64_t size_of, std::vector<int>& displaced) {
    const std::size_t own = items.contains(of) ? items[of].size() : 0;
    if (own >= limits.items_per_account_max || bytes_of(of) + size_of > limits.bytes_per_account_max) {
      return QueueVerdict::AccountFull;
    }
    while (size() >= limits.items_max || bytes() + size_of > limits.bytes_max) {
      std::uint64_t longest = 0;
      std::size_t most = 0;
      for (const auto& [candidate, entries] : items) {
        if (entries.size() > most || (entries.size() == most && account(candidate) > account(longest))) {
          longest = candidate;
          most = entries.size();
        }
      }
      if (most < 2 || most <= own + 1) return QueueVerdict::Full;
      displaced.push_back(items[longest].back().first);
      items[longest].pop_back();
    }
    if (own == 0) turns.push_back(of);
    items[of].emplace_back(item, size_of);
    return QueueVerdict::Taken;
  }
  std::vector<int> take(std::size_t items_max, std::uint64_t bytes_max) {
    std::vector<int> taken;
    std::uint64_t sum = 0;
    while (!turns.empty() && taken.size() < items_max) {
      const std::uint64_t of = turns.front();
      auto& entries = items[of];
      if (!taken.empty() && sum + entries.front().second > bytes_max) break;
      sum += entries.front().second;
      taken.push_back(entries.front().first);
      entries.pop_front();
      turns.pop_front();
      if (entries.empty()) {
        items.erase(of);
      } else {
        turns.push_back(of);
      }
    }
    return taken;
  }
};

RC_GTEST_PROP(FairQueue, AgreesWithAPlainModel, ()) {
  const FairQueueLimits limits{.items_max = *rc::gen::inRange<std::size_t>(1, 12),
                               .items_per_account_max = *rc::gen::inRange<std::size_t>(1, 8),
                               .bytes_max = *rc::gen::inRange<std::uint64_t>(50, 800),
                               .bytes_per_account_max = *rc::gen::inRange<std::uint64_t>(50, 500)};
  Queue queue(limits, *rc::gen::arbitrary<std::uint64_t>());
  Model model{limits, {}, {}};
  const int steps = *rc::gen::inRange(1, 80);
  for (int step = 0; step < steps; ++step) {
    if (*rc::gen::inRange(0, 4) > 0) {
      const auto of = *rc::gen::inRange<std::uint64_t>(0, 6);
      const auto bytes = *rc::gen::inRange<std::uint64_t>(1, 120);
      std::vector<int> displaced;
      std::vector<int> expected;
      int item = step;
      RC_ASSERT(queue.add(account(of), bytes, item, displaced) == model.add(of, step, bytes, expected));
      RC_ASSERT(displaced == expected);
    } else {
      const auto count = *rc::gen::inRange<std::size_t>(0, 6);
      const auto bytes = *rc::gen::inRange<std::uint64_t>(1, 300);
      RC_ASSERT(queue.take(count, bytes) == model.take(count, bytes));
    }
    RC_ASSERT(queue.size() == model.size());
    RC_ASSERT(queue.bytes() == model.bytes());
    RC_ASSERT(queue.size() <= limits.items_max && queue.bytes() <= limits.bytes_max);
  }
}

// G5: somebody sends three times what the blocks hold, from some accounts; another account has one transaction.
RC_GTEST_PROP(FairQueue, ASpammerKeepsNobodyWaitingForMoreThanThreeBlocks, ()) {
  const auto block = *rc::gen::inRange<std::size_t>(4, 40);
  const FairQueueLimits limits{.items_max = 3 * block, .items_per_account_max = 3 * block};
  const auto spammers = *rc::gen::inRange<std::uint64_t>(1, 3 * block);
  const auto arrives_in = *rc::gen::inRange<std::size_t>(0, 6);
  Queue queue(limits, 7);
  constexpr int kHonest = -1;
  std::vector<int> displaced;
  std::optional<std::size_t> arrived;
  int number = 0;
  for (std::size_t height = 0; height < arrives_in + 4; ++height) {
    for (std::size_t i = 0; i < 3 * block; ++i) {
      int item = number++;
      static_cast<void>(queue.add(account(1 + i % spammers), 100, item, displaced));
    }
    if (height == arrives_in) {
      int item = kHonest;
      RC_ASSERT(queue.add(account(0), 100, item, displaced) == QueueVerdict::Taken);
      arrived = height;
    }
    const auto taken = queue.take(block, UINT64_MAX);
    RC_ASSERT(taken.size() == block);
    if (std::find(taken.begin(), taken.end(), kHonest) != taken.end()) {
      RC_ASSERT(height - *arrived < 3U);
      return;
    }
  }
  RC_FAIL("the honest transaction never stood in a block");
}

}  // namespace
}  // namespace starminer::engine::solo
