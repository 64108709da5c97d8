#include "protocol/state/row_index.h"

#include <array>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/ids.h"

namespace starminer::protocol::state {
namespace {

using Map = std::map<std::uint32_t, std::string>;

/// As an attacker would choose keys: all at a few homes.
template <std::uint32_t kHomes>
struct Colliding {
  std::uint64_t operator()(std::uint32_t key) const { return key % kHomes; }
};

/// The map itself is the model: the index must find in it what the map finds.
template <class Hash>
class Driver {
 public:
  void insert(std::uint32_t key) {
    const auto [at, inserted] = map_.try_emplace(key, std::to_string(key));
    if (!inserted) return;
    auto* slot = index_.insert(at);
    if (slot != nullptr) RC_ASSERT(slot->row == at && !slot->touched);
    touched_.erase(key);
  }

  void erase(std::uint32_t key) {
    const auto at = map_.find(key);
    if (at == map_.end()) return;
    index_.erase(index_.find(key));
    map_.erase(at);
    touched_.erase(key);
  }

  void touch(std::uint32_t key) {
    const auto found = index_.find(key);
    if (found.slot == nullptr) return;
    found.slot->touched = true;
    touched_.insert(key);
  }

  void compare(std::uint32_t keys) {
    std::size_t without = 0;
    for (std::uint32_t key = 0; key < keys; ++key) {
      const auto found = index_.find(key);
      RC_ASSERT(found.row == map_.find(key));
      if (found.row == map_.end()) {
        RC_ASSERT(found.slot == nullptr);
      } else if (found.slot == nullptr) {
        ++without;
      } else {
        RC_ASSERT(found.slot->row == found.row);
        if (found.slot->touched) RC_ASSERT(touched_.contains(key));
        if (!displaced_ && touched_.contains(key)) RC_ASSERT(found.slot->touched);
      }
    }
    RC_ASSERT(index_.left_out() == without);
    displaced_ = displaced_ || without > 0;
  }

  [[nodiscard]] std::size_t left_out() const { return index_.left_out(); }

 private:
  Map map_;
  RowIndex<Map, Hash> index_{map_};
  std::set<std::uint32_t> touched_;
  bool displaced_ = false;  // a row without a slot may have lost its mark
};

template <class Hash>
void run(std::uint32_t keys) {
  Driver<Hash> driver;
  const auto steps = *rc::gen::inRange(1, 600);
  for (int i = 0; i < steps; ++i) {
    const auto key = *rc::gen::inRange<std::uint32_t>(0, keys);
    switch (*rc::gen::weightedElement<int>({{6, 0}, {3, 1}, {2, 2}})) {
      case 0: driver.insert(key); break;
      case 1: driver.erase(key); break;
      default: driver.touch(key); break;
    }
    if (i % 16 == 0) driver.compare(keys);
  }
  driver.compare(keys);
  RC_TAG(std::string(driver.left_out() > 0 ? "with rows left out" : "all rows have a slot"));
}

RC_GTEST_PROP(RowIndex, AgreesWithItsMap, ()) { run<KeyHash<std::uint32_t>>(400); }
RC_GTEST_PROP(RowIndex, AgreesWithItsMapAtFewHomes, ()) { run<Colliding<5>>(400); }
RC_GTEST_PROP(RowIndex, AgreesWithItsMapAtOneHome, ()) { run<Colliding<1>>(400); }

TEST(RowIndex, FindsWhatItLeftOutAndTakesItInLater) {
  Map map;
  RowIndex<Map, Colliding<1>> index(map);
  for (std::uint32_t key = 0; key < 500; ++key) index.insert(map.try_emplace(key, "").first);
  EXPECT_GT(index.left_out(), 300U);
  for (std::uint32_t key = 0; key < 600; ++key) EXPECT_EQ(index.find(key).row, map.find(key)) << key;
  for (std::uint32_t key = 0; key < 500; ++key) {
    index.erase(index.find(key));
    map.erase(key);
  }
  EXPECT_EQ(index.left_out(), 0U);
}

// Keys as they come, random or counted, all find a slot: nothing is left to the map.
TEST(RowIndex, LeavesNothingOutWhereNobodyChoseTheKeys) {
  struct Counted {
    std::uint8_t kind = 0;
    std::uint64_t number = 0;
    auto operator<=>(const Counted&) const = default;
  };
  std::map<AccountId, int> accounts;
  std::map<Counted, int> numbers;
  RowIndex<std::map<AccountId, int>> account_index(accounts);
  RowIndex<std::map<Counted, int>> number_index(numbers);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    PublicKey key;
    for (std::size_t byte = 0; byte < 4; ++byte) key.bytes[byte] = static_cast<std::uint8_t>(i >> (8 * byte));
    account_index.insert(accounts.try_emplace(account_of(key), 0).first);
    number_index.insert(numbers.try_emplace(Counted{static_cast<std::uint8_t>(i % 3), i}, 0).first);
    ASSERT_EQ(account_index.left_out() + number_index.left_out(), 0U) << i;
  }
  for (auto row = accounts.begin(); row != accounts.end(); ++row) ASSERT_EQ(account_index.find(row->first).row, row);
  for (auto row = numbers.begin(); row != numbers.end(); ++row) ASSERT_EQ(number_index.find(row->first).row, row);
}

TEST(KeyHash, DependsOnEveryByteOfEveryField) {
  struct Key {
    std::uint8_t kind = 0;
    std::array<std::uint8_t, 20> subject{};
    std::uint64_t number = 0;
    std::string text;
  };
  std::set<std::uint64_t> hashes;
  std::size_t keys = 0;
  const auto add = [&](const Key& key) {
    hashes.insert(hash_key(key));
    ++keys;
  };
  add({});
  for (std::uint8_t i = 0; i < 20; ++i) {
    Key key;
    key.subject[i] = 1;
    add(key);
  }
  for (std::uint64_t i = 0; i < 64; ++i) add({0, {}, std::uint64_t{1} << i, ""});
  for (std::uint8_t i = 1; i < 4; ++i) add({i, {}, 0, ""});
  for (const char* text : {"a", "b", "aa", "ab", "abcdefgh", "abcdefghi", "abcdefghj"}) add({0, {}, 0, text});
  add({0, {}, 0, std::string(1, '\0')});
  EXPECT_EQ(hashes.size(), keys);
}

}  // namespace
}  // namespace starminer::protocol::state
