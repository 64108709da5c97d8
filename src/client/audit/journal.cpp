#include "client/audit/journal.h"

#include <utility>

namespace starminer::client::audit {

using protocol::AccountRow;
using protocol::LockKey;
using protocol::LockRow;

namespace {

// Amounts never pass 2^63 - 1, so that every difference has a sign.
std::int64_t difference(std::uint64_t before, std::uint64_t after) {
  return static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
}

}  // namespace

void Journal::on_change(const AccountId& account, const AccountRow* before, const AccountRow* after) {
  const AccountRow none{};
  const AccountRow& from = before != nullptr ? *before : none;
  const AccountRow& to = after != nullptr ? *after : none;
  // The engine takes the fee and the sequence in one write, and nothing else uses a sequence up.
  const bool is_fee = before != nullptr && to.next_sequence == from.next_sequence + 1;
  const std::int64_t deposit = difference(from.deposit, to.deposit);
  const auto move_deposit = [&](MovementKind kind) {
    movements_.push_back({account, Asset::Agpu, kind, -deposit, deposit, std::nullopt});
  };
  // Returned before the balance goes, taken after it came.
  if (deposit < 0) move_deposit(MovementKind::Released);
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    const std::int64_t apart = asset == Asset::Agpu ? deposit : 0;
    const std::int64_t change = difference(from.balance[i], to.balance[i]) + apart;
    if (change != 0) add_balance(account, asset, change, is_fee);
  }
  if (deposit > 0) move_deposit(MovementKind::Locked);
}

void Journal::on_change(const LockKey& key, const LockRow* before, const LockRow* after) {
  if (before == nullptr && after != nullptr) {
    add_held(key, after->owner, difference(0, after->amount), MovementKind::Locked);
  } else if (before != nullptr && after == nullptr) {
    add_held(key, before->owner, difference(before->amount, 0), MovementKind::Released);
  } else if (before != nullptr && before->owner == after->owner) {
    const std::int64_t change = difference(before->amount, after->amount);
    add_held(key, after->owner, change, change < 0 ? MovementKind::PaidOfLock : MovementKind::Locked);
  } else if (before != nullptr) {
    add_held(key, before->owner, difference(before->amount, 0), MovementKind::PaidOfLock);
    add_held(key, after->owner, difference(0, after->amount), MovementKind::Moved);
  }
}

void Journal::add_balance(const AccountId& account, Asset asset, std::int64_t change, bool is_fee) {
  if (!is_fee && !movements_.empty()) {
    // A lock ends first and gives to its owner's balance next: one movement.
    Movement& last = movements_.back();
    if (last.kind == MovementKind::Released && last.balance == 0 && last.account == account && last.asset == asset &&
        last.held == -change) {
      last.balance = change;
      return;
    }
  }
  movements_.push_back({account, asset, is_fee ? MovementKind::Fee : MovementKind::Moved, change, 0, std::nullopt});
}

void Journal::add_held(const LockKey& key, const AccountId& owner, std::int64_t change, MovementKind kind) {
  if (change == 0) return;
  if (!movements_.empty()) {
    Movement& last = movements_.back();
    const bool same = last.account == owner && last.asset == key.asset;
    // The balance falls first and the lock begins next: one movement.
    if (kind == MovementKind::Locked && same && last.kind == MovementKind::Moved && last.balance == -change) {
      last = {owner, key.asset, kind, last.balance, change, key};
      return;
    }
    if (kind == MovementKind::PaidOfLock && same && last.kind == kind && last.lock == key) {
      last.held += change;
      return;
    }
  }
  movements_.push_back({owner, key.asset, kind, 0, change, key});
}

std::vector<Movement> Journal::take() { return std::exchange(movements_, {}); }

}  // namespace starminer::client::audit
