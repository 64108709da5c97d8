// What waits for a block, each item under the account that pays for it. Accounts take turns, one item a turn, so that
// no account keeps another one waiting: an item stands before the end of a block that has room for one of each account.
// The items of one account keep their order. Bounded in items and bytes, for an account and in all; when it is full,
// the account with the most items gives way to one with fewer. No threads, no clock: the caller holds the lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/ids.h"

namespace starminer::engine::solo {

struct FairQueueLimits {
  std::size_t items_max = 15'000;
  std::size_t items_per_account_max = 1'024;
  std::uint64_t bytes_max = 64ULL << 20U;
  std::uint64_t bytes_per_account_max = 16ULL << 20U;
};

enum class QueueVerdict : std::uint8_t { Taken, AccountFull, Full };

template <class Item>
class FairQueue {
 public:
  /// `hash_seed` keeps strangers from choosing accounts that fall into one bucket.
  FairQueue(const FairQueueLimits& limits, std::uint64_t hash_seed)
      : limits_(limits), accounts_(16, KeyedHash{hash_seed | 1U}) {}

  /// Adds behind the account's other items. What had to give way is appended to `displaced`, newest first.
  /// `item` is moved from only when it is taken.
  [[nodiscard]] QueueVerdict add(const AccountId& account, std::uint64_t bytes, Item& item,
                                 std::vector<Item>& displaced) {
    const auto found = accounts_.find(account);
    const std::size_t own_items = found == accounts_.end() ? 0 : found->second->entries.size();
    const std::uint64_t own_bytes = found == accounts_.end() ? 0 : found->second->bytes;
    if (own_items >= limits_.items_per_account_max || own_bytes + bytes > limits_.bytes_per_account_max) {
      return QueueVerdict::AccountFull;
    }
    while (size_ >= limits_.items_max || bytes_ + bytes > limits_.bytes_max) {
      // Only an account that stays above the newcomer gives way, or two would displace each other for ever.
      if (crowded_.empty() || crowded_.rbegin()->first <= own_items + 1) return QueueVerdict::Full;
      displaced.push_back(drop_newest(crowded_.rbegin()->second));
    }
    const auto lane = found == accounts_.end() ? open_lane(account) : found->second;
    lane->entries.push_back({std::move(item), bytes});
    lane->bytes += bytes;
    bytes_ += bytes;
    ++size_;
    recount(*lane, lane->entries.size() - 1);
    return QueueVerdict::Taken;
  }

  /// Takes up to `items_max` items and about `bytes_max` bytes, at least one item where there is one.
  [[nodiscard]] std::vector<Item> take(std::size_t items_max, std::uint64_t bytes_max) {
    std::vector<Item> taken;
    taken.reserve(std::min(items_max, size_));
    std::uint64_t bytes = 0;
    while (!turns_.empty() && taken.size() < items_max) {
      const auto lane = turns_.begin();
      const std::uint64_t next_bytes = lane->entries.front().bytes;
      if (!taken.empty() && bytes + next_bytes > bytes_max) break;
      bytes += next_bytes;
      taken.push_back(std::move(lane->entries.front().item));
      lane->entries.pop_front();
      lane->bytes -= next_bytes;
      bytes_ -= next_bytes;
      --size_;
      recount(*lane, lane->entries.size() + 1);
      if (lane->entries.empty()) {
        close_lane(lane);
      } else {
        turns_.splice(turns_.end(), turns_, lane);
      }
    }
    return taken;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Entry {
    Item item;
    std::uint64_t bytes;
  };
  struct Lane {
    AccountId account;
    std::list<Entry> entries;
    std::uint64_t bytes = 0;
  };
  struct KeyedHash {
    std::uint64_t seed;
    std::size_t operator()(const AccountId& account) const {
      std::uint64_t head = 0;
      std::uint64_t tail = 0;
      std::memcpy(&head, account.bytes.data(), sizeof(head));
      std::memcpy(&tail, account.bytes.data() + sizeof(head), sizeof(tail));
      return static_cast<std::size_t>((head ^ seed) * ((tail ^ (seed << 17U)) | 1U) >> 7U);
    }
  };
  using Lanes = std::list<Lane>;

  typename Lanes::iterator open_lane(const AccountId& account) {
    turns_.push_back({account, {}, 0});
    const auto lane = std::prev(turns_.end());
    accounts_.emplace(account, lane);
    return lane;
  }

  void close_lane(typename Lanes::iterator lane) {
    accounts_.erase(lane->account);
    turns_.erase(lane);
  }

  Item drop_newest(const AccountId& account) {
    const auto found = accounts_.find(account);
    STARMINER_CHECK(found != accounts_.end());
    Lane& lane = *found->second;
    Item item = std::move(lane.entries.back().item);
    const std::uint64_t bytes = lane.entries.back().bytes;
    lane.entries.pop_back();
    lane.bytes -= bytes;
    bytes_ -= bytes;
    --size_;
    recount(lane, lane.entries.size() + 1);
    return item;
  }

  /// `crowded_` knows the accounts with two items or more; most have one, and cost nothing here.
  void recount(const Lane& lane, std::size_t before) {
    if (before >= 2) crowded_.erase({before, lane.account});
    if (lane.entries.size() >= 2) crowded_.insert({lane.entries.size(), lane.account});
  }

  FairQueueLimits limits_;
  Lanes turns_;  // in the order of their turns
  std::unordered_map<AccountId, typename Lanes::iterator, KeyedHash> accounts_;
  std::set<std::pair<std::size_t, AccountId>> crowded_;
  std::size_t size_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace starminer::engine::solo
